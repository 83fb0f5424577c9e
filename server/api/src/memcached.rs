//! A memcached that processes share, in its text protocol. Nothing depends on it: a server that is away,
//! or that tells nonsense, has nothing.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use protector_framework::Clock;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

/// No value is larger unless a server was told to allow it.
const LARGEST: usize = 1 << 20;
/// No line of an answer is longer.
const LINE: u64 = 1024;

/// The servers, of which each key has one.
#[derive(Debug)]
pub(crate) struct Memcached {
    servers: Vec<Server>,
    clock: Arc<dyn Clock>,
    timeout: Duration,
    dead_retry: Duration,
}

#[derive(Debug)]
struct Server {
    address: String,
    /// Until when it is left alone, on the monotonic clock.
    dead: Mutex<Duration>,
}

impl Memcached {
    /// `addresses` as `host:port`; `timeout` is for a question, `dead_retry` for how long a server that
    /// failed is left alone.
    pub(crate) fn new(
        addresses: &[String],
        clock: Arc<dyn Clock>,
        timeout: Duration,
        dead_retry: Duration,
    ) -> Self {
        let servers = addresses.iter().map(|address| Server {
            address: address.clone(),
            dead: Mutex::default(),
        });
        Self {
            servers: servers.collect(),
            clock,
            timeout,
            dead_retry,
        }
    }

    /// What is kept under a key, which must be printable ASCII without blanks.
    pub(crate) async fn get(&self, key: &str) -> Option<Vec<u8>> {
        self.ask(key, format!("get {key}\r\n").into_bytes()).await
    }

    /// Keeps a value for whole seconds.
    pub(crate) async fn set(&self, key: &str, value: &[u8], keep: Duration) {
        let seconds = keep.as_secs();
        // Zero would be for ever.
        if seconds == 0 || value.len() > LARGEST {
            return;
        }
        let mut request = format!("set {key} 0 {seconds} {}\r\n", value.len()).into_bytes();
        request.extend_from_slice(value);
        request.extend_from_slice(b"\r\n");
        self.ask(key, request).await;
    }

    /// One question, and the value in its answer.
    async fn ask(&self, key: &str, request: Vec<u8>) -> Option<Vec<u8>> {
        let server = self.server(key)?;
        if self.clock.monotonic() < *server.dead.lock().unwrap_or_else(PoisonError::into_inner) {
            return None;
        }
        let exchange = async {
            let mut stream = BufReader::new(TcpStream::connect(&server.address).await?);
            stream.get_mut().write_all(&request).await?;
            value(&mut stream, key).await
        };
        let answer = tokio::select! {
            answer = exchange => answer,
            () = self.clock.sleep(self.timeout) => Err(std::io::ErrorKind::TimedOut.into()),
        };
        answer.unwrap_or_else(|error| {
            tracing::warn!(
                %error,
                server = server.address,
                seconds = self.dead_retry.as_secs(),
                "memcached cannot be used; it is left alone for a while"
            );
            let until = self.clock.monotonic() + self.dead_retry;
            *server.dead.lock().unwrap_or_else(PoisonError::into_inner) = until;
            None
        })
    }

    /// The same one for a key in each process, as long as all have the same list.
    fn server(&self, key: &str) -> Option<&Server> {
        let sum = key.bytes().fold(0_usize, |sum, byte| {
            sum.wrapping_mul(31).wrapping_add(usize::from(byte))
        });
        self.servers.get(sum.checked_rem(self.servers.len())?)
    }
}

/// `VALUE <key> <flags> <bytes>` with the bytes behind it, or that there is none; an error otherwise.
async fn value(answer: &mut BufReader<TcpStream>, key: &str) -> std::io::Result<Option<Vec<u8>>> {
    let mut line = String::new();
    (&mut *answer).take(LINE).read_line(&mut line).await?;
    let words: Vec<&str> = line.split_whitespace().collect();
    let length = match words.as_slice() {
        ["END" | "STORED"] => return Ok(None),
        ["VALUE", name, _, length] if *name == key => length.parse::<usize>().ok(),
        _ => None,
    };
    let Some(length) = length.filter(|length| *length <= LARGEST) else {
        let told = line.trim_end().to_owned();
        return Err(std::io::Error::other(format!("it answers `{told}`")));
    };
    let mut value = vec![0; length];
    answer.read_exact(&mut value).await?;
    Ok(Some(value))
}
