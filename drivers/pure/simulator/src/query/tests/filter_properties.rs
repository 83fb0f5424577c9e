//! Properties of filters over random items and random filters.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::Filter;
use super::no_tags;

/// A filter as text together with what it should say about an item.
#[derive(Debug, Clone)]
enum Said {
    Equal(&'static str, i64),
    Less(&'static str, i64),
    OneOf(&'static str, Vec<i64>),
    Not(Box<Said>),
    And(Box<Said>, Box<Said>),
    Or(Box<Said>, Box<Said>),
}

impl Said {
    fn text(&self) -> String {
        match self {
            Self::Equal(property, n) => format!("{property}='{n}'"),
            Self::Less(property, n) => format!("{property} < {n}"),
            Self::OneOf(property, list) => {
                let list: Vec<String> = list.iter().map(|n| format!("\"{n}\"")).collect();
                format!("{property}=({})", list.join(","))
            }
            Self::Not(inner) => format!("not ({})", inner.text()),
            Self::And(a, b) => format!("({}) and ({})", a.text(), b.text()),
            Self::Or(a, b) => format!("({}) or ({})", a.text(), b.text()),
        }
    }

    fn holds(&self, x: i64, y: i64) -> bool {
        let value = |property: &str| if property == "x" { x } else { y };
        match self {
            Self::Equal(property, n) => value(property) == *n,
            Self::Less(property, n) => value(property) < *n,
            Self::OneOf(property, list) => list.contains(&value(property)),
            Self::Not(inner) => !inner.holds(x, y),
            Self::And(a, b) => a.holds(x, y) && b.holds(x, y),
            Self::Or(a, b) => a.holds(x, y) || b.holds(x, y),
        }
    }
}

fn said() -> impl Strategy<Value = Said> {
    let property = prop::sample::select(vec!["x", "deep.y"]);
    let leaf = prop_oneof![
        (property.clone(), -3_i64..4).prop_map(|(p, n)| Said::Equal(p, n)),
        (property.clone(), -3_i64..4).prop_map(|(p, n)| Said::Less(p, n)),
        (property, prop::collection::vec(-3_i64..4, 1..4)).prop_map(|(p, l)| Said::OneOf(p, l)),
    ];
    leaf.prop_recursive(4, 24, 2, |inner| {
        prop_oneof![
            inner.clone().prop_map(|a| Said::Not(Box::new(a))),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| Said::And(Box::new(a), Box::new(b))),
            (inner.clone(), inner).prop_map(|(a, b)| Said::Or(Box::new(a), Box::new(b))),
        ]
    })
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        "[a-z]{0,4}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            (inner.clone(), inner).prop_map(|(a, b)| json!({"a": a, "b": b})),
        ]
    })
}

proptest! {
    #[test]
    fn a_filter_says_what_it_says(said in said(), x in -3_i64..4, y in -3_i64..4) {
        let filter = Filter::parse(&said.text()).unwrap();
        let item = json!({"x": x, "deep": {"y": y}});
        prop_assert_eq!(filter.matches(&item, &no_tags), said.holds(x, y), "{}", said.text());
    }

    #[test]
    fn any_text_is_read_or_refused_at_a_place_in_it(text in ".{0,40}") {
        if let Err(error) = Filter::parse(&text) {
            prop_assert!(error.position.unwrap() <= text.chars().count());
        }
    }

    #[test]
    fn almost_filters_are_read_or_refused_too(text in "[a-c='\"()!<>*, .not]{0,24}") {
        if let Err(error) = Filter::parse(&text) {
            prop_assert!(error.position.unwrap() <= text.chars().count());
        }
    }

    #[test]
    fn not_turns_every_answer_round(item in any_json(), leaf in "(a|b|a\\.b)(=|!=|<|>=)('[a-z]?\\*?'|3|true|null)") {
        let plain = Filter::parse(&leaf).unwrap().matches(&item, &no_tags);
        let turned = Filter::parse(&format!("not {leaf}")).unwrap().matches(&item, &no_tags);
        prop_assert_ne!(plain, turned);
    }
}
