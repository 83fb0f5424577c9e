//! A foothold outside the tenant's project.
//!
//! Nova notes who locked a server by comparing projects: a lock made with a token of the server's
//! own project counts as its owner's, whatever the token's roles, and the owner can undo it.

use protector_framework::{DriverError, ErrorKind, Result};
use serde::Deserialize;

use super::cloud::Cloud;
use crate::session::{Call, Service, Session, Trip};
use crate::settings::{Named, Scope};

#[derive(Deserialize)]
struct WireProject {
    id: String,
    name: String,
}

impl Cloud {
    /// The service's account as admin in a project other than the tenant's.
    ///
    /// # Errors
    /// `Unauthorized` where it has no such project, with what to grant.
    pub(super) async fn outside(&self, trip: &Trip) -> Result<&Session> {
        self.outside
            .get_or_try_init(|| self.find_outside(trip))
            .await
    }

    async fn find_outside(&self, trip: &Trip) -> Result<Session> {
        let project = self.project(trip).await?;
        if self.service.is_bound() {
            return Err(nowhere(
                self,
                &project,
                "an application credential is bound to one project; use a password",
            ));
        }
        if let Some(id) = &self.outside_project {
            if *id == project {
                return Err(DriverError::invalid_config(
                    "driver settings: `admin_project_id` is the tenant's own project; a lock made \
                     there can be undone by the tenant",
                ));
            }
            return Ok(self.service.scoped(Scope::Project(Named::Id(id.clone()))));
        }
        for candidate in self.other_projects(trip, &project).await? {
            let session = self.service.scoped(Scope::Project(Named::Id(candidate.id)));
            let is_admin = match session.token(trip).await {
                Ok(token) => token.roles.iter().any(|role| role == "admin"),
                Err(error) if error.kind == ErrorKind::Unauthorized => false,
                Err(error) => return Err(error),
            };
            if is_admin {
                return Ok(session);
            }
        }
        Err(nowhere(
            self,
            &project,
            "grant the account the role `admin` in its own project, such as `service`",
        ))
    }

    /// The account's other projects, the likeliest first.
    async fn other_projects(&self, trip: &Trip, tenant: &str) -> Result<Vec<WireProject>> {
        let call = Call::get(Service::Identity, ["auth", "projects"]);
        let mut projects: Vec<WireProject> = self.service.list(trip, call, "projects").await?;
        projects.retain(|project| project.id != tenant);
        projects.sort_by_key(|project| match project.name.as_str() {
            "service" | "services" => 0,
            "admin" => 1,
            _ => 2,
        });
        Ok(projects)
    }
}

fn nowhere(cloud: &Cloud, project: &str, hint: &str) -> DriverError {
    DriverError::new(
        ErrorKind::Unauthorized,
        format!(
            "{} is admin in no project beside `{project}`, and a lock that is made from inside a \
             server's own project can be undone by its owner; {hint}",
            cloud.service.title()
        ),
    )
    .with_call("GET /auth/projects")
}
