//! Where configuration comes from: files, directories of files, and the environment.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::error::{ConfigError, Place, Problem};
use crate::ini::{self, Assignment};

const HOME: &str = "/etc/protector";

/// The environment variables of the process, handed in so that a test brings its own.
pub type Environment = BTreeMap<String, String>;

/// The process's environment variables that can name an option (`OS_<GROUP>__<OPTION>`).
pub fn environment() -> Environment {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
        .filter(|(name, _)| name.starts_with("OS_") && name.contains("__"))
        .map(|(name, value)| (name, value.to_string_lossy().into_owned()))
        .collect()
}

/// All that was read, in the order in which later values win.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// One list for each file.
    pub(crate) files: Vec<Vec<Assignment>>,
    pub(crate) environment: Environment,
    /// Where relative names are looked for, first match first.
    pub(crate) search: Vec<PathBuf>,
}

impl Sources {
    /// Reads the files and directories that were named; without any, those of `/etc/protector`:
    /// `protector.conf`, `<program>.conf`, and the `*.conf` of the same names with `.d`. The
    /// directories of `/etc/protector` are read too, first, where only files were named.
    ///
    /// # Errors
    /// What cannot be read, and every line that does not fit the grammar.
    pub fn read(
        program: &str,
        config_files: &[PathBuf],
        config_dirs: &[PathBuf],
        environment: Environment,
    ) -> Result<Self, ConfigError> {
        Self::read_from(
            Path::new(HOME),
            program,
            config_files,
            config_dirs,
            environment,
        )
    }

    /// A configuration that is in memory, for programs that make their own and for tests. `name`
    /// stands for the file in messages.
    ///
    /// # Errors
    /// Every line that does not fit the grammar.
    pub fn from_text(name: &str, text: &str) -> Result<Self, ConfigError> {
        let file =
            ini::parse(Path::new(name), text).map_err(|problems| ConfigError { problems })?;
        Ok(Self {
            files: vec![file],
            ..Self::default()
        })
    }

    fn read_from(
        home: &Path,
        program: &str,
        config_files: &[PathBuf],
        config_dirs: &[PathBuf],
        environment: Environment,
    ) -> Result<Self, ConfigError> {
        let mut names = vec!["protector"];
        if program != "protector" {
            names.push(program);
        }
        let defaults = |ending: &str| -> Vec<PathBuf> {
            let paths = names
                .iter()
                .map(|name| home.join(format!("{name}{ending}")));
            paths.filter(|path| path.exists()).collect()
        };

        let mut files = Vec::new();
        let mut problems = Vec::new();
        let mut add_dirs = |dirs: &[PathBuf], files: &mut Vec<PathBuf>| {
            for dir in dirs {
                match files_of(dir) {
                    Ok(mut found) => files.append(&mut found),
                    Err(problem) => problems.push(problem),
                }
            }
        };
        match (config_files.is_empty(), config_dirs.is_empty()) {
            (true, true) => {
                files.extend(defaults(".conf"));
                add_dirs(&defaults(".conf.d"), &mut files);
            }
            (true, false) => {
                files.extend(defaults(".conf"));
                add_dirs(config_dirs, &mut files);
            }
            (false, true) => {
                add_dirs(&defaults(".conf.d"), &mut files);
                files.extend(config_files.iter().cloned());
            }
            (false, false) => {
                files.extend(config_files.iter().cloned());
                add_dirs(config_dirs, &mut files);
            }
        }

        let mut sources = Self {
            files: Vec::new(),
            environment,
            search: search_path(home, config_files, config_dirs),
        };
        for file in files {
            match read_file(&file) {
                Ok(assignments) => sources.files.push(assignments),
                Err(mut found) => problems.append(&mut found),
            }
        }
        if problems.is_empty() {
            Ok(sources)
        } else {
            Err(ConfigError { problems })
        }
    }

    /// The first place where a relative name exists; where it exists nowhere, the place that would be
    /// looked at first.
    pub(crate) fn find(&self, name: &Path) -> PathBuf {
        if name.is_absolute() {
            return name.to_owned();
        }
        let mut candidates = self.search.iter().map(|dir| dir.join(name));
        let first = self
            .search
            .first()
            .map_or(Path::new(HOME), PathBuf::as_path);
        candidates
            .find(|path| path.exists())
            .unwrap_or_else(|| first.join(name))
    }
}

/// The directories that were named, then those beside the files that were named, last first.
fn search_path(home: &Path, files: &[PathBuf], dirs: &[PathBuf]) -> Vec<PathBuf> {
    let beside = files
        .iter()
        .rev()
        .filter_map(|file| file.parent().map(Path::to_owned));
    let mut search: Vec<_> = dirs.iter().cloned().chain(beside).collect();
    search.push(home.to_owned());
    if let Some(parent) = home.parent() {
        search.push(parent.to_owned());
    }
    search
}

/// The `*.conf` of a directory in the order of their names.
fn files_of(dir: &Path) -> Result<Vec<PathBuf>, Problem> {
    let failed = |error: std::io::Error| {
        let reason = format!("the configuration directory cannot be read: {error}");
        Problem::at(Place::File(dir.to_owned()), reason)
    };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|ending| ending == "conf") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn read_file(file: &Path) -> Result<Vec<Assignment>, Vec<Problem>> {
    let failed = |reason: String| vec![Problem::at(Place::File(file.to_owned()), reason)];
    let bytes = std::fs::read(file)
        .map_err(|error| failed(format!("the configuration file cannot be read: {error}")))?;
    let text = String::from_utf8(bytes).map_err(|_| failed("the file is not UTF-8".to_owned()))?;
    ini::parse(file, &text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(path: &Path, text: &str) -> PathBuf {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
        path.to_owned()
    }

    #[test]
    fn default_directories_are_read_before_files_that_are_named() {
        let dir = tempfile::tempdir().unwrap();
        let home = dir.path().join("etc");
        written(&home.join("protector.conf"), "[api]\nworkers = 1\n");
        written(
            &home.join("protector.conf.d/a.conf"),
            "[api]\nworkers = 2\n",
        );
        written(&home.join("protector.conf.d/a.ini"), "not read");
        let named = written(&dir.path().join("own.conf"), "[api]\nworkers = 3\n");

        let count = |files: &[PathBuf]| {
            Sources::read_from(&home, "protector-api", files, &[], Environment::new())
                .unwrap()
                .files
                .iter()
                .map(|file| file[0].place.to_string())
                .collect::<Vec<_>>()
        };
        let name = |path: &str| home.join(path).display().to_string();
        assert_eq!(
            count(&[]),
            [name("protector.conf:2"), name("protector.conf.d/a.conf:2")]
        );
        assert_eq!(
            count(std::slice::from_ref(&named)),
            [
                name("protector.conf.d/a.conf:2"),
                format!("{}:2", named.display())
            ]
        );
    }

    #[test]
    fn everything_that_cannot_be_read_is_named_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let bad = written(&dir.path().join("bad.conf"), "x = 1\n[a\n");
        let files = [dir.path().join("absent.conf"), bad];
        let dirs = [dir.path().join("absent.d")];
        let error = Sources::read_from(dir.path(), "x", &files, &dirs, Environment::new())
            .unwrap_err()
            .to_string();
        for part in [
            "absent.conf: ",
            "bad.conf:1: ",
            "bad.conf:2: ",
            "absent.d: ",
        ] {
            assert!(error.contains(part), "{part} is not in {error}");
        }
        assert_eq!(error.lines().count(), 4);
    }
}
