//! Two sites as operators use them: commands of the real `openstack` program with the client's plugin
//! (`client/`), from the registration of both sites to a rescue after one of them is lost.
//!
//! The environment of the client is made by `client/install`. Where it cannot be had, the test says
//! why it was skipped; in CI that is a failure.

use std::path::{Path, PathBuf};
use std::process::Output;

use protector_driver_mock::world::PROTECTOR_USER;
use protector_framework::ExposeSecret;
use protector_tests::sites::{Pair, Side, Timing};
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;

const VALIDATED: &str = "\
+--------------------+--------+
| Field              | Value  |
+--------------------+--------+
| name               | SITE-N |
| status             | active |
| keystone_reachable | True   |
| nova_reachable     | True   |
| cinder_reachable   | True   |
| neutron_reachable  | True   |
+--------------------+--------+
";

#[tokio::test(flavor = "multi_thread")]
async fn two_sites_are_set_up_and_a_group_is_moved_and_rescued_by_typed_commands() {
    let environment = match install().await {
        Ok(environment) => environment,
        Err(why) => {
            assert!(
                std::env::var_os("CI").is_none_or(|ci| ci != "true"),
                "in CI nothing is skipped: {why}"
            );
            eprintln!("skipped: {why}");
            return;
        }
    };
    let directory = TempDir::new().unwrap();
    let mut pair = Pair::start(directory.path(), Timing::default())
        .await
        .unwrap();
    let mut openstack = Typist::new(&environment, directory.path(), &pair);
    set_up(&mut openstack, &pair).await;
    let servers = pair.make_servers(&["db", "web"]).await.unwrap();
    pair.write(Side::A, &servers, "first").unwrap();
    let ids = servers.iter().map(|server| server.id.as_str());
    protect(&mut openstack, &pair, ids.collect()).await;

    let failover = "protector protection-group failover shop --wait -f json";
    let plan = "protector protection-group failover shop --dry-run -f json";
    let steps = openstack.json("site-a", plan).await;
    assert!(steps.as_array().unwrap().len() > 5, "{steps}");
    pair.all_run(Side::A, &servers).unwrap();
    let moved = openstack.json("site-a", failover).await;
    assert_eq!(moved["status"], "completed");
    assert_eq!(moved["result"]["data_loss_seconds"], 0);
    pair.all_run(Side::B, &servers).unwrap();
    openstack
        .types("site-b", "dr failback shop --planned --wait")
        .await;
    pair.all_run(Side::A, &servers).unwrap();
    pair.check(Side::A, &servers, "first").unwrap();

    // The worst day: the commands name the site that is gone, and the other one.
    openstack
        .types("site-a", "protector protection-group sync shop --wait")
        .await;
    pair.a.lose().await.unwrap();
    let words = format!("--secondary-cloud site-b {failover} --unplanned");
    let rescued = openstack.run("site-a", &words).await;
    assert!(rescued.status.success(), "{}", said(&rescued));
    let heard = String::from_utf8_lossy(&rescued.stderr);
    assert!(heard.contains("cloud site-a does not answer"), "{heard}");
    assert!(
        heard.contains("The answer is from cloud site-b."),
        "{heard}"
    );
    pair.all_run(Side::B, &servers).unwrap();
    pair.check(Side::B, &servers, "first").unwrap();
    let words = "--secondary-cloud site-b protector protection-group show shop -f json";
    let shown = openstack.json("site-a", words).await;
    assert_eq!(shown["status"], "failed_over");

    // A change is made where it was asked for or not at all, and says how to go on (INV6).
    let change = "protector protection-group set shop --description new";
    let words = format!("--secondary-cloud site-b {change}");
    openstack
        .fails("site-a", &words, "cloud site-a does not answer")
        .await;
    openstack
        .fails("site-b", change, "remote site unreachable")
        .await;
    openstack
        .fails("site-b", change, "protector.peer_unreachable")
        .await;
    openstack
        .fails("site-b", "dr protection-group show none", "none")
        .await;
    // INV8: no password and no array token was shown.
    assert!(!openstack.said.contains(&pair.mark));
}

/// Registers both sites at one of them, pairs the projects and enrols them.
async fn set_up(openstack: &mut Typist, pair: &Pair) {
    for side in Side::BOTH {
        let site = pair.site(side);
        let password = site.password.expose_secret().to_owned();
        openstack.site_password = Some(password);
        let words = format!(
            "protector site create --name {side} --description mock --site-type mock --auth-url {} \
             --region-name {} --username {PROTECTOR_USER} --project-name service \
             --user-domain-name Default --project-domain-name Default",
            site.cloud.auth_url(),
            side.region()
        );
        openstack.types("admin-a", &words).await;
    }
    openstack.site_password = None;
    for side in Side::BOTH {
        let words = format!("protector site validate {side}");
        let table = openstack.types("admin-a", &words).await;
        assert_eq!(table, VALIDATED.replace("SITE-N", side.name()));
    }
    let sites = openstack
        .json("admin-b", "dr site list --sort name:asc -f json")
        .await;
    assert_eq!(sites[0]["Name"], "site-a");
    assert_eq!(sites[1]["Local"], true);
    let (a, b) = (&pair.a.furniture.project, &pair.b.furniture.project);
    let words = format!(
        "protector tenant-mapping create --primary-site site-a --primary-project {a} \
         --secondary-site site-b --secondary-project {b}"
    );
    openstack.types("admin-a", &words).await;
    let words = "--secondary-cloud site-b protector trust create -f json";
    let trusts = openstack.json("site-a", words).await;
    assert_eq!(trusts[0]["State"], "active");
    assert_ne!(trusts[0]["Site ID"], trusts[1]["Site ID"]);
}

/// Makes the group `shop` of these servers.
async fn protect(openstack: &mut Typist, pair: &Pair, servers: Vec<&str>) {
    let (a, b) = (&pair.a.furniture, &pair.b.furniture);
    let words = format!(
        "protector protection-group create shop --primary-site site-a --secondary-site site-b \
         --volume-type {} --secondary-volume-type {} --wait -f value -c status",
        a.volume_type, b.volume_type
    );
    assert_eq!(openstack.types("site-a", &words).await.trim(), "active");
    for side in Side::BOTH {
        let token = pair.site(side).array_token.expose_secret();
        std::fs::write(openstack.directory.join(format!("token-{side}")), token).unwrap();
    }
    let place = openstack.directory.display().to_string();
    let words = format!(
        "protector policy create shop --driver mock --primary-array-url {} \
         --secondary-array-url {} --rpo-minutes 120 --replication-interval 3600 \
         --primary-array-token @{place}/token-site-a --secondary-array-token @{place}/token-site-b \
         --test-volume-type {}",
        pair.a.array_url(),
        pair.b.array_url(),
        b.plain_type
    );
    openstack.types("site-a", &words).await;
    let words = format!(
        "protector resource-mapping set shop --mapping network:{}={} --mapping subnet:{}={} \
         --mapping flavor:{}={} --mapping security_group:{}={} --mapping test-network:{}={}",
        a.network,
        b.network,
        a.subnet,
        b.subnet,
        a.flavor,
        b.flavor,
        a.security_group,
        b.security_group,
        a.network,
        b.test_network
    );
    openstack.types("site-a", &words).await;
    for (tier, server) in servers.iter().enumerate() {
        let tier = tier + 1;
        let words = format!("dr member add shop {server} --boot-tier {tier} --wait");
        openstack.types("site-a", &words).await;
    }
    let words = "protector member list shop -f value -c Name -c Status --sort-column Name";
    let members = openstack.types("site-a", words).await;
    assert_eq!(members, "db protected\nweb protected\n");
    let words = "protector protection-group readiness shop -f value -c ready";
    assert_eq!(openstack.types("site-a", words).await, "True\n");
    let words = "protector protection-group sync-status shop -f value -c sync_status";
    assert_eq!(openstack.types("site-a", words).await, "IN SYNC\n");
}

/// Somebody at a terminal.
struct Typist {
    program: PathBuf,
    directory: PathBuf,
    site_password: Option<String>,
    /// All that was printed.
    said: String,
}

impl Typist {
    /// With an entry for the tenant and the administrator of each site in `clouds.yaml`.
    fn new(environment: &Path, directory: &Path, pair: &Pair) -> Self {
        let mut clouds = String::from("clouds:\n");
        for side in Side::BOTH {
            let site = pair.site(side);
            let (tenant, admin) = (site.tenant().unwrap(), site.admin().unwrap());
            for (name, client) in [
                (side.name().to_owned(), tenant),
                (format!("admin-{}", side.letter()), admin),
            ] {
                clouds.push_str(&format!(
                    "  {name}:\n    auth_type: admin_token\n    auth:\n      token: {}\n      \
                     endpoint: {}\n",
                    client.token().expose_secret(),
                    client.base()
                ));
            }
        }
        std::fs::write(directory.join("clouds.yaml"), clouds).unwrap();
        Self {
            program: environment.join("bin/openstack"),
            directory: directory.to_owned(),
            site_password: None,
            said: String::new(),
        }
    }

    async fn run(&mut self, cloud: &str, words: &str) -> Output {
        let mut command = Command::new(&self.program);
        command
            .args(["--os-cloud", cloud])
            .args(words.split_whitespace())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", &self.directory)
            .env("OS_CLIENT_CONFIG_FILE", self.directory.join("clouds.yaml"))
            .kill_on_drop(true);
        if let Some(password) = &self.site_password {
            command.env("PROTECTOR_SITE_PASSWORD", password);
        }
        let output = command.output().await.unwrap();
        self.said.push_str(&said(&output));
        output
    }

    /// What a command prints that must succeed.
    async fn types(&mut self, cloud: &str, words: &str) -> String {
        let output = self.run(cloud, words).await;
        assert!(output.status.success(), "{words}: {}", said(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    async fn json(&mut self, cloud: &str, words: &str) -> Value {
        serde_json::from_str(&self.types(cloud, words).await).unwrap()
    }

    /// A command that must end with 1 and say this.
    async fn fails(&mut self, cloud: &str, words: &str, why: &str) {
        let output = self.run(cloud, words).await;
        let said = said(&output);
        assert_eq!(output.status.code(), Some(1), "{words}: {said}");
        assert!(said.contains(why), "{words}: {said}");
        assert!(!said.contains("Traceback"), "{words}: {said}");
    }
}

fn said(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// The environment with the `openstack` program and the plugin.
async fn install() -> Result<PathBuf, String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../client/install");
    let made = Command::new(&script).kill_on_drop(true).output().await;
    let output = made.map_err(|error| format!("{}: {error}", script.display()))?;
    if !output.status.success() {
        return Err(said(&output));
    }
    let place = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    Ok(PathBuf::from(place))
}
