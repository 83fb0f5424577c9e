//! The arrays' TLS ports: connections, sessions, faults, and JSON around the API.

mod answer;
mod listener;
mod service;
mod tls;

pub(crate) use answer::error_body;
pub(crate) use listener::{Answers, Dropped, Stop, serve_plain, serve_tls};
pub(crate) use service::ArrayService;
pub(crate) use tls::{Certificate, make_certificate};
