//! `protector-manage`: what an operator does on the machine itself, without the API.

use std::process::ExitCode;

fn main() -> ExitCode {
    protector_manage::main()
}
