//! The text form and the list form of a rule.

use super::check::Check;

/// A rule, and what an operator should be warned of in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Parsed {
    pub(crate) check: Check,
    pub(crate) warnings: Vec<String>,
}

/// Deeper parentheses are not a rule but an attack on the stack.
const DEEPEST: usize = 200;

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Open,
    Close,
    And,
    Or,
    Not,
    /// A quoted piece, which fits nowhere.
    Quoted,
    Check(String),
}

/// Reads a rule as text. What cannot be read refuses everybody.
pub(crate) fn text(rule: &str) -> Parsed {
    if rule.is_empty() {
        return Parsed {
            check: Check::Always,
            warnings: Vec::new(),
        };
    }
    let mut parser = Parser {
        tokens: tokens(rule),
        at: 0,
        warnings: Vec::new(),
    };
    let check = parser.any(0).filter(|_| parser.at == parser.tokens.len());
    let check = check.unwrap_or_else(|| {
        parser
            .warnings
            .push(format!("`{rule}` cannot be read, so it refuses everybody"));
        Check::Never
    });
    Parsed {
        check,
        warnings: parser.warnings,
    }
}

/// Reads the old list form: the outer list is `or`, an inner one is `and`; no operators inside.
pub(crate) fn list(rule: &[Vec<String>]) -> Parsed {
    let mut warnings = Vec::new();
    if rule.is_empty() {
        return Parsed {
            check: Check::Always,
            warnings,
        };
    }
    let mut any = Vec::new();
    for inner in rule.iter().filter(|inner| !inner.is_empty()) {
        let all: Vec<_> = inner
            .iter()
            .map(|text| single(text, &mut warnings))
            .collect();
        any.push(one_or(all, Check::All));
    }
    let check = if any.is_empty() {
        Check::Never
    } else {
        one_or(any, Check::Any)
    };
    Parsed { check, warnings }
}

fn one_or(mut parts: Vec<Check>, many: fn(Vec<Check>) -> Check) -> Check {
    match parts.pop() {
        Some(only) if parts.is_empty() => only,
        Some(last) => {
            parts.push(last);
            many(parts)
        }
        None => Check::Never,
    }
}

/// One check without operators.
fn single(text: &str, warnings: &mut Vec<String>) -> Check {
    match text {
        "@" => return Check::Always,
        "!" => return Check::Never,
        _ => {}
    }
    match text.split_once(':') {
        Some(("rule", name)) => Check::Rule(name.to_owned()),
        Some(("role", name)) => Check::Role(name.to_owned()),
        Some(("http" | "https", _)) => Check::Remote(text.to_owned()),
        Some((left, right)) => Check::Compare {
            left: left.to_owned(),
            right: right.to_owned(),
        },
        None => {
            warnings.push(format!("`{text}` is no check; it counts as `!`"));
            Check::Never
        }
    }
}

/// Operators stand between blanks; parentheses may touch what they enclose.
fn tokens(rule: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    for piece in rule.split_whitespace() {
        let inner = piece.trim_start_matches('(');
        tokens.extend((inner.len()..piece.len()).map(|_| Token::Open));
        let bare = inner.trim_end_matches(')');
        match bare.to_lowercase().as_str() {
            "" => {}
            "and" => tokens.push(Token::And),
            "or" => tokens.push(Token::Or),
            "not" => tokens.push(Token::Not),
            _ if is_quoted(inner) => tokens.push(Token::Quoted),
            _ => tokens.push(Token::Check(bare.to_owned())),
        }
        tokens.extend((bare.len()..inner.len()).map(|_| Token::Close));
    }
    tokens
}

fn is_quoted(piece: &str) -> bool {
    ['"', '\'']
        .iter()
        .any(|quote| piece.len() >= 2 && piece.starts_with(*quote) && piece.ends_with(*quote))
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    warnings: Vec<String>,
}

impl Parser {
    fn take(&mut self, token: &Token) -> bool {
        let found = self.tokens.get(self.at) == Some(token);
        if found {
            self.at += 1;
        }
        found
    }

    fn any(&mut self, depth: usize) -> Option<Check> {
        let mut parts = vec![self.all(depth)?];
        while self.take(&Token::Or) {
            parts.push(self.all(depth)?);
        }
        Some(one_or(parts, Check::Any))
    }

    fn all(&mut self, depth: usize) -> Option<Check> {
        let mut parts = vec![self.one(depth)?];
        while self.take(&Token::And) {
            parts.push(self.one(depth)?);
        }
        Some(one_or(parts, Check::All))
    }

    fn one(&mut self, depth: usize) -> Option<Check> {
        if depth > DEEPEST {
            return None;
        }
        if self.take(&Token::Not) {
            return Some(Check::Not(Box::new(self.one(depth + 1)?)));
        }
        if self.take(&Token::Open) {
            let inner = self.any(depth + 1)?;
            return self.take(&Token::Close).then_some(inner);
        }
        let Token::Check(text) = self.tokens.get(self.at)?.clone() else {
            return None;
        };
        self.at += 1;
        Some(single(&text, &mut self.warnings))
    }
}
