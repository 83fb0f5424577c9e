//! What a filter says.

use super::super::property::Property;

/// A filter or a part of one.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Expr {
    All(Vec<Expr>),
    Any(Vec<Expr>),
    Not(Box<Expr>),
    Exists(Property),
    Compare {
        subject: Subject,
        comparison: Comparison,
        /// More than one only for a list, of which one must fit.
        operands: Vec<Operand>,
    },
    Contains {
        property: Property,
        part: String,
    },
}

/// What is compared.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Subject {
    Property {
        property: Property,
        quantifier: Quantifier,
    },
    Tag {
        /// Empty: any namespace.
        namespace: String,
        key: String,
    },
}

/// How many of the values at a path must fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quantifier {
    Any,
    All,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    Greater,
    LessOrEqual,
    GreaterOrEqual,
}

/// A value written in a filter.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Operand {
    Text(String),
    Number(f64),
    Bool(bool),
    Null,
}
