//! Lists that come in pages.

use protector_framework::{DriverError, ErrorKind, Result};
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;

use super::Session;
use super::call::Call;
use super::trip::Trip;

/// More pages than any cloud has; a service that links in a circle is stopped here.
const MOST: usize = 1_000;

impl Session {
    /// Every entry of a list, following its links to the end.
    pub(crate) async fn list<T: DeserializeOwned>(
        &self,
        trip: &Trip,
        call: Call,
        key: &str,
    ) -> Result<Vec<T>> {
        let mut all = Vec::new();
        let mut call = call;
        for _ in 0..MOST {
            let reply = self.send(trip, call.clone()).await?;
            let body: Value = reply.json()?;
            let page: Vec<T> = reply.at(key)?;
            let empty = page.is_empty();
            all.extend(page);
            let Some(query) = next(&body).filter(|query| !empty && *query != call.query) else {
                return Ok(all);
            };
            // The host and path of a link may be those behind a proxy; its query is what counts.
            call.query = query;
        }
        Err(DriverError::new(
            ErrorKind::Unexpected,
            format!("`{}` has no end after {MOST} pages", call.name()),
        )
        .with_call(call.name()))
    }
}

/// The query of the next page. Nova, Cinder and Neutron put links beside the list, under a name
/// that is made of the list's in more than one way; Keystone has one object of links.
fn next(body: &Value) -> Option<Vec<(String, String)>> {
    let beside = body
        .as_object()?
        .iter()
        .filter(|(name, _)| name.ends_with("_links"))
        .filter_map(|(_, links)| links.as_array())
        .flatten()
        .find(|link| link["rel"] == "next")
        .and_then(|link| link["href"].as_str());
    let href = beside.or_else(|| body["links"]["next"].as_str())?;
    let base = Url::parse("http://here").ok()?;
    let url = base.join(href).ok()?;
    Some(url.query_pairs().into_owned().collect())
}
