//! Lists: read page by page, item by item, with patience for what is not known.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::call::Call;
use super::error::{Cause, Failure};
use super::trip::Trip;
use super::{Client, Reply};

/// The most pages of one list; an array that never ends must not hold a verb.
const PAGES: usize = 1000;

impl Client {
    /// Every item of a list.
    pub(crate) async fn list<T: DeserializeOwned>(
        &self,
        trip: &Trip,
        call: Call,
    ) -> Result<Vec<T>, Failure> {
        let mut all = Vec::new();
        let mut next = call.clone();
        for _ in 0..PAGES {
            let reply = self.send(trip, &next).await?;
            let mut page = reply.json()?;
            all.append(&mut items(&reply, &mut page)?);
            if !page["more_items_remaining"].as_bool().unwrap_or_default() {
                return Ok(all);
            }
            next = match page["continuation_token"].as_str() {
                Some(token) if !token.is_empty() => call.clone().with("continuation_token", token),
                // Not every array and not every list hands out tokens.
                _ => call.clone().with("offset", all.len().to_string()),
            };
        }
        Err(protector_framework::DriverError::new(
            protector_framework::ErrorKind::Unexpected,
            format!("`{}`: the list does not end", call.name()),
        )
        .with_call(call.name())
        .into())
    }

    /// The objects of exact names; a name that is not there is no error but missing.
    pub(crate) async fn find<T: DeserializeOwned>(
        &self,
        trip: &Trip,
        call: Call,
    ) -> Result<Vec<T>, Failure> {
        match self.list(trip, call).await {
            Err(failure) if failure.is_refusal() && failure.cause == Cause::NotFound => {
                Ok(Vec::new())
            }
            other => other,
        }
    }
}

/// The items of an answer. Where they are missing or one cannot be read, that is an error: a list
/// that silently lacks an item would be taken for the whole, and no list for an empty one.
fn items<T: DeserializeOwned>(reply: &Reply, page: &mut Value) -> Result<Vec<T>, Failure> {
    let found = match page.get_mut("items").map(Value::take) {
        Some(Value::Array(found)) => found,
        _ => {
            return Err(reply
                .unexpected("the answer to a list holds no `items`; a proxy may have changed it")
                .into());
        }
    };
    found
        .into_iter()
        .map(|item| {
            serde_json::from_value(item).map_err(|error| {
                reply
                    .unexpected(&format!("an item of the answer cannot be read: {error}"))
                    .into()
            })
        })
        .collect()
}
