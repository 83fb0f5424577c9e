//! Starting and stopping a fabric.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::content::Store;
use crate::control::{Control, ControlService};
use crate::fault::Faults;
use crate::server::{ArrayService, Certificate, Stop, make_certificate, serve_plain, serve_tls};
use crate::spec::{ArraySpec, FabricSpec, StartError};
use crate::state::{Array, Fabric, check_array_name};
use crate::world::{Access, FabricTime, Shared, World};

/// A running fabric; dropping it stops it and closes every connection.
#[derive(Debug)]
pub struct Simulator {
    arrays: Vec<ArrayHandle>,
    control: Control,
    control_address: Option<SocketAddr>,
    _running: watch::Sender<()>,
}

/// How to reach one array.
#[derive(Debug, Clone)]
pub struct ArrayHandle {
    name: String,
    id: String,
    address: SocketAddr,
    pem: String,
    sha256: String,
}

impl ArrayHandle {
    /// The name that it was started with.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The array's id, which never changes.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `https://` and its address.
    pub fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    /// Its certificate, which it has signed itself, in PEM form.
    pub fn certificate_pem(&self) -> &str {
        &self.pem
    }

    /// SHA-256 of the certificate's DER form, in lower-case hex.
    pub fn certificate_sha256(&self) -> &str {
        &self.sha256
    }
}

/// An array's port before anybody is served.
struct Opened {
    listener: TcpListener,
    address: SocketAddr,
    certificate: Certificate,
}

impl Simulator {
    /// Starts all arrays. Has to be called inside a tokio runtime, which then serves them.
    ///
    /// # Errors
    /// A name that no array can have or that two have, an address or directory that cannot be used.
    pub async fn start(spec: FabricSpec) -> Result<Self, StartError> {
        check_names(&spec.arrays)?;
        let time = FabricTime::new(spec.clock.clone());
        let mut fabric = Fabric::new(spec.ids.clone(), spec.switches, time.now());
        // Nothing is ever sent: what is served ends when the sender is dropped.
        let (running, stop) = watch::channel(());
        let mut opened = Vec::new();
        let mut access = Vec::new();
        for array in spec.arrays {
            let port = open(&array).await?;
            fabric.arrays.push(make_array(&fabric, &array, &port)?);
            access.push(Access::new(array.api_token));
            opened.push(port);
        }
        if spec.connected {
            fabric.connect_all();
        }
        let arrays = fabric.arrays.iter().zip(&opened);
        let arrays = arrays.map(|(array, port)| handle(array, port)).collect();
        let shared = Shared::new(World {
            calls: vec![Vec::new(); opened.len()],
            fabric,
            time,
            faults: Faults::default(),
            access,
        });
        for (at, port) in opened.into_iter().enumerate() {
            let service = ArrayService {
                at,
                shared: shared.clone(),
                clock: spec.clock.clone(),
                ids: spec.ids.clone(),
            };
            serve_tls(
                port.listener,
                port.certificate.config,
                Arc::new(service),
                stop.clone(),
            );
        }
        let control = Control::new(shared);
        let control_address = match spec.control {
            Some(address) => Some(serve_control(address, control.clone(), stop).await?),
            None => None,
        };
        Ok(Self {
            arrays,
            control,
            control_address,
            _running: running,
        })
    }

    /// An array by the name that it was started with.
    pub fn array(&self, name: &str) -> Option<&ArrayHandle> {
        self.arrays
            .iter()
            .find(|array| array.name.eq_ignore_ascii_case(name))
    }

    /// All arrays, in the order in which they were given.
    pub fn arrays(&self) -> &[ArrayHandle] {
        &self.arrays
    }

    /// What moves the fabric and breaks it.
    pub fn control(&self) -> &Control {
        &self.control
    }

    /// Where the control API listens, if it does.
    pub fn control_address(&self) -> Option<SocketAddr> {
        self.control_address
    }
}

fn check_names(arrays: &[ArraySpec]) -> Result<(), StartError> {
    for (place, array) in arrays.iter().enumerate() {
        let refuse = |reason: &str| StartError::Name {
            name: array.name.clone(),
            reason: reason.to_owned(),
        };
        if check_array_name(&array.name).is_err() {
            return Err(refuse("it has to be 1 to 56 letters, digits and '-'"));
        }
        if arrays[..place]
            .iter()
            .any(|other| other.name.eq_ignore_ascii_case(&array.name))
        {
            return Err(refuse("two arrays have it"));
        }
    }
    Ok(())
}

async fn open(array: &ArraySpec) -> Result<Opened, StartError> {
    let (listener, address) = listen(array.listen, &format!("array {}", array.name)).await?;
    let certificate = make_certificate(&array.name, address.ip());
    let certificate = certificate.map_err(|reason| StartError::Certificate {
        array: array.name.clone(),
        reason,
    })?;
    Ok(Opened {
        listener,
        address,
        certificate,
    })
}

async fn listen(address: SocketAddr, what: &str) -> Result<(TcpListener, SocketAddr), StartError> {
    let failed = |source| StartError::Listen {
        address,
        what: what.to_owned(),
        source,
    };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}

fn make_array(fabric: &Fabric, spec: &ArraySpec, port: &Opened) -> Result<Array, StartError> {
    let store = Store::open(spec.pool.clone()).map_err(|source| StartError::Pool {
        path: spec.pool.clone().unwrap_or_default(),
        source,
    })?;
    let mut array = Array::new(fabric.new_id(), spec.name.clone(), spec.profile, store);
    array.address = port.address.to_string();
    array.connection_key = fabric.new_id();
    Ok(array)
}

fn handle(array: &Array, port: &Opened) -> ArrayHandle {
    ArrayHandle {
        name: array.name.clone(),
        id: array.id.clone(),
        address: port.address,
        pem: port.certificate.pem.clone(),
        sha256: port.certificate.sha256.clone(),
    }
}

async fn serve_control(
    address: SocketAddr,
    control: Control,
    stop: Stop,
) -> Result<SocketAddr, StartError> {
    let (listener, bound) = listen(address, "the control API").await?;
    serve_plain(listener, Arc::new(ControlService::new(control)), stop);
    Ok(bound)
}
