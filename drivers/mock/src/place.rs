//! `mock://` URLs: the directory where a mock array or cloud lives.

use std::path::{Path, PathBuf};

use protector_framework::{DriverError, Result};
use url::Url;

/// A directory and what the URL says about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub directory: PathBuf,
    /// Whether servers that connect to the array are recorded in it.
    pub connections_known: bool,
}

/// Reads the URL that the setting `name` holds.
pub(crate) fn parse(name: &str, text: &str) -> Result<Place> {
    let wrong = |why: &str| {
        DriverError::invalid_config(format!(
            "driver settings: `{name}` is `{text}`, {why}; expected mock:///absolute/directory"
        ))
    };
    let url = Url::parse(text.trim()).map_err(|error| wrong(&format!("no URL: {error}")))?;
    if url.scheme() != "mock" || url.host_str().is_some_and(|host| !host.is_empty()) {
        return Err(wrong("which is not a mock directory"));
    }
    let connections_known = match url.query() {
        None => true,
        Some("connections=unknown") => false,
        Some(_) => return Err(wrong("which has a query other than connections=unknown")),
    };
    // The only URLs that turn into paths are those of files.
    let directory = Url::parse(&format!("file://{}", url.path()))
        .ok()
        .and_then(|file| file.to_file_path().ok())
        .filter(|path| path.is_absolute() && path.file_name().is_some())
        .ok_or_else(|| wrong("which names no directory"))?;
    Ok(Place {
        directory,
        connections_known,
    })
}

/// The URL of a directory.
pub(crate) fn url(directory: &Path) -> Result<String> {
    Url::from_file_path(directory)
        .map(|file| format!("mock://{}", file.path()))
        .map_err(|()| {
            DriverError::invalid_config(format!("{} is not absolute", directory.display()))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_goes_to_a_url_and_back() {
        let directory = Path::new("/var/lib/a site/pool");
        let place = parse("url", &url(directory).unwrap()).unwrap();
        assert_eq!(place.directory, directory);
        assert!(place.connections_known);
        let place = parse("url", "mock:///pool?connections=unknown").unwrap();
        assert!(!place.connections_known);
    }

    #[test]
    fn what_is_no_directory_is_refused_with_the_settings_name() {
        for text in [
            "",
            "/pool",
            "mock://host/pool",
            "mock:///",
            "file:///pool",
            "mock:///p?x=1",
        ] {
            let error = parse("url", text).unwrap_err();
            assert!(error.message.contains("`url`"), "{text}: {}", error.message);
        }
    }
}
