//! Tags of volumes: what automation writes down for itself.

use super::array::Array;
use super::error::{ApiError, Outcome};

/// The namespace of tags that name none.
pub(crate) const DEFAULT_NAMESPACE: &str = "default";

/// One key and value of one volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tag {
    pub volume: String,
    pub namespace: String,
    pub key: String,
    pub value: String,
    pub copyable: bool,
}

impl Tag {
    fn check(&self, name: &str) -> Outcome<()> {
        if self.key.is_empty() || self.key.len() > 64 {
            return Err(ApiError::refused(name, "Invalid tag key."));
        }
        if self.value.len() > 256 {
            return Err(ApiError::refused(name, "Invalid tag value."));
        }
        if self.namespace.to_ascii_lowercase().starts_with("pure") {
            return Err(ApiError::refused(name, "Tag namespace is reserved."));
        }
        Ok(())
    }
}

/// Writes a tag, or its new value.
pub(crate) fn put(array: &mut Array, name: &str, tag: Tag) -> Outcome<()> {
    tag.check(name)?;
    array.tags.retain(|held| {
        held.volume != tag.volume || held.namespace != tag.namespace || held.key != tag.key
    });
    array.tags.push(tag);
    Ok(())
}

/// Removes a namespace's tags of a volume, or those of some keys.
pub(crate) fn remove(array: &mut Array, volume: &str, namespace: &str, keys: Option<&[String]>) {
    array.tags.retain(|held| {
        held.volume != volume
            || held.namespace != namespace
            || keys.is_some_and(|keys| !keys.contains(&held.key))
    });
}

/// What a copy of a volume takes along.
pub(crate) fn copied(array: &Array, from: &str, to: &str) -> Vec<Tag> {
    array
        .tags
        .iter()
        .filter(|tag| tag.volume == from && tag.copyable)
        .map(|tag| Tag {
            volume: to.to_owned(),
            ..tag.clone()
        })
        .collect()
}
