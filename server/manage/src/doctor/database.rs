//! Whether the database can be used: its server, the account's grants, the schema, its clock.

use protector_config::DatabaseUrl;
use protector_db::{Db, DbError, ServerLook, look_at_server};

use super::report::{Report, check};
use super::{Ground, clock_skew};
use crate::{database, store};

/// What needs the server.
const AFTER_SERVER: &[&str] = &["database grants", "database clock", "database schema"];

/// The database, where it can be used.
pub(super) async fn look(ground: &Ground, report: &mut Report) -> Option<Db> {
    let Some(url) = &ground.config.database.connection else {
        report.skip(&["database"], "[database] connection is not set");
        report.skip(AFTER_SERVER, "no database is configured");
        return None;
    };
    let check = check("database", format!("logging in at {url}"));
    match look_at_server(url.url(), &*ground.clock).await {
        Err(error) => {
            report.fail(&check, error.to_string(), fix(url, &error));
            report.skip(AFTER_SERVER, "the database does not let the service in");
            return None;
        }
        Ok(None) => report.ok(&check, "it is a file of this machine"),
        Ok(Some(server)) => {
            let found = format!("logged in as {}; {}", server.account, server.version);
            report.ok(&check, found);
            if !grants(&server, report) {
                report.skip(&["database schema"], "the account lacks privileges");
                clock(ground, &server, report);
                return None;
            }
            clock(ground, &server, report);
        }
    }
    match schema(url, report).await {
        true => open(ground, report).await,
        false => None,
    }
}

/// What to do about a server that does not let the service in. Statements are for a prompt: a password in a
/// command line is seen by everybody on the machine, and stays in the shell's history.
fn fix(url: &DatabaseUrl, error: &DbError) -> String {
    let text = error.to_string();
    let (user, database) = parts(url);
    if text.contains("Unknown database") {
        return format!(
            "{PROMPT}:\nCREATE DATABASE IF NOT EXISTS {database} CHARACTER SET utf8mb4;"
        );
    }
    if !text.contains("denied") {
        return format!(
            "start the server and open its port, then try `mysql -h HOST -u {user} -p {database}`: \
             `systemctl status mariadb`, `ss -tlnp 'sport = :3306'`"
        );
    }
    let account = refused(&text).unwrap_or_else(|| format!("'{user}'@'%'"));
    // Then the password is right.
    if text.contains("to database") {
        return grant(&database, &account);
    }
    format!(
        "where the user is there, write its password into [database] connection; where it is not, \
         {PROMPT}, with the password of [database] connection for PASSWORD:\n\
         CREATE USER IF NOT EXISTS {account} IDENTIFIED BY 'PASSWORD';\n{}",
        grant_to(&database, &account)
    )
}

const PROMPT: &str = "at the prompt of `MYSQL_HISTFILE=/dev/null mariadb -u root -p`";

fn grant(database: &str, account: &str) -> String {
    format!("{PROMPT}:\n{}", grant_to(database, account))
}

fn grant_to(database: &str, account: &str) -> String {
    format!("GRANT ALL PRIVILEGES ON {database}.* TO {account};")
}

/// The account that a server names where it refuses it, such as `'protector'@'10.0.0.5'`.
fn refused(text: &str) -> Option<String> {
    let (_, rest) = text.split_once("for user ")?;
    let account = rest.split_whitespace().next()?;
    let (user, host) = account.split_once('@')?;
    let quoted = |part: &str| part.len() > 2 && part.starts_with('\'') && part.ends_with('\'');
    (quoted(user) && quoted(host)).then(|| account.to_owned())
}

/// User and database as the URL is shown.
fn parts(url: &DatabaseUrl) -> (String, String) {
    let shown = url.to_string();
    let rest = shown.split_once("://").map_or("", |(_, rest)| rest);
    let user = rest.split_once('@').map_or("protector", |(account, _)| {
        account.split_once(':').map_or(account, |(user, _)| user)
    });
    let database = rest.rsplit_once('/').map_or("protector", |(_, name)| name);
    (user.to_owned(), database.to_owned())
}

/// The reply is whether all is granted.
fn grants(server: &ServerLook, report: &mut Report) -> bool {
    let check = check(
        "database grants",
        format!("SHOW GRANTS as {}", server.account),
    );
    if server.missing.is_empty() {
        report.ok(&check, format!("all that is needed on {}", server.database));
        return true;
    }
    let account = match server.account.split_once('@') {
        Some((user, host)) => format!("'{user}'@'{host}'"),
        None => server.account.clone(),
    };
    let missing = server.missing.join(", ");
    report.fail(
        &check,
        format!("{} lacks {missing} on {}", server.account, server.database),
        grant(&server.database, &account),
    );
    false
}

fn clock(ground: &Ground, server: &ServerLook, report: &mut Report) {
    let check = check("database clock", "SELECT UTC_TIMESTAMP(6)");
    let ahead = server.now - ground.clock.now();
    clock_skew(report, &check, "the database server's clock", ahead);
}

/// The reply is whether the schema is this program's.
async fn schema(url: &DatabaseUrl, report: &mut Report) -> bool {
    let latest = protector_migrations::latest();
    let check = check("database schema", "reading the schema's version");
    let sync = "protector-manage db sync";
    match database::schema(url).await {
        Err(failure) => report.fail(&check, failure.to_string(), "see what the database says"),
        Ok(None) => report.fail(&check, "there is no schema", sync),
        Ok(Some(version)) if version == latest => {
            report.ok(&check, format!("{version} is up to date"));
            return true;
        }
        Ok(Some(version)) if version < latest => {
            let found = format!("it is {version}; this version needs {latest}");
            report.fail(&check, found, sync);
        }
        Ok(Some(version)) => {
            let found = format!("it is {version}, newer than this program's {latest}");
            report.fail(
                &check,
                found,
                "install the version of Protector that made it",
            );
        }
    }
    false
}

async fn open(ground: &Ground, report: &mut Report) -> Option<Db> {
    let check = check("sealed values", "opening each with the keys of this site");
    let db = match store::open(&ground.config).await {
        Ok(db) => db,
        Err(failure) => {
            let fix = "make [database] key_dir readable: see `keys`";
            report.fail(&check, failure.to_string(), fix);
            return None;
        }
    };
    match db.check_sealed().await {
        Err(error) => report.fail(&check, error.to_string(), "see what the database says"),
        Ok(all) => {
            let closed: Vec<_> = all.into_iter().filter_map(|one| one.fault).collect();
            let fix = "copy the missing key from the other node or a backup into [database] key_dir, \
                       or set the passwords and tokens again; `protector-manage secret check` lists all";
            match closed.is_empty() {
                true => report.ok(&check, "all open"),
                false => report.fail(&check, closed.join("\n"), fix),
            }
        }
    }
    Some(db)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_account_is_the_one_that_the_server_names() {
        let named = "Access denied for user 'protector'@'10.0.0.5' (using password: YES)";
        assert_eq!(refused(named).as_deref(), Some("'protector'@'10.0.0.5'"));
        let named = "Access denied for user 'protector'@'%' to database 'protector'";
        assert_eq!(refused(named).as_deref(), Some("'protector'@'%'"));
        assert_eq!(refused("Access denied"), None);
        assert_eq!(refused("for user ''@'%'"), None);
    }
}
