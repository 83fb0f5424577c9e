//! Building a server so that it is built once.

use protector_framework::{
    DriverError, EnsureServer, ErrorKind, Result, Server, ServerId, ServerStatus,
};
use serde_json::{Map, Value, json};

use super::cloud::Cloud;
use super::look::may_have_happened;
use super::servers::NOVA;
use super::wire::WireServer;
use crate::session::{Call, Service, Session, Trip};

impl Cloud {
    pub(super) async fn boot(&self, trip: &Trip, req: &EnsureServer) -> Result<Server> {
        let root = req.volumes.first().ok_or_else(|| {
            DriverError::new(
                ErrorKind::InvalidRequest,
                format!("server `{}` has no root volume to boot from", req.name),
            )
        })?;
        if let Some(server) = self.oldest_tagged(trip, &req.tag).await? {
            return Ok(server);
        }
        for volume in &req.volumes {
            self.drop_orphans(trip, &volume.id).await?;
        }
        match self.create_server(trip, req).await {
            Ok(server) => Ok(server),
            Err(error) => {
                self.find_after(error, || async move {
                    if let Some(server) = self.oldest_tagged(trip, &req.tag).await? {
                        return Ok(Some(server));
                    }
                    self.holder_with_tag(trip, root, &req.tag).await
                })
                .await
            }
        }
    }

    /// The server of this tag. One that is being deleted is not what anybody asks for, and keeps the
    /// volumes until it is gone.
    async fn oldest_tagged(&self, trip: &Trip, tag: &str) -> Result<Option<Server>> {
        match self.servers_tagged(trip, tag).await?.into_iter().next() {
            Some(server) if server.does(&["deleting"]) => Err(DriverError::new(
                ErrorKind::Busy,
                format!(
                    "server {} with the tag {tag} is {}; another can be built when it is gone",
                    server.id,
                    server.words()
                ),
            )
            .with_call("GET /servers/detail")),
            found => Ok(found.map(WireServer::into_server)),
        }
    }

    /// The server that the root volume is held for, if it is ours. Lists can lag behind.
    async fn holder_with_tag(
        &self,
        trip: &Trip,
        root: &protector_framework::BootVolume,
        tag: &str,
    ) -> Result<Option<Server>> {
        for attachment in self.attachments(trip, &root.id).await? {
            let Some(id) = attachment.instance.map(ServerId::from) else {
                continue;
            };
            let server = match self.server(trip, &id).await {
                Err(error) if error.kind == ErrorKind::NotFound => continue,
                other => other?,
            };
            let is_ours = server.tags.iter().any(|own| own == tag);
            if is_ours && server.state() != ServerStatus::Deleted {
                return Ok(Some(server.into_server()));
            }
        }
        Ok(None)
    }

    async fn create_server(&self, trip: &Trip, req: &EnsureServer) -> Result<Server> {
        let early = trip.leaving_time_to_look(&*self.env.clock);
        // A keypair belongs to the trustor, and so do the volumes; user data goes the same way, for
        // Nova accepts it from every creator and hides it from readers only.
        let session = self.tenant();
        let mut body = server_body(req);
        let mut call_at = NOVA;
        if let Some((name, version)) = self.guest_name(&early, session, req).await? {
            body["hostname"] = json!(name);
            call_at = version;
        }
        let mut whole = json!({"server": body});
        if let Some(group) = &req.server_group {
            whole["os:scheduler_hints"] = json!({"group": group.as_str()});
        }
        let call = Call::post(Service::Compute, ["servers"], whole)
            .at(call_at.0, call_at.1)
            .needs(2, 52);
        let made: MadeServer = match session.send(&early, call).await {
            Ok(reply) => reply.at("server")?,
            Err(error) => return Err(in_contract(error)),
        };
        let id = ServerId::from(made.id);
        match self.server(trip, &id).await {
            Ok(server) => Ok(server.into_server()),
            // It is made; what it is now can be asked again.
            Err(_) => Ok(Server::new(&id, req.name.as_str(), ServerStatus::Building)
                .tags(all_tags(req))
                .busy(true)),
        }
    }

    /// The guest's name and the microversion that can give it, where the cloud has one.
    async fn guest_name(
        &self,
        trip: &Trip,
        session: &Session,
        req: &EnsureServer,
    ) -> Result<Option<(String, (u16, u16))>> {
        let Some(name) = req.hostname.as_deref().filter(|name| !name.is_empty()) else {
            return Ok(None);
        };
        // Before 2.94 dots are refused; before 2.90 Nova makes the name from the server's.
        for version in [(2, 94), (2, 90)] {
            if session
                .has_version(trip, Service::Compute, version.0, version.1)
                .await?
            {
                let short = name.split('.').next().unwrap_or(name);
                let name = if version == (2, 94) { name } else { short };
                return Ok(Some((name.to_owned(), version)));
            }
        }
        Ok(None)
    }
}

#[derive(serde::Deserialize)]
struct MadeServer {
    id: String,
}

fn all_tags(req: &EnsureServer) -> Vec<String> {
    let mut tags = vec![req.tag.clone()];
    tags.extend(req.tags.iter().filter(|tag| **tag != req.tag).cloned());
    tags
}

fn server_body(req: &EnsureServer) -> Value {
    let mut body = Map::new();
    let mut put = |name: &str, value: Value| body.insert(name.to_owned(), value);
    put("name", json!(req.name));
    put("flavorRef", json!(req.flavor.as_str()));
    put("block_device_mapping_v2", Value::Array(devices(req)));
    put("networks", networks(req));
    put("tags", json!(all_tags(req)));
    if !req.metadata.is_empty() {
        put("metadata", json!(req.metadata));
    }
    if req.config_drive {
        put("config_drive", json!(true));
    }
    for (name, value) in [
        ("key_name", &req.keypair),
        ("availability_zone", &req.availability_zone),
        ("user_data", &req.user_data),
        ("description", &req.description),
    ] {
        if let Some(value) = value.as_ref().filter(|value| !value.is_empty()) {
            put(name, json!(value));
        }
    }
    Value::Object(body)
}

fn devices(req: &EnsureServer) -> Vec<Value> {
    let device = |(index, volume): (usize, &protector_framework::BootVolume)| {
        let mut entry = json!({
            "uuid": volume.id.as_str(),
            "source_type": "volume",
            "destination_type": "volume",
            "boot_index": if index == 0 { 0 } else { -1 },
            "delete_on_termination": false,
        });
        if let Some(tag) = &volume.tag {
            entry["tag"] = json!(tag);
        }
        if let Some(name) = &volume.device {
            entry["device_name"] = json!(name);
        }
        entry
    };
    req.volumes.iter().enumerate().map(device).collect()
}

fn networks(req: &EnsureServer) -> Value {
    if req.ports.is_empty() {
        return json!("none");
    }
    let ports: Vec<_> = req
        .ports
        .iter()
        .map(|port| json!({"port": port.as_str()}))
        .collect();
    json!(ports)
}

/// Nova answers 400 for most things that are wrong with what a server is made of.
fn in_contract(mut error: DriverError) -> DriverError {
    if may_have_happened(&error) || error.kind != ErrorKind::InvalidRequest {
        return error;
    }
    let text = error.message.to_lowercase();
    let says = |parts: &[&str]| parts.iter().any(|part| text.contains(part));
    if says(&[
        "status must be",
        "already attached",
        "in use",
        "not available",
    ]) {
        error.kind = ErrorKind::Conflict;
    } else if says(&[
        "could not be found",
        "failed to get volume",
        "not found",
        "invalid flavorref",
        "invalid key_name",
    ]) {
        error.kind = ErrorKind::NotFound;
    }
    error
}
