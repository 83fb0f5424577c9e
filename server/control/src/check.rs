//! Input that is wrong, gathered so that every bad field is named at once.

use crate::refusal::{Refusal, Result};

/// The longest name that the database keeps.
const NAME_MAX: usize = 255;

/// What is wrong with an input.
#[derive(Debug, Default)]
pub(crate) struct Faults(Vec<(String, String)>);

impl Faults {
    /// Notes a wrong field.
    pub(crate) fn add(&mut self, field: &str, why: impl Into<String>) {
        self.0.push((field.to_owned(), why.into()));
    }

    /// Notes a name that is empty, too long or has a line break in it.
    pub(crate) fn name(&mut self, field: &str, name: &str) {
        if name.trim().is_empty() {
            self.add(field, "must not be empty");
        } else if name.chars().count() > NAME_MAX {
            self.add(field, format!("is longer than {NAME_MAX} characters"));
        } else if name.chars().any(char::is_control) {
            self.add(field, "must not contain control characters");
        }
    }

    /// Notes a text that is longer than the database keeps.
    pub(crate) fn text(&mut self, field: &str, text: &str) {
        if text.chars().count() > 4 * NAME_MAX {
            self.add(field, format!("is longer than {} characters", 4 * NAME_MAX));
        }
    }

    /// Notes a boot tier outside 1 to 5.
    pub(crate) fn tier(&mut self, tier: Option<u8>) {
        if tier.is_some_and(|tier| !(1..=5).contains(&tier)) {
            self.add("boot_tier", "must be from 1 to 5");
        }
    }

    /// Nothing is wrong, or the refusal.
    pub(crate) fn done(self) -> Result<()> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(Refusal::invalid(self.0))
        }
    }
}
