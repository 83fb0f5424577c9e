//! Reads the tokens of a filter by recursive descent, one function for each rule of the grammar.

use super::super::QueryError;
use super::super::property::Property;
use super::ast::{Comparison, Expr, Operand, Quantifier, Subject};
use super::lexer::{Kind, Token};

/// How deep parentheses and `not` may nest. Far more than any client writes, and little enough
/// that no filter exhausts the stack.
const DEEPEST: usize = 64;

pub(super) fn parse(tokens: &[Token], length: usize) -> Result<Expr, QueryError> {
    let mut parser = Parser {
        tokens,
        next: 0,
        length,
        depth: 0,
    };
    let expr = parser.filter()?;
    match parser.peek() {
        None => Ok(expr),
        Some(_) => Err(parser.unexpected("'and', 'or' or the end")),
    }
}

struct Parser<'a> {
    tokens: &'a [Token],
    next: usize,
    length: usize,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn filter(&mut self) -> Result<Expr, QueryError> {
        let mut parts = vec![self.and_chain()?];
        while self.take_keyword("or") {
            parts.push(self.and_chain()?);
        }
        Ok(one_or(parts, Expr::Any))
    }

    fn and_chain(&mut self) -> Result<Expr, QueryError> {
        let mut parts = vec![self.factor()?];
        while self.take_keyword("and") {
            parts.push(self.factor()?);
        }
        Ok(one_or(parts, Expr::All))
    }

    fn factor(&mut self) -> Result<Expr, QueryError> {
        if self.depth == DEEPEST {
            return Err(QueryError::at(
                "filter",
                self.position(),
                format!("nested more than {DEEPEST} deep"),
            ));
        }
        self.depth += 1;
        let factor = if self.take_keyword("not") {
            self.factor().map(|inner| Expr::Not(Box::new(inner)))
        } else if self.take(&Kind::Open) {
            self.filter().and_then(|inner| {
                self.need(&Kind::Close, "')'")?;
                Ok(inner)
            })
        } else {
            self.test()
        };
        self.depth -= 1;
        factor
    }

    fn test(&mut self) -> Result<Expr, QueryError> {
        let Some(Kind::Word(word)) = self.peek() else {
            return Err(self.unexpected("a property"));
        };
        let is_call =
            matches!(self.tokens.get(self.next + 1), Some(token) if token.kind == Kind::Open);
        match word.to_ascii_lowercase().as_str() {
            "contains" if is_call => self.contains(),
            "tags" if is_call => self.tags(),
            _ => self.property_test(),
        }
    }

    fn property_test(&mut self) -> Result<Expr, QueryError> {
        let (property, quantifier) = self.property()?;
        let Some(comparison) = self.take_comparison() else {
            return Ok(Expr::Exists(property));
        };
        let operands = self.operands(comparison)?;
        Ok(Expr::Compare {
            subject: Subject::Property {
                property,
                quantifier,
            },
            comparison,
            operands,
        })
    }

    fn contains(&mut self) -> Result<Expr, QueryError> {
        self.next += 2;
        let (property, _) = self.property()?;
        self.need(&Kind::Comma, "','")?;
        let part = self.string()?;
        self.need(&Kind::Close, "')'")?;
        Ok(Expr::Contains { property, part })
    }

    fn tags(&mut self) -> Result<Expr, QueryError> {
        self.next += 2;
        let first = self.string()?;
        self.need(&Kind::Comma, "','")?;
        let second = self.string()?;
        self.need(&Kind::Close, "')'")?;
        match self.take_comparison() {
            Some(comparison) => Ok(Expr::Compare {
                subject: Subject::Tag {
                    namespace: first,
                    key: second,
                },
                comparison,
                operands: self.operands(comparison)?,
            }),
            None => Ok(Expr::Compare {
                subject: Subject::Tag {
                    namespace: String::new(),
                    key: first,
                },
                comparison: Comparison::Equal,
                operands: vec![Operand::Text(second)],
            }),
        }
    }

    fn property(&mut self) -> Result<(Property, Quantifier), QueryError> {
        let at = self.position();
        let Some(Kind::Word(word)) = self.peek() else {
            return Err(self.unexpected("a property"));
        };
        let quantifier = if word.contains("[all]") {
            Quantifier::All
        } else {
            Quantifier::Any
        };
        let path = word.replace("[all]", "").replace("[any]", "");
        let well_formed = path.split('.').all(|segment| {
            segment.starts_with(|c: char| c.is_ascii_alphabetic())
                && segment
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || c == '_')
        });
        if !well_formed || is_reserved(&path) {
            return Err(QueryError::at(
                "filter",
                at,
                format!("'{word}' is not a property"),
            ));
        }
        self.next += 1;
        Ok((Property::new(&path), quantifier))
    }

    /// One value, or a list where equality is asked for. The vendor's Python client puts a list
    /// into two pairs of parentheses.
    fn operands(&mut self, comparison: Comparison) -> Result<Vec<Operand>, QueryError> {
        let lists = matches!(comparison, Comparison::Equal | Comparison::NotEqual);
        if !(lists && self.take(&Kind::Open)) {
            return Ok(vec![self.operand()?]);
        }
        let doubled = self.take(&Kind::Open);
        let mut operands = vec![self.operand()?];
        while self.take(&Kind::Comma) {
            operands.push(self.operand()?);
        }
        self.need(&Kind::Close, "',' or ')'")?;
        if doubled {
            self.need(&Kind::Close, "')'")?;
        }
        Ok(operands)
    }

    fn operand(&mut self) -> Result<Operand, QueryError> {
        let operand = match self.peek() {
            Some(Kind::Text(text)) => Operand::Text(text.clone()),
            Some(Kind::Word(word)) => literal(word).ok_or_else(|| self.unexpected("a value"))?,
            _ => return Err(self.unexpected("a value")),
        };
        self.next += 1;
        Ok(operand)
    }

    fn string(&mut self) -> Result<String, QueryError> {
        match self.peek() {
            Some(Kind::Text(text)) => {
                self.next += 1;
                Ok(text.clone())
            }
            _ => Err(self.unexpected("a string")),
        }
    }

    fn peek(&self) -> Option<&'a Kind> {
        self.tokens.get(self.next).map(|token| &token.kind)
    }

    fn position(&self) -> usize {
        self.tokens
            .get(self.next)
            .map_or(self.length, |token| token.at)
    }

    fn take(&mut self, kind: &Kind) -> bool {
        let there = self.peek() == Some(kind);
        self.next += usize::from(there);
        there
    }

    fn take_keyword(&mut self, keyword: &str) -> bool {
        let there =
            matches!(self.peek(), Some(Kind::Word(word)) if word.eq_ignore_ascii_case(keyword));
        self.next += usize::from(there);
        there
    }

    fn take_comparison(&mut self) -> Option<Comparison> {
        let Some(Kind::Comparison(comparison)) = self.peek() else {
            return None;
        };
        self.next += 1;
        Some(*comparison)
    }

    fn need(&mut self, kind: &Kind, what: &str) -> Result<(), QueryError> {
        if self.take(kind) {
            Ok(())
        } else {
            Err(self.unexpected(what))
        }
    }

    fn unexpected(&self, wanted: &str) -> QueryError {
        QueryError::at("filter", self.position(), format!("{wanted} is missing"))
    }
}

fn one_or(mut parts: Vec<Expr>, many: impl FnOnce(Vec<Expr>) -> Expr) -> Expr {
    match (parts.len(), parts.pop()) {
        (1, Some(only)) => only,
        (_, last) => many(parts.into_iter().chain(last).collect()),
    }
}

fn is_reserved(word: &str) -> bool {
    ["and", "or", "not"]
        .iter()
        .any(|reserved| word.eq_ignore_ascii_case(reserved))
}

fn literal(word: &str) -> Option<Operand> {
    match word.to_ascii_lowercase().as_str() {
        "true" => Some(Operand::Bool(true)),
        "false" => Some(Operand::Bool(false)),
        "null" => Some(Operand::Null),
        number => number
            .parse()
            .ok()
            .filter(|number: &f64| number.is_finite())
            .map(Operand::Number),
    }
}
