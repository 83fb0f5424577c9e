//! The driver for Pure Storage FlashArray, on its REST API 2.x.
//!
//! From the bottom up: `client` speaks HTTPS with one array; `side` is an array as one verb looks at
//! it; `book` keeps on the arrays what the driver must remember; `group`, `points`, `copies` and
//! `sync` are the verbs, each of which looks before it acts and can be begun again after any call.
#![deny(missing_docs)]

mod book;
mod client;
mod copies;
mod driver;
mod group;
mod link;
mod names;
mod points;
mod resolve;
mod settings;
mod side;
mod sync;
mod tags;
mod wire;
