//! A configuration to start from.

use crate::catalogue::OPTIONS;
use crate::option::Kind;

/// A `protector.conf` with every option and its default, commented out.
pub fn config_sample() -> String {
    let mut out = String::new();
    let mut group = "";
    for option in OPTIONS {
        if option.group != group {
            group = option.group;
            out.push_str(&format!("[{group}]\n\n"));
        }
        out.push_str(&format!("# {}\n", option.help));
        if let Some(limits) = limits(option.kind) {
            out.push_str(&format!("# Takes {limits}.\n"));
        }
        for (group, name) in option.old_names {
            out.push_str(&format!("# Deprecated name: [{group}] {name}\n"));
        }
        let default = option.default.unwrap_or("<None>");
        out.push_str(&format!("#{} = {default}\n\n", option.name));
    }
    out
}

/// What an option takes, in words, where that is less than any text.
fn limits(kind: Kind) -> Option<String> {
    Some(match kind {
        Kind::Flag => "true or false".to_owned(),
        Kind::Integer(least, i64::MAX) => format!("a whole number of at least {least}"),
        Kind::Integer(least, most) => format!("a whole number from {least} to {most}"),
        Kind::Float(least, most) => format!("a number from {least} to {most}"),
        Kind::Choice(of) | Kind::ChoiceAnyCase(of) => format!("one of {}", of.join(", ")),
        Kind::List => "several with commas between them".to_owned(),
        Kind::Url => "an http or https URL".to_owned(),
        Kind::Host => "a host name or an IP address".to_owned(),
        Kind::Texts => "one a line; the line may be repeated".to_owned(),
        Kind::Pairs => "name:value pairs with commas between them".to_owned(),
        Kind::Text | Kind::Secret | Kind::Address => return None,
    })
}
