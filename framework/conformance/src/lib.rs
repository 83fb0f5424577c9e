//! What every driver must do, as cases that run against any of them.
#![deny(missing_docs)]
