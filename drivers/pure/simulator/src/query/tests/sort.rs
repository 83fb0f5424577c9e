//! Orders.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::Sort;
use super::elements;

fn sorted(by: &[&str], mut items: Vec<Value>) -> Vec<Value> {
    Sort::parse(&elements(by)).unwrap().apply(&mut items);
    items
}

#[test]
fn the_minus_behind_turns_the_order_round() {
    let items = vec![
        json!({"started": 3}),
        json!({"started": 10}),
        json!({"started": 1}),
    ];
    let starts = |items: Vec<Value>| {
        items
            .iter()
            .map(|item| item["started"].as_i64().unwrap())
            .collect::<Vec<_>>()
    };
    assert_eq!(starts(sorted(&["started"], items.clone())), [1, 3, 10]);
    assert_eq!(starts(sorted(&["started-"], items)), [10, 3, 1]);
}

#[test]
fn later_keys_decide_what_earlier_ones_leave_open() {
    let items = vec![
        json!({"pod": {"name": "b"}, "size": 1}),
        json!({"pod": {"name": "A"}, "size": 1}),
        json!({"pod": {"name": "a"}, "size": 2}),
        json!({"pod": {"name": null}, "size": 9}),
    ];
    let sizes = sorted(&["pod.name", "size-"], items)
        .iter()
        .map(|item| item["size"].as_i64().unwrap())
        .collect::<Vec<_>>();
    // No name first; `A` and `a` are one name, so size decides.
    assert_eq!(sizes, [9, 2, 1, 1]);
}

#[test]
fn a_minus_in_front_and_other_signs_are_refused() {
    for bad in ["-started", "started--", "", "-", "a..b", "Started", "a b"] {
        let error = Sort::parse(&elements(&[bad])).unwrap_err();
        assert_eq!(error.parameter, "sort", "{bad}");
    }
}

proptest! {
    #[test]
    fn descending_is_ascending_read_backwards(numbers in prop::collection::hash_set(-50_i64..50, 0..20)) {
        let items: Vec<Value> = numbers.iter().map(|n| json!({"n": n})).collect();
        let mut up = sorted(&["n"], items.clone());
        up.reverse();
        prop_assert_eq!(up, sorted(&["n-"], items));
    }
}
