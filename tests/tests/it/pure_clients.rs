//! The clients that others have written for FlashArrays, against the simulator: what they believe is
//! an array.
//!
//! They are Python. Each has a virtual environment of its own outside the repository, made once from
//! the pinned lists in `tests/pure` under `PROTECTOR_TEST_TOOLS` (default
//! `/var/tmp/protector-test-tools`). Where that cannot be had, a test says why it was skipped; in CI
//! that is a failure.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use protector_framework::{RandomIds, SystemClock};
use protector_pure_simulator::{ArraySpec, FabricSpec, Profile, Simulator, Switches};
use tokio::process::Command;

/// How long one program may take; the checks themselves take seconds.
const PATIENCE: Duration = Duration::from_secs(400);

const TOKEN: &str = "e4a5c7f0-1111-2222-3333-1a2b3c4d5e6f";

#[tokio::test(flavor = "multi_thread")]
async fn the_vendors_python_client_believes_the_simulator() {
    believes("client-1.96.0", "client_checks.py").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_python_client_believes_the_simulator() {
    believes("client-1.47.0", "client_checks.py").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cinders_own_driver_believes_the_simulator() {
    believes("cinder", "cinder_checks.py").await;
}

/// Runs a program in an environment against two fresh arrays.
async fn believes(environment: &str, program: &str) {
    let python = match prepare(environment).await {
        Ok(python) => python,
        Err(why) => {
            assert!(
                std::env::var_os("CI").is_none_or(|ci| ci != "true"),
                "in CI nothing is skipped: {why}"
            );
            eprintln!("skipped: {why}");
            return;
        }
    };
    let simulator = two_arrays("6.6.11").await;
    run(&python, program, &arguments(&simulator)).await;
}

/// Two joined arrays and their control API.
async fn two_arrays(purity: &str) -> Simulator {
    let array = |name: &str| ArraySpec {
        name: name.to_owned(),
        profile: purity.parse::<Profile>().unwrap(),
        api_token: TOKEN.into(),
        listen: ([127, 0, 0, 1], 0).into(),
        pool: None,
    };
    let spec = FabricSpec {
        arrays: vec![array("fa-a"), array("fa-b")],
        connected: true,
        control: Some(([127, 0, 0, 1], 0).into()),
        clock: Arc::new(SystemClock::new()),
        ids: Arc::new(RandomIds),
        switches: Switches::default(),
    };
    Simulator::start(spec).await.unwrap()
}

fn arguments(simulator: &Simulator) -> Vec<String> {
    let address = |name: &str| simulator.array(name).unwrap().address().to_string();
    let control = simulator.control_address().unwrap();
    [
        ("--array", address("fa-a")),
        ("--name", "fa-a".to_owned()),
        ("--peer", address("fa-b")),
        ("--token", TOKEN.to_owned()),
        ("--control", format!("http://{control}")),
    ]
    .into_iter()
    .flat_map(|(option, value)| [option.to_owned(), value])
    .collect()
}

/// Runs a program of `tests/pure`; its output is the failure's text.
async fn run(python: &Path, program: &str, arguments: &[String]) {
    let mut command = Command::new(python);
    command
        .arg(sources().join(program))
        .args(arguments)
        .env("PYTHONPYCACHEPREFIX", tools().join("pycache"))
        .env("PYTHONWARNINGS", "ignore")
        .kill_on_drop(true);
    let output = tokio::time::timeout(PATIENCE, command.output())
        .await
        .unwrap_or_else(|_| panic!("{program} has not ended in {PATIENCE:?}"))
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    print!("{said}");
    let failed: Vec<&str> = said
        .lines()
        .filter(|line| line.starts_with("FAILED"))
        .collect();
    assert!(
        output.status.success(),
        "{program}: {}\n{said}\n{}",
        failed.join("\n"),
        String::from_utf8_lossy(&output.stderr)
    );
}

/// The Python of an environment. The test clouds' own has all that Cinder needs, where they are
/// installed.
async fn prepare(environment: &str) -> Result<PathBuf, String> {
    let clouds = std::env::var_os("TESTBED_HOME")
        .map_or_else(|| "/var/tmp/openstack-testbed".into(), PathBuf::from)
        .join("venv/bin");
    if environment == "cinder" && clouds.join("cinder-volume").exists() {
        return Ok(clouds.join("python"));
    }
    make_environment(environment).await
}

/// The Python of a virtual environment, which is made if it is not there.
async fn make_environment(name: &str) -> Result<PathBuf, String> {
    let requirements = sources().join(format!("requirements-{name}.txt"));
    let wanted = pinned(&requirements)?;
    let place = tools().join(name);
    // Written last: an environment without it, or with another, was not finished or is out of date.
    let finished = place.join("pinned.txt");
    let python = place.join("bin/python");
    if std::fs::read_to_string(&finished).is_ok_and(|found| found == wanted) {
        return Ok(python);
    }
    let venv = ["-m", "venv", "--clear"].map(Into::into);
    succeed(
        Path::new("python3"),
        [&venv[..], &[place.into_os_string()]].concat(),
    )
    .await?;
    // Compiled are only the few of its thousands of files that are used, when they are used.
    let install = ["-m", "pip", "install", "--quiet", "--no-compile", "-r"].map(Into::into);
    succeed(
        &python,
        [&install[..], &[requirements.into_os_string()]].concat(),
    )
    .await?;
    std::fs::write(&finished, wanted).map_err(|error| error.to_string())?;
    Ok(python)
}

/// What an environment holds: a list, and the list of versions that it names with `-c`.
fn pinned(requirements: &Path) -> Result<String, String> {
    let read = |path: &Path| {
        std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
    };
    let mut wanted = read(requirements)?;
    let constraints = wanted.lines().find_map(|line| line.strip_prefix("-c "));
    if let Some(constraints) = constraints.map(|file| sources().join(file)) {
        wanted += &read(&constraints)?;
    }
    Ok(wanted)
}

async fn succeed(program: &Path, arguments: Vec<OsString>) -> Result<(), String> {
    let said = format!(
        "{} {}",
        program.display(),
        arguments.join(" ".as_ref()).display()
    );
    let output = Command::new(program)
        .args(arguments)
        .kill_on_drop(true)
        .output()
        .await
        .map_err(|error| format!("{said}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let reason = String::from_utf8_lossy(&output.stderr);
    Err(format!("{said}: {}", reason.trim()))
}

fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("pure")
}

fn tools() -> PathBuf {
    std::env::var_os("PROTECTOR_TEST_TOOLS").map_or_else(
        || PathBuf::from("/var/tmp/protector-test-tools"),
        PathBuf::from,
    )
}
