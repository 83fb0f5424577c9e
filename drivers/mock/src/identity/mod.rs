//! The mock identity service.

mod driver;
mod login;
mod state;

pub(crate) use driver::{new_token, seconds_delta};
pub(crate) use state::{
    Credential, EndpointRecord, IdentityState, ProjectRecord, Token, User, unauthorized,
};
