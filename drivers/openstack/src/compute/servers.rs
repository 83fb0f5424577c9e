//! Servers that exist: their state and what changes it.

use protector_framework::{
    Console, DriverError, ErrorKind, GetConsole, Result, ServerId, ServerStatus,
    SetDeleteOnTermination,
};
use serde_json::{Value, json};

use super::cloud::Cloud;
use super::wire::WireServer;
use crate::session::{Call, Service, Session, Trip};

/// The highest microversion of Victoria, the oldest release that is served.
pub(super) const NOVA: (u16, u16) = (2, 87);

pub(super) fn nova<'a>(path: impl IntoIterator<Item = &'a str>) -> Call {
    Call::get(Service::Compute, path).at(NOVA.0, NOVA.1)
}

impl Cloud {
    /// A server as Nova shows it.
    pub(super) async fn server(&self, trip: &Trip, id: &ServerId) -> Result<WireServer> {
        let server: WireServer = self
            .tenant()
            .send(trip, nova(["servers", id.as_str()]))
            .await?
            .at("server")?;
        self.check_owner(trip, "server", id.as_str(), server.tenant_id.as_deref())
            .await?;
        Ok(server)
    }

    /// The servers with this tag, oldest first. Nova lists one for a moment after it has called it deleted.
    pub(super) async fn servers_tagged(&self, trip: &Trip, tag: &str) -> Result<Vec<WireServer>> {
        let call = nova(["servers", "detail"])
            .needs(2, 26)
            .query("tags", tag)
            .query("sort_key", "created_at")
            .query("sort_dir", "asc");
        let mut servers: Vec<WireServer> = self.tenant().list(trip, call, "servers").await?;
        servers.retain(|server| server.state() != ServerStatus::Deleted);
        Ok(servers)
    }

    /// The end of the console log. Nova says 409 while there is none yet.
    pub(super) async fn console(&self, trip: &Trip, req: &GetConsole) -> Result<Console> {
        self.server(trip, &req.id).await?;
        let body = json!({"os-getConsoleOutput": {"length": req.lines}});
        let call = action(&req.id, body).repeatable();
        match self.tenant().send(trip, call).await {
            Err(mut error) if error.kind == ErrorKind::Conflict => {
                error.kind = ErrorKind::Busy;
                error.retry = protector_framework::Retry::Now;
                Err(error)
            }
            reply => Ok(Console::new(reply?.at::<String>("output")?)),
        }
    }

    pub(super) async fn stop(&self, trip: &Trip, id: &ServerId) -> Result<()> {
        let server = self.server(trip, id).await?;
        if is_off(&server) {
            return Ok(());
        }
        match server.state() {
            ServerStatus::Active | ServerStatus::Error => {
                let session = self.may_change(&server);
                self.act(trip, session, id, json!({"os-stop": null}), is_off)
                    .await
            }
            _ => Err(wrong_state("stopped", &server)),
        }
    }

    pub(super) async fn start(&self, trip: &Trip, id: &ServerId) -> Result<()> {
        let server = self.server(trip, id).await?;
        if is_on(&server) {
            return Ok(());
        }
        match server.state() {
            ServerStatus::Stopped => {
                let session = self.may_change(&server);
                self.act(trip, session, id, json!({"os-start": null}), is_on)
                    .await
            }
            _ => Err(wrong_state("started", &server)),
        }
    }

    /// Locks from outside the project, so that the owner cannot unlock; also over an owner's lock.
    pub(super) async fn lock(&self, trip: &Trip, id: &ServerId) -> Result<()> {
        self.server(trip, id).await?;
        let reason = "locked by Protector: this server is under disaster recovery";
        let session = self.outside(trip).await?;
        let call = action(id, json!({"lock": {"locked_reason": reason}})).needs(2, 73);
        match session.send(trip, call.repeatable()).await {
            Err(error) if error.kind == ErrorKind::Unsupported => {
                let call = action(id, json!({"lock": null})).at(2, 72).repeatable();
                session.send(trip, call).await.map(drop)
            }
            other => other.map(drop),
        }
    }

    pub(super) async fn unlock(&self, trip: &Trip, id: &ServerId) -> Result<()> {
        if !self.server(trip, id).await?.locked {
            return Ok(());
        }
        let call = action(id, json!({"unlock": null})).repeatable();
        self.service.send(trip, call).await.map(drop)
    }

    /// Shelves. Of a server that boots from a volume Nova lets go at once; of another, or where a
    /// user shelved it before, only when told so.
    pub(super) async fn park(&self, trip: &Trip, id: &ServerId) -> Result<()> {
        let server = self.server(trip, id).await?;
        if is_parked(&server) {
            return Ok(());
        }
        let action = match server.status.as_str() {
            "SHELVED" => json!({"shelveOffload": null}),
            "SHUTOFF" => json!({"shelve": null}),
            _ => return Err(wrong_state("parked; stop it first", &server)),
        };
        self.act(trip, &self.service, id, action, is_parked).await
    }

    pub(super) async fn unpark(&self, trip: &Trip, id: &ServerId) -> Result<()> {
        let server = self.server(trip, id).await?;
        if is_unparked(&server) {
            return Ok(());
        }
        match server.state() {
            ServerStatus::Shelved => {
                let action = json!({"unshelve": null});
                self.act(trip, &self.service, id, action, is_unparked).await
            }
            _ => Err(wrong_state("unparked", &server)),
        }
    }

    pub(super) async fn delete(&self, trip: &Trip, id: &ServerId) -> Result<()> {
        let server = match self.server(trip, id).await {
            Err(error) if error.kind == ErrorKind::NotFound => return Ok(()),
            other => other?,
        };
        if server.state() == ServerStatus::Deleted || server.does(&["deleting"]) {
            return Ok(());
        }
        let call = Call::delete(Service::Compute, ["servers", id.as_str()]);
        match self.may_change(&server).send(trip, call).await {
            Err(error) if error.kind == ErrorKind::NotFound => Ok(()),
            other => other.map(drop),
        }
    }

    pub(super) async fn keep_or_delete_volume(
        &self,
        trip: &Trip,
        req: &SetDeleteOnTermination,
    ) -> Result<()> {
        self.server(trip, &req.server).await?;
        let path = [
            "servers",
            req.server.as_str(),
            "os-volume_attachments",
            req.volume.as_str(),
        ];
        let body = json!({"volumeAttachment": {
            "volumeId": req.volume.as_str(),
            "delete_on_termination": req.delete,
        }});
        // The server may be locked, and then only an admin may change it.
        let call = Call::put(Service::Compute, path, body)
            .at(NOVA.0, NOVA.1)
            .needs(2, 85)
            .repeatable();
        self.service.send(trip, call).await.map(drop)
    }

    /// The session that may change the server now: a locked one only an admin's.
    fn may_change(&self, server: &WireServer) -> &Session {
        if server.locked {
            &self.service
        } else {
            self.tenant()
        }
    }

    /// Sends an action. After a refusal for the server's state it looks again: somebody else may have
    /// done the same meanwhile, or the server be busy.
    async fn act(
        &self,
        trip: &Trip,
        session: &Session,
        id: &ServerId,
        body: Value,
        is_done: fn(&WireServer) -> bool,
    ) -> Result<()> {
        match session.send(trip, action(id, body)).await {
            Err(mut error) if error.kind == ErrorKind::Conflict => {
                if let Ok(now) = self.server(trip, id).await {
                    if is_done(&now) {
                        return Ok(());
                    }
                    if now.task_state.is_some() {
                        error.kind = ErrorKind::Busy;
                        error.retry = protector_framework::Retry::Now;
                    }
                }
                Err(error)
            }
            other => other.map(drop),
        }
    }
}

/// Whether it is off, or on its way there. A server that is off and being started is neither.
fn is_off(server: &WireServer) -> bool {
    let off = matches!(
        server.state(),
        ServerStatus::Stopped | ServerStatus::Shelved
    );
    off && server.task_state.is_none()
        || server.does(&["powering-off", "shelving", "shelving_offloading"])
}

fn is_on(server: &WireServer) -> bool {
    server.state() == ServerStatus::Active && server.task_state.is_none()
        || server.does(&["powering-on"])
}

fn is_parked(server: &WireServer) -> bool {
    server.status == "SHELVED_OFFLOADED" && server.task_state.is_none()
        || server.does(&["shelving", "shelving_offloading"])
}

fn is_unparked(server: &WireServer) -> bool {
    server.state() == ServerStatus::Active && server.task_state.is_none()
        || server.does(&["unshelving", "spawning"])
}

fn action(id: &ServerId, body: Value) -> Call {
    Call::post(Service::Compute, ["servers", id.as_str(), "action"], body).at(NOVA.0, NOVA.1)
}

fn wrong_state(done: &str, server: &WireServer) -> DriverError {
    let kind = if server.task_state.is_some() || server.state() == ServerStatus::Building {
        ErrorKind::Busy
    } else {
        ErrorKind::Conflict
    };
    DriverError::new(
        kind,
        format!(
            "server {} is {} and cannot be {done}",
            server.id,
            server.words()
        ),
    )
    .with_call(format!("POST /servers/{}/action", server.id))
}
