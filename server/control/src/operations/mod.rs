//! Operations: taken where the call lands, executed where they have to be.

mod act;
mod read;
mod site;
mod source;
mod start;
mod take;

pub(crate) use act::{act, receive_action};
pub(crate) use read::{page, show, steps, view};
pub(crate) use site::fail_over;
pub(crate) use start::{Start, ask, asked_before, checked, quota, start};
pub(crate) use take::{drop_mirror, put_mirror, receive};
