//! Lists, page by page.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::page::Page;
use super::super::{ListRequest, Params, QueryError};
use super::no_tags;

fn volumes(count: usize) -> Vec<Value> {
    (0..count)
        .map(|n| json!({"id": format!("id-{n}"), "name": format!("vol{n:03}"), "n": n}))
        .collect()
}

fn ask(query: &str, items: Vec<Value>, page_size: usize) -> Result<Page, QueryError> {
    let request = ListRequest::read(&Params::parse(query))?;
    let selected = request.select(items, &no_tags);
    Ok(request.page(selected, page_size))
}

fn numbers(page: &Page) -> Vec<u64> {
    page.items
        .iter()
        .map(|item| item["n"].as_u64().unwrap())
        .collect()
}

#[test]
fn a_token_leads_through_all_pages() {
    let first = ask("limit=10", volumes(25), 1000).unwrap();
    assert_eq!(numbers(&first), (0..10).collect::<Vec<_>>());
    assert!(first.more_items_remaining);
    let token = first.continuation_token.unwrap();

    let query = format!("continuation_token={token}&limit=10");
    let second = ask(&query, volumes(25), 1000).unwrap();
    assert_eq!(numbers(&second), (10..20).collect::<Vec<_>>());
    let token = second.continuation_token.unwrap();

    let query = format!("continuation_token={token}&limit=10");
    let third = ask(&query, volumes(25), 1000).unwrap();
    assert_eq!(numbers(&third), (20..25).collect::<Vec<_>>());
    assert!(!third.more_items_remaining);
    assert_eq!(third.continuation_token, None);
}

#[test]
fn sorted_lists_are_paged_by_offset_without_a_token() {
    let page = ask("sort=n-&limit=10&offset=10", volumes(25), 1000).unwrap();
    assert_eq!(numbers(&page), (5..15).rev().collect::<Vec<_>>());
    assert!(page.more_items_remaining);
    assert_eq!(page.continuation_token, None);
}

#[test]
fn the_array_has_a_page_size_of_its_own() {
    for query in ["", "limit=5000"] {
        let page = ask(query, volumes(25), 20).unwrap();
        assert_eq!(page.items.len(), 20, "{query}");
        assert!(page.more_items_remaining);
    }
}

#[test]
fn limit_zero_only_counts() {
    let page = ask("limit=0&filter=n%3C7", volumes(25), 1000).unwrap();
    assert!(page.items.is_empty());
    assert_eq!(page.total_item_count, Some(7));
    assert!(!page.more_items_remaining);
    assert_eq!(page.continuation_token, None);
}

#[test]
fn the_count_is_told_when_asked_for() {
    let asked = ask("total_item_count=true&limit=3", volumes(25), 1000).unwrap();
    assert_eq!((asked.items.len(), asked.total_item_count), (3, Some(25)));
    let not_asked = ask("limit=3", volumes(25), 1000).unwrap();
    assert_eq!(not_asked.total_item_count, None);
}

#[test]
fn several_filters_must_all_fit() {
    let page = ask("filter=n%3E3&filter=n%3C6", volumes(25), 1000).unwrap();
    assert_eq!(numbers(&page), [4, 5]);
}

#[test]
fn nothing_is_skipped_or_repeated_when_items_come_and_go_between_pages() {
    let first = ask("limit=10", volumes(25), 1000).unwrap();
    let query = format!(
        "limit=10&continuation_token={}",
        first.continuation_token.unwrap()
    );
    let mut fewer = volumes(25);
    fewer.drain(0..3);
    assert_eq!(numbers(&ask(&query, fewer, 1000).unwrap())[0], 10);
    let mut more = volumes(25);
    more.insert(0, json!({"id": "new", "n": 99}));
    assert_eq!(numbers(&ask(&query, more, 1000).unwrap())[0], 10);
}

#[test]
fn items_without_identity_are_paged_by_their_number() {
    let members: Vec<Value> = (0..5)
        .map(|n| json!({"group": {"name": "g"}, "n": n}))
        .collect();
    let first = ask("limit=2", members.clone(), 1000).unwrap();
    let query = format!(
        "limit=2&continuation_token={}",
        first.continuation_token.unwrap()
    );
    assert_eq!(numbers(&ask(&query, members, 1000).unwrap()), [2, 3]);
}

#[test]
fn bad_parameters_are_named() {
    for (query, parameter) in [
        ("limit=x", "limit"),
        ("offset=-1", "offset"),
        ("continuation_token=zz", "continuation_token"),
        ("sort=-a", "sort"),
        ("filter=a%3D", "filter"),
        ("total_item_count=1", "total_item_count"),
    ] {
        let error = ask(query, vec![], 1000).unwrap_err();
        assert_eq!(error.parameter, parameter, "{query}");
    }
}

#[test]
fn a_body_has_all_four_members_even_when_empty() {
    let body = ask("", vec![], 1000).unwrap().into_body();
    assert_eq!(
        body,
        json!({
            "continuation_token": null,
            "items": [],
            "more_items_remaining": false,
            "total_item_count": null,
        })
    );
}

proptest! {
    #[test]
    fn all_pages_together_are_the_list(count in 0_usize..60, limit in 1_usize..12, sorted: bool) {
        let sort = if sorted { "&sort=n" } else { "" };
        let mut seen = Vec::new();
        let mut next = String::new();
        for _ in 0..=60 {
            let page = ask(&format!("limit={limit}{sort}{next}"), volumes(count), 1000).unwrap();
            prop_assert!(page.items.len() <= limit);
            seen.extend(numbers(&page));
            if !page.more_items_remaining {
                break;
            }
            next = match page.continuation_token {
                Some(token) => format!("&continuation_token={token}"),
                None => format!("&offset={}", seen.len()),
            };
        }
        prop_assert_eq!(seen, (0..count as u64).collect::<Vec<_>>());
    }
}
