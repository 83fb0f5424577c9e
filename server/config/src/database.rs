//! `[database] connection`: a SQLAlchemy URL, turned into one that our database library reads.
//!
//! SQLAlchemy takes user name and password literally up to the first `@`, apart from `%xx`, so
//! that many passwords work there that no URL parser accepts.

use std::fmt;
use std::path::{Path, PathBuf};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use protector_framework::{ExposeSecret, SecretString};

/// Left as they are in a file's path.
const PATH: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'/')
    .remove(b'.')
    .remove(b'-')
    .remove(b'_');

/// The engines that Protector runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DatabaseEngine {
    /// MariaDB or MySQL.
    MySql,
    /// A file; for one API and one engine on one machine.
    Sqlite,
}

/// Where the database is.
#[derive(Clone)]
pub struct DatabaseUrl {
    /// What kind it is.
    pub engine: DatabaseEngine,
    url: SecretString,
    shown: String,
    file: Option<PathBuf>,
}

impl DatabaseUrl {
    /// The file, where it is SQLite.
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// The URL for the database library, with the password.
    pub fn url(&self) -> &SecretString {
        &self.url
    }

    /// Reads a SQLAlchemy URL. A SQLite file is made where it is absent.
    ///
    /// # Errors
    /// What is wrong with it; the text is not repeated, as it may hold a password.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (scheme, rest) = text
            .split_once("://")
            .ok_or("this is not a URL; write mysql+pymysql://USER:PASSWORD@HOST/DATABASE")?;
        match scheme {
            "mysql"
            | "mariadb"
            | "mysql+pymysql"
            | "mysql+mysqldb"
            | "mysql+mysqlconnector"
            | "mariadb+pymysql"
            | "mariadb+mysqldb" => mysql(rest),
            "sqlite" | "sqlite+pysqlite" => sqlite(rest),
            _ if scheme.starts_with("postgresql") => {
                Err("PostgreSQL is not supported; use MariaDB or MySQL".to_owned())
            }
            _ => Err(
                "the database must begin with mysql+pymysql://, mysql:// or sqlite://".to_owned(),
            ),
        }
    }
}

/// Without the password.
impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DatabaseUrl({})", self.shown)
    }
}

fn mysql(rest: &str) -> Result<DatabaseUrl, String> {
    let (account, place) = match rest.split_once('@') {
        Some((account, place)) => (Some(account), place),
        None => (None, rest),
    };
    if place.contains('@') {
        return Err("there is more than one `@`; write %40 for an `@` in the password".to_owned());
    }
    let (place, query) = place.split_once('?').unwrap_or((place, ""));
    let (host, database) = place.split_once('/').unwrap_or((place, ""));
    if database.is_empty() {
        return Err("the name of the database is missing at the end".to_owned());
    }
    let host = if host.is_empty() { "localhost" } else { host };
    check_port(host)?;

    let mut url = "mysql://".to_owned();
    let mut shown = url.clone();
    if let Some(account) = account {
        let (user, password) = match account.split_once(':') {
            Some((user, password)) => (user, Some(password)),
            None => (account, None),
        };
        url.push_str(&encoded(user));
        shown.push_str(&encoded(user));
        if let Some(password) = password {
            url.push(':');
            url.push_str(&encoded(password));
            shown.push_str(":****");
        }
        url.push('@');
        shown.push('@');
    }
    for part in [&mut url, &mut shown] {
        part.push_str(&format!("{host}/{database}"));
    }
    url.push_str(&mysql_options(query));
    if url::Url::parse(&url).is_err() {
        return Err("the host of the database cannot be read".to_owned());
    }
    Ok(DatabaseUrl {
        engine: DatabaseEngine::MySql,
        url: SecretString::from(url),
        shown,
        file: None,
    })
}

/// The options that our library knows under another name; the others belong to Python's drivers.
fn mysql_options(query: &str) -> String {
    let mut options = Vec::new();
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        match &*name {
            "charset" => options.push(("charset", value)),
            "ssl_ca" => {
                options.push(("ssl-ca", value));
                options.push(("ssl-mode", "VERIFY_CA".into()));
            }
            "ssl_cert" => options.push(("ssl-cert", value)),
            "ssl_key" => options.push(("ssl-key", value)),
            "unix_socket" => options.push(("socket", value)),
            _ => {}
        }
    }
    if options.is_empty() {
        return String::new();
    }
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    format!("?{}", query.extend_pairs(options).finish())
}

fn check_port(host: &str) -> Result<(), String> {
    let after_address = host.rsplit_once(']').map_or(host, |(_, after)| after);
    match after_address.rsplit_once(':') {
        Some((_, port)) if port.parse::<u16>().is_err() => {
            Err("the port of the database is not a number".to_owned())
        }
        _ => Ok(()),
    }
}

/// As SQLAlchemy reads it, then safe for every URL parser.
fn encoded(text: &str) -> String {
    let decoded = percent_decode_str(text).collect::<Vec<u8>>();
    percent_encoding::percent_encode(&decoded, NON_ALPHANUMERIC).to_string()
}

/// A service has no directory of its own to start a relative path from, so three slashes mean the
/// same as four.
fn sqlite(rest: &str) -> Result<DatabaseUrl, String> {
    let (path, _) = rest.split_once('?').unwrap_or((rest, ""));
    let file = path.trim_start_matches('/');
    if !path.starts_with('/') || file.is_empty() {
        return Err("a SQLite database needs an absolute path: sqlite:////PATH".to_owned());
    }
    let path = format!("/{file}");
    let url = format!("sqlite://{}?mode=rwc", utf8_percent_encode(&path, PATH));
    Ok(DatabaseUrl {
        engine: DatabaseEngine::Sqlite,
        url: SecretString::from(url),
        shown: format!("sqlite:///{path}"),
        file: Some(PathBuf::from(path)),
    })
}

impl PartialEq for DatabaseUrl {
    fn eq(&self, other: &Self) -> bool {
        self.url.expose_secret() == other.url.expose_secret()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> String {
        DatabaseUrl::parse(text)
            .unwrap()
            .url()
            .expose_secret()
            .to_owned()
    }

    #[test]
    fn sqlalchemy_urls_keep_their_passwords() {
        for (written, read) in [
            (
                "mysql+pymysql://p:a%40b%2Fc%3Ad@h:3306/protector?charset=utf8",
                "mysql://p:a%40b%2Fc%3Ad@h:3306/protector?charset=utf8",
            ),
            ("mysql://p:a/b@h/d", "mysql://p:a%2Fb@h/d"),
            ("mysql://p:a:b@h/d", "mysql://p:a%3Ab@h/d"),
            ("mysql://p:a#b?c+d@h/d", "mysql://p:a%23b%3Fc%2Bd@h/d"),
            ("mysql://p:a%zz@h/d", "mysql://p:a%25zz@h/d"),
            ("mysql://p:@h/d", "mysql://p:@h/d"),
            ("mysql://p@h/d", "mysql://p@h/d"),
            (
                "mysql://p:x@[fd00::1]:3306/d",
                "mysql://p:x@[fd00::1]:3306/d",
            ),
            (
                "mariadb+pymysql://p:x@h/d?ssl_ca=/a b.pem",
                "mysql://p:x@h/d?ssl-ca=%2Fa+b.pem&ssl-mode=VERIFY_CA",
            ),
            ("sqlite:////a/b.db", "sqlite:///a/b.db?mode=rwc"),
            ("sqlite:///a/b c.db", "sqlite:///a/b%20c.db?mode=rwc"),
        ] {
            assert_eq!(url(written), read, "{written}");
        }
    }

    #[test]
    fn what_cannot_be_a_database_is_refused_without_repeating_it() {
        for wrong in [
            "protector",
            " mysql://p:marked@h/d",
            "postgresql://p:marked@h/d",
            "mysql://p:mar@ked@h/d",
            "mysql://p:marked@h",
            "mysql://p:marked@h:notaport/d",
            "sqlite://",
            "sqlite://a.db",
        ] {
            let reason = DatabaseUrl::parse(wrong).unwrap_err();
            assert!(!reason.contains("marked"), "{reason}");
        }
    }

    #[test]
    fn a_password_is_never_shown() {
        let url = DatabaseUrl::parse("mysql+pymysql://p:marked@h/d").unwrap();
        assert_eq!(url.to_string(), "mysql://p:****@h/d");
        assert!(!format!("{url:?}").contains("marked"));
    }
}
