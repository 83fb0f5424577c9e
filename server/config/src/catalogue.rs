//! Every option that Protector reads, and those of other OpenStack services that it accepts.

use crate::option::{Kind, OptionSpec};

const fn option(
    group: &'static str,
    name: &'static str,
    kind: Kind,
    default: Option<&'static str>,
    help: &'static str,
) -> OptionSpec {
    OptionSpec {
        group,
        name,
        kind,
        default,
        old_names: &[],
        mutable: false,
        help,
    }
}

/// One whose change is in force when the configuration is read again.
const fn mutable(mut spec: OptionSpec) -> OptionSpec {
    spec.mutable = true;
    spec
}

const fn renamed(
    mut spec: OptionSpec,
    old_names: &'static [(&'static str, &'static str)],
) -> OptionSpec {
    spec.old_names = old_names;
    spec
}

const PORT: Kind = Kind::Integer(0, 65535);
const AUTH: &str = "keystone_authtoken";

/// The options, group by group, in the order in which people read them.
#[rustfmt::skip] // one option a line
pub(crate) const OPTIONS: &[OptionSpec] = &[
    mutable(option("DEFAULT", "debug", Kind::Flag, Some("false"), "Log at level DEBUG. Not for production. Heard on SIGHUP.")),
    option("DEFAULT", "log_dir", Kind::Text, Some("/var/log/protector"), "Where protector-api.log and protector-engine.log are written."),
    option("DEFAULT", "log_file", Kind::Text, None, "The log file's name, instead of the program's; relative to log_dir."),
    option("DEFAULT", "use_stderr", Kind::Flag, Some("false"), "Log to the standard error output too."),
    option("DEFAULT", "use_json", Kind::Flag, Some("false"), "Write the log as one JSON object a line."),
    option("DEFAULT", "state_path", Kind::Text, Some("/var/lib/protector"), "Directory for state; the service's user must be able to write it."),
    option("DEFAULT", "host", Kind::Text, None, "The name of this node among the site's engines; without it, the machine's host name."),
    option("DEFAULT", "public_endpoint", Kind::Url, None, "The URL by which clients reach the API, for links; without it, what the request says."),
    option("DEFAULT", "max_limit", Kind::Integer(1, i64::MAX), Some("1000"), "The most entries on one page of a list."),
    option("api", "bind_host", Kind::Host, Some("0.0.0.0"), "The address that the API listens on."),
    option("api", "bind_port", PORT, Some("8788"), "The TCP port that the API listens on; 0 takes a free one."),
    option("api", "workers", Kind::Integer(0, 1024), Some("4"), "Threads that work on requests; 0 takes one for each core."),
    option("api", "max_connections", Kind::Integer(1, 1_000_000), Some("10000"), "Connections at the same time; one more is answered with 503."),
    option("api", "client_timeout", Kind::Float(1.0, 3600.0), Some("30"), "Seconds that a client may take for the head of a request, and for its body; a connection may be idle as long."),
    option("api", "max_header_size", Kind::Integer(8192, 1 << 20), Some("16384"), "The largest head of a request in bytes."),
    option("api", "trusted_proxies", Kind::List, Some("127.0.0.0/8,::1/128"), "Networks of the proxies whose X-Forwarded-* headers are believed, where [oslo_middleware] enable_proxy_headers_parsing is on."),
    option("api", "api_paste_config", Kind::Text, Some("api-paste.ini"), "Accepted for existing installations: read and reported, never followed."),
    option("database", "connection", Kind::Secret, None, "mysql+pymysql://USER:PASS@HOST/DB, mysql://..., or sqlite:////absolute/path."),
    renamed(option("database", "max_pool_size", Kind::Integer(1, 1000), Some("5"), "Connections at the same time."), &[("DEFAULT", "sql_max_pool_size")]),
    option("database", "key_dir", Kind::Text, Some("$state_path/keys"), "The keys that seal secrets in the database; the API and all engines of a site need the same."),
    option(AUTH, "identity_driver", Kind::Text, Some("openstack"), "The identity driver that validates tokens."),
    option(AUTH, "www_authenticate_uri", Kind::Url, None, "The Keystone that clients without a token are sent to."),
    option(AUTH, "auth_url", Kind::Url, None, "The Keystone that validates tokens."),
    renamed(option(AUTH, "auth_type", Kind::Choice(&["password", "v3password", "v3applicationcredential"]), Some("password"), "How the service authenticates."), &[(AUTH, "auth_plugin")]),
    renamed(option(AUTH, "username", Kind::Text, None, "The service's user."), &[(AUTH, "user-name"), (AUTH, "user_name")]),
    option(AUTH, "user_id", Kind::Text, None, "The service's user by id."),
    option(AUTH, "password", Kind::Secret, None, "The service's password; a `$` in it is written `$$`."),
    option(AUTH, "user_domain_name", Kind::Text, None, "The user's domain."),
    option(AUTH, "user_domain_id", Kind::Text, None, "The user's domain by id."),
    renamed(option(AUTH, "project_name", Kind::Text, None, "The service's project."), &[(AUTH, "tenant-name"), (AUTH, "tenant_name")]),
    renamed(option(AUTH, "project_id", Kind::Text, None, "The service's project by id."), &[(AUTH, "tenant-id"), (AUTH, "tenant_id")]),
    option(AUTH, "project_domain_name", Kind::Text, None, "The project's domain."),
    option(AUTH, "project_domain_id", Kind::Text, None, "The project's domain by id."),
    option(AUTH, "application_credential_id", Kind::Text, None, "The application credential, with auth_type v3applicationcredential."),
    option(AUTH, "application_credential_secret", Kind::Secret, None, "Its secret."),
    option(AUTH, "region_name", Kind::Text, None, "The region of this site."),
    option(AUTH, "interface", Kind::ChoiceAnyCase(&["public", "internal", "admin"]), Some("internal"), "Which of Keystone's endpoints is used."),
    option(AUTH, "cafile", Kind::Text, None, "Certificates to trust, as a PEM file."),
    option(AUTH, "insecure", Kind::Flag, Some("false"), "Accept any certificate. Not for production."),
    renamed(option(AUTH, "memcached_servers", Kind::List, None, "Where the API's processes share what they remember of tokens, as host:port; each remembers by itself as well."), &[(AUTH, "memcache_servers")]),
    option(AUTH, "memcache_security_strategy", Kind::ChoiceAnyCase(&["None", "MAC", "ENCRYPT"]), Some("None"), "Whether what is shared is sealed with memcache_secret_key; MAC and ENCRYPT both encrypt it."),
    option(AUTH, "memcache_secret_key", Kind::Secret, None, "What seals shared entries; the same on every node."),
    option(AUTH, "memcache_pool_dead_retry", Kind::Float(0.0, 86400.0), Some("300"), "Seconds for which a memcached that failed is left alone."),
    option(AUTH, "memcache_pool_socket_timeout", Kind::Float(0.1, 60.0), Some("3"), "Seconds that a memcached may take to answer."),
    option(AUTH, "memcache_tls_enabled", Kind::Flag, Some("false"), "Not supported: with it nothing is shared, and tokens are remembered within each process."),
    option(AUTH, "memcache_sasl_enabled", Kind::Flag, Some("false"), "Not supported: with it nothing is shared, and tokens are remembered within each process."),
    option(AUTH, "token_cache_time", Kind::Integer(-1, 86400), Some("300"), "Seconds for which a valid token is remembered; -1: not at all."),
    option(AUTH, "service_type", Kind::Text, Some("protector"), "What the access rules of application credentials call this service."),
    option(AUTH, "service_token_roles", Kind::List, Some("service"), "Roles of which a service token needs one."),
    option(AUTH, "service_token_roles_required", Kind::Flag, Some("true"), "Whether a service token without such a role is refused."),
    option("service_credentials", "default_trust_roles", Kind::List, Some("member,_member_"), "The roles that a trust asks for, where the caller has them."),
    option("oslo_policy", "policy_file", Kind::Text, Some("policy.yaml"), "The rules of who may do what."),
    option("oslo_policy", "policy_default_rule", Kind::Text, Some("default"), "The rule that stands in for one that is not there."),
    option("oslo_policy", "policy_dirs", Kind::Texts, Some("policy.d"), "Directories of further policy files, applied after policy_file."),
    option("oslo_policy", "enforce_scope", Kind::Flag, Some("true"), "Whether a rule is refused to tokens of another scope than its own."),
    option("oslo_policy", "enforce_new_defaults", Kind::Flag, Some("true"), "Whether only the new default of a rule holds where it has changed; false: whoever the earlier one lets in, too."),
    option("oslo_policy", "remote_content_type", Kind::Choice(&["application/x-www-form-urlencoded", "application/json"]), Some("application/x-www-form-urlencoded"), "How a program is asked that an http: or https: rule names."),
    option("oslo_policy", "remote_timeout", Kind::Float(0.1, 3600.0), Some("60"), "Seconds that such a program may take; then the rule refuses."),
    option("oslo_policy", "remote_ssl_verify_server_crt", Kind::Flag, Some("true"), "Whether the certificate of such a program is checked; other services do so only where they are told to."),
    option("oslo_policy", "remote_ssl_ca_crt_file", Kind::Text, None, "Certificates to trust in such programs, as a PEM file, besides those that the system trusts."),
    option("oslo_middleware", "max_request_body_size", Kind::Integer(1024, 1 << 30), Some("114688"), "The largest request body in bytes."),
    option("oslo_middleware", "enable_proxy_headers_parsing", Kind::Flag, Some("false"), "Whether Forwarded and X-Forwarded-* headers are believed, from [api] trusted_proxies only."),
    option("cors", "allowed_origin", Kind::List, None, "Web pages that may call the API from a browser, as scheme://host[:port]; * is all. Without it none may."),
    option("cors", "allow_credentials", Kind::Flag, Some("true"), "Whether a browser may send what it knows of the user."),
    option("cors", "expose_headers", Kind::List, Some("X-Auth-Token,X-Openstack-Request-Id,OpenStack-API-Version,X-Subject-Token,Location,Retry-After"), "Headers of answers that a page may read."),
    option("cors", "max_age", Kind::Integer(0, i64::MAX), Some("3600"), "Seconds for which a browser may remember what it was allowed."),
    option("cors", "allow_methods", Kind::List, Some("OPTIONS,GET,HEAD,POST,PUT,DELETE,PATCH"), "Methods that a page may use."),
    option("cors", "allow_headers", Kind::List, Some("X-Auth-Token,X-Openstack-Request-Id,OpenStack-API-Version,Idempotency-Key,X-Roles,X-Service-Catalog,X-Identity-Status,X-User-Id,X-Tenant-Id"), "Headers that a page may send, besides the simple ones."),
    option("healthcheck", "disable_by_file_path", Kind::Text, None, "While this file is there, /healthcheck answers 503: so a node leaves a load balancer before it stops."),
    option("healthcheck", "disable_by_file_paths", Kind::List, None, "The same as port:path, for the process that listens on the port."),
    option("storage", "allowed_endpoints", Kind::List, None, "Array endpoints that policies may name beside those that an administrator registered."),
    option("storage", "cafile", Kind::Text, None, "Certificates to trust in arrays, as a PEM file; without it, those that the system trusts."),
    option("storage", "certificate_sha256", Kind::List, None, "Arrays that are known by their certificate: https://ARRAY=SHA-256 of the certificate in hexadecimal."),
    option("storage", "insecure", Kind::Flag, Some("false"), "Accept any certificate of an array that certificate_sha256 does not name. Not for production."),
    option("drivers", "plugin_dir", Kind::Text, None, "The directory of storage drivers that are shared libraries (*.so): each file is loaded that is safe to load, the others are told in the log."),
    option("drivers", "retries", Kind::Pairs, None, "How often a driver's call that failed in passing is made again within its time, as DRIVER:NUMBER; without it, not at all: the engine tries its steps again by itself."),
    option("drivers", "timeout", Kind::Pairs, None, "How many seconds one attempt of a driver's call may take, as DRIVER:SECONDS; never more than [engine] call_deadline."),
    option("drivers", "at_once", Kind::Pairs, None, "How many calls of a driver to one array or cloud run at the same time in one process, as DRIVER:NUMBER; without it, any number."),
    option("engine", "max_operations", Kind::Integer(1, 1000), Some("10"), "Operations that one engine runs at the same time."),
    option("engine", "poll_interval", Kind::Float(0.01, 300.0), Some("2"), "Seconds between two looks for operations to run."),
    option("engine", "peer_interval", Kind::Float(0.01, 3600.0), Some("15"), "Seconds between two contacts with the other site."),
    option("engine", "lease_seconds", Kind::Float(15.0, 300.0), Some("30"), "Seconds for which an engine holds an operation without renewing."),
    option("engine", "call_deadline", Kind::Float(1.0, 60.0), Some("60"), "Seconds after which a call to a cloud or an array is given up."),
    option("metrics", "bind_host", Kind::Host, Some("127.0.0.1"), "The address on which metrics are shown, without a token: one that only Prometheus can reach."),
    option("metrics", "api_bind_port", PORT, None, "The TCP port on which protector-api shows its metrics at /metrics; 0 takes a free one. Without it there are none."),
    option("metrics", "engine_bind_port", PORT, None, "The same for protector-engine; engines that share a node need a port each."),
];

/// Options of other OpenStack services that operators and deployment tools write everywhere. They
/// have no effect here and are not worth a warning.
#[rustfmt::skip] // it would become one name a line
pub(crate) const ACCEPTED: &[(&str, &[&str])] = &[
    ("DEFAULT", &[
        "log_config_append", "log_date_format", "use_syslog", "syslog_log_facility", "use_journal",
        "use_eventlog", "watch_log_file", "default_log_levels", "logging_context_format_string",
        "logging_default_format_string", "logging_debug_format_suffix",
        "logging_exception_prefix", "logging_user_identity_format", "publish_errors",
        "instance_format", "instance_uuid_format", "rate_limit_interval", "rate_limit_burst",
        "rate_limit_except_level", "fatal_deprecations", "log_rotation_type",
        "log_rotate_interval", "log_rotate_interval_type", "max_logfile_count",
        "max_logfile_size_mb", "log_color", "transport_url", "control_exchange",
        "rpc_response_timeout", "executor_thread_pool_size",
    ]),
    ("database", &[
        "backend", "slave_connection", "mysql_sql_mode", "mysql_wsrep_sync_wait",
        "mysql_enable_ndb", "connection_recycle_time", "max_retries", "retry_interval",
        "max_overflow", "pool_timeout", "db_retry_interval", "db_inc_retry_interval",
        "db_max_retry_interval", "db_max_retries", "connection_debug", "connection_trace",
        "connection_parameters", "sqlite_synchronous",
    ]),
    (AUTH, &[
        "auth_section", "auth_version", "delay_auth_decision", "http_connect_timeout",
        "http_request_max_retries", "cache", "certfile", "keyfile", "memcache_pool_maxsize",
        "memcache_pool_unused_timeout", "memcache_pool_conn_get_timeout",
        "memcache_use_advanced_pool", "memcache_tls_cafile", "memcache_tls_certfile",
        "memcache_tls_keyfile", "memcache_tls_allowed_ciphers", "memcache_username",
        "memcache_password", "include_service_catalog", "enforce_token_bind",
        "domain_id", "domain_name", "system_scope", "trust_id", "default_domain_id",
        "default_domain_name", "auth_uri", "identity_uri",
    ]),
    ("oslo_middleware", &["secure_proxy_ssl_header"]),
    ("healthcheck", &["path", "detailed", "backends"]),
];
