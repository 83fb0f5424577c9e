//! Several APIs and engines of one site, each a process of its own, behind one address.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use protector_framework::{Clock, SystemClock};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;
use tokio::task::JoinHandle;

use crate::clouds::deployment::Programs;
use crate::clouds::failure::Outcome;
use crate::clouds::process::Process as Program;

/// How long a backend may take to take a connection before the next is tried.
const CONNECT: Duration = Duration::from_millis(300);

/// What one process of the crew is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// `protector-api`.
    Api,
    /// `protector-engine`.
    Engine,
}

/// One process, started again after it was killed, as a service manager does.
#[derive(Debug)]
struct Hand {
    part: Part,
    name: String,
    /// The API's own address.
    address: SocketAddr,
    program: Option<Program>,
}

/// The processes of a site, and the balancer before its APIs.
#[derive(Debug)]
pub struct Crew {
    programs: Programs,
    dir: PathBuf,
    config: PathBuf,
    hands: Vec<Hand>,
    balancer: JoinHandle<()>,
    clock: Arc<SystemClock>,
}

impl Drop for Crew {
    fn drop(&mut self) {
        self.balancer.abort();
    }
}

impl Crew {
    /// Starts so many of each on the configuration of a site, whose API clients then reach at `door`.
    ///
    /// # Errors
    /// What does not start.
    pub(super) async fn start(
        programs: Programs,
        (dir, config): (PathBuf, PathBuf),
        door: TcpListener,
        counts: (usize, usize),
        clock: Arc<SystemClock>,
    ) -> Outcome<Self> {
        let mut hands = Vec::new();
        for (part, count) in [(Part::Api, counts.0), (Part::Engine, counts.1)] {
            for n in 1..=count {
                let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
                hands.push(Hand {
                    part,
                    name: match part {
                        Part::Api => format!("api-{n}"),
                        Part::Engine => format!("engine-{n}"),
                    },
                    address: free.local_addr()?,
                    program: None,
                });
            }
        }
        let apis = hands.iter().filter(|hand| hand.part == Part::Api);
        let apis: Vec<SocketAddr> = apis.map(|hand| hand.address).collect();
        let mut crew = Self {
            programs,
            dir,
            config,
            hands,
            balancer: tokio::spawn(balance(door, apis, clock.clone())),
            clock,
        };
        for n in 0..crew.hands.len() {
            crew.begin(n)?;
        }
        for hand in &mut crew.hands {
            while hand.part == Part::Api && TcpStream::connect(hand.address).await.is_err() {
                if let Some(program) = &mut hand.program {
                    program.alive()?;
                }
                crew.clock.sleep(Duration::from_millis(50)).await;
            }
        }
        Ok(crew)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.hands.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.hands.is_empty()
    }

    /// What one of them is called.
    pub fn name(&self, n: usize) -> &str {
        &self.hands[n].name
    }

    fn begin(&mut self, n: usize) -> Outcome {
        let hand = &mut self.hands[n];
        let own = self.dir.join(format!("{}.conf", hand.name));
        let (host, port) = (hand.address.ip(), hand.address.port());
        let text = format!(
            "[DEFAULT]\nlog_file = {}.log\n[api]\nbind_host = {host}\nbind_port = {port}\n",
            hand.name
        );
        std::fs::write(&own, text)?;
        let mut command: Command = self.programs.command(match hand.part {
            Part::Api => "protector-api",
            Part::Engine => "protector-engine",
        });
        command
            .arg("--config-file")
            .arg(&self.config)
            .arg("--config-file")
            .arg(own)
            // Whatever it calls over HTTP stays on this machine.
            .env("ALL_PROXY", "http://127.0.0.1:9")
            .env("NO_PROXY", "127.0.0.1");
        let output = self.dir.join("log").join(format!("{}.out", hand.name));
        hand.program = Some(Program::start(&mut command, &hand.name, &output, false)?);
        Ok(())
    }

    /// SIGKILL; another one is started in its place.
    ///
    /// # Errors
    /// Where it had ended by itself.
    pub async fn kill(&mut self, n: usize) -> Outcome {
        if let Some(program) = self.hands[n].program.take() {
            program.kill().await?;
        }
        self.begin(n)
    }

    /// SIGSTOP: it stands still in whatever it does.
    ///
    /// # Errors
    /// Where it has ended.
    pub async fn pause(&mut self, n: usize) -> Outcome {
        match &mut self.hands[n].program {
            Some(program) => program.pause().await,
            None => Ok(()),
        }
    }

    /// SIGCONT: it goes on as if no time had passed.
    ///
    /// # Errors
    /// Where it has ended.
    pub async fn wake(&mut self, n: usize) -> Outcome {
        match &mut self.hands[n].program {
            Some(program) => program.wake().await,
            None => Ok(()),
        }
    }

    /// Fails where one has ended by itself.
    ///
    /// # Errors
    /// With the end of what it printed.
    pub fn all_alive(&mut self) -> Outcome {
        let all = self.hands.iter_mut();
        all.filter_map(|hand| hand.program.as_mut())
            .try_for_each(Program::alive)
    }
}

/// Leads each connection to the next API that takes it.
async fn balance(door: TcpListener, apis: Vec<SocketAddr>, clock: Arc<SystemClock>) {
    let mut turn = 0;
    while let Ok((client, _)) = door.accept().await {
        turn += 1;
        let order: Vec<SocketAddr> = (0..apis.len())
            .map(|n| apis[(turn + n) % apis.len()])
            .collect();
        tokio::spawn(lead(client, order, clock.clone()));
    }
}

async fn lead(mut client: TcpStream, apis: Vec<SocketAddr>, clock: Arc<SystemClock>) {
    for api in apis {
        let connected = tokio::select! {
            connected = TcpStream::connect(api) => connected.ok(),
            () = clock.sleep(CONNECT) => None,
        };
        if let Some(mut server) = connected {
            // An error is a process that was killed: the client sees it as one.
            drop(tokio::io::copy_bidirectional(&mut client, &mut server).await);
            return;
        }
    }
}
