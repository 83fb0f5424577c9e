//! What the service manager is told, in the protocol of `sd_notify(3)`: that the service is ready, reads
//! its configuration again, stops, and is well. Without a manager nothing is told.

use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

/// The manager's socket, where there is one.
#[derive(Debug)]
pub struct Notifier {
    to: Option<(UnixDatagram, SocketAddr)>,
    watchdog: Option<Duration>,
}

impl Notifier {
    /// As the environment says: `NOTIFY_SOCKET`, and `WATCHDOG_USEC` with `WATCHDOG_PID`.
    pub fn from_environment() -> Self {
        let read = |name| std::env::var(name).ok();
        let own = read("WATCHDOG_PID").is_none_or(|pid| pid == std::process::id().to_string());
        let watchdog = read("WATCHDOG_USEC").filter(|_| own);
        Self {
            to: read("NOTIFY_SOCKET").and_then(|path| socket(&path)),
            watchdog: watchdog
                .and_then(|micros| micros.parse().ok())
                .filter(|micros| *micros > 0)
                .map(Duration::from_micros),
        }
    }

    /// After how long without a sign of life the manager ends the service. `None`: it does not ask.
    pub fn watchdog(&self) -> Option<Duration> {
        self.to.as_ref().and(self.watchdog)
    }

    /// Requests are served; after a reload, with the new configuration.
    pub fn ready(&self) {
        self.tell("READY=1");
    }

    /// The configuration is being read again.
    pub fn reloading(&self) {
        // The manager compares this with its own reading of the same clock.
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
        let micros = now.tv_sec * 1_000_000 + now.tv_nsec / 1000;
        self.tell(&format!("RELOADING=1\nMONOTONIC_USEC={micros}"));
    }

    /// No new request is taken.
    pub fn stopping(&self) {
        self.tell("STOPPING=1");
    }

    /// The service is well.
    pub fn alive(&self) {
        self.tell("WATCHDOG=1");
    }

    fn tell(&self, state: &str) {
        if let Some((socket, address)) = &self.to
            && let Err(error) = socket.send_to_addr(state.as_bytes(), address)
        {
            tracing::warn!(%error, state, "the service manager cannot be told");
        }
    }
}

/// A path, or with an `@` before it a name that is in no directory.
fn socket(path: &str) -> Option<(UnixDatagram, SocketAddr)> {
    let address = match path.strip_prefix('@') {
        Some(name) => SocketAddr::from_abstract_name(name),
        None => SocketAddr::from_pathname(path),
    };
    let opened = address.and_then(|address| {
        let socket = UnixDatagram::unbound()?;
        // A manager that reads nothing must not hold a request up.
        socket.set_nonblocking(true)?;
        Ok((socket, address))
    });
    opened
        .inspect_err(|error| tracing::warn!(%error, path, "NOTIFY_SOCKET cannot be used"))
        .ok()
}
