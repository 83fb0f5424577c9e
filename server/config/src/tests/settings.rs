use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use protector_framework::ExposeSecret;

use crate::{Config, ConfigArgs, ConfigError, DatabaseEngine, Sources, Start, start};

/// As the installation guide has it.
const GUIDE: &str = "\
[DEFAULT]
debug = False
log_dir = /var/log/protector
state_path = /var/lib/protector
[api]
bind_host = 0.0.0.0
bind_port = 8788
workers = 4
[database]
connection = mysql+pymysql://protector:marked-db@controller/protector
[keystone_authtoken]
www_authenticate_uri = http://controller:5000
auth_url = http://controller:5000
memcached_servers = controller:11211
auth_type = password
project_domain_name = Default
user_domain_name = Default
project_name = service
username = protector
password = marked-pass
[service_credentials]
default_trust_roles = member,_member_
[oslo_policy]
policy_file = /etc/protector/policy.yaml
";

fn config(text: &str) -> Result<Config, ConfigError> {
    Config::from_sources(&Sources::from_text("protector.conf", text)?)
}

#[test]
fn the_guides_file_is_a_complete_configuration() {
    let config = config(GUIDE).unwrap();
    config.check_service().unwrap();
    assert_eq!(config.warnings, []);
    assert_eq!((config.api.bind_port, config.api.workers), (8788, 4));
    let database = config.database.required().unwrap();
    assert_eq!(database.engine, DatabaseEngine::MySql);
    assert_eq!(
        database.url().expose_secret(),
        "mysql://protector:marked%2Ddb@controller/protector"
    );
    assert_eq!(
        config.database.key_dir,
        Path::new("/var/lib/protector/keys")
    );
    let roles = &config.service_credentials.default_trust_roles;
    assert_eq!(roles, &["member", "_member_"]);
    assert!(config.policy.policy_file_written);
    assert_eq!(
        config.keystone.token_cache_time,
        Some(Duration::from_secs(300))
    );
    let driver = config.keystone.driver_config();
    assert_eq!(driver.settings["username"], "protector");
    let password = driver.require_secret("password").unwrap();
    assert_eq!(password.expose_secret(), "marked-pass");
}

#[test]
fn without_a_file_the_documented_defaults_hold() {
    let config = config("").unwrap();
    assert!(!config.default.debug);
    assert_eq!(config.default.log_dir, Path::new("/var/log/protector"));
    assert_eq!(config.default.state_path, Path::new("/var/lib/protector"));
    assert_eq!(config.api.bind_host, "0.0.0.0");
    assert_eq!(config.keystone.identity_driver, "openstack");
    assert_eq!(config.engine.lease, Duration::from_secs(30));
    assert_eq!(config.engine.call_deadline, Duration::from_secs(60));
    assert!(!config.default.host.is_empty());
    let missing = config.check_service().unwrap_err().to_string();
    assert_eq!(
        missing.lines().collect::<Vec<_>>(),
        [
            "[database] connection: is not set, and it is needed",
            "[keystone_authtoken] auth_url: is not set, and it is needed",
            "[keystone_authtoken] username: is not set, and it is needed",
            "[keystone_authtoken] password: is not set, and it is needed",
            "[keystone_authtoken] project_name: is not set, and it is needed",
        ]
    );
}

#[test]
fn all_that_is_wrong_is_told_at_once_with_its_line() {
    let text = "\
[DEFAULT]
debug = perhaps
state_path =
[api]
bind_port = 65536
workers =
[database]
connection = postgresql://p:marked@h/d
[keystone_authtoken]
auth_url = controller:5000
password = pa$marked
auth_type = kerberos
[engine]
call_deadline = 61
";
    let error = config(text).unwrap_err().to_string();
    let lines: Vec<_> = error.lines().collect();
    for start in [
        "protector.conf:2: [DEFAULT] debug: `perhaps` is neither yes nor no",
        "protector.conf:3: [DEFAULT] state_path: is empty",
        "protector.conf:5: [api] bind_port: 65536 is not between 0 and 65535",
        "protector.conf:6: [api] workers: is empty",
        "protector.conf:8: [database] connection: PostgreSQL is not supported",
        "protector.conf:10: [keystone_authtoken] auth_url: this is not a URL",
        "protector.conf:11: [keystone_authtoken] password: a `$` in this value",
        "protector.conf:12: [keystone_authtoken] auth_type: `kerberos` is not one of",
        "protector.conf:14: [engine] call_deadline: 61 is not between 1 and 60",
    ] {
        assert!(
            lines.iter().any(|line| line.starts_with(start)),
            "`{start}` is not in\n{error}"
        );
    }
    assert_eq!(lines.len(), 9, "{error}");
    assert!(!error.contains("marked"), "{error}");
}

#[test]
fn unknown_options_are_told_where_somebody_would_read_them() {
    let text = "\
[api]
bind_prot = 1
[oslo_messaging_rabbit]
ssl = true
[default]
debug = true
[database]
max_retries = -1
[keystone_authtoken]
memcache_servers = a:1
";
    let config = config(text).unwrap();
    let told: Vec<_> = config.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "protector.conf:10: [keystone_authtoken] memcache_servers: this name is deprecated; \
             use `memcached_servers` in [keystone_authtoken]",
            "protector.conf:2: [api] bind_prot: there is no such option; it is ignored; did you \
             mean `bind_port`?",
            "protector.conf:6: [default] debug: [default] is not read; the section must be \
             written [DEFAULT]",
        ]
    );
    assert!(!config.default.debug);
}

#[test]
fn no_view_of_a_configuration_shows_a_secret() {
    let config = config(GUIDE).unwrap();
    let shown: Vec<_> = config
        .settings()
        .iter()
        .filter_map(|setting| setting.value.as_ref().map(crate::Value::shown))
        .collect();
    assert!(!shown.iter().any(|text| text.contains("marked")));
    assert!(!format!("{config:?}").contains("marked"));
}

#[derive(Debug, clap::Parser)]
#[command(version)]
struct Program {
    #[command(flatten)]
    config: ConfigArgs,
}

fn run(arguments: &[&str]) -> Start<Program> {
    let arguments = std::iter::once("protector-api").chain(arguments.iter().copied());
    start(
        "protector-api",
        arguments.map(OsString::from).collect(),
        crate::Environment::new(),
    )
}

#[test]
fn help_reports_what_is_wrong_with_the_configuration() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("bad.conf");
    std::fs::write(&file, "[api]\nbind_port = x\n").unwrap();
    let argument = format!("--config-file={}", file.display());
    let Start::Exit {
        output,
        errors,
        code,
    } = run(&[&argument, "--help"])
    else {
        panic!("--help ran the program");
    };
    assert!(output.contains("--config-dir"), "{output}");
    assert!(
        errors.contains("bad.conf:2: [api] bind_port: `x`"),
        "{errors}"
    );
    assert_eq!(code, 1);

    std::fs::write(&file, "[api]\nbind_port = 1\n").unwrap();
    let path = file.display().to_string();
    assert!(matches!(
        run(&["--help", "--config-file", &path]),
        Start::Exit { code: 0, .. }
    ));
    assert!(matches!(run(&["--nonsense"]), Start::Exit { code: 2, .. }));
    assert!(matches!(run(&["--version"]), Start::Exit { code: 0, .. }));
    let Start::Run(program) = run(&["--config-file", &path, "--config-file", "b"]) else {
        panic!("it did not run");
    };
    assert_eq!(program.config.config_file.len(), 2);
}

#[test]
fn certificates_of_arrays_are_read_with_or_without_colons() {
    let hex = "ab".repeat(32);
    let printed = ["AB"; 32].join(":");
    let text = format!(
        "[storage]\ncafile = /etc/protector/arrays.pem\ninsecure = yes\n\
         certificate_sha256 = https://fa-a.example/={printed},https://fa-b.example:8443={hex}\n"
    );
    let storage = config(&text).unwrap().storage;
    assert!(storage.insecure);
    assert_eq!(
        storage.cafile.as_deref(),
        Some(Path::new("/etc/protector/arrays.pem"))
    );
    let pins: Vec<_> = storage.certificate_sha256.into_iter().collect();
    let expected = ["https://fa-a.example", "https://fa-b.example:8443"];
    assert_eq!(pins, expected.map(|url| (url.to_owned(), hex.clone())));
}

#[test]
fn a_certificate_that_is_none_is_refused() {
    for (entry, part) in [
        ("https://fa-a.example", "form https://ARRAY=SHA-256"),
        ("http://fa-a.example=00", "begin with https://"),
        ("https://fa-a.example=00", "64 hexadecimal digits"),
    ] {
        let text = format!("[storage]\ncertificate_sha256 = {entry}\n");
        let error = config(&text).unwrap_err().to_string();
        assert!(error.contains(part), "{entry}: {error}");
    }
}

#[test]
fn what_an_installation_has_and_this_one_does_otherwise_is_told() {
    let text = "[keystone_authtoken]\nmemcached_servers = a:1\nmemcache_tls_enabled = true\n\
                [oslo_middleware]\nenable_proxy_headers_parsing = true\n";
    let config = config(text).unwrap();
    let told: Vec<_> = config.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].starts_with("protector.conf:3: [keystone_authtoken] memcache_tls_enabled: "));
    assert!(told[1].contains("[api] trusted_proxies"), "{told:?}");
    assert!(config.keystone.shared_tokens.is_none());
}

#[test]
fn processes_share_tokens_where_memcached_servers_says() {
    let shared = |lines: &str| {
        let config = config(&format!("[keystone_authtoken]\n{lines}"))?;
        Ok::<_, ConfigError>(config.keystone.shared_tokens)
    };
    assert!(shared("").unwrap().is_none());
    let plain = shared("memcached_servers = a:1, b,inet6:[::1]:2,[fd00::1]\n").unwrap();
    let plain = plain.unwrap();
    assert_eq!(
        plain.servers,
        ["a:1", "b:11211", "[::1]:2", "[fd00::1]:11211"]
    );
    assert!(plain.secret.is_none());
    assert_eq!(plain.timeout, Duration::from_secs(3));
    assert_eq!(plain.dead_retry, Duration::from_secs(300));

    // As deployment tools write it; the strategy is one word in any case.
    let text = "memcached_servers = a:1\nmemcache_security_strategy = encrypt\n\
                memcache_secret_key = marked\n";
    let sealed = shared(text).unwrap().unwrap();
    assert_eq!(sealed.secret.unwrap().expose_secret(), "marked");

    let error = shared(&text.replace("memcache_secret_key = marked\n", "")).unwrap_err();
    let told = error.to_string();
    assert!(told.contains("memcache_secret_key: is needed"), "{told}");
    for entry in ["a:b", ":1", "::1", "unix:/run/memcached", "a:0", "a:70000"] {
        let error = shared(&format!("memcached_servers = {entry}\n")).unwrap_err();
        let told = error.to_string();
        assert!(told.contains("is not of the form host:port"), "{told}");
    }
}

#[test]
fn a_network_that_is_none_is_told() {
    let error = config("[api]\ntrusted_proxies = 10.0.0.0/8,controller,10.1.1.1/33\n").unwrap_err();
    let told = error.to_string();
    assert_eq!(told.lines().count(), 2, "{told}");
    assert!(told.starts_with("protector.conf:2: [api] trusted_proxies: `controller` is neither"));
}

#[test]
fn what_stands_around_a_driver_is_said_for_each_by_name() {
    let read = config(
        "[drivers]\nplugin_dir = /usr/lib/protector/drivers\nretries = pure:2, shelf:0\n\
         timeout = pure:12.5\nat_once = pure:8\n",
    )
    .unwrap();
    let drivers = read.drivers;
    assert_eq!(
        drivers.plugin_dir.unwrap(),
        Path::new("/usr/lib/protector/drivers")
    );
    let pure = &drivers.layers["pure"];
    assert_eq!(pure.retries, 2);
    assert_eq!(pure.timeout, Some(std::time::Duration::from_millis(12_500)));
    assert_eq!(pure.at_once.unwrap().get(), 8);
    assert_eq!(
        drivers.layers["shelf"],
        protector_framework::LayerSettings::default()
    );

    for line in [
        "retries = pure:many",
        "timeout = pure:0",
        "timeout = pure:inf",
        "at_once = pure:0",
    ] {
        let error = config(&format!("[drivers]\n{line}\n")).unwrap_err();
        let said = error.to_string();
        assert!(
            said.contains("for driver `pure`") && said.contains("protector.conf:2"),
            "{said}"
        );
    }
}
