use std::collections::BTreeMap;
use std::path::Path;

use proptest::prelude::*;
use protector_framework::ExposeSecret;

use crate::ini;

/// A value as an operator would have to write it: quotes keep outer blanks and quotes, further
/// lines are indented.
fn written(value: &str) -> String {
    let mut lines = value.split('\n');
    let first = lines.next().unwrap_or_default();
    let mut out = format!("\"{first}\"");
    for line in lines {
        out.push_str("\n    ");
        out.push_str(line);
    }
    out
}

/// Further lines lose outer blanks, and an empty one would end the value.
fn value() -> impl Strategy<Value = String> {
    let first = r#"[ -~äß€]{0,20}"#;
    let more = r#"[!-~ä€]([ -~ä€]{0,10}[!-~ä€])?"#;
    (first, proptest::collection::vec(more, 0..3))
        .prop_map(|(first, more)| [vec![first], more].concat().join("\n"))
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        written_values in proptest::collection::btree_map(
            ("[a-z][a-z_]{0,8}", "[a-z][a-z0-9_-]{0,12}"),
            value(),
            0..12,
        ),
        noise in prop_oneof![Just(""), Just("# a comment = none\n"), Just("\n"), Just("; x\r\n\r\n")],
    ) {
        let mut text = String::new();
        for ((group, name), value) in &written_values {
            text.push_str(&format!("{noise}[{group}]\n{noise}{name} = {}\n", written(value)));
        }
        let read = ini::parse(Path::new("x.conf"), &text).unwrap();
        let read: BTreeMap<_, _> = read
            .into_iter()
            .map(|a| ((a.group, a.name), a.value.expose_secret().to_owned()))
            .collect();
        prop_assert_eq!(read, written_values);
    }

    #[test]
    fn no_text_makes_the_reader_fail_otherwise_than_with_problems(text in any::<String>()) {
        if let Err(problems) = ini::parse(Path::new("x.conf"), &text) {
            prop_assert!(!problems.is_empty());
        }
    }
}
