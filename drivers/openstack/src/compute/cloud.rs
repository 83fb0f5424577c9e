//! The cloud with the sessions that its calls go through.

use protector_framework::{CallCtx, DriverConfig, DriverEnv, DriverError, ErrorKind, Result};
use tokio::sync::OnceCell;

use crate::session::{Session, Trip};
use crate::settings::{Scope, Settings};

/// One project of one cloud.
#[derive(Debug)]
pub(crate) struct Cloud {
    pub(super) env: DriverEnv,
    /// The service's account scoped to the project: for what only an admin may do or see.
    pub(super) service: Session,
    /// The trust of the project's owner, where there is one.
    trust: Option<Session>,
    /// The service's account in another project, found at the first lock.
    pub(super) outside: OnceCell<Session>,
    pub(super) outside_project: Option<String>,
}

impl Cloud {
    pub(crate) fn new(config: &DriverConfig, env: DriverEnv) -> Result<Self> {
        let settings = Settings::read(config)?;
        let account = settings.account(config)?;
        let http = Session::client(settings.cafile.as_deref(), settings.insecure)?;
        let service = Session::new(http, account, env.clone());
        let trust = match config.secrets.get("trust_id") {
            Some(_) if service.is_bound() => {
                return Err(DriverError::invalid_config(
                    "driver settings: `trust_id` needs `auth_type` password: Keystone refuses a \
                     trust to an application credential",
                ));
            }
            Some(id) => Some(service.scoped(Scope::Trust(id.clone()))),
            None => None,
        };
        Ok(Self {
            env,
            service,
            trust,
            outside: OnceCell::new(),
            outside_project: settings.admin_project_id.filter(|id| !id.is_empty()),
        })
    }

    pub(super) fn trip(&self, ctx: &CallCtx) -> Trip {
        Trip::start(ctx, &*self.env.clock)
    }

    /// The session for what the project's owner could do.
    pub(super) fn tenant(&self) -> &Session {
        self.trust.as_ref().unwrap_or(&self.service)
    }

    /// The project's id.
    pub(super) async fn project(&self, trip: &Trip) -> Result<String> {
        let token = self.service.token(trip).await?;
        token.project_id.clone().ok_or_else(|| {
            DriverError::new(
                ErrorKind::Unexpected,
                format!(
                    "the identity service gave {} a token without a project",
                    self.service.title()
                ),
            )
            .with_call("POST /auth/tokens")
        })
    }

    /// Hides what belongs to another project: an admin's token is shown everybody's, and ids come
    /// from tenants.
    ///
    /// # Errors
    /// `NotFound` where the owner is told and is another project.
    pub(super) async fn check_owner(
        &self,
        trip: &Trip,
        kind: &str,
        id: &str,
        owner: Option<&str>,
    ) -> Result<()> {
        let Some(owner) = owner else {
            return Ok(());
        };
        let project = self.project(trip).await?;
        if owner == project {
            return Ok(());
        }
        let missing = format!("{kind} {id} in project `{project}`");
        Err(DriverError::not_found(missing).with_call(format!("GET /{kind}s/{id}")))
    }

    /// Whether calls go with the owner's own rights, so that the cloud itself hides what the
    /// project cannot use.
    pub(super) fn has_trust(&self) -> bool {
        self.trust.is_some()
    }
}
