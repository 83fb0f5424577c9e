//! Where the processes of several nodes tell each other of tokens.

use protector_framework::Clock;
use protector_reach::within;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::report::{Report, check};
use super::{Ground, PATIENCE};

pub(super) async fn look(ground: &Ground, report: &mut Report) {
    let name = "token cache";
    let Some(shared) = &ground.config.keystone.shared_tokens else {
        let check = check(name, "[keystone_authtoken] memcached_servers");
        report.ok(&check, "each process remembers tokens by itself");
        return;
    };
    let check = check(name, format!("asking {}", shared.servers.join(", ")));
    let mut silent = Vec::new();
    for server in &shared.servers {
        if let Err(reason) = memcached(server, &*ground.clock).await {
            silent.push(format!("{server}: {reason}"));
        }
    }
    let fix = "start memcached there (`systemctl status memcached`) or take it out of \
               [keystone_authtoken] memcached_servers; until then each process asks Keystone by itself";
    report.warnings(&check, &silent, "all answer", fix);
}

async fn memcached(server: &str, clock: &dyn Clock) -> Result<(), String> {
    let exchange = async {
        let mut stream = TcpStream::connect(server).await?;
        stream.write_all(b"version\r\n").await?;
        let mut answer = [0; 7];
        stream.read_exact(&mut answer).await?;
        Ok::<_, std::io::Error>(answer)
    };
    match within(clock, PATIENCE, exchange).await {
        None => Err("no answer in time".to_owned()),
        Some(Err(error)) => Err(error.to_string()),
        Some(Ok(answer)) if &answer == b"VERSION" => Ok(()),
        Some(Ok(_)) => Err("what answers is no memcached".to_owned()),
    }
}
