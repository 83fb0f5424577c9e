//! Which endpoint of the catalog a call goes to.

use protector_framework::{DriverError, Endpoint, Result};
use url::Url;

use super::auth::Token;
use super::call::Service;
use super::version;
use crate::settings::Account;

/// The endpoint of a service for this account.
///
/// # Errors
/// `InvalidConfig` where the catalog has none, with what it has.
pub(crate) fn endpoint(service: Service, account: &Account, token: &Token) -> Result<Url> {
    if service == Service::Identity {
        // The operator's own URL: the catalog's may be reachable for the cloud alone.
        return Ok(account.auth_url.clone());
    }
    let found = service
        .types()
        .iter()
        .find_map(|kind| {
            token
                .catalog
                .iter()
                .find(|entry| fits(entry, kind, account))
        })
        .ok_or_else(|| nothing_fits(service, account, token))?;
    let url = Url::parse(&found.url).map_err(|error| {
        DriverError::invalid_config(format!(
            "the catalog of {} gives the {} the endpoint `{}`, which is no URL: {error}",
            account.auth_url,
            service.title(),
            found.url
        ))
    })?;
    Ok(version::complete(service, url, token.project_id.as_deref()))
}

fn fits(entry: &Endpoint, kind: &str, account: &Account) -> bool {
    let interface = entry.interface.trim_end_matches("URL");
    entry.service_type == kind
        && interface == account.interface
        && account
            .region
            .as_deref()
            .is_none_or(|region| region == entry.region)
}

fn nothing_fits(service: Service, account: &Account, token: &Token) -> DriverError {
    let mut known: Vec<_> = token
        .catalog
        .iter()
        .map(|entry| {
            format!(
                "{} {} {}",
                entry.service_type, entry.interface, entry.region
            )
        })
        .collect();
    known.sort();
    known.dedup();
    DriverError::invalid_config(format!(
        "the catalog that {} shows to {} has no {} (one of the types {}) with interface `{}` in \
         region `{}`; it has: {}. Check `region_name` and `interface`, or register the endpoint",
        account.auth_url,
        account.title(),
        service.title(),
        service.types().join(", "),
        account.interface,
        account.region.as_deref().unwrap_or("any"),
        if known.is_empty() {
            "nothing".to_owned()
        } else {
            known.join("; ")
        }
    ))
}
