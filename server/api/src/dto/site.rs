use std::collections::BTreeMap;

use poem_openapi::Object;
use protector_control::{Credentials, NewSite, SiteChange};
use protector_db::PeerKey;
use protector_framework::{GenericUuid as _, VolumeType};
use protector_model::Site;
use protector_model::site::Account;
use uuid::Uuid;

use super::common::{MASK, Secret, SiteStatusWord, Timestamp, WebUrl};
use crate::listing::Link;

/// A registered cloud.
#[derive(Debug, Object)]
#[oai(rename = "Site")]
pub(crate) struct SiteView {
    /// Its id, the same on both sites.
    id: Uuid,
    /// Its name, unique.
    name: String,
    /// For people.
    description: String,
    /// Which compute and identity drivers speak to it.
    site_type: String,
    /// Its identity service.
    auth_url: String,
    /// Its region.
    region_name: String,
    /// Its status.
    status: SiteStatusWord,
    /// Why it has that status, where it is not `active`.
    status_reason: Option<String>,
    /// Whether the API that answers belongs to this site.
    is_local: bool,
    /// The account that Protector uses on it; passwords are never shown.
    credentials: CredentialsView,
    /// When its services were last asked.
    validated_at: Option<Timestamp>,
    /// Whether its identity service answered.
    keystone_reachable: bool,
    /// Whether its compute service answered.
    nova_reachable: bool,
    /// Whether its block storage service answered.
    cinder_reachable: bool,
    /// Whether its network service answered.
    neutron_reachable: bool,
    /// Whether its Protector answered.
    protector_reachable: bool,
    /// What the services that did not answer said, by service.
    details: BTreeMap<String, String>,
    /// The public key of its Protector, which secrets are sealed to.
    peer_key: Option<String>,
    /// Another key that it has shown since: it is not used until it is set as `peer_key`.
    peer_key_offered: Option<String>,
    /// When it was registered.
    created_at: Timestamp,
    /// When it last changed.
    updated_at: Timestamp,
}

/// The account of a site as it is shown.
#[derive(Debug, Object)]
#[oai(rename = "SiteCredentials")]
pub(crate) struct CredentialsView {
    /// How it authenticates.
    auth_type: Option<String>,
    /// The user.
    username: Option<String>,
    /// Asterisks where a password is used.
    password: Option<String>,
    /// The user's domain.
    user_domain_name: Option<String>,
    /// The account's own project.
    project_name: Option<String>,
    /// That project's domain.
    project_domain_name: Option<String>,
    /// The application credential.
    application_credential_id: Option<String>,
    /// Asterisks where an application credential is used.
    application_credential_secret: Option<String>,
}

impl From<Account> for CredentialsView {
    fn from(account: Account) -> Self {
        let masked = |used: bool| used.then(|| MASK.to_owned());
        Self {
            password: masked(account.username.is_some()),
            application_credential_secret: masked(account.application_credential_id.is_some()),
            auth_type: account.auth_type,
            username: account.username,
            user_domain_name: account.user_domain_name,
            project_name: account.project_name,
            project_domain_name: account.project_domain_name,
            application_credential_id: account.application_credential_id,
        }
    }
}

impl SiteView {
    /// A site with what is known of its key.
    pub(crate) fn new(site: Site, key: Option<&PeerKey>) -> Self {
        Self {
            peer_key: key.map(|key| key.known.clone()),
            peer_key_offered: key.and_then(|key| key.offered.clone()),
            id: site.id.into_untyped_uuid(),
            name: site.name,
            description: site.description,
            site_type: site.site_type,
            auth_url: site.auth_url,
            region_name: site.region_name,
            status: site.status.into(),
            status_reason: site.status_reason,
            is_local: site.is_local,
            credentials: site.account.into(),
            validated_at: site.reach.checked_at.map(Timestamp),
            keystone_reachable: site.reach.keystone,
            nova_reachable: site.reach.nova,
            cinder_reachable: site.reach.cinder,
            neutron_reachable: site.reach.neutron,
            protector_reachable: site.reach.protector,
            details: site.reach.details,
            created_at: site.created_at.into(),
            updated_at: site.updated_at.into(),
        }
    }
}

/// One site.
#[derive(Debug, Object)]
#[oai(rename = "SiteDocument")]
pub(crate) struct SiteDocument {
    /// The site.
    pub(crate) site: SiteView,
}

/// A list of sites.
#[derive(Debug, Object)]
#[oai(rename = "SiteList", skip_serializing_if_is_none)]
pub(crate) struct SiteList {
    /// The sites.
    pub(crate) sites: Vec<SiteView>,
    /// The next page, where there is one.
    pub(crate) links: Option<Vec<Link>>,
    /// How many there are on all pages, where `with_count` asks for it.
    pub(crate) count: Option<u64>,
}

/// An account for Protector to use on a site.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub(crate) struct CredentialsInput {
    /// `password` (default) or `v3applicationcredential`.
    #[oai(validator(max_length = 64))]
    auth_type: Option<String>,
    /// The user.
    #[oai(validator(max_length = 255))]
    username: Option<String>,
    /// The user's password.
    password: Option<Secret>,
    /// The user's domain.
    #[oai(validator(max_length = 255))]
    user_domain_name: Option<String>,
    /// The account's own project.
    #[oai(validator(max_length = 255))]
    project_name: Option<String>,
    /// That project's domain.
    #[oai(validator(max_length = 255))]
    project_domain_name: Option<String>,
    /// The application credential.
    #[oai(validator(max_length = 255))]
    application_credential_id: Option<String>,
    /// The application credential's secret.
    application_credential_secret: Option<Secret>,
}

impl From<CredentialsInput> for Credentials {
    fn from(input: CredentialsInput) -> Self {
        Self {
            account: Account {
                auth_type: input.auth_type,
                username: input.username,
                user_domain_name: input.user_domain_name,
                project_name: input.project_name,
                project_domain_name: input.project_domain_name,
                application_credential_id: input.application_credential_id,
            },
            password: input.password.map(|secret| secret.0),
            application_credential_secret: input.application_credential_secret.map(|s| s.0),
        }
    }
}

/// A site to register.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub(crate) struct CreateSite {
    /// Its name, unique.
    #[oai(validator(min_length = 1, max_length = 255))]
    name: String,
    /// For people.
    #[oai(validator(max_length = 1020))]
    description: Option<String>,
    /// Which compute and identity drivers speak to it; `openstack` where it is not given. `primary` and
    /// `secondary`, words of older guides, mean `openstack`: which site is primary is said by each group.
    #[oai(validator(min_length = 1, max_length = 64))]
    site_type: Option<String>,
    /// Its identity service.
    auth_url: WebUrl,
    /// Its region.
    #[oai(validator(min_length = 1, max_length = 255))]
    region_name: String,
    /// Its account; without it the service's own user and password are tried there.
    credentials: Option<CredentialsInput>,
}

/// What a site is at first, which decides nothing: roles are per group.
const DESIGNATIONS: [&str; 2] = ["primary", "secondary"];

impl From<CreateSite> for NewSite {
    fn from(site: CreateSite) -> Self {
        Self {
            name: site.name,
            description: site.description.unwrap_or_default(),
            site_type: site
                .site_type
                .filter(|word| !DESIGNATIONS.contains(&word.as_str()))
                .unwrap_or_else(|| "openstack".to_owned()),
            auth_url: site.auth_url.0,
            region_name: site.region_name,
            credentials: site.credentials.map(Into::into),
        }
    }
}

/// The body that registers a site.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub(crate) struct CreateSiteBody {
    /// The site.
    pub(crate) site: CreateSite,
}

/// What is to change of a site; fields that are left out stay.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub(crate) struct UpdateSite {
    /// Its new name.
    #[oai(validator(min_length = 1, max_length = 255))]
    name: Option<String>,
    /// Its new description.
    #[oai(validator(max_length = 1020))]
    description: Option<String>,
    /// Its new identity service.
    auth_url: Option<WebUrl>,
    /// Its new region.
    #[oai(validator(min_length = 1, max_length = 255))]
    region_name: Option<String>,
    /// Its new account.
    credentials: Option<CredentialsInput>,
    /// Confirms the key of its Protector, where it shows another one than before. Compare it with
    /// what that site shows of itself.
    #[oai(validator(min_length = 64, max_length = 64))]
    peer_key: Option<String>,
}

impl From<UpdateSite> for SiteChange {
    fn from(site: UpdateSite) -> Self {
        Self {
            name: site.name,
            description: site.description,
            auth_url: site.auth_url.map(|url| url.0),
            region_name: site.region_name,
            credentials: site.credentials.map(Into::into),
            peer_key: site.peer_key,
        }
    }
}

/// The body that changes a site.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub(crate) struct UpdateSiteBody {
    /// The site.
    pub(crate) site: UpdateSite,
}

/// A volume type of a site.
#[derive(Debug, Object)]
#[oai(rename = "VolumeType")]
pub(crate) struct VolumeTypeView {
    /// Its id.
    id: String,
    /// Its name.
    name: String,
    /// Its extra specs, where the account may see them.
    extra_specs: BTreeMap<String, String>,
}

impl From<VolumeType> for VolumeTypeView {
    fn from(kind: VolumeType) -> Self {
        Self {
            id: kind.id.to_string(),
            name: kind.name,
            extra_specs: kind.extra_specs,
        }
    }
}

/// A list of volume types.
#[derive(Debug, Object)]
#[oai(rename = "VolumeTypeList")]
pub(crate) struct VolumeTypeList {
    /// The volume types.
    pub(crate) volume_types: Vec<VolumeTypeView>,
}

#[cfg(test)]
mod tests {
    use poem_openapi::types::ParseFromJSON as _;
    use protector_control::NewSite;
    use serde_json::json;

    use super::CreateSiteBody;

    #[test]
    fn an_older_guides_designation_of_a_site_names_no_driver() {
        for (word, driver) in [
            (json!("primary"), "openstack"),
            (json!("secondary"), "openstack"),
            (json!(null), "openstack"),
            (json!("mock"), "mock"),
        ] {
            let body = json!({ "site": { "name": "a", "auth_url": "http://k/v3",
                "region_name": "R", "site_type": word } });
            let body = CreateSiteBody::parse_from_json(Some(body)).unwrap();
            assert_eq!(NewSite::from(body.site).site_type, driver);
        }
    }
}
