//! The driver for Pure Storage FlashArray, on its REST API 2.x.
#![deny(missing_docs)]
