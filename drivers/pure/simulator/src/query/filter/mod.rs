//! Filters: `name='vol*' and not destroyed`.
//!
//! ```text
//! filter     = and-chain { "or" and-chain }
//! and-chain  = factor { "and" factor }
//! factor     = "not" factor | "(" filter ")" | test
//! test       = property                                 exists, and is not false
//!            | property comparison value
//!            | property ( "=" | "!=" ) list             one of
//!            | "contains" "(" property "," string ")"   holds the text
//!            | "tags" "(" namespace "," key ")" [ comparison value ]
//! comparison = "=" | "!=" | "<" | ">" | "<=" | ">="
//! list       = "(" value { "," value } ")"
//! value      = string | number | "true" | "false" | "null"
//! ```
//!
//! A property is a dotted path; lists on the way match with any of their elements (`[any]`, which
//! may be written, says the same) or, with `[all]`, with every one. `tags('key', 'value')` without
//! a comparison is how the vendor's Python client writes a tag of any namespace.

mod ast;
mod eval;
mod lexer;
mod parser;

use serde_json::Value;

use self::ast::Expr;
use super::QueryError;

/// A filter that was understood.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Filter {
    expr: Expr,
}

impl Filter {
    /// Reads a filter; the error says where it stops being one.
    pub(crate) fn parse(text: &str) -> Result<Self, QueryError> {
        let tokens = lexer::tokens(text)?;
        let expr = parser::parse(&tokens, text.chars().count())?;
        Ok(Self { expr })
    }

    /// Whether an item fits. `tag` looks a tag of the item up by namespace and key; an empty
    /// namespace stands for any.
    pub(crate) fn matches(
        &self,
        item: &Value,
        tag: &dyn Fn(&Value, &str, &str) -> Option<String>,
    ) -> bool {
        eval::fits(&self.expr, item, tag)
    }
}
