//! Compute drivers that break a promise.

use std::sync::Arc;

use async_trait::async_trait;
use protector_conformance::compute;
use protector_framework::{
    CallCtx, CloudHealth, ComputeCapabilities, ComputeDriver, Console, DriverError, EnsurePort,
    EnsureServer, EnsureVolumeGroup, ErrorKind, FindServer, GetConsole, Ids as _, Port, PortRef,
    RandomIds, Result, Server, ServerRef, ServerStatus, SetDeleteOnTermination, VolumeGroup,
};

use super::super::compute::WrappedClouds;
use super::{found, one};

/// What a driver does wrong: a verb that is not as the driver has it.
macro_rules! faults {
    ($($verb:ident($($arg:ident: $request:ty)?) -> $reply:ty;)*) => {
        #[async_trait]
        trait Fault: std::fmt::Debug + Send + Sync + 'static {
            $(async fn $verb(
                &self,
                inner: &dyn ComputeDriver,
                ctx: &CallCtx
                $(, $arg: $request)?
            ) -> Result<$reply> {
                inner.$verb(ctx $(, $arg)?).await
            })*
        }

        #[async_trait]
        #[deny(clippy::missing_trait_methods)]
        impl ComputeDriver for Sloppy {
            fn capabilities(&self) -> ComputeCapabilities {
                self.inner.capabilities()
            }

            async fn health(&self, ctx: &CallCtx) -> CloudHealth {
                self.inner.health(ctx).await
            }

            $(async fn $verb(&self, ctx: &CallCtx $(, $arg: $request)?) -> Result<$reply> {
                self.fault.$verb(&*self.inner, ctx $(, $arg)?).await
            })*
        }
    };
}
protector_framework::compute_verbs!(faults);

#[derive(Debug)]
struct Sloppy {
    inner: Arc<dyn ComputeDriver>,
    fault: &'static dyn Fault,
}

fn refusal(why: &str, call: &str) -> DriverError {
    DriverError::new(ErrorKind::Conflict, why).with_call(call)
}

const FAULTS: &[(&dyn Fault, &str)] = &[
    (&LosesTags, "servers/as-asked"),
    (&MissesItsOwn, "servers/one-of-a-tag"),
    (&TakesItsVolumesAlong, "delete/keeps-its-parts"),
    (&StopsOnce, "power/stop-stopped"),
    (&ChoosesTheMac, "ports/as-asked"),
    (&MakesTwo, "groups/one-of-a-name"),
    (&MissesPorts, "ports/delete"),
    (&GivesUp, "lost-after/ensure-server"),
    (&LeavesItOpen, "locks/both-ways"),
    (&OnlyStops, "parking/disconnects"),
    (&BoastsOfConsoles, "claims/consoles-are-had-or-refused"),
    (&ForgetsWhatGoes, "servers/volumes-goings"),
];

/// A server bears no tag that it was asked to.
#[derive(Debug)]
struct LosesTags;

#[async_trait]
impl Fault for LosesTags {
    async fn ensure_server(
        &self,
        inner: &dyn ComputeDriver,
        ctx: &CallCtx,
        mut req: EnsureServer,
    ) -> Result<Server> {
        req.tags.clear();
        let mut server = inner.ensure_server(ctx, req).await?;
        server.tags.clear();
        Ok(server)
    }
}

/// A server that is there already is in the way.
#[derive(Debug)]
struct MissesItsOwn;

#[async_trait]
impl Fault for MissesItsOwn {
    async fn ensure_server(
        &self,
        inner: &dyn ComputeDriver,
        ctx: &CallCtx,
        req: EnsureServer,
    ) -> Result<Server> {
        let there = inner.find_servers(ctx, FindServer::new(&req.tag)).await?;
        match there.first() {
            Some(server) => Err(refusal(&format!("{} is there", server.id), "ensure_server")),
            None => inner.ensure_server(ctx, req).await,
        }
    }
}

/// A server takes its volumes along when it goes.
#[derive(Debug)]
struct TakesItsVolumesAlong;

#[async_trait]
impl Fault for TakesItsVolumesAlong {
    async fn delete_server(
        &self,
        inner: &dyn ComputeDriver,
        ctx: &CallCtx,
        req: ServerRef,
    ) -> Result<()> {
        let server = inner.get_server(ctx, req.clone()).await?;
        for volume in server.volumes {
            let goes = SetDeleteOnTermination::new(&server.id, volume.id, true);
            inner.set_delete_on_termination(ctx, goes).await?;
        }
        inner.delete_server(ctx, req).await
    }
}

/// A server that is off cannot be stopped.
#[derive(Debug)]
struct StopsOnce;

#[async_trait]
impl Fault for StopsOnce {
    async fn stop_server(
        &self,
        inner: &dyn ComputeDriver,
        ctx: &CallCtx,
        req: ServerRef,
    ) -> Result<()> {
        let server = inner.get_server(ctx, req.clone()).await?;
        match server.status {
            ServerStatus::Stopped => Err(refusal("it is off", "stop_server")),
            _ => inner.stop_server(ctx, req).await,
        }
    }
}

/// A port has the MAC that the cloud likes.
#[derive(Debug)]
struct ChoosesTheMac;

#[async_trait]
impl Fault for ChoosesTheMac {
    async fn ensure_port(
        &self,
        inner: &dyn ComputeDriver,
        ctx: &CallCtx,
        mut req: EnsurePort,
    ) -> Result<Port> {
        req.mac_address = "fa:16:3e:00:00:77".to_owned();
        inner.ensure_port(ctx, req).await
    }
}

/// A group of the name is there twice.
#[derive(Debug)]
struct MakesTwo;

#[async_trait]
impl Fault for MakesTwo {
    async fn ensure_volume_group(
        &self,
        inner: &dyn ComputeDriver,
        ctx: &CallCtx,
        mut req: EnsureVolumeGroup,
    ) -> Result<VolumeGroup> {
        req.name = format!("{}-{}", req.name, RandomIds.uuid());
        inner.ensure_volume_group(ctx, req).await
    }
}

/// A port that is not there cannot be deleted.
#[derive(Debug)]
struct MissesPorts;

#[async_trait]
impl Fault for MissesPorts {
    async fn delete_port(
        &self,
        inner: &dyn ComputeDriver,
        ctx: &CallCtx,
        req: PortRef,
    ) -> Result<()> {
        inner.delete_port(ctx, req.clone()).await?;
        Err(DriverError::not_found(format!("port {}", req.id)).with_call("delete_port"))
    }
}

/// What a lost reply left unknown is said to be final.
#[derive(Debug)]
struct GivesUp;

#[async_trait]
impl Fault for GivesUp {
    async fn ensure_server(
        &self,
        inner: &dyn ComputeDriver,
        ctx: &CallCtx,
        req: EnsureServer,
    ) -> Result<Server> {
        let built = inner.ensure_server(ctx, req).await;
        built.map_err(|error| match error.kind {
            ErrorKind::Unreachable => DriverError::new(ErrorKind::Unexpected, error.message),
            _ => error,
        })
    }
}

/// A lock is said to be set.
#[derive(Debug)]
struct LeavesItOpen;

#[async_trait]
impl Fault for LeavesItOpen {
    async fn lock_server(
        &self,
        inner: &dyn ComputeDriver,
        ctx: &CallCtx,
        req: ServerRef,
    ) -> Result<()> {
        inner.get_server(ctx, req).await.map(drop)
    }
}

/// What is to be parked is off, and its volumes stay connected.
#[derive(Debug)]
struct OnlyStops;

#[async_trait]
impl Fault for OnlyStops {
    async fn park_server(
        &self,
        inner: &dyn ComputeDriver,
        ctx: &CallCtx,
        req: ServerRef,
    ) -> Result<()> {
        inner.stop_server(ctx, req).await
    }
}

/// Consoles are claimed and are not there.
#[derive(Debug)]
struct BoastsOfConsoles;

#[async_trait]
impl Fault for BoastsOfConsoles {
    async fn get_console(
        &self,
        _inner: &dyn ComputeDriver,
        _ctx: &CallCtx,
        req: GetConsole,
    ) -> Result<Console> {
        drop(req);
        Err(DriverError::unsupported("get_console"))
    }
}

/// What becomes of a volume with its server is not noted.
#[derive(Debug)]
struct ForgetsWhatGoes;

#[async_trait]
impl Fault for ForgetsWhatGoes {
    async fn set_delete_on_termination(
        &self,
        inner: &dyn ComputeDriver,
        ctx: &CallCtx,
        req: SetDeleteOnTermination,
    ) -> Result<()> {
        let request = ServerRef::new(&req.server);
        inner.get_server(ctx, request).await.map(drop)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_broken_promise_is_found_by_its_case() {
    for (fault, id) in FAULTS.iter().copied() {
        let clouds = WrappedClouds::new(move |inner| Arc::new(Sloppy { inner, fault }));
        let report = compute::run(&clouds, &one(id)).await;
        found(&format!("{fault:?}"), id, &report);
    }
}

/// Nothing of what the driver has nothing to do with is blamed on it.
#[derive(Debug)]
struct Faultless;

#[async_trait]
impl Fault for Faultless {}

#[tokio::test(flavor = "multi_thread")]
async fn a_driver_without_a_fault_passes_each_of_those_cases() {
    let clouds = WrappedClouds::new(|inner| {
        Arc::new(Sloppy {
            inner,
            fault: &Faultless,
        })
    });
    for (_, id) in FAULTS.iter().copied() {
        let report = compute::run(&clouds, &one(id)).await;
        assert!(report.is_green(true), "{}", report.table());
    }
}
