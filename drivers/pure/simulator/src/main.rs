//! `pure-simulator`: FlashArrays to try Protector without one.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program that talks to people"
)]

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;
use std::sync::Arc;

use clap::Parser;
use protector_framework::{Ids, RandomIds, SystemClock};
use protector_pure_simulator::{ArrayHandle, ArraySpec, FabricSpec, Profile, Simulator, Switches};
use secrecy::{ExposeSecret, SecretString};
use tokio::signal::unix::{SignalKind, signal};

/// Runs FlashArrays in memory that replicate to each other, until SIGINT or SIGTERM.
#[derive(Debug, Parser)]
#[command(name = "pure-simulator", version)]
struct Options {
    /// An array and its port; without a port, any free one. May be repeated; fa-a and fa-b when
    /// not given.
    #[arg(long = "array", value_name = "NAME[:PORT]")]
    arrays: Vec<NameAndPort>,
    /// The Purity release that the arrays pretend to be, or the highest REST version.
    #[arg(long, default_value = Profile::default().purity())]
    profile: Profile,
    /// Keep the volumes' bytes as sparse files, in a directory of each array's name. Without it
    /// they are kept in memory.
    #[arg(long, value_name = "DIR")]
    pool: Option<PathBuf>,
    /// Serve the control API with plain HTTP on this port of the loopback interface.
    #[arg(long, value_name = "PORT")]
    control: Option<u16>,
    /// The address that the arrays listen on.
    #[arg(long, default_value = "127.0.0.1")]
    bind: IpAddr,
    /// A file whose first line is the API token of all arrays.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// The API token of all arrays. Without it and a file, one is made up and shown once.
    #[arg(
        long = "token",
        env = "PURE_SIMULATOR_TOKEN",
        hide_env_values = true,
        value_name = "TOKEN"
    )]
    token: Option<SecretString>,
    /// How long a change of a group's targets takes to the other array, in milliseconds.
    #[arg(long, default_value_t = 0, value_name = "MS")]
    propagation_delay: u64,
    /// Start without connecting the arrays.
    #[arg(long)]
    disconnected: bool,
}

#[derive(Debug, Clone)]
struct NameAndPort {
    name: String,
    port: u16,
}

impl FromStr for NameAndPort {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, port) = match text.rsplit_once(':') {
            Some((name, port)) => (
                name,
                port.parse()
                    .map_err(|_| format!("{port:?} is not a port"))?,
            ),
            None => (text, 0),
        };
        Ok(Self {
            name: name.to_owned(),
            port,
        })
    }
}

/// The token, and how a shell gets at it.
struct Token {
    secret: SecretString,
    shell: String,
}

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    let filter = tracing_subscriber::EnvFilter::from_default_env();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
    match run(options).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("pure-simulator: {message}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: Options) -> Result<(), String> {
    let ids = Arc::new(RandomIds);
    let token = token(&options, ids.as_ref())?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(|error| error.to_string())?;
    let mut terminate = signal(SignalKind::terminate()).map_err(|error| error.to_string())?;
    let profile = options.profile;
    let spec = spec(options, &token.secret, ids);
    let simulator = Simulator::start(spec)
        .await
        .map_err(|error| error.to_string())?;
    println!("{profile}");
    for array in simulator.arrays() {
        println!("{}", introduction(array));
    }
    if let Some(address) = simulator.control_address() {
        println!("control  http://{address}/<method>, for instance");
        println!("         curl -d '{{}}' http://{address}/dump");
    }
    if let Some(array) = simulator.arrays().first() {
        println!("\nTry it:\n  {}\n", curl(array, profile, &token.shell));
    }
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Ok(())
}

fn token(options: &Options, ids: &dyn Ids) -> Result<Token, String> {
    if let Some(path) = &options.token_file {
        let shown = path.display();
        let text = std::fs::read_to_string(path)
            .map_err(|error| format!("cannot read the token from {shown}: {error}"))?;
        let line = text.lines().next().unwrap_or_default().trim();
        if line.is_empty() {
            return Err(format!("{shown} holds no token in its first line"));
        }
        return Ok(Token {
            secret: line.to_owned().into(),
            shell: format!("$(head -n 1 {shown})"),
        });
    }
    if let Some(secret) = &options.token {
        return Ok(Token {
            secret: secret.clone(),
            shell: "$PURE_SIMULATOR_TOKEN".to_owned(),
        });
    }
    let mut bytes = [0; 16];
    ids.bytes(&mut bytes);
    let secret = SecretString::from(uuid::Uuid::from_bytes(bytes).to_string());
    println!(
        "API token of all arrays, shown only now: {}",
        secret.expose_secret()
    );
    let shell = secret.expose_secret().to_owned();
    Ok(Token { secret, shell })
}

fn spec(options: Options, token: &SecretString, ids: Arc<RandomIds>) -> FabricSpec {
    let mut wanted = options.arrays;
    if wanted.is_empty() {
        let array = |name: &str| NameAndPort {
            name: name.to_owned(),
            port: 0,
        };
        wanted = vec![array("fa-a"), array("fa-b")];
    }
    let arrays = wanted
        .into_iter()
        .map(|array| ArraySpec {
            pool: options.pool.as_ref().map(|pool| pool.join(&array.name)),
            listen: SocketAddr::new(options.bind, array.port),
            name: array.name,
            profile: options.profile,
            api_token: token.clone(),
        })
        .collect();
    FabricSpec {
        arrays,
        connected: !options.disconnected,
        control: options
            .control
            .map(|port| SocketAddr::from(([127, 0, 0, 1], port))),
        clock: Arc::new(SystemClock::new()),
        ids,
        switches: Switches {
            propagation_delay: std::time::Duration::from_millis(options.propagation_delay),
            ..Switches::default()
        },
    }
}

fn introduction(array: &ArrayHandle) -> String {
    format!(
        "{}  {}  id {}\n         certificate SHA-256 {}",
        array.name(),
        array.url(),
        array.id(),
        array.certificate_sha256()
    )
}

/// One line that logs in and asks the array who it is.
fn curl(array: &ArrayHandle, profile: Profile, token: &str) -> String {
    let base = format!("{}/api/2.{}", array.url(), profile.rest_minor());
    let session = format!(
        "curl -sk -D - -o /dev/null -X POST -H \"api-token: {token}\" {base}/login \
         | sed -n 's/^x-auth-token: \\([0-9a-f]*\\).*/\\1/p'"
    );
    format!("curl -sk -H \"x-auth-token: $({session})\" {base}/arrays")
}
