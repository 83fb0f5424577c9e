//! `protector-engine`: executes the operations of its site.

use std::process::ExitCode;

fn main() -> ExitCode {
    protector_engine::main()
}
