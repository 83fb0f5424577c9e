//! Connections: how they are taken, how many, how long a client may take, and how all of it ends without
//! a request being lost.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use poem::endpoint::BoxEndpoint;
use poem::http::uri::Scheme;
use poem::web::{LocalAddr, RemoteAddr};
use poem::{Addr, Endpoint as _, Response};
use protector_framework::Clock;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;
use tokio_util::task::TaskTracker;

/// How long running requests may take to end after the API was told to stop.
const GRACE: Duration = Duration::from_secs(30);
/// For how long a kept connection may still bring a request after that. Its answer says that the
/// connection closes, so that a client that uses it all the time never meets a closed one.
const LINGER: Duration = Duration::from_secs(1);
/// The wait after a connection could not be taken, for want of files for example.
const PAUSE: Duration = Duration::from_millis(100);

const FULL: &str = r#"{"error": {"code": 503, "title": "Service Unavailable", "message": "This server has too many connections."}}"#;

/// What one client, and all of them, may use.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Connections at the same time.
    pub(crate) connections: usize,
    /// The largest head of a request in bytes.
    pub(crate) head: usize,
    /// How long a client may take for the head of a request, and be idle between two.
    pub(crate) time: Duration,
}

/// Whether the API is ending; then each answer tells its client that the connection closes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ending(Arc<AtomicBool>);

impl Ending {
    pub(crate) fn is_ending(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Serves `app` until `stop`, and until what came before it has been answered.
pub(crate) async fn run(
    listener: TcpListener,
    app: BoxEndpoint<'static, Response>,
    limits: Limits,
    ending: Ending,
    clock: Arc<dyn Clock>,
    mut stop: oneshot::Receiver<()>,
) {
    let app = Arc::new(app);
    let (close, closing) = watch::channel(false);
    let mut open = JoinSet::new();
    let take = |open: &mut JoinSet<()>, stream: TcpStream, peer: SocketAddr| {
        if open.len() >= limits.connections {
            tracing::warn!(%peer, "there are too many connections; one more is turned away");
            open.spawn(turn_away(stream));
            return;
        }
        open.spawn(connection(
            stream,
            peer,
            app.clone(),
            limits,
            closing.clone(),
        ));
    };
    loop {
        tokio::select! {
            // An error means that the handle is gone; the API then runs on.
            Ok(()) = &mut stop => break,
            Some(_) = open.join_next() => {}
            taken = listener.accept() => match taken {
                Ok((stream, peer)) => take(&mut open, stream, peer),
                Err(error) => {
                    tracing::error!(%error, "a connection could not be taken");
                    clock.sleep(PAUSE).await;
                }
            }
        }
    }
    ending.0.store(true, Ordering::Relaxed);
    // Who has connected already is not turned away: the system has told them that they are.
    for (stream, peer) in waiting(listener) {
        take(&mut open, stream, peer);
    }
    tokio::select! {
        () = all(&mut open) => return,
        () = clock.sleep(LINGER) => {}
    }
    close.send_replace(true);
    tokio::select! {
        () = all(&mut open) => {}
        () = clock.sleep(GRACE) => {
            tracing::error!(connections = open.len(), "requests did not end in time and are cut off");
        }
    }
}

async fn all(open: &mut JoinSet<()>) {
    while open.join_next().await.is_some() {}
}

/// What has connected and was not taken yet. Nobody can connect any more when this returns, and
/// nothing is waited for in between.
fn waiting(listener: TcpListener) -> Vec<(TcpStream, SocketAddr)> {
    let mut found = Vec::new();
    let Ok(listener) = listener.into_std() else {
        return found;
    };
    while let Ok((stream, peer)) = listener.accept() {
        let stream = stream
            .set_nonblocking(true)
            .and_then(|()| TcpStream::from_std(stream));
        match stream {
            Ok(stream) => found.push((stream, peer)),
            Err(error) => tracing::error!(%error, %peer, "a connection could not be taken"),
        }
    }
    found
}

async fn turn_away(mut stream: TcpStream) {
    let answer = format!(
        "HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\nretry-after: 5\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{FULL}",
        FULL.len()
    );
    if let Err(error) = stream.write_all(answer.as_bytes()).await {
        tracing::debug!(%error, "a client did not wait to be turned away");
    }
    stream.shutdown().await.unwrap_or_default();
}

async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    app: Arc<BoxEndpoint<'static, Response>>,
    limits: Limits,
    mut closing: watch::Receiver<bool>,
) {
    let local = stream.local_addr().ok();
    // Answers are small and complete; there is nothing to wait for before they are sent.
    stream.set_nodelay(true).unwrap_or_default();
    let begun = TaskTracker::new();
    let changes = begun.clone();
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let (app, changes) = (app.clone(), changes.clone());
        let local = LocalAddr(local.map_or_else(|| Addr::custom("unknown", "unknown"), Addr::from));
        let remote = RemoteAddr(Addr::from(peer));
        async move {
            let reads = request.method().is_safe();
            let request = poem::Request::from((request, local, remote, Scheme::HTTP));
            if reads {
                return Ok(app.get_response(request).await.into());
            }
            let change = changes.spawn(async move { app.get_response(request).await });
            // The edge answers for a panic, so that this error is the end of the process only.
            change.await.map(Into::into)
        }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.time)
        .max_buf_size(limits.head)
        .serve_connection(TokioIo::new(stream), service);
    let mut served = std::pin::pin!(served);
    let told = async { closing.wait_for(|closing| *closing).await.is_ok() };
    let ended = tokio::select! {
        ended = served.as_mut() => Some(ended),
        _ = told => None,
    };
    let ended = match ended {
        Some(ended) => ended,
        None => {
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, %peer, "a connection has failed");
    }
    // A change is not left half done, nor its event unwritten, because its client has hung up.
    begun.close();
    begun.wait().await;
}

#[cfg(test)]
mod tests {
    use poem::{EndpointExt as _, endpoint};
    use protector_framework::SystemClock;
    use tokio::io::AsyncReadExt as _;
    use tokio::sync::mpsc;

    use super::*;

    const LIMITS: Limits = Limits {
        connections: 8,
        head: 8192,
        time: Duration::from_secs(10),
    };

    /// Says when it goes.
    struct Told(mpsc::UnboundedSender<&'static str>);

    impl Drop for Told {
        fn drop(&mut self) {
            self.0.send("left").unwrap_or_default();
        }
    }

    #[tokio::test]
    async fn a_change_comes_to_its_end_although_its_client_hangs_up_and_a_read_does_not() {
        let (say, mut said) = mpsc::unbounded_channel();
        let go_on = Arc::new(tokio::sync::Notify::new());
        let goes_on = go_on.clone();
        let app = endpoint::make(move |_| {
            let (say, goes_on) = (say.clone(), goes_on.clone());
            async move {
                let told = Told(say.clone());
                say.send("begun").unwrap_or_default();
                goes_on.notified().await;
                say.send("done").unwrap_or_default();
                drop(told);
                Response::default()
            }
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let clock = Arc::new(SystemClock::new());
        let ending = Ending::default();
        let app = app.map_to_response().boxed();
        let served = tokio::spawn(run(listener, app, LIMITS, ending, clock, stopped));

        for (method, then) in [("GET", "left"), ("POST", "done")] {
            let mut client = TcpStream::connect(address).await.unwrap();
            let request = format!("{method} / HTTP/1.1\r\nhost: h\r\ncontent-length: 0\r\n\r\n");
            client.write_all(request.as_bytes()).await.unwrap();
            assert_eq!(said.recv().await, Some("begun"));
            drop(client);
            if method == "POST" {
                // By now the server has met the end of the connection, or meets it with the next one.
                let mut other = TcpStream::connect(address).await.unwrap();
                other.write_all(b"nonsense\r\n\r\n").await.unwrap();
                other.read_to_end(&mut Vec::new()).await.unwrap_or_default();
                go_on.notify_one();
            }
            assert_eq!(said.recv().await, Some(then), "{method}");
        }
        stop.send(()).unwrap();
        served.await.unwrap();
    }
}
