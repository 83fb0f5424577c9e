//! A look at a database server from outside of a pool, for an operator who wants to know why a service
//! does not start: who may do what there, and what time it is.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use protector_framework::{Clock, ExposeSecret, SecretString};
use sea_orm::{ConnectOptions, Database, DatabaseConnection};

use crate::connection::{now, rows};
use crate::error::{DbError, Result};
use crate::first_contact::try_server;

/// What the services and `db sync` need of their database.
const NEEDED: [&str; 8] = [
    "SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "ALTER", "INDEX", "DROP",
];

/// What a server said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerLook {
    /// The account as the server names it, such as `protector@%`.
    pub account: String,
    /// The name of the database.
    pub database: String,
    /// Its version.
    pub version: String,
    /// Privileges on the database that are needed and not granted.
    pub missing: Vec<String>,
    /// Its time.
    pub now: DateTime<Utc>,
}

/// Logs in and looks. Without a server, for a file, there is nothing to look at.
///
/// # Errors
/// `Unreachable`, within seconds, with the server's own words.
pub async fn look_at_server(url: &SecretString, clock: &dyn Clock) -> Result<Option<ServerLook>> {
    let text = url.expose_secret();
    if !text.starts_with("mysql:") {
        return Ok(None);
    }
    try_server(text, clock).await?;
    let mut options = ConnectOptions::new(text);
    options
        .max_connections(1)
        .connect_timeout(std::time::Duration::from_secs(10))
        .sqlx_logging(false);
    let conn = Database::connect(options)
        .await
        .map_err(|error| DbError::Unreachable(error.to_string()))?;
    let looked = look(&conn, clock).await;
    if let Err(error) = conn.close().await {
        tracing::debug!(%error, "the connection could not be closed");
    }
    looked.map(Some)
}

async fn look(conn: &DatabaseConnection, clock: &dyn Clock) -> Result<ServerLook> {
    let sql = "SELECT CURRENT_USER() AS account, DATABASE() AS name, VERSION() AS version";
    let found = rows(conn, sql, []).await?;
    let row = found
        .first()
        .ok_or_else(|| DbError::Other("the server does not say who is logged in".to_owned()))?;
    let word = |column: &str| row.try_get::<String>("", column).unwrap_or_default();
    let (account, database) = (word("account"), word("name"));
    let granted = rows(conn, "SHOW GRANTS", []).await?;
    let lines: Vec<String> = granted
        .iter()
        .filter_map(|row| row.try_get_by_index(0).ok())
        .collect();
    Ok(ServerLook {
        missing: missing(&lines, &database),
        account,
        database,
        version: word("version"),
        now: now(conn, clock).await?,
    })
}

/// What none of these lines of `SHOW GRANTS` gives.
fn missing(lines: &[String], database: &str) -> Vec<String> {
    let granted: BTreeSet<String> = lines
        .iter()
        .filter_map(|line| line.strip_prefix("GRANT ")?.split_once(" ON "))
        .filter(|(_, rest)| covers(rest, database))
        .flat_map(|(privileges, _)| privileges.split(','))
        .map(|privilege| privilege.trim().to_uppercase())
        .collect();
    let all = granted.iter().any(|one| one.starts_with("ALL PRIVILEGES"));
    let lacking = NEEDED.iter().filter(|one| !all && !granted.contains(**one));
    lacking.map(|one| (*one).to_owned()).collect()
}

/// Whether what a grant is on is the whole database: `*.*`, or its name, in which `\_` is an
/// underscore and `%` stands for anything.
fn covers(rest: &str, database: &str) -> bool {
    let Some((object, _)) = rest.split_once(" TO ") else {
        return false;
    };
    let Some(name) = object.strip_suffix(".*") else {
        return false;
    };
    let name = name.trim_matches('`').replace("\\_", "_");
    name == "*" || name == database || matches_pattern(&name, database)
}

fn matches_pattern(pattern: &str, name: &str) -> bool {
    let Some((head, tail)) = pattern.split_once('%') else {
        return false;
    };
    let rest = name.strip_prefix(head);
    rest.is_some_and(|rest| rest.ends_with(tail.trim_end_matches('%')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grant_on_the_database_or_on_all_counts() {
        let on = |lines: &[&str]| {
            let lines: Vec<_> = lines.iter().map(|line| (*line).to_owned()).collect();
            missing(&lines, "pro_tector")
        };
        let usage = "GRANT USAGE ON *.* TO `p`@`%` IDENTIFIED BY PASSWORD '*AB'";
        for enough in [
            &["GRANT ALL PRIVILEGES ON `pro_tector`.* TO `p`@`%`"][..],
            &["GRANT ALL PRIVILEGES ON `pro\\_tector`.* TO `p`@`%` WITH GRANT OPTION"],
            &["GRANT ALL PRIVILEGES ON *.* TO `p`@`%`"],
            &["GRANT ALL PRIVILEGES ON `pro%`.* TO `p`@`%`"],
            &[
                usage,
                "GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, INDEX, ALTER ON `pro_tector`.* TO `p`@`%`",
            ],
        ] {
            assert!(on(enough).is_empty(), "{enough:?}: {:?}", on(enough));
        }
        assert_eq!(on(&[usage]).len(), NEEDED.len());
        let other = "GRANT ALL PRIVILEGES ON `other`.* TO `p`@`%`";
        let table = "GRANT SELECT ON `pro_tector`.`sites` TO `p`@`%`";
        assert_eq!(on(&[other, table]).len(), NEEDED.len());
        let read = "GRANT SELECT ON `pro_tector`.* TO `p`@`%`";
        assert!(!on(&[read]).contains(&"SELECT".to_owned()));
        assert!(on(&[read]).contains(&"INSERT".to_owned()));
    }
}
