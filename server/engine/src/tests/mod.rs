//! Tests of the engine alone. What it does with clouds and arrays is tested in `tests/simulation`.

mod runner;
mod trail;
