//! `api-paste.ini`: accepted as existing installations have it, read, and reported. It names Python
//! factories, which this program does not load; its own pipeline always authenticates.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use protector_framework::ExposeSecret;

use crate::error::{ConfigError, Place, Problem};
use crate::ini;

/// The filters that the API has by itself, by a part of their factory's name.
const BUILT_IN: &[&str] = &[
    "request_id",
    "cors",
    "http_proxy_to_wsgi",
    "sizelimit",
    "auth_token",
    "healthcheck",
    "protector.",
];

/// What an `api-paste.ini` names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Paste {
    /// Its filters with their factories.
    pub filters: BTreeMap<String, String>,
    /// The URL prefixes that it maps.
    pub prefixes: BTreeSet<String>,
    /// What an operator should know: factories that are not followed, a pipeline without
    /// authentication (which the API authenticates nevertheless).
    pub warnings: Vec<Problem>,
}

impl Paste {
    /// Reads the file; `None` where there is none.
    ///
    /// # Errors
    /// A file that cannot be read or is not of the grammar.
    pub fn read(file: &Path) -> Result<Option<Self>, ConfigError> {
        if !file.exists() {
            return Ok(None);
        }
        let text = std::fs::read_to_string(file).map_err(|error| {
            let reason = format!("the paste file cannot be read: {error}");
            ConfigError::from(Problem::at(Place::File(file.to_owned()), reason))
        })?;
        Self::parse(file, &text).map(Some)
    }

    /// Reads the text of such a file; `file` is for messages.
    ///
    /// # Errors
    /// Lines that are not of the grammar.
    pub fn parse(file: &Path, text: &str) -> Result<Self, ConfigError> {
        let assignments = ini::parse(file, text).map_err(|problems| ConfigError { problems })?;
        let mut paste = Self::default();
        for assignment in &assignments {
            let value = assignment.value.expose_secret();
            // A key that begins with a slash is a URL prefix of a composite; the separator of the
            // grammar has already split `/v1: app`.
            if assignment.name.starts_with('/') {
                paste.prefixes.insert(assignment.name.clone());
            }
            let is_factory = matches!(
                assignment.name.as_str(),
                "paste.filter_factory" | "paste.app_factory" | "use"
            );
            if !is_factory {
                continue;
            }
            if let Some(filter) = assignment.group.strip_prefix("filter:") {
                paste.filters.insert(filter.to_owned(), value.to_owned());
            }
            let known =
                value.starts_with("egg:Paste#") || BUILT_IN.iter().any(|part| value.contains(part));
            if !known {
                let reason = format!("the factory `{value}` is Python and is not followed");
                let warning = Problem::at(assignment.place.clone(), reason);
                paste
                    .warnings
                    .push(warning.about(format!("[{}]", assignment.group)));
            }
        }
        let authenticates = paste
            .filters
            .values()
            .any(|factory| factory.contains("auth_token"));
        if !authenticates {
            let reason = "no filter of this file authenticates; the API authenticates all the same";
            let place = Place::File(PathBuf::from(file));
            paste.warnings.push(Problem::at(place, reason));
        }
        Ok(paste)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the installation guide has it, with two sections of one name.
    const GUIDE: &str = "\
[composite:protector]
use = egg:Paste#urlmap
/: protectorversions
/v1: protectorapi_v1
[composite:protectorapi_v1]
use = call:keystonemiddleware.auth_token:filter_factory
paste.filter_factory = keystonemiddleware.auth_token:filter_factory
keystone_authtoken = keystoneauth
[app:protectorversions]
paste.app_factory = protector.api.versions:VersionsController.factory
[app:protectorapi_v1]
paste.app_factory = protector.api.app:create_app
[filter:keystoneauth]
paste.filter_factory = keystonemiddleware.auth_token:filter_factory
";

    #[test]
    fn the_guides_file_is_accepted() {
        let paste = Paste::parse(Path::new("api-paste.ini"), GUIDE).unwrap();
        assert_eq!(paste.filters.keys().collect::<Vec<_>>(), ["keystoneauth"]);
        assert_eq!(paste.prefixes.iter().collect::<Vec<_>>(), ["/", "/v1"]);
        assert_eq!(paste.warnings, []);
    }

    #[test]
    fn foreign_factories_and_missing_authentication_are_told() {
        let text = "[filter:own]\npaste.filter_factory = site.own:Filter.factory\n";
        let paste = Paste::parse(Path::new("p.ini"), text).unwrap();
        let told: Vec<_> = paste.warnings.iter().map(Problem::to_string).collect();
        assert_eq!(
            told,
            [
                "p.ini:2: [filter:own]: the factory `site.own:Filter.factory` is Python and is not \
                 followed",
                "p.ini: no filter of this file authenticates; the API authenticates all the same",
            ]
        );
    }
}
