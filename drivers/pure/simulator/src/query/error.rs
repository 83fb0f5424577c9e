//! What is wrong with a query.

use std::fmt;

/// A query parameter that cannot be understood. An array answers it with status 400, the
/// parameter's name as context and this text as message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct QueryError {
    /// The parameter, for example `filter`.
    pub parameter: String,
    /// What is wrong with it.
    pub reason: String,
    /// Where, counted in characters from 0, when the parameter has a grammar.
    pub position: Option<usize>,
}

impl QueryError {
    pub(crate) fn new(parameter: &str, reason: impl Into<String>) -> Self {
        Self {
            parameter: parameter.to_owned(),
            reason: reason.into(),
            position: None,
        }
    }

    pub(crate) fn at(parameter: &str, position: usize, reason: impl Into<String>) -> Self {
        Self {
            position: Some(position),
            ..Self::new(parameter, reason)
        }
    }
}

impl fmt::Display for QueryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Invalid {}: {}", self.parameter, self.reason)?;
        match self.position {
            Some(position) => write!(f, " at position {position}."),
            None => f.write_str("."),
        }
    }
}

impl std::error::Error for QueryError {}
