//! The first connection to a database server. A pool waits half a minute for a server that refuses
//! and then says only that it has waited; here a refusal is said with its reason, at once.

use std::str::FromStr as _;
use std::time::Duration;

use futures::future::{Either, select};
use protector_framework::Clock;
use sea_orm::sqlx::mysql::MySqlConnectOptions;
use sea_orm::sqlx::{ConnectOptions as _, Connection as _, Error};

use crate::error::{DbError, Result};

/// How long a server may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// The pauses between attempts while it refuses: it may be about to listen.
const PAUSES: [Duration; 3] = [
    Duration::from_millis(100),
    Duration::from_millis(200),
    Duration::from_millis(400),
];

/// Whether a server answers and lets this account in. A file always does.
pub(crate) async fn try_server(url: &str, clock: &dyn Clock) -> Result<()> {
    if !url.starts_with("mysql:") {
        return Ok(());
    }
    let mut pauses = PAUSES.iter();
    loop {
        match attempt(url, clock).await {
            Err(error) if is_refused(&error) => match pauses.next() {
                Some(pause) => clock.sleep(*pause).await,
                None => return Err(unreachable(&error)),
            },
            Err(error) => return Err(unreachable(&error)),
            Ok(()) => return Ok(()),
        }
    }
}

async fn attempt(url: &str, clock: &dyn Clock) -> Result<(), Error> {
    let options = MySqlConnectOptions::from_str(url)?;
    let connect = std::pin::pin!(options.connect());
    let limit = std::pin::pin!(clock.sleep(PATIENCE));
    match select(connect, limit).await {
        Either::Left((connected, _)) => connected?.close().await,
        Either::Right(_) => Err(Error::PoolTimedOut),
    }
}

fn is_refused(error: &Error) -> bool {
    matches!(error, Error::Io(error) if error.kind() == std::io::ErrorKind::ConnectionRefused)
}

fn unreachable(error: &Error) -> DbError {
    DbError::Unreachable(match error {
        Error::PoolTimedOut => format!("no answer within {} s", PATIENCE.as_secs()),
        Error::Io(error) => error.to_string(),
        Error::Database(error) => error.message().to_owned(),
        other => other.to_string(),
    })
}
