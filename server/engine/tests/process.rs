//! The program itself. That this test exists also has `cargo test` build the program, which the
//! whole-system tests start.

use std::process::Command;

#[test]
fn the_program_tells_its_version() {
    let output = Command::new(env!("CARGO_BIN_EXE_protector-engine"))
        .arg("--version")
        .output()
        .unwrap();
    assert!(output.status.success());
    let told = String::from_utf8(output.stdout).unwrap();
    assert_eq!(
        told.trim(),
        concat!("protector-engine ", env!("CARGO_PKG_VERSION"))
    );
}
