//! Whether a server that runs has come up inside, as far as its cloud can tell.

use std::time::Duration;

use protector_framework::{ErrorKind, GetConsole};
use protector_model::probe::ProbeVerdict;

use super::verify::server_id;
use super::work::Work;
use super::{Output, output};
use crate::failure::StepFailure;

/// How much of a console is looked through.
const LINES: u32 = 200;

/// Waits until the server's console shows what the member's probe asks for. In a test that is what
/// the test is for; in a real move it is told and changes nothing: the server runs, and a probe that
/// is wrong must not make it count as lost.
pub(super) async fn probe(work: &Work<'_>, test: bool) -> Output {
    let member = work.member()?;
    let Some(probe) = member.probe.clone() else {
        return Ok(None);
    };
    let cloud = work.compute().await?;
    if !cloud.capabilities().console {
        return verdict(test, false, "this cloud shows no consoles".to_owned());
    }
    let server = server_id(work, test)?;
    let limit = Duration::from_secs(u64::from(probe.timeout));
    let mut poll = work.poll(format!("the console of {server}"), limit);
    loop {
        let asked = cloud
            .get_console(&work.ctx()?, GetConsole::new(&server, LINES))
            .await;
        let seen = match asked {
            Ok(console) if console.text.contains(&probe.console) => {
                return verdict(test, true, format!("its console shows `{}`", probe.console));
            }
            Ok(_) => format!("its console does not show `{}`", probe.console),
            Err(error) if error.kind == ErrorKind::Busy || !test => error.message,
            Err(error) => return Err(work.failed(&error)),
        };
        if let Err(failure) = poll.pause(&seen).await {
            return match failure {
                StepFailure::Fenced | StepFailure::GivenUp => Err(failure),
                _ => verdict(test, false, format!("{seen} after {} s", probe.timeout)),
            };
        }
    }
}

fn verdict(test: bool, passed: bool, detail: String) -> Output {
    if test && !passed {
        return Err(StepFailure::permanent(
            format!("its probe failed: {detail}"),
            "look at the server's console; `retry` probes it again",
        ));
    }
    output(&ProbeVerdict { passed, detail })
}
