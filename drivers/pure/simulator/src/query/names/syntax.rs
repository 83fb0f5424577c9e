//! Which texts may be names.

use std::fmt;

/// What is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NameKind {
    /// An array: at most 56 characters.
    Array,
    /// A volume; the only kind that may hold underscores.
    Volume,
    /// A host.
    Host,
    /// A protection group.
    ProtectionGroup,
    /// A pod.
    Pod,
    /// A volume group.
    VolumeGroup,
    /// What stands behind the dot of a snapshot's name.
    SnapshotSuffix,
}

/// A text that is not the name it should be. An array answers it with status 400 and this text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NameError {
    message: String,
}

impl NameError {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
        }
    }
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for NameError {}

impl NameKind {
    fn longest(self) -> usize {
        match self {
            Self::Array => 56,
            _ => 63,
        }
    }

    fn allows(self, c: char) -> bool {
        c.is_ascii_alphanumeric() || c == '-' || (c == '_' && self == Self::Volume)
    }

    fn title(self) -> &'static str {
        match self {
            Self::Array => "array",
            Self::Volume => "volume",
            Self::Host => "host",
            Self::ProtectionGroup => "protection group",
            Self::Pod => "pod",
            Self::VolumeGroup => "volume group",
            Self::SnapshotSuffix => "snapshot suffix",
        }
    }
}

/// Whether a new object of this kind may be called that, without any pod, volume group or array in
/// front.
pub(crate) fn check(kind: NameKind, name: &str) -> Result<(), NameError> {
    check_shape(kind, name)?;
    if name.chars().all(|c| c.is_ascii_digit()) {
        return Err(refuse(kind, name, "it must hold a letter or '-'"));
    }
    Ok(())
}

fn check_shape(kind: NameKind, name: &str) -> Result<(), NameError> {
    let longest = kind.longest();
    if name.is_empty() || name.chars().count() > longest {
        let why = format!("it must have 1 to {longest} characters");
        return Err(refuse(kind, name, &why));
    }
    if let Some(c) = name.chars().find(|c| !kind.allows(*c)) {
        return Err(refuse(kind, name, &format!("'{c}' is not allowed")));
    }
    let ends_well = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    if !ends_well(name.chars().next()) || !ends_well(name.chars().next_back()) {
        return Err(refuse(
            kind,
            name,
            "it must begin and end with a letter or a digit",
        ));
    }
    Ok(())
}

fn refuse(kind: NameKind, name: &str, why: &str) -> NameError {
    NameError::new(format!("Invalid {} name '{name}': {why}.", kind.title()))
}
