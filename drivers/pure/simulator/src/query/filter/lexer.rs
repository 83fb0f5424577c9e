//! Cuts a filter into words, strings and signs.

use super::super::QueryError;
use super::ast::Comparison;

/// A token and where it begins, in characters.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Token {
    pub(super) at: usize,
    pub(super) kind: Kind,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    /// A property, a keyword or a number: what stands there without quotes.
    Word(String),
    /// What stood between quotes.
    Text(String),
    Comparison(Comparison),
    Open,
    Close,
    Comma,
}

pub(super) fn tokens(text: &str) -> Result<Vec<Token>, QueryError> {
    let chars: Vec<char> = text.chars().collect();
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(&c) = chars.get(at) {
        if c.is_whitespace() {
            at += 1;
            continue;
        }
        let (kind, end) = match c {
            '(' => (Kind::Open, at + 1),
            ')' => (Kind::Close, at + 1),
            ',' => (Kind::Comma, at + 1),
            '\'' | '"' => quoted(&chars, at)?,
            '=' | '!' | '<' | '>' => comparison(&chars, at)?,
            c if is_word(c) => word(&chars, at),
            other => {
                return Err(QueryError::at(
                    "filter",
                    at,
                    format!("'{other}' is not expected"),
                ));
            }
        };
        tokens.push(Token { at, kind });
        at = end;
    }
    Ok(tokens)
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-' | '+' | '[' | ']')
}

fn word(chars: &[char], begin: usize) -> (Kind, usize) {
    let length = chars[begin..].iter().take_while(|c| is_word(**c)).count();
    let end = begin + length;
    (Kind::Word(chars[begin..end].iter().collect()), end)
}

/// A string ends at the quote that began it; a backslash takes the meaning from a quote or a
/// backslash behind it.
fn quoted(chars: &[char], begin: usize) -> Result<(Kind, usize), QueryError> {
    let quote = chars[begin];
    let mut text = String::new();
    let mut at = begin + 1;
    while let Some(&c) = chars.get(at) {
        match (c, chars.get(at + 1)) {
            ('\\', Some(&next)) if matches!(next, '\'' | '"' | '\\') => {
                text.push(next);
                at += 2;
            }
            (c, _) if c == quote => return Ok((Kind::Text(text), at + 1)),
            (c, _) => {
                text.push(c);
                at += 1;
            }
        }
    }
    Err(QueryError::at(
        "filter",
        begin,
        "a string begins and does not end",
    ))
}

fn comparison(chars: &[char], begin: usize) -> Result<(Kind, usize), QueryError> {
    let then_equal = chars.get(begin + 1) == Some(&'=');
    let (comparison, length) = match (chars[begin], then_equal) {
        ('=', _) => (Comparison::Equal, 1),
        ('!', true) => (Comparison::NotEqual, 2),
        ('<', true) => (Comparison::LessOrEqual, 2),
        ('<', false) => (Comparison::Less, 1),
        ('>', true) => (Comparison::GreaterOrEqual, 2),
        ('>', false) => (Comparison::Greater, 1),
        _ => {
            return Err(QueryError::at(
                "filter",
                begin,
                "'!' means nothing without '='",
            ));
        }
    };
    Ok((Kind::Comparison(comparison), begin + length))
}
