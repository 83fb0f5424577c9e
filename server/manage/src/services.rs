//! `service list` and `service remove`.

use protector_config::Config;
use protector_db::{Db, DbError, ServiceRecord, stamp};

use crate::failure::Failure;
use crate::output::Output;
use crate::store;

/// Every API and engine that ever told that it lives.
pub(crate) fn list(config: &Config) -> Result<Output, Failure> {
    let services = store::with(config, async |db| db.list_services().await)?;
    Ok(shown(services))
}

/// Forgets those of an id or a host, of which none may live: one that does would be back in a moment.
pub(crate) fn remove(config: &Config, which: &str) -> Result<Output, Failure> {
    let gone = store::with(config, async |db| removed(db, which).await)?;
    gone.map(shown)
}

async fn removed(db: &Db, which: &str) -> Result<Result<Vec<ServiceRecord>, Failure>, DbError> {
    let all = db.list_services().await?.into_iter();
    let named = all.filter(|one| one.host == which || one.id.to_string() == which);
    let named: Vec<_> = named.collect();
    if named.is_empty() {
        return Ok(Err(Failure::UnknownService(which.to_owned())));
    }
    if let Some(alive) = named.iter().find(|one| one.up) {
        return Ok(Err(lives(alive)));
    }
    for one in &named {
        if !db.forget_service(one.id).await? {
            return Ok(Err(lives(one)));
        }
    }
    Ok(Ok(named))
}

fn lives(service: &ServiceRecord) -> Failure {
    Failure::ServiceLives {
        binary: service.binary.clone(),
        host: service.host.clone(),
        last_seen_at: stamp(service.last_seen_at),
    }
}

fn shown(services: Vec<ServiceRecord>) -> Output {
    let rows = services.into_iter().map(|service| {
        let state = if service.up { "up" } else { "down" };
        vec![
            service.id.to_string(),
            service.binary,
            service.host,
            state.to_owned(),
            stamp(service.last_seen_at),
        ]
    });
    Output::List {
        columns: vec!["ID", "Binary", "Host", "State", "Last Seen"],
        rows: rows.collect(),
    }
}
