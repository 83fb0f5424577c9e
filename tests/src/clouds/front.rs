//! A front before the services of one cloud, in which one call of many goes wrong on purpose.
//!
//! Whoever logs in through it is told its own addresses for all services, so that every call comes
//! through it. It works on connections: the clouds' servers close after each reply when asked to, so
//! that one connection carries one call.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use protector_conformance::{Cut, Effect};
use protector_framework::Clock as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::failure::{Outcome, ensure};
use super::proxy::{one_call, read_head};
use super::testbed::{Api, Side, Testbed};

/// The services that are behind it.
const BEHIND: [Api; 4] = [Api::Keystone, Api::Nova, Api::Cinder, Api::Neutron];

/// Which calls are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    /// Every call.
    All,
    /// Calls that change something; logging in is none.
    Changes,
}

/// The front before one cloud; it ends when dropped.
#[derive(Debug)]
pub struct Front {
    auth_url: String,
    state: Arc<State>,
    tasks: Vec<JoinHandle<()>>,
}

#[derive(Debug)]
struct State {
    counted: Counted,
    /// Port numbers behind and before, of the same length.
    ports: Vec<(String, String)>,
    cut: Mutex<Option<Cut>>,
    calls: AtomicU64,
    /// Calls that are behind it now.
    under_way: AtomicU64,
    off: AtomicBool,
}

/// Counts a call while it is under way.
struct UnderWay<'a>(&'a AtomicU64);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Front {
    /// Listens on free loopback ports before the services of a cloud.
    ///
    /// # Errors
    /// Where no port can be had.
    pub async fn start(testbed: &Testbed, side: Side, counted: Counted) -> Outcome<Self> {
        let mut listeners = Vec::new();
        let mut ports = Vec::new();
        let mut auth_url = String::new();
        for api in BEHIND {
            let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
            let before = listener.local_addr()?.port();
            let behind = testbed.port(side, api);
            if api == Api::Keystone {
                auth_url = format!("http://127.0.0.1:{before}/v3");
            }
            ports.push((behind.to_string(), before.to_string()));
            listeners.push((listener, behind));
        }
        // Replies are changed in place.
        let same = ports
            .iter()
            .all(|(behind, before)| behind.len() == before.len());
        ensure(same, || format!("ports of different lengths: {ports:?}"))?;
        let state = Arc::new(State {
            counted,
            ports,
            cut: Mutex::default(),
            calls: AtomicU64::new(0),
            under_way: AtomicU64::new(0),
            off: AtomicBool::new(false),
        });
        let tasks = listeners
            .into_iter()
            .map(|(listener, behind)| {
                let shared = state.clone();
                tokio::spawn(async move {
                    while let Ok((client, _)) = listener.accept().await {
                        let state = shared.clone();
                        tokio::spawn(async move {
                            // A broken connection is the caller's to notice.
                            serve(client, behind, &state).await.unwrap_or_default();
                        });
                    }
                })
            })
            .collect();
        Ok(Self {
            auth_url,
            state,
            tasks,
        })
    }

    /// Where to log in.
    pub fn auth_url(&self) -> &str {
        &self.auth_url
    }

    /// Waits until nothing is under way, counts from zero, and lets one call go wrong.
    pub async fn arm(&self, cut: Option<Cut>, clock: &protector_framework::SystemClock) {
        // What hangs is given up by its caller first, and is not under way behind.
        while self.state.under_way.load(Ordering::SeqCst) > 0 {
            clock.sleep(std::time::Duration::from_millis(20)).await;
        }
        let mut armed = self
            .state
            .cut
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *armed = cut;
        self.state.calls.store(0, Ordering::SeqCst);
    }

    /// How many calls have come since.
    pub fn calls(&self) -> u64 {
        self.state.calls.load(Ordering::SeqCst)
    }

    /// Lets nobody through any more, or everybody again.
    pub fn set_off(&self, off: bool) {
        self.state.off.store(off, Ordering::SeqCst);
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl State {
    /// What is to happen to this call.
    fn effect(&self, head: &[u8]) -> Option<Effect> {
        if self.counted == Counted::Changes && !changes(head) {
            return None;
        }
        let n = self.calls.fetch_add(1, Ordering::SeqCst) + 1;
        let cut = self.cut.lock().unwrap_or_else(PoisonError::into_inner);
        cut.filter(|cut| cut.nth == n).map(|cut| cut.effect)
    }
}

async fn serve(mut client: TcpStream, behind: u16, state: &State) -> std::io::Result<()> {
    if state.off.load(Ordering::SeqCst) {
        return Ok(());
    }
    let Some(mut request) = read_head(&mut client).await? else {
        return Ok(());
    };
    let effect = state.effect(&request);
    match effect {
        Some(Effect::LostBefore) => return Ok(()),
        // Until its caller goes away.
        Some(Effect::Hang) => return hold(client).await,
        Some(Effect::LostAfter) | None => {}
    }
    state.under_way.fetch_add(1, Ordering::SeqCst);
    let under_way = UnderWay(&state.under_way);
    read_body(&mut client, &mut request).await?;
    let mut server = TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], behind))).await?;
    server.write_all(&one_call(&request)).await?;
    let mut reply = Vec::new();
    server.read_to_end(&mut reply).await?;
    drop(under_way);
    if effect.is_none() {
        for (behind, before) in &state.ports {
            let behind = format!("http://127.0.0.1:{behind}");
            replace(&mut reply, behind.as_bytes(), before.as_bytes());
        }
        client.write_all(&reply).await?;
    }
    Ok(())
}

async fn hold(mut client: TcpStream) -> std::io::Result<()> {
    let mut rest = Vec::new();
    client.read_to_end(&mut rest).await.map(drop)
}

/// Reads what follows the head, as long as the head says.
async fn read_body(client: &mut TcpStream, request: &mut Vec<u8>) -> std::io::Result<()> {
    let end = request.windows(4).position(|end| end == b"\r\n\r\n");
    let head_length = end.map_or(request.len(), |at| at + 4);
    let head = String::from_utf8_lossy(&request[..head_length]).to_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length:"))
        .and_then(|length| length.trim().parse::<usize>().ok())
        .unwrap_or_default();
    let mut part = [0; 4096];
    while request.len() < head_length + length {
        let read = client.read(&mut part).await?;
        if read == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        request.extend_from_slice(&part[..read]);
    }
    Ok(())
}

/// Writes `port` over the end of every `address`, which ends with a port of the same length.
fn replace(text: &mut [u8], address: &[u8], port: &[u8]) {
    let mut at = 0;
    while let Some(found) = text[at..]
        .windows(address.len())
        .position(|part| part == address)
    {
        let end = at + found + address.len();
        text[end - port.len()..end].copy_from_slice(port);
        at = end;
    }
}

/// Whether a request changes something.
fn changes(head: &[u8]) -> bool {
    let line = head.split(|b| *b == b'\r').next().unwrap_or_default();
    let line = String::from_utf8_lossy(line);
    let mut words = line.split(' ');
    let (method, path) = (words.next(), words.next().unwrap_or_default());
    let logs_in = path.split('?').next() == Some("/v3/auth/tokens");
    !matches!(method, Some("GET" | "HEAD")) && !logs_in
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_changed_in_place() {
        let mut text =
            *b"{\"url\": \"http://127.0.0.1:18774/v2.1\", \"other\": \"http://127.0.0.1:18776\"}";
        replace(&mut text, b"http://127.0.0.1:18774", b"40001");
        let text = String::from_utf8_lossy(&text);
        assert!(text.contains("http://127.0.0.1:40001/v2.1"), "{text}");
        assert!(text.contains("http://127.0.0.1:18776"), "{text}");
    }

    #[test]
    fn a_login_and_a_look_change_nothing() {
        for (head, wanted) in [
            ("GET /v2.1/servers HTTP/1.1\r\n", false),
            ("POST /v3/auth/tokens HTTP/1.1\r\n", false),
            ("POST /v2.1/servers HTTP/1.1\r\n", true),
            ("DELETE /v2.0/ports/1 HTTP/1.1\r\n", true),
        ] {
            assert_eq!(changes(head.as_bytes()), wanted, "{head}");
        }
    }
}
