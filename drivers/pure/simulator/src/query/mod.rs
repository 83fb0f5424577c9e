//! The language of a FlashArray's query strings: lists of names, filters, sorting, paging, and the
//! syntax of names. Everything here is a pure function over text and JSON; nothing knows HTTP, the
//! arrays or their state.
//!
//! A list request is read once ([`Params::parse`], [`ListRequest::read`]) and then applied to the
//! items that an endpoint has ([`ListRequest::select`], [`ListRequest::page`]).

mod error;
pub mod filter;
pub mod names;
mod page;
mod params;
mod property;
mod sort;
mod wildcard;

pub use error::QueryError;
pub use filter::Filter;
pub use page::{ListRequest, Page};
pub use params::Params;
pub use sort::Sort;
pub use wildcard::{has_wildcard, matches_wildcard};

#[cfg(test)]
mod tests;
