//! Names: what may be one, and what sizes there are.

pub(super) mod size;
mod syntax;

pub(crate) use size::volume_size;
pub(crate) use syntax::{NameError, NameKind, check};
