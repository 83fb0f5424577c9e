//! `protector-api`: the REST API of one site.

use std::process::ExitCode;

/// What one thread reads from the database another one frees, value by value, which costs the system's
/// allocator a quarter of a list's time. It serves SQLite too.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    protector_api::main()
}
