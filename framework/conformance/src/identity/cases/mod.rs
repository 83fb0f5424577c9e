//! The cases, by what they are about.

mod claims;
mod errors;
mod projects;
mod session;
mod together;
mod tokens;
mod trusts;

use super::case::IdentityCase;

pub(crate) fn all() -> Vec<IdentityCase> {
    [
        claims::cases(),
        session::cases(),
        tokens::cases(),
        projects::cases(),
        trusts::cases(),
        together::cases(),
        errors::cases(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
