//! Rules that were called otherwise, or said something else, in an earlier release.

use crate::error::Problem;

use super::check::Check;
use super::{Policy, RuleDefault, parse};

impl Policy {
    /// A file that sets a rule under its earlier name sets it still, unless it says what the rule was
    /// by default. Until the new defaults are enforced, who was let in before is let in.
    pub(super) fn apply_deprecated(&mut self, defaults: &[RuleDefault], enforce_new: bool) {
        for rule in defaults {
            let Some(old) = rule.deprecated else { continue };
            if self.from_files.contains_key(rule.name) {
                continue;
            }
            let before = parse::text(old.check).check;
            if old.name != rule.name
                && let Some(place) = self.from_files.get(old.name).cloned()
                && let Some(check) = self.rules.get(old.name).cloned()
            {
                let reason = format!("this name is deprecated; use `{}`", rule.name);
                self.warnings
                    .push(Problem::at(place.clone(), reason).about(old.name));
                if check != before && check != Check::Rule(rule.name.to_owned()) {
                    self.rules.insert(rule.name.to_owned(), check);
                    continue;
                }
            }
            if !enforce_new && old.check != rule.check {
                let now = parse::text(rule.check).check;
                let either = Check::Any(vec![now, before]);
                self.rules.insert(rule.name.to_owned(), either);
            }
        }
    }
}
