//! What names are made of.

use super::error::{ApiError, Outcome};

/// A name and the container it says: `base`, `pod::base` or `vgroup/base`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Scoped {
    pub pod: Option<String>,
    pub vgroup: Option<String>,
    pub base: String,
}

impl Scoped {
    pub(crate) fn parse(name: &str) -> Self {
        if let Some((pod, base)) = name.rsplit_once("::") {
            return Self {
                pod: Some(pod.to_owned()),
                vgroup: None,
                base: base.to_owned(),
            };
        }
        let (vgroup, base) = match name.split_once('/') {
            Some((vgroup, base)) => (Some(vgroup.to_owned()), base),
            None => (None, name),
        };
        Self {
            pod: None,
            vgroup,
            base: base.to_owned(),
        }
    }

    pub(crate) fn is_at_root(&self) -> bool {
        self.pod.is_none() && self.vgroup.is_none()
    }

    pub(crate) fn full(&self) -> String {
        match (&self.pod, &self.vgroup) {
            (Some(pod), _) => format!("{pod}::{}", self.base),
            (None, Some(vgroup)) => format!("{vgroup}/{}", self.base),
            (None, None) => self.base.clone(),
        }
    }

    /// The same base in another pod, or in none.
    pub(crate) fn in_pod(&self, pod: Option<&str>) -> String {
        let pod = pod.map(str::to_owned);
        let vgroup = None;
        let base = self.base.clone();
        Self { pod, vgroup, base }.full()
    }
}

/// What one object is called within its container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rule {
    Volume,
    Other,
    Suffix,
}

/// 1 to 63 letters, digits and `-` (volumes also `_`), alphanumeric at both ends, not digits alone.
pub(crate) fn check(rule: Rule, whole: &str, base: &str) -> Outcome<()> {
    let allowed =
        |c: char| c.is_ascii_alphanumeric() || c == '-' || (c == '_' && rule == Rule::Volume);
    let ends = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    let named = base.chars().any(|c| c.is_ascii_alphabetic() || c == '-');
    let good = (1..=63).contains(&base.len())
        && base.chars().all(allowed)
        && ends(base.chars().next())
        && ends(base.chars().last())
        && named;
    if good {
        return Ok(());
    }
    Err(ApiError::refused(
        whole,
        "Invalid name. Names must be between 1 and 63 characters (alphanumeric, '_' and '-') in \
         length and begin and end with a letter or number, and include at least one letter or '-'.",
    ))
}

/// Names are the same whatever their case.
pub(crate) fn same(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_keep_their_container() {
        for name in ["v", "p::v", "realm::p::v", "vg/v"] {
            assert_eq!(Scoped::parse(name).full(), name);
        }
        assert_eq!(Scoped::parse("vg/v").in_pod(Some("p")), "p::v");
        assert_eq!(Scoped::parse("p::v").in_pod(None), "v");
    }

    #[test]
    fn what_no_object_is_called() {
        for name in ["", "-a", "a-", "12", "a.b", "a b", "a_b"] {
            assert!(check(Rule::Other, name, name).is_err(), "{name}");
        }
        check(Rule::Volume, "a_b", "a_b").unwrap();
        check(Rule::Suffix, "1-2", "1-2").unwrap();
        assert!(check(Rule::Other, "", &"a".repeat(64)).is_err());
    }

    proptest! {
        #[test]
        fn any_name_is_read_back(pod in prop::option::of("[a-z]{1,8}"), base in "[a-z0-9-]{1,20}") {
            let name = pod.map_or(base.clone(), |pod| format!("{pod}::{base}"));
            prop_assert_eq!(Scoped::parse(&name).full(), name);
        }
    }
}
