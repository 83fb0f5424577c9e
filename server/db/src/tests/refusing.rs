//! A server of a cluster that refuses what other nodes have overtaken: a proxy before MariaDB that
//! answers with the cluster's errors, at the end of a transaction too, and then has rolled it back.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

/// `COM_QUERY`, a statement as text.
const QUERY: u8 = 3;
/// `COM_STMT_EXECUTE`, one that was prepared.
const EXECUTE: u8 = 23;

/// What is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum At {
    /// The end of a transaction.
    Commit,
    /// A statement within a transaction, or by itself.
    Statement,
}

/// A code with the state and the text that come with it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Refusal {
    pub(super) code: u16,
    pub(super) state: &'static str,
    pub(super) text: &'static str,
}

/// How the cluster refuses.
#[derive(Debug, Clone, Default)]
pub(super) struct Plan(Arc<State>);

#[derive(Debug, Default)]
struct State {
    /// What is refused, and how often still.
    due: Mutex<Option<(At, Refusal, u64)>>,
    refused: AtomicU64,
}

impl Plan {
    /// Refuses the next `times` of them.
    pub(super) fn refuse(&self, at: At, refusal: Refusal, times: u64) {
        *self.0.due.lock().unwrap() = Some((at, refusal, times));
    }

    /// How many were refused so far.
    pub(super) fn refused(&self) -> u64 {
        self.0.refused.load(Ordering::Relaxed)
    }

    fn takes(&self, at: At) -> Option<Refusal> {
        let mut due = self.0.due.lock().unwrap();
        let (_, refusal, left) = due
            .as_mut()
            .filter(|(when, _, left)| *when == at && *left > 0)?;
        *left -= 1;
        self.0.refused.fetch_add(1, Ordering::Relaxed);
        Some(*refusal)
    }
}

/// Stands before a server until the test ends.
pub(super) async fn before(server: u16, plan: Plan) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let address = SocketAddr::from(([127, 0, 0, 1], server));
            let to = TcpStream::connect(address).await.unwrap();
            let (from_client, to_client) = client.into_split();
            let (from_server, to_server) = to.into_split();
            let refusing: Shared = Arc::default();
            tokio::spawn(ask(from_client, to_server, plan.clone(), refusing.clone()));
            tokio::spawn(answer(from_server, to_client, refusing));
        }
    });
    port
}

/// What the next answer of the server is replaced by.
type Shared = Arc<Mutex<Option<Refusal>>>;

/// A packet: its number, and what is in it. `None`: the connection has ended.
async fn packet(from: &mut OwnedReadHalf) -> Option<(u8, Vec<u8>)> {
    let mut head = [0; 4];
    from.read_exact(&mut head).await.ok()?;
    let length = u32::from_le_bytes([head[0], head[1], head[2], 0]) as usize;
    let mut body = vec![0; length];
    from.read_exact(&mut body).await.ok()?;
    Some((head[3], body))
}

async fn send(to: &mut OwnedWriteHalf, number: u8, body: &[u8]) -> Option<()> {
    let length = u32::try_from(body.len()).unwrap().to_le_bytes();
    let mut bytes = vec![length[0], length[1], length[2], number];
    bytes.extend_from_slice(body);
    to.write_all(&bytes).await.ok()
}

/// One that is refused has rolled its transaction back: the server is told to.
async fn ask(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    plan: Plan,
    refusing: Shared,
) -> Option<()> {
    loop {
        let (number, mut body) = packet(&mut from).await?;
        // Those of a command begin at 0; the login's do not.
        let at = match (number, body.first()) {
            (0, Some(&QUERY)) if body[1..].eq_ignore_ascii_case(b"COMMIT") => Some(At::Commit),
            (0, Some(&EXECUTE)) => Some(At::Statement),
            _ => None,
        };
        if let Some(refusal) = at.and_then(|at| plan.takes(at)) {
            *refusing.lock().unwrap() = Some(refusal);
            body = [&[QUERY], b"ROLLBACK".as_slice()].concat();
        }
        send(&mut to, number, &body).await?;
    }
}

async fn answer(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, refusing: Shared) -> Option<()> {
    loop {
        let (number, mut body) = packet(&mut from).await?;
        let refusal = refusing.lock().unwrap().take();
        if let Some(Refusal { code, state, text }) = refusal {
            body = [&[0xff], code.to_le_bytes().as_slice(), b"#"].concat();
            body.extend_from_slice(state.as_bytes());
            body.extend_from_slice(text.as_bytes());
        }
        send(&mut to, number, &body).await?;
    }
}
