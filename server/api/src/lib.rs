//! Protector's REST API: HTTP in front of [`protector_control::Services`].
//!
//! A request passes the edge (request ids, one form for every refusal), the gate (who calls, may
//! they, is the request what the published document says), and a handler that only translates.
//! What the document promises is what is enforced: paths, methods, query fields and bodies are
//! checked against the document itself.
#![deny(missing_docs)]

mod access_rules;
mod app;
mod call;
mod contract;
mod cors;
mod document;
mod dto;
mod edge;
mod failure;
mod filter;
mod front;
mod gate;
mod healthcheck;
mod judge;
mod links;
mod listen;
mod listing;
mod live;
mod memcached;
mod microversion;
mod noted;
mod paths;
mod program;
mod remote;
mod reply;
mod routes;
mod rules;
mod serve;
mod shared_tokens;
mod tokens;

#[cfg(test)]
mod tests;

pub use app::openapi_document;
pub use program::main;
pub use serve::{ApiError, ApiHandle, ApiOptions, OwnDoor, serve};
