//! Verdicts of oslo.config 10.7.0 and oslo.policy 6.0.1 are in `vectors`, and what ours does besides.

use std::path::PathBuf;

mod ini_vectors;
mod policy_reload;
mod policy_rules;
mod policy_vectors;
mod round_trip;
mod settings;

/// The verified cases of a file; those of `more/` beside it were verified the same way.
fn vectors(name: &str) -> Vec<serde_json::Value> {
    let ours = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/src/tests/vectors"));
    let given = std::env::var_os("PROTECTOR_VECTORS").map(PathBuf::from);
    let files = match given {
        Some(directory) => vec![directory.join(name)],
        None => vec![ours.join(name), ours.join("more").join(name)],
    };
    let mut all = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file)
            .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let read: serde_json::Value = serde_json::from_str(&text).unwrap();
        all.extend(read["vectors"].as_array().unwrap().iter().cloned());
    }
    assert!(all.len() > 1);
    all
}
