//! The installation guide (`docs/installation.md`), followed to the letter by `tests/guide`: a machine
//! with a systemd of its own for each site, and nothing of Protector's but its package and its client.

use std::path::Path;

use serde_json::{Value, json};
use tokio::process::Command;

use super::arrays::{Arrays, PureArrays};
use super::command;
use super::deployment::Programs;
use super::failure::{During, Outcome, fail};
use super::report::Report;
use super::testbed::{Api, PASSWORD, REGION, Side, Testbed};
use super::world::{Secrets, write_private};

/// Builds the package and follows the guide with it, up to a failover and home again.
///
/// # Errors
/// With the first of its blocks that did not do what it says, after its output.
pub async fn walk(
    report: &Report,
    testbed: &Testbed,
    programs: &Programs,
    arrays: &PureArrays,
    run: &str,
    secrets: &Secrets,
) -> Outcome {
    let dir = testbed.protector_home().join(format!("{run}guide"));
    std::fs::create_dir_all(&dir)?;
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let build = package(&top, programs, &dir);
    let package = report.step("guide: the Debian package", build).await?;
    let facts = json!({
        "guide": top.join("docs/installation.md"),
        "machine": top.join("tests/machine/machine"),
        "client": top.join("client"),
        "bare": top.join("tests/machine/bare"),
        "package": package,
        "dir": dir,
        "sites": {
            "site-a": site(testbed, arrays, secrets, Side::A)?,
            "site-b": site(testbed, arrays, secrets, Side::B)?,
        },
        "client_values": client(testbed, arrays, run, secrets)?,
    });
    let file = dir.join("guide.json");
    write_private(&file, &facts.to_string())?;
    let mut python = Command::new(testbed.program("python"));
    python
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .arg(top.join("tests/guide"))
        .arg(&file)
        .kill_on_drop(true);
    let follow = async {
        let ended = python.status().await.during(|| "python".to_owned())?;
        match ended.success() {
            true => Ok(()),
            false => fail("the guide does not lead where it says"),
        }
    };
    report.phase("guide: docs/installation.md", follow).await?;
    std::fs::remove_dir_all(&dir)?;
    Ok(())
}

/// Its path.
async fn package(top: &Path, programs: &Programs, dir: &Path) -> Outcome<String> {
    let mut build = Command::new(top.join("deploy/debian/build.sh"));
    build.arg("--quick").arg("--programs").arg(programs.dir());
    build.arg("--output").arg(dir);
    let printed = command::run(&mut build).await?;
    match printed.lines().last() {
        Some(path) => Ok(path.to_owned()),
        None => fail("the package has no name"),
    }
}

/// What the guide leaves to the reader on the controller of a site, and the cloud's own password.
fn site(testbed: &Testbed, arrays: &PureArrays, secrets: &Secrets, side: Side) -> Outcome<Value> {
    Ok(json!({
        "admin_password": PASSWORD,
        "values": {
            "SITE": side.name(),
            "REGION": REGION,
            "KEYSTONE": testbed.auth_url(side),
            "PROTECTOR": testbed.url(side, Api::Protector),
            "PROTECTOR_PORT": testbed.port(side, Api::Protector).to_string(),
            "PROTECTOR_BIND": "127.0.0.1",
            "PROTECTOR_PASS": secrets.of("service"),
            "PROTECTOR_DBPASS": secrets.of("database"),
            "DB_HOST": "127.0.0.1",
            "DB_PORT": testbed.port(side, Api::Database).to_string(),
            "CINDER_BACKEND": arrays.backend(),
            "ARRAY_A": address(arrays, Side::A)?,
            "ARRAY_B": address(arrays, Side::B)?,
            "PACKAGE": "/root/protector.deb",
        },
    }))
}

/// The same at the client.
fn client(testbed: &Testbed, arrays: &PureArrays, run: &str, secrets: &Secrets) -> Outcome<Value> {
    Ok(json!({
        "KEYSTONE_A": testbed.auth_url(Side::A),
        "KEYSTONE_B": testbed.auth_url(Side::B),
        "REGION_A": REGION,
        "REGION_B": REGION,
        "ADMIN_PASS_A": PASSWORD,
        "ADMIN_PASS_B": PASSWORD,
        "PROJECT": format!("acme-{run}guide"),
        "PROJECT_PASS": secrets.of("tenant"),
        "ARRAY_A": address(arrays, Side::A)?,
        "ARRAY_B": address(arrays, Side::B)?,
        "ARRAY_TOKEN_A": arrays.access(Side::A).token,
        "ARRAY_TOKEN_B": arrays.access(Side::B).token,
    }))
}

fn address(arrays: &PureArrays, side: Side) -> Outcome<String> {
    let url = arrays.access(side).url;
    match url.strip_prefix("https://") {
        Some(address) => Ok(address.to_owned()),
        None => fail(format!("the array's address is {url}")),
    }
}
