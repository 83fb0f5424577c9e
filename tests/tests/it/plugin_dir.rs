//! A library in the directory that `[drivers] plugin_dir` names, as all three programs take it. It is
//! built in a workspace of its own, so that `.ci/run plugins` names it.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use protector_framework::ExposeSecret as _;
use protector_tests::clouds::deployment::Programs;
use protector_tests::sites::{NewGroup, Pair, Side, Site, Timing};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Names the file of the driver `shelf`.
const LIBRARY: &str = "PROTECTOR_TEST_LIBRARY";

/// Puts the library where an operator does, and says so in the configuration.
fn install(site: &Site, library: &Path) -> PathBuf {
    let drivers = site.dir().join("drivers");
    std::fs::create_dir(&drivers).unwrap();
    let file = drivers.join("libshelf_driver.so");
    std::fs::copy(library, &file).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    let config = site.dir().join("protector.conf");
    let mut text = std::fs::read_to_string(&config).unwrap();
    text += &format!("\n[drivers]\nplugin_dir = {}\n", drivers.display());
    std::fs::write(&config, text).unwrap();
    file
}

/// What `protector-manage` prints as JSON.
fn manage(programs: &Programs, site: &Site, arguments: &[&str]) -> Value {
    let mut command = programs.command("protector-manage");
    command
        .arg("--config-file")
        .arg(site.dir().join("protector.conf"))
        .args(["-f", "json"])
        .args(arguments);
    let output = command.as_std_mut().output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {errors}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The settings of both arrays for a check.
fn check_file(pair: &Pair) -> PathBuf {
    let array = |site: &Site| {
        json!({
            "settings": {"url": site.array_url()},
            "secrets": {"api_token": site.array_token.expose_secret()},
            "try_wrong_secret": true,
        })
    };
    let settings = json!({"storage": {"source": array(&pair.a), "target": array(&pair.b)}});
    let path = pair.a.dir().join("check.json");
    std::fs::write(&path, settings.to_string()).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    path
}

fn shelf(rows: &Value) -> &Value {
    let mut rows = rows.as_array().unwrap().iter();
    rows.find(|row| row["name"] == "shelf").unwrap()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the file of examples/driver-rust: `.ci/run plugins`"]
async fn the_programs_work_with_a_library_of_the_directory() {
    let library = PathBuf::from(std::env::var_os(LIBRARY).expect(LIBRARY));
    let programs = Programs::built().unwrap().expect("the programs are built");
    let directory = TempDir::new().unwrap();
    let mut pair = Pair::start_with(directory.path(), Timing::default(), Some(&library))
        .await
        .unwrap();
    for side in Side::BOTH {
        pair.register(side).await.unwrap();
    }
    pair.map_tenant().await.unwrap();
    pair.enrol().await.unwrap();
    let files = [install(&pair.a, &library), install(&pair.b, &library)];

    let listed = manage(&programs, &pair.a, &["driver", "list"]);
    let row = shelf(&listed);
    assert_eq!(row["origin"], files[0].display().to_string(), "{row}");
    assert!(row["abi"].as_str().unwrap().starts_with("1."), "{row}");
    assert_eq!(row["schema"]["required"], json!(["url"]), "{row}");

    let file = check_file(&pair);
    let check = ["driver", "check", "shelf", "--at-once", "8", "--config"];
    let check = [&check[..], &[file.to_str().unwrap()]].concat();
    let report = manage(&programs, &pair.a, &check);
    let cases = report[0]["cases"].as_array().unwrap();
    let passed = cases.iter().filter(|case| case["verdict"] == "passed");
    assert!(passed.count() >= 25, "{report:#}");

    // An API and an engine of each site, each a process that has loaded the file itself.
    let on_a = pair.a.become_a_crew(programs.clone(), 1, 1).await.unwrap();
    let on_b = pair.b.become_a_crew(programs, 1, 1).await.unwrap();
    for (site, file) in [(&pair.a, &files[0]), (&pair.b, &files[1])] {
        let shown = site.admin().unwrap().get("/admin/drivers").await.unwrap();
        let shown = shown.expect(200).unwrap();
        let driver = shelf(&shown["drivers"]);
        assert_eq!(driver["origin"], "file", "{driver}");
        assert_eq!(driver["file"], file.display().to_string(), "{driver}");
        assert_eq!(shown["refused"], json!([]), "{shown}");
    }
    let servers = pair.make_servers(&["web"]).await.unwrap();
    pair.write(Side::A, &servers, "first").unwrap();
    let new = NewGroup {
        name: "shop",
        members: &[(&servers[0], 1)],
    };
    let group = pair.protect(new).await.unwrap();
    let b = pair.b.tenant().unwrap();
    let planned = json!({"type": "planned"});
    b.perform(&group.id, "failover", planned).await.unwrap();
    pair.check(Side::B, &servers, "first").unwrap();
    drop((on_a, on_b));
}
