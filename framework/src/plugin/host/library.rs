//! A loaded library: its functions, each called on a thread that may be lost.

use std::ffi::c_void;
use std::sync::Arc;

use secrecy::ExposeSecret as _;
use tokio::sync::oneshot;
use zeroize::Zeroizing;

use super::aside::Aside;
use super::calls::{Calls, Completion};
use super::deadline::Deadline;
use super::log;
use super::places::{NoPlace, Place, Places, Shared};
use super::secrets::Secrets;
use super::state::LibraryState;
use super::threads::Threads;
use crate::plugin::abi::{self, Call, Cancel, Create, Destroy, DriverTable, HostTable, Slice};
use crate::plugin::wire::Context;
use crate::{CallCtx, DriverConfig, DriverError, ErrorKind, Result, StorageCapabilities};

/// A driver's own words may be this long.
const LONGEST_MESSAGE: usize = 4 << 10;

/// The functions of a library, and what it owes.
#[derive(Debug)]
pub(crate) struct Library {
    create: Create,
    call: Call,
    cancel: Cancel,
    destroy: Destroy,
    cancels: &'static Aside,
    destroys: &'static Aside,
    capabilities: StorageCapabilities,
    calls: &'static Calls,
    host: &'static SharedTable,
    threads: &'static Threads,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct SharedTable(HostTable);

// SAFETY: it does not change, and what its context leads to can be shared.
#[allow(unsafe_code, reason = "a table of constants")]
unsafe impl Send for SharedTable {}
#[allow(unsafe_code, reason = "a table of constants")]
unsafe impl Sync for SharedTable {}

/// An instance that a library made. It is let go when nobody has it and no call is open on it.
#[derive(Debug)]
pub(super) struct Instance {
    at: *mut c_void,
    library: &'static Library,
    secrets: Arc<Secrets>,
}

// SAFETY: the header: instances may be used from any thread, from several at a time.
#[allow(unsafe_code, reason = "the header's promise")]
unsafe impl Send for Instance {}
#[allow(unsafe_code, reason = "the header's promise")]
unsafe impl Sync for Instance {}

impl Drop for Instance {
    fn drop(&mut self) {
        let gone = Gone(self.at, self.library.destroy, self.secrets.clone());
        let destroys = self.library.destroys;
        destroys.ask(self.at.addr(), move || gone.destroy());
    }
}

/// An instance that nobody has any more. Where `destroy` is not called, it stays in memory. It may speak
/// until it is destroyed.
struct Gone(*mut c_void, Destroy, Arc<Secrets>);

// SAFETY: as an `Instance`.
#[allow(unsafe_code, reason = "the header's promise")]
unsafe impl Send for Gone {}

impl Gone {
    #[allow(unsafe_code, reason = "a function of the library")]
    fn destroy(self) {
        // SAFETY: the library made it, nobody has it any more, and no call is open on it.
        unsafe { (self.1)(self.0) }
        drop(self.2);
    }
}

impl Library {
    /// The library of a table; `None` where it lacks a function.
    pub(super) fn new(
        name: &str,
        capabilities: StorageCapabilities,
        table: &DriverTable,
    ) -> Option<Self> {
        let calls: &'static Calls = Box::leak(Box::new(Calls::new(name)));
        let threads: &'static Threads = Box::leak(Box::new(Threads::new(name)));
        let aside = |function| &*Box::leak(Box::new(Aside::new(name, function, threads)));
        Some(Self {
            create: table.create?,
            call: table.call?,
            cancel: table.cancel?,
            destroy: table.destroy?,
            cancels: aside("cancel"),
            destroys: aside("destroy"),
            capabilities,
            calls,
            host: Box::leak(Box::new(SharedTable(log::table(calls)))),
            threads,
            shared: Arc::new(Shared::new()),
        })
    }

    pub(super) fn capabilities(&self) -> StorageCapabilities {
        self.capabilities
    }

    /// How it behaves.
    pub(super) fn state(&self) -> LibraryState {
        LibraryState {
            driver: self.calls.driver.clone(),
            lost_threads: self.shared.lost(),
            stray_completions: self.calls.strays(),
            lines_left_out: self.calls.left_out(),
        }
    }

    /// The places of a new instance.
    pub(super) fn places(&self) -> Arc<Places> {
        Arc::new(Places::new(self.shared.clone()))
    }

    /// A place in the library, which whoever enters it keeps until it comes out.
    async fn place(&self, places: &Arc<Places>, verb: &str, deadline: &Deadline) -> Result<Place> {
        let place = places.enter(&self.calls.driver, deadline).await;
        place.map_err(|why| match why {
            NoPlace::InTime => self.late(verb),
            NoPlace::Left(lost) => self.used_up(verb, lost),
        })
    }

    /// Makes an instance.
    ///
    /// # Errors
    /// What the library says against the configuration.
    pub(super) async fn create(
        &'static self,
        config: &DriverConfig,
        secrets: &Arc<Secrets>,
        places: &Arc<Places>,
        deadline: &Deadline,
    ) -> Result<Arc<Instance>> {
        let told = config.secrets.iter();
        let told = told.map(|(name, secret)| (name.as_str(), secret.expose_secret()));
        let written = serde_json::to_vec(&Config {
            settings: &config.settings,
            secrets: told.collect(),
        });
        let written = Zeroizing::new(written.map_err(|error| self.unwritten("settings", &error))?);
        let place = self.place(places, "create", deadline).await?;
        let watch = place.watch();
        let (id, mut told) = self.calls.begin(None);
        let (give, made) = oneshot::channel();
        let kept = secrets.clone();
        let make = move || {
            let instance = self.make(id, &written, kept);
            self.calls.close(id);
            // Given up, it lets go whatever instance still comes.
            let (Ok(()) | Err(_)) = give.send(instance);
            drop(place);
        };
        if let Err(error) = self.threads.run(make) {
            self.calls.close(id);
            return Err(self.no_thread("create", &error));
        }
        let made = made.await.unwrap_or_default();
        watch.ended();
        let completion = told.try_recv().ok();
        match (made, completion) {
            (Some(instance), _) => Ok(Arc::new(instance)),
            (None, Some(Completion::Told(abi::OK, _)) | None) => Err(self.odd(
                secrets,
                "create",
                "it returned no instance and did not say why",
            )),
            (None, Some(completion)) => self
                .reply(secrets, "create", completion)
                .and_then(|_| Err(self.odd(secrets, "create", "it returned no instance"))),
        }
    }

    #[allow(unsafe_code, reason = "a function of the library")]
    fn make(&'static self, id: u64, config: &[u8], secrets: Arc<Secrets>) -> Option<Instance> {
        // SAFETY: the header; the table lives as long as the process and the slice as long as the call.
        let at = unsafe { (self.create)(&raw const self.host.0, id, Slice::of(config)) };
        (!at.is_null()).then(|| Instance {
            at,
            library: self,
            secrets,
        })
    }

    /// Calls a verb and gives the body of its reply. Dropped, the call is given up and the library is
    /// asked to do so too.
    ///
    /// # Errors
    /// The driver's own, or what is wrong with its answer.
    pub(super) async fn call(
        &'static self,
        instance: &Arc<Instance>,
        places: &Arc<Places>,
        verb: &'static str,
        ctx: &CallCtx,
        deadline: &Deadline,
        body: Vec<u8>,
    ) -> Result<Vec<u8>> {
        let place = self.place(places, verb, deadline).await?;
        let watch = place.watch();
        let (id, completion) = self.calls.begin(Some(instance.clone()));
        let mut open = OpenCall {
            library: self,
            instance: instance.clone(),
            id,
            ended: false,
        };
        let lent = instance.clone();
        let (ctx, deadline) = (ctx.clone(), deadline.clone());
        let enter = move || {
            self.enter(&lent, id, verb, ctx, &deadline, &body);
            drop(place);
        };
        if let Err(error) = self.threads.run(enter) {
            open.ended = true;
            self.calls.close(id);
            return Err(self.no_thread(verb, &error));
        }
        let completion = completion.await;
        open.ended = true;
        watch.ended();
        match completion {
            Ok(completion) => self.reply(&instance.secrets, verb, completion),
            Err(_) => Err(self.odd(&instance.secrets, verb, "the call was forgotten")),
        }
    }

    fn enter(
        &self,
        instance: &Instance,
        id: u64,
        verb: &str,
        ctx: CallCtx,
        deadline: &Deadline,
        body: &[u8],
    ) {
        // It waited for a thread until it was given up.
        if !self.calls.is_waited_for(id) {
            self.calls.close(id);
            return;
        }
        // What is left is known only now.
        let Some(left) = deadline.left() else {
            self.calls.refuse(id, self.late(verb));
            return;
        };
        match serde_json::to_vec(&Context::from(&ctx.with_deadline(left))) {
            Ok(context) => self.pass(instance, id, verb, &context, body),
            Err(error) => self.calls.refuse(id, self.unwritten("context", &error)),
        }
    }

    #[allow(unsafe_code, reason = "a function of the library")]
    fn pass(&self, instance: &Instance, id: u64, verb: &str, context: &[u8], body: &[u8]) {
        let [verb, context, body] = [verb.as_bytes(), context, body].map(Slice::of);
        // SAFETY: the header; the slices outlive the function.
        unsafe { (self.call)(instance.at, id, verb, context, body) }
    }

    fn reply(&self, secrets: &Secrets, verb: &str, completion: Completion) -> Result<Vec<u8>> {
        let (status, body) = match completion {
            Completion::Told(status, body) => (status, body),
            Completion::TooLong(size) => {
                return Err(self.odd(secrets, verb, &format!("its answer has {size} bytes")));
            }
            Completion::Refused(why) => return Err(why),
        };
        match status {
            abi::OK => Ok(body),
            abi::FAILED => match serde_json::from_slice::<DriverError>(&body) {
                Ok(error) => Err(clean(secrets, error)),
                Err(error) => {
                    Err(self.odd(secrets, verb, &format!("its error cannot be read: {error}")))
                }
            },
            abi::PANICKED => {
                let text = secrets.clean(&String::from_utf8_lossy(&body), LONGEST_MESSAGE);
                let driver = &self.calls.driver;
                Err(DriverError::new(
                    ErrorKind::Panicked,
                    format!("driver `{driver}` has panicked in `{verb}`: {text}"),
                ))
            }
            abi::CANCELLED => {
                let driver = &self.calls.driver;
                let message = format!("driver `{driver}` has given `{verb}` up");
                Err(DriverError::new(ErrorKind::Cancelled, message))
            }
            abi::UNSUPPORTED => Err(DriverError::unsupported(verb)),
            other => Err(self.odd(secrets, verb, &format!("it ended with status {other}"))),
        }
    }

    /// No thread has come free for a call by its deadline.
    fn late(&self, verb: &str) -> DriverError {
        let driver = &self.calls.driver;
        let message = format!(
            "`{verb}` has found no free thread in the library of driver `{driver}` by its deadline; \
             nothing was sent"
        );
        DriverError::new(ErrorKind::Busy, message)
    }

    /// The threads of an instance have not come back.
    fn used_up(&self, verb: &str, lost: usize) -> DriverError {
        let driver = &self.calls.driver;
        let message = format!(
            "an instance of driver `{driver}` is used up: {lost} of its threads are in the library for \
             calls that were given up, and none is left for `{verb}` until they come out or the service is \
             restarted; nothing was sent"
        );
        DriverError::new(ErrorKind::Unreachable, message)
    }

    /// The system gives no thread.
    fn no_thread(&self, verb: &str, error: &std::io::Error) -> DriverError {
        let driver = &self.calls.driver;
        let message = format!(
            "there is no thread for `{verb}` of driver `{driver}`: {error}; nothing was sent"
        );
        DriverError::new(ErrorKind::Busy, message)
    }

    /// The library has not made the instance of a call by its deadline.
    pub(super) fn unmade(&self, verb: &str) -> DriverError {
        let driver = &self.calls.driver;
        let message = format!(
            "driver `{driver}` has not been created for `{verb}` by its deadline; nothing was sent"
        );
        DriverError::new(ErrorKind::Timeout, message)
    }

    /// The library does not keep the rules.
    pub(super) fn odd(&self, secrets: &Secrets, verb: &str, what: &str) -> DriverError {
        let driver = &self.calls.driver;
        let message =
            format!("driver `{driver}` does not answer `{verb}` as a driver must: {what}");
        DriverError::new(
            ErrorKind::Unexpected,
            secrets.clean(&message, LONGEST_MESSAGE),
        )
    }

    pub(super) fn unwritten(&self, what: &str, error: &serde_json::Error) -> DriverError {
        let driver = &self.calls.driver;
        let message = format!("the {what} for driver `{driver}` cannot be written: {error}");
        DriverError::new(ErrorKind::InvalidRequest, message)
    }

    #[allow(unsafe_code, reason = "a function of the library")]
    fn ask_to_give_up(&self, instance: &Instance, id: u64) {
        // SAFETY: the header; the instance is not let go as long as somebody has it.
        unsafe { (self.cancel)(instance.at, id) }
    }
}

/// The library's error without its instance's secrets.
fn clean(secrets: &Secrets, mut error: DriverError) -> DriverError {
    error.message = secrets.clean(&error.message, LONGEST_MESSAGE);
    for text in [&mut error.remote_call, &mut error.remote_request_id] {
        *text = text
            .take()
            .map(|text| secrets.clean(&text, LONGEST_MESSAGE));
    }
    error
}

/// `config` of the header.
#[derive(serde::Serialize)]
struct Config<'a> {
    settings: &'a serde_json::Value,
    secrets: std::collections::BTreeMap<&'a str, &'a str>,
}

/// A call that somebody waits for.
struct OpenCall {
    library: &'static Library,
    instance: Arc<Instance>,
    id: u64,
    ended: bool,
}

impl Drop for OpenCall {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        let (library, instance, id) = (self.library, self.instance.clone(), self.id);
        let at = instance.at.addr();
        library.calls.give_up(id);
        let cancel = move || library.ask_to_give_up(&instance, id);
        library.cancels.ask(at, cancel);
    }
}
