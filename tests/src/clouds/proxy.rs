//! A proxy that loses replies: the call takes effect, and its caller hears nothing.
//!
//! It works on connections, not on HTTP: the clouds' servers close after each reply, so one
//! connection carries one call.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy, copy_bidirectional, sink};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::failure::Outcome;

/// The proxy in front of one service; it ends when dropped.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    state: Arc<State>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct State {
    upstream: SocketAddr,
    /// How many replies are still to be lost.
    to_lose: AtomicU32,
    lost: AtomicU32,
}

impl Proxy {
    /// Listens on a free loopback port in front of another one.
    ///
    /// # Errors
    /// Where no port can be had.
    pub async fn start(upstream: u16) -> Outcome<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let port = listener.local_addr()?.port();
        let state = Arc::new(State {
            upstream: SocketAddr::from(([127, 0, 0, 1], upstream)),
            to_lose: AtomicU32::new(0),
            lost: AtomicU32::new(0),
        });
        let shared = state.clone();
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let state = shared.clone();
                tokio::spawn(async move {
                    // A broken connection is the caller's to notice.
                    serve(client, &state).await.unwrap_or_default();
                });
            }
        });
        Ok(Self { port, state, task })
    }

    /// Where it listens.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Loses the replies to the next creates.
    pub fn lose(&self, replies: u32) {
        self.state.to_lose.store(replies, Ordering::SeqCst);
    }

    /// How many replies were lost so far.
    pub fn lost(&self) -> u32 {
        self.state.lost.load(Ordering::SeqCst)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(mut client: TcpStream, state: &State) -> std::io::Result<()> {
    let Some(head) = read_head(&mut client).await? else {
        return Ok(());
    };
    let mut server = TcpStream::connect(state.upstream).await?;
    server.write_all(&one_call(&head)).await?;
    let lose = is_create(&head)
        && state
            .to_lose
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1))
            .is_ok();
    if !lose {
        copy_bidirectional(&mut client, &mut server).await?;
        return Ok(());
    }
    // The request goes on as it comes, until the server has given its whole reply to nobody.
    let (mut from_client, _) = client.split();
    let (mut from_server, mut to_server) = server.split();
    let request = async {
        copy(&mut from_client, &mut to_server).await?;
        std::future::pending::<std::io::Result<u64>>().await
    };
    let mut nobody = sink();
    tokio::select! {
        _ = request => {}
        _ = copy(&mut from_server, &mut nobody) => {}
    }
    state.lost.fetch_add(1, Ordering::SeqCst);
    Ok(())
}

/// Reads up to the end of the request's head; what follows it may be included.
pub(super) async fn read_head(client: &mut TcpStream) -> std::io::Result<Option<Vec<u8>>> {
    let mut head = Vec::new();
    let mut part = [0; 4096];
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        let read = client.read(&mut part).await?;
        if read == 0 || head.len() > 256 * 1024 {
            return Ok(None);
        }
        head.extend_from_slice(&part[..read]);
    }
    Ok(Some(head))
}

/// The request, asking the server to close after it.
pub(super) fn one_call(head: &[u8]) -> Vec<u8> {
    let end = head
        .windows(2)
        .position(|end| end == b"\r\n")
        .unwrap_or(head.len());
    let mut request = head[..end].to_vec();
    request.extend_from_slice(b"\r\nConnection: close");
    request.extend_from_slice(&head[end..]);
    request
}

/// Whether the request makes a server, a port or a managed volume.
fn is_create(head: &[u8]) -> bool {
    let line = head.split(|b| *b == b'\r').next().unwrap_or_default();
    let line = String::from_utf8_lossy(line);
    let mut words = line.split(' ');
    let (method, target) = (words.next(), words.next().unwrap_or_default());
    let path = target.split('?').next().unwrap_or_default();
    let last = path.trim_end_matches('/').rsplit('/').next();
    method == Some("POST")
        && matches!(
            last,
            Some("servers" | "ports" | "manageable_volumes" | "os-volume-manage")
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that answers every call and remembers it.
    async fn upstream() -> (u16, Arc<AtomicU32>) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let calls = Arc::new(AtomicU32::new(0));
        let seen = calls.clone();
        tokio::spawn(async move {
            loop {
                let (mut one, _) = listener.accept().await.unwrap();
                let _head = read_head(&mut one).await.unwrap().unwrap();
                seen.fetch_add(1, Ordering::SeqCst);
                one.write_all(
                    b"HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}",
                )
                .await
                .unwrap();
            }
        });
        (port, calls)
    }

    async fn call(port: u16, line: &str) -> String {
        let mut one = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        let head = format!("{line} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{{}}");
        one.write_all(head.as_bytes()).await.unwrap();
        let mut reply = Vec::new();
        // A reset is as good as an end.
        one.read_to_end(&mut reply).await.unwrap_or_default();
        String::from_utf8(reply).unwrap()
    }

    #[tokio::test]
    async fn only_the_next_creates_lose_their_reply_and_all_calls_arrive() {
        let (port, calls) = upstream().await;
        let proxy = Proxy::start(port).await.unwrap();
        proxy.lose(1);
        assert!(call(proxy.port, "GET /v2.1/servers").await.contains("202"));
        assert!(
            call(proxy.port, "POST /v3/x/volumes/1/action")
                .await
                .contains("202")
        );
        assert_eq!(call(proxy.port, "POST /v2.1/servers").await, "");
        assert!(call(proxy.port, "POST /v2.1/servers").await.contains("202"));
        assert_eq!((proxy.lost(), calls.load(Ordering::SeqCst)), (1, 4));
    }
}
