//! What can be wrong on the machine itself.

use std::net::TcpListener;

use crate::cloud::Cloud;
use crate::stage::{Stage, free_port, mode, text};

#[tokio::test(flavor = "multi_thread")]
async fn a_site_that_is_well_has_no_finding() {
    let stage = Stage::new().await;
    assert_eq!(stage.found(), [], "{}", stage.shown());
    let shown = stage.shown();
    assert!(shown.contains("problems: 0, warnings: 0"), "{shown}");
    let other = Cloud::start(0).await;
    stage.pair(&other).await;
    assert_eq!(stage.found(), [], "{}", stage.shown());
    assert!(stage.shown().contains("skipped: 0"), "{}", stage.shown());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_changes_nothing() {
    let stage = Stage::bare().await;
    stage.write();
    assert_eq!(
        stage.found(),
        [("database schema".into(), "problem".into())]
    );
    assert!(!stage.path("state/site.db").exists());
    assert!(!stage.path("state/keys").exists());
    let log = std::fs::read_dir(stage.path("log")).unwrap();
    assert_eq!(log.count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_that_cannot_be_read_is_told_with_its_line() {
    let mut stage = Stage::new().await;
    stage.set("api", "workers", "many");
    let words = ["protector.conf:", "[api] workers", "config check"];
    stage.finds("configuration", "problem", &words);
    // What else is wrong is found all the same, and what the option is for is left alone.
    std::fs::remove_dir(stage.path("log")).unwrap();
    let found = stage.found();
    let both = ["configuration", "directories"].map(|check| (check.into(), "problem".into()));
    assert_eq!(found, both, "{}", stage.shown());
    let shown = stage.shown();
    assert!(
        shown.contains("skipped    port: an option of [api]"),
        "{shown}"
    );
    std::fs::write(stage.path("protector.conf"), "no line\n").unwrap();
    stage.finds("configuration", "problem", &["protector.conf:1"]);
    let mut stage = Stage::new().await;
    stage.set("api", "bind_prot", "1");
    stage.finds("configuration", "warning", &["there is no such option"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn passwords_that_everybody_may_read_are_a_warning() {
    let stage = Stage::new().await;
    mode(&stage.path("protector.conf"), 0o644);
    stage.finds("configuration", "warning", &["chmod 640"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_away_is_told() {
    let mut stage = Stage::new().await;
    let url = "mysql+pymysql://protector:marked@127.0.0.1:1/protector";
    stage.set("database", "connection", url);
    let words = [
        "refused",
        "protector:****@127.0.0.1:1",
        "systemctl status mariadb",
    ];
    stage.finds("database", "problem", &words);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_that_is_not_there_is_told_with_the_command() {
    let stage = Stage::new().await;
    std::fs::remove_file(stage.path("state/site.db")).unwrap();
    let words = ["there is no schema", "fix: protector-manage db sync"];
    stage.finds("database schema", "problem", &words);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_another_program_uses_is_told() {
    let mut stage = Stage::new().await;
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in taken.incoming() {
            drop(stream);
        }
    });
    stage.set("api", "bind_port", port);
    stage.finds("port", "problem", &["no Protector", "ss -tlnp"]);
    // An address that this machine does not have.
    let mut stage = Stage::new().await;
    stage.set("api", "bind_host", "192.0.2.1");
    stage.finds("port", "problem", &["192.0.2.1", "ip addr show"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_the_services_user_may_not_bind_is_told() {
    let mut stage = Stage::new().await;
    if stage.user != "root" {
        println!("skipped: another user may not bind it either");
        return;
    }
    stage.runs_as_nobody(&["protector.conf", "log", "state"]);
    let low = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    let low = (1..1024).rev().find(low).unwrap();
    stage.set("api", "bind_port", low);
    stage.give("protector.conf", "nobody");
    let words = ["nobody may not bind", "[api] bind_port"];
    stage.finds("port", "problem", &words);
    stage.set("api", "bind_port", 0);
    stage.set("metrics", "engine_bind_port", low);
    stage.give("protector.conf", "nobody");
    let words = ["nobody may not bind", "[metrics] engine_bind_port"];
    stage.finds("metrics of protector-engine", "problem", &words);
    stage.user = "root".to_owned();
    assert_eq!(stage.found(), [], "{}", stage.shown());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_of_metrics_that_cannot_be_used_is_told() {
    let mut stage = Stage::new().await;
    stage.set("metrics", "api_bind_port", free_port());
    stage.set("metrics", "engine_bind_port", free_port());
    assert_eq!(stage.found(), [], "{}", stage.shown());
    let taken = wiremock::MockServer::start().await;
    stage.set("metrics", "engine_bind_port", taken.address().port());
    let words = [
        "no protector-engine",
        "ss -tlnp",
        "[metrics] engine_bind_port",
    ];
    stage.finds("metrics of protector-engine", "problem", &words);
    let shown = "# TYPE protector_build_info gauge\nprotector_build_info{version=\"1\"} 1\n";
    wiremock::Mock::given(wiremock::matchers::path("/metrics"))
        .respond_with(wiremock::ResponseTemplate::new(200).set_body_string(shown))
        .mount(&taken)
        .await;
    assert_eq!(stage.found(), [], "{}", stage.shown());

    let same = stage.options[&("metrics", "api_bind_port")].clone();
    stage.set("metrics", "engine_bind_port", &same);
    let words = ["[metrics] api_bind_port", "port of its own"];
    stage.finds("metrics of protector-engine", "warning", &words);
    stage.options.remove(&("metrics", "engine_bind_port"));
    stage.set("api", "bind_port", same);
    let words = ["[api] bind_port", "port of its own"];
    stage.finds("metrics of protector-api", "problem", &words);
    let mut stage = Stage::new().await;
    stage.set("metrics", "api_bind_port", free_port());
    stage.set("metrics", "bind_host", "192.0.2.1");
    let words = ["192.0.2.1", "[metrics] bind_host"];
    stage.finds("metrics of protector-api", "problem", &words);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_that_is_missing_is_told_with_the_command() {
    let stage = Stage::new().await;
    std::fs::remove_dir(stage.path("log")).unwrap();
    stage.finds("directories", "problem", &["is not there", "install -d -o"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_of_another_owner_is_told_with_the_command() {
    let mut stage = Stage::new().await;
    if stage.user != "root" {
        println!("skipped: only root can give files away");
        return;
    }
    stage.runs_as_nobody(&["protector.conf", "log", "state"]);
    assert_eq!(stage.found(), [], "{}", stage.shown());
    stage.give("log", "root");
    stage.finds(
        "directories",
        "problem",
        &["may not write", "chown -R nobody"],
    );
    // A log that somebody else has begun.
    stage.give("log", "nobody");
    std::fs::write(stage.path("log/protector-api.log"), "").unwrap();
    stage.finds(
        "directories",
        "problem",
        &["protector-api.log", "chown nobody"],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_that_is_not_there_is_told() {
    let mut stage = Stage::new().await;
    stage.user = "no-such-user".to_owned();
    stage.finds("directories", "problem", &["useradd --system"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_others_may_read_are_told() {
    let stage = Stage::new().await;
    stage.db().await.close().await;
    assert_eq!(stage.found(), [], "{}", stage.shown());
    mode(&stage.path("state/keys/0001.key"), 0o644);
    stage.finds("keys", "problem", &["0001.key", "chmod 600"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_whose_key_is_gone_are_told() {
    let stage = Stage::new().await;
    let other = Cloud::start(0).await;
    stage.pair(&other).await;
    std::fs::remove_dir_all(stage.path("state/keys")).unwrap();
    let found = stage.found();
    assert_eq!(found[0], ("sealed values".into(), "problem".into()));
    let check = stage.run(&["secret", "check"]);
    assert_eq!(check.status.code(), Some(1));
    assert!(text(&check.stdout).contains("not in the ring"));
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_that_cannot_be_read_are_told_with_their_line() {
    let stage = Stage::new().await;
    let file = stage.path("policy.yaml");
    std::fs::write(&file, "x: role:a\nprotector:sites:index: !\n").unwrap();
    let words = ["policy.yaml:2", "policy check"];
    stage.finds("policy", "problem", &words);
    std::fs::write(&file, "protector:sites:idex: role:x\n").unwrap();
    stage.finds("policy", "warning", &["did you mean"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_driver_file_that_is_not_taken_is_told() {
    let mut stage = Stage::new().await;
    std::fs::create_dir(stage.path("drivers")).unwrap();
    std::fs::write(stage.path("drivers/notes.so"), "no library").unwrap();
    stage.set("drivers", "plugin_dir", stage.path("drivers").display());
    stage.finds("drivers", "warning", &["notes.so"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_cache_that_is_away_is_told() {
    let mut stage = Stage::new().await;
    stage.set("keystone_authtoken", "memcached_servers", "127.0.0.1:1");
    stage.finds("token cache", "warning", &["127.0.0.1:1", "memcached"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_has_gone_silent_is_told_and_listed() {
    let stage = Stage::new().await;
    let db = stage.db().await;
    db.heartbeat("protector-engine", "node-1").await.unwrap();
    assert_eq!(stage.found(), [], "{}", stage.shown());
    let listed = text(&stage.run(&["service", "list"]).stdout);
    assert!(
        listed.contains("node-1") && listed.contains("up"),
        "{listed}"
    );
    db.close().await;
    stage
        .sql("UPDATE services SET last_seen_at = '2026-01-01T00:00:00.000000Z'")
        .await;
    let words = ["protector-engine on node-1", "service remove HOST"];
    stage.finds("services", "warning", &words);
    let gone = stage.run(&["service", "remove", "node-1"]);
    assert!(gone.status.success(), "{}", text(&gone.stderr));
    assert_eq!(stage.found(), [], "{}", stage.shown());
}
