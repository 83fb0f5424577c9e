//! Tests of the query language.

mod filter;
mod filter_properties;
mod names;
mod page;
mod params;
mod sort;
mod wildcard;

use serde_json::Value;

/// No item has tags.
fn no_tags(_: &Value, _: &str, _: &str) -> Option<String> {
    None
}

/// Elements as [`super::Params::list`] gives them.
fn elements(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}
