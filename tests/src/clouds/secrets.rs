//! No password, array token, array session or Keystone token may be in a log, a reply or a database.

use std::path::Path;

use super::deployment::{mariadb_dump, mariadb_name};
use super::failure::{During, Outcome, ensure, fail};
use super::stage::Stage;
use super::testbed::Side;

/// How a Keystone token (Fernet) begins; passwords and array tokens of a run carry its own mark.
const TOKEN: &str = "gAAAAA";

impl Stage {
    /// Searches everything that Protector wrote, in files, databases and replies.
    ///
    /// # Errors
    /// With each place where a secret is.
    pub async fn no_secret_is_shown(&self) -> Outcome {
        // The search would find it where it has to be.
        let config = std::fs::read(self.a.deployment.config())?;
        ensure(
            position(&config, self.world.secrets.mark.as_bytes()).is_some(),
            || "the configuration has no marked password".to_owned(),
        )?;
        let session = self.arrays.session_mark();
        let mut found = Vec::new();
        let mut search = |place: &str, bytes: &[u8]| {
            let known = [
                ("marked secret", &*self.world.secrets.mark),
                ("token", TOKEN),
            ];
            let session = session.iter().map(|mark| ("array session", &**mark));
            for (what, needle) in known.into_iter().chain(session) {
                if let Some(at) = position(bytes, needle.as_bytes()) {
                    let around = &bytes[at.saturating_sub(80)..bytes.len().min(at + 10)];
                    let around = String::from_utf8_lossy(around).replace('\n', " ");
                    found.push(format!("{what} in {place}: ...{around}"));
                }
            }
        };
        search("the API's replies", self.seen.text().as_bytes());
        let dump = mariadb_dump(&mariadb_name(&self.world)).await?;
        search("MariaDB", dump.as_bytes());
        for side in Side::BOTH {
            let deployment = &self.at(side).deployment;
            for dir in [deployment.logs(), deployment.state()] {
                for file in files(&dir)? {
                    let bytes = std::fs::read(&file).during(|| format!("{}", file.display()))?;
                    search(&file.display().to_string(), &bytes);
                }
            }
        }
        if found.is_empty() {
            return Ok(());
        }
        fail(found.join("; "))
    }
}

fn files(dir: &Path) -> Outcome<Vec<std::path::PathBuf>> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(dir).during(|| format!("{}", dir.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            all.extend(files(&path)?);
        } else {
            all.push(path);
        }
    }
    Ok(all)
}

fn position(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    bytes.windows(needle.len()).position(|part| part == needle)
}
