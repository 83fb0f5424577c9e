//! Microversions, and what an endpoint says about its own.

use serde_json::Value;
use url::Url;

use super::call::Service;

/// `major.minor`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version(pub(crate) u16, pub(crate) u16);

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

impl Version {
    fn parse(text: &str) -> Option<Self> {
        let (major, minor) = text.split_once('.')?;
        Some(Self(major.parse().ok()?, minor.parse().ok()?))
    }
}

/// The major version whose microversions a service has.
fn major(service: Service) -> Option<(&'static str, u16)> {
    match service {
        Service::Compute => Some(("v2.1", 2)),
        Service::Volume => Some(("v3", 3)),
        Service::Identity | Service::Network => None,
    }
}

/// The endpoint that calls go to: what the catalog says, completed by the version where the
/// catalog leaves it out.
pub(crate) fn complete(service: Service, mut url: Url, project: Option<&str>) -> Url {
    let path = url.path().trim_end_matches('/').to_owned();
    let path = match service {
        Service::Compute if !has_segment(&path, "v2.1") => {
            // Version 2 has no microversions; every cloud that has it has 2.1 beside it.
            let root = path
                .split("/v2/")
                .next()
                .unwrap_or(&path)
                .trim_end_matches("/v2");
            format!("{root}/v2.1")
        }
        Service::Volume if !has_segment(&path, "v3") => match project {
            Some(project) => format!("{path}/v3/{project}"),
            None => format!("{path}/v3"),
        },
        Service::Network if !has_segment(&path, "v2.0") => format!("{path}/v2.0"),
        _ => path,
    };
    url.set_path(&path);
    url
}

fn has_segment(path: &str, segment: &str) -> bool {
    path.split('/').any(|part| part == segment)
}

/// Where an endpoint tells its microversions; `None` for services that have none.
pub(crate) fn document(service: Service, endpoint: &Url) -> Option<Url> {
    let (name, _) = major(service)?;
    let mut url = endpoint.clone();
    let path = url.path();
    let end = path.find(&format!("/{name}"))? + 1 + name.len();
    let path = format!("{}/", &path[..end]);
    url.set_path(&path);
    url.set_query(None);
    Some(url)
}

/// The highest microversion in a version document; `None` where it has none.
pub(crate) fn highest(service: Service, document: &Value) -> Option<Version> {
    let (_, wanted) = major(service)?;
    let listed = document["versions"].as_array().into_iter().flatten();
    listed
        .chain(document.get("version"))
        .filter_map(|entry| Version::parse(entry["version"].as_str()?))
        .filter(|version| version.0 == wanted)
        .max()
}

/// The header that asks for a microversion.
pub(crate) fn header(service: Service, version: Version) -> Option<String> {
    let name = match service {
        Service::Compute => "compute",
        Service::Volume => "volume",
        Service::Identity | Service::Network => return None,
    };
    Some(format!("{name} {version}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn endpoints_without_a_version_are_completed() {
        for (service, catalog, expected) in [
            (Service::Compute, "http://h/compute", "/compute/v2.1"),
            (Service::Compute, "http://h:8774/v2/p", "/v2.1"),
            (Service::Compute, "http://h:8774/v2.1", "/v2.1"),
            (Service::Volume, "http://h:8776", "/v3/p"),
            (Service::Volume, "http://h:8776/v3/p", "/v3/p"),
            (Service::Network, "http://h:9696/", "/v2.0"),
            (Service::Network, "http://h:9696/v2.0", "/v2.0"),
        ] {
            let url = complete(service, Url::parse(catalog).unwrap(), Some("p"));
            assert_eq!(url.path(), expected, "{catalog}");
        }
    }

    #[test]
    fn the_version_document_is_beside_the_project() {
        let at = |service, url: &str| {
            document(service, &Url::parse(url).unwrap()).map(|url| url.path().to_owned())
        };
        assert_eq!(
            at(Service::Volume, "http://h/v/v3/p").as_deref(),
            Some("/v/v3/")
        );
        assert_eq!(
            at(Service::Compute, "http://h/v2.1").as_deref(),
            Some("/v2.1/")
        );
        assert_eq!(at(Service::Network, "http://h/v2.0"), None);
    }

    #[test]
    fn documents_of_one_and_of_many_versions_are_read() {
        let nova = json!({"version": {"id": "v2.1", "version": "2.96", "min_version": "2.1"}});
        assert_eq!(highest(Service::Compute, &nova), Some(Version(2, 96)));
        let cinder = json!({"versions": [{"id": "v2.0", "version": ""}, {"version": "3.62"}]});
        assert_eq!(highest(Service::Volume, &cinder), Some(Version(3, 62)));
        assert_eq!(highest(Service::Volume, &json!({})), None);
    }
}
