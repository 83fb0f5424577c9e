//! The language of a FlashArray's query strings: lists of names, filters, sorting, paging, and the
//! syntax of names. Everything here is a pure function over text and JSON; nothing knows HTTP, the
//! arrays or their state.
//!
//! A list request is read once ([`Params::parse`], [`ListRequest::read`]) and then applied to the
//! items that an endpoint has ([`ListRequest::select`], [`ListRequest::page`]).

mod error;
pub(crate) mod filter;
pub(crate) mod names;
mod page;
mod params;
mod property;
mod sort;
mod wildcard;

pub(crate) use error::QueryError;
pub(crate) use filter::Filter;
pub(crate) use page::ListRequest;
pub(crate) use params::Params;
pub(crate) use sort::Sort;
pub(crate) use wildcard::{has_wildcard, matches_wildcard};

#[cfg(test)]
mod tests;
