//! Query strings as clients send them.

use super::super::Params;
use super::elements;

#[test]
fn elements_are_decoded() {
    let params = Params::parse("names=fa-a%3Apg.s,vg/vol,%2A%27%20x");
    assert_eq!(
        params.list("names"),
        Some(elements(&["fa-a:pg.s", "vg/vol", "*' x"]))
    );
}

#[test]
fn a_list_may_come_with_encoded_commas() {
    // As py-pure-client 1.47 sends it.
    let params = Params::parse("names=vg/vol%2Cpod%3A%3Avol");
    assert_eq!(
        params.list("names"),
        Some(elements(&["vg/vol", "pod::vol"]))
    );
}

#[test]
fn an_empty_parameter_is_a_list_without_elements() {
    let params = Params::parse("group_names=g&member_names=");
    assert_eq!(params.list("member_names"), Some(vec![]));
    assert_eq!(params.list("names"), None);
    assert_eq!(params.text("member_names"), None);
    assert!(params.has("member_names"));
}

#[test]
fn a_parameter_without_an_equal_sign_is_empty() {
    let params = Params::parse("overwrite&&names=a");
    assert!(params.has("overwrite"));
    assert_eq!(params.flag("overwrite"), Ok(None));
    assert_eq!(params.list("names"), Some(elements(&["a"])));
}

#[test]
fn a_repeated_list_is_one_list_and_repeated_texts_stay_apart() {
    let params = Params::parse("names=a,b&names=c&filter=x%3D1&filter=y%3D2");
    assert_eq!(params.list("names"), Some(elements(&["a", "b", "c"])));
    assert_eq!(params.texts("filter"), elements(&["x=1", "y=2"]));
}

#[test]
fn a_plus_is_a_space_as_forms_write_it() {
    let params = Params::parse("filter=a%3D1+and+b%3D2&sort=x%2By");
    assert_eq!(params.text("filter").as_deref(), Some("a=1 and b=2"));
    assert_eq!(params.text("sort").as_deref(), Some("x+y"));
}

#[test]
fn flags_are_read_in_any_case_and_nothing_else_is_one() {
    let params = Params::parse("a=true&b=False&c=yes");
    assert_eq!(params.flag("a"), Ok(Some(true)));
    assert_eq!(params.flag("b"), Ok(Some(false)));
    assert_eq!(params.flag("d"), Ok(None));
    let error = params.flag("c").unwrap_err();
    assert_eq!(error.parameter, "c");
    assert!(error.to_string().contains("yes"), "{error}");
}

#[test]
fn counts_are_whole_numbers() {
    let params = Params::parse("limit=10&offset=-1");
    assert_eq!(params.count("limit"), Ok(Some(10)));
    assert!(params.count("offset").is_err());
}
