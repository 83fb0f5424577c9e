//! `protector-engine` with the Shelf's driver in it.

use std::process::ExitCode;

use shelf_driver as _;

fn main() -> ExitCode {
    protector_engine::main()
}
