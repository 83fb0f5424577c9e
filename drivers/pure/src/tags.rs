//! The driver's own tags on volumes.

use std::collections::BTreeMap;

use protector_framework::Result;
use serde_json::{Value, json};

use crate::client::{Call, Cause, gone_is_fine};
use crate::names;
use crate::side::{Side, TOGETHER};
use crate::wire::Tag;

/// The namespace of the driver's tags.
pub(crate) const NAMESPACE: &str = "protector-dr";

/// The driver's tags of a volume; none where there is no such volume.
pub(crate) async fn tags(side: Side<'_>, volume: &str) -> Result<BTreeMap<String, String>> {
    let call = Call::get("volumes/tags")
        .with("resource_names", volume)
        .with("namespaces", NAMESPACE);
    let found: Vec<Tag> = match side.find(call).await {
        Ok(found) => found,
        Err(failure) if failure.is_refusal() && failure.cause == Cause::Pending => Vec::new(),
        Err(failure) => return Err(failure.into()),
    };
    Ok(found
        .into_iter()
        .filter(|tag| tag.namespace == NAMESPACE)
        .filter(|tag| tag.resource.name.is_empty() || names::same(&tag.resource.name, volume))
        .map(|tag| (tag.key, tag.value))
        .collect())
}

/// Sets tags of a volume. They do not go with copies of it.
pub(crate) async fn set_tags(
    side: Side<'_>,
    volume: &str,
    tags: &[(String, String)],
) -> Result<()> {
    for some in tags.chunks(TOGETHER) {
        let body: Vec<Value> = some
            .iter()
            .map(|(key, value)| {
                json!({"namespace": NAMESPACE, "key": key, "value": value, "copyable": false})
            })
            .collect();
        let call = Call::put("volumes/tags/batch")
            .with("resource_names", volume)
            .json(Value::Array(body));
        side.send(call).await?;
    }
    Ok(())
}

/// Takes tags of a volume away; all of them where no keys are named.
pub(crate) async fn remove_tags(side: Side<'_>, volume: &str, keys: &[String]) -> Result<()> {
    let call = Call::delete("volumes/tags")
        .with("resource_names", volume)
        .with("namespaces", NAMESPACE)
        .list("keys", keys);
    gone_is_fine(side.send(call).await)
}
