//! What users and the other site may ask for: the application logic behind the API. It knows no
//! HTTP, and it only reads clouds and arrays; what changes one is an operation that an engine runs.
#![deny(missing_docs)]

mod refusal;
mod services;

pub use refusal::{Refusal, Result};
pub use services::*;
