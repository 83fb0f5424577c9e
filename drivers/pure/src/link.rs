//! The link to another array.

use protector_framework::{ArrayIdentity, Link, LinkState, Result};

use crate::group::Pair;

/// The state of the link, as this array sees it.
pub(crate) async fn state(pair: Pair<'_>, remote: &ArrayIdentity) -> Result<Link> {
    let asked = pair.own.connection_with(remote, pair.far).await;
    let asked = match asked {
        // The other array does not answer: then what this one knows has to do.
        Err(error) if error.is_transient() && pair.far.is_some() => {
            pair.own.connection(remote).await
        }
        other => other,
    };
    let Some(connection) = asked? else {
        return Ok(Link::new(LinkState::Unknown));
    };
    Ok(Link::new(meaning(&connection.status)).detail(connection.status))
}

/// `connecting` means that nothing flows: down, or not up yet.
fn meaning(status: &str) -> LinkState {
    match status {
        "connected" => LinkState::Connected,
        "partially_connected" | "unbalanced" => LinkState::Partial,
        _ => LinkState::Disconnected,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_status_has_its_meaning() {
        for (status, expected) in [
            ("connected", LinkState::Connected),
            ("partially_connected", LinkState::Partial),
            ("unbalanced", LinkState::Partial),
            ("connecting", LinkState::Disconnected),
            ("", LinkState::Disconnected),
        ] {
            assert_eq!(meaning(status), expected, "{status}");
        }
    }
}
