//! Where the services write, and who may read the keys.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use protector_config::Config;

use super::account::{Account, Want};
use super::report::{Check, Report, check};

pub(super) fn look(config: &Config, account: &Account, report: &mut Report) {
    let (log, state) = (&config.default.log_dir, &config.default.state_path);
    let tried = format!(
        "whether user {} may write {} and {}",
        account.name,
        log.display(),
        state.display()
    );
    let directories = check("directories", tried);
    if !account.exists() {
        let fix = format!(
            "useradd --system --shell /usr/sbin/nologin {}",
            account.name
        );
        report.fail(
            &directories,
            format!("there is no user {}", account.name),
            fix,
        );
        report.skip(&["keys"], "there is no such user");
        return;
    }
    let database = config.database.connection.as_ref();
    let file = database.and_then(|url| url.file());
    let faults = [
        directory(log, account),
        files_in(log, ".log", account),
        directory(state, account),
        file.and_then(Path::parent)
            .filter(|parent| parent != state)
            .and_then(|parent| directory(parent, account)),
        file.and_then(|file| writable(file, account)),
    ];
    tell(&directories, faults, account, report);
    keys(&config.database.key_dir, account, report);
}

/// What is wrong, and the command against it.
struct Fault {
    found: String,
    fix: String,
}

fn tell(
    check: &Check,
    faults: impl IntoIterator<Item = Option<Fault>>,
    account: &Account,
    report: &mut Report,
) {
    let faults: Vec<Fault> = faults.into_iter().flatten().collect();
    let join = |part: fn(&Fault) -> &str| faults.iter().map(part).collect::<Vec<_>>().join("\n");
    match faults.is_empty() {
        true => report.ok(check, format!("user {} may", account.name)),
        false => report.fail(check, join(|f| &f.found), join(|f| &f.fix)),
    }
}

/// A directory that the user may write.
fn directory(path: &Path, account: &Account) -> Option<Fault> {
    let (name, shown) = (&account.name, path.display());
    let Ok(found) = path.metadata() else {
        return Some(Fault {
            found: format!("{shown} is not there"),
            fix: format!("install -d -o {name} -g {name} -m 750 {shown}"),
        });
    };
    if !found.is_dir() {
        return Some(Fault {
            found: format!("{shown} is no directory"),
            fix: format!("mv {shown} {shown}.old; install -d -o {name} -g {name} -m 750 {shown}"),
        });
    }
    if !account.may(Want::Write, &found) || !account.may(Want::Enter, &found) {
        return Some(Fault {
            found: format!(
                "user {name} may not write {shown}, which belongs to user {} with mode {:o}",
                found.uid(),
                found.mode() & 0o777
            ),
            fix: format!("chown -R {name}:{name} {shown}"),
        });
    }
    let closed = path.ancestors().skip(1).find(|above| {
        let above = above.metadata();
        above.is_ok_and(|above| !account.may(Want::Enter, &above))
    })?;
    Some(Fault {
        found: format!("user {name} may not go through {}", closed.display()),
        fix: format!("chmod o+x {}", closed.display()),
    })
}

/// A file that the user may write, where it is there.
fn writable(path: &Path, account: &Account) -> Option<Fault> {
    let found = path.metadata().ok()?;
    let (name, shown) = (&account.name, path.display());
    (!account.may(Want::Write, &found)).then(|| Fault {
        found: format!(
            "user {name} may not write {shown}, which belongs to user {}",
            found.uid()
        ),
        fix: format!("chown {name}:{name} {shown}"),
    })
}

/// The first file with this ending that the user may not write: somebody else has begun it.
fn files_in(directory: &Path, ending: &str, account: &Account) -> Option<Fault> {
    let files = with_ending(directory, ending);
    files.iter().find_map(|file| writable(file, account))
}

fn with_ending(directory: &Path, ending: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let files = entries.map(|entry| entry.path());
    files
        .filter(|file| file.to_string_lossy().ends_with(ending))
        .collect()
}

/// The keys that seal secrets: the services' alone.
fn keys(dir: &Path, account: &Account, report: &mut Report) {
    let (name, shown) = (&account.name, dir.display());
    let tried = format!("whether the keys in {shown} are user {name}'s alone");
    let check = check("keys", tried);
    let Ok(found) = dir.metadata() else {
        report.ok(&check, "the first service that starts makes one");
        return;
    };
    let repair =
        format!("chown -R {name}:{name} {shown}; chmod 700 {shown}; chmod 600 {shown}/*.key");
    let mut faults = Vec::new();
    if !account.may(Want::Read, &found) || !account.may(Want::Enter, &found) {
        faults.push(format!("user {name} may not read {shown}"));
    } else if !account.owns(&found) && !is_root(account) {
        faults.push(format!("{shown} is not user {name}'s own"));
    }
    let parts = with_ending(dir, ".key");
    for path in parts.iter().map(PathBuf::as_path).chain([dir]) {
        let Ok(found) = path.metadata() else { continue };
        let (path, mode) = (path.display(), found.mode() & 0o777);
        if mode & 0o077 != 0 {
            faults.push(format!("others may read {path}: its mode is {mode:o}"));
        } else if found.is_file() && !account.may(Want::Read, &found) {
            faults.push(format!("user {name} may not read {path}"));
        }
    }
    match faults.is_empty() {
        true => report.ok(&check, "they are"),
        false => report.fail(&check, faults.join("\n"), repair),
    }
}

fn is_root(account: &Account) -> bool {
    account.name == "root"
}
