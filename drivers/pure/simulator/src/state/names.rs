//! What names are made of.

use super::error::{ApiError, Outcome};
use crate::query::names;
pub(crate) use crate::query::names::NameKind;

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

/// Refuses a new name that no object of a kind can have.
pub(crate) fn check(kind: NameKind, whole: &str, base: &str) -> Outcome<()> {
    names::check(kind, base).map_err(|error| ApiError::refused(whole, error.to_string()))
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

    proptest! {
        #[test]
        fn any_name_is_read_back(pod in prop::option::of("[a-z]{1,8}"), base in "[a-z0-9-]{1,20}") {
            let name = pod.map_or(base.clone(), |pod| format!("{pod}::{base}"));
            prop_assert_eq!(Scoped::parse(&name).full(), name);
        }
    }
}
