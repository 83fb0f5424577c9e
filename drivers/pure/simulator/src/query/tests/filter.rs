//! Filters: those that real clients send, the grammar, and what is refused.

use serde_json::{Value, json};

use super::super::Filter;
use super::no_tags;

fn fits(filter: &str, item: &Value) -> bool {
    Filter::parse(filter)
        .unwrap_or_else(|error| panic!("{filter}: {error}"))
        .matches(item, &no_tags)
}

#[test]
fn initiators_of_local_and_remote_hosts() {
    let host = json!({
        "name": "h1", "is_local": true,
        "iqns": ["iqn.1994-05.com.example:one", "iqn.1994-05.com.example:two"],
        "wwns": ["5001500150015081"], "nqns": ["nqn.2014-08.org.nvmexpress:uuid:6953"],
    });
    let mut remote = host.clone();
    remote["is_local"] = json!(false);
    for initiator in [
        "iqns='iqn.1994-05.com.example:two'",
        "wwns='5001500150015081'",
        "nqns='nqn.2014-08.org.nvmexpress:uuid:6953'",
    ] {
        let local_only = format!("{initiator} and is_local");
        assert!(fits(&local_only, &host), "{local_only}");
        assert!(!fits(&local_only, &remote), "{local_only}");
        let remote_only = format!("{initiator} and not is_local");
        assert!(!fits(&remote_only, &host), "{remote_only}");
        assert!(fits(&remote_only, &remote), "{remote_only}");
    }
    assert!(!fits(
        "iqns='iqn.1994-05.com.example:thr' and is_local",
        &host
    ));
}

#[test]
fn ready_controllers_and_their_ports() {
    assert!(fits(
        "status='ready'",
        &json!({"name": "CT0", "status": "ready"})
    ));
    assert!(!fits(
        "status='ready'",
        &json!({"name": "CT1", "status": "not ready"})
    ));
    assert!(fits("name='CT0.*'", &json!({"name": "CT0.ETH4"})));
    assert!(!fits("name='CT0.*'", &json!({"name": "CT1.ETH4"})));
}

#[test]
fn bonded_and_virtual_interfaces() {
    let filter = "eth.subtype='lacp_bond' or eth.subtype='vif'";
    assert!(fits(filter, &json!({"eth": {"subtype": "lacp_bond"}})));
    assert!(fits(filter, &json!({"eth": {"subtype": "vif"}})));
    assert!(!fits(filter, &json!({"eth": {"subtype": "physical"}})));
    assert!(!fits(filter, &json!({"fc": {"wwn": "x"}})));
}

#[test]
fn a_quoted_number_compares_as_a_number() {
    for filter in ["progress=\"1.0\"", "progress='1'", "progress=1"] {
        assert!(fits(filter, &json!({"progress": 1.0})), "{filter}");
        assert!(fits(filter, &json!({"progress": 1})), "{filter}");
        assert!(!fits(filter, &json!({"progress": 0.99})), "{filter}");
    }
    assert!(fits("provisioned>='1024'", &json!({"provisioned": 10_000})));
    assert!(!fits("progress='done'", &json!({"progress": 1.0})));
}

#[test]
fn snapshots_of_one_point_and_volumes_of_one_pod() {
    let filter = "name='fa-a:group.suffix.*'";
    assert!(fits(filter, &json!({"name": "fa-a:group.suffix.vol1"})));
    assert!(fits(filter, &json!({"name": "FA-A:Group.suffix.vg/vol1"})));
    assert!(!fits(filter, &json!({"name": "fa-a:group.suffix2.vol1"})));
    let filter = "pod.name='cinder-pod'";
    assert!(fits(
        filter,
        &json!({"pod": {"id": "1", "name": "cinder-pod"}})
    ));
    assert!(!fits(filter, &json!({"pod": {"id": null, "name": null}})));
}

#[test]
fn a_volume_wherever_cinder_put_it() {
    let filter = "name='*volume-0a1b-cinder'";
    for name in [
        "volume-0a1b-cinder",
        "vg/volume-0a1b-cinder",
        "p::Volume-0A1B-cinder",
    ] {
        assert!(fits(filter, &json!({"name": name})), "{name}");
    }
    assert!(!fits(
        filter,
        &json!({"name": "volume-0a1b-cinder-unmanaged"})
    ));
}

#[test]
fn names_ignore_case_and_other_texts_do_not() {
    assert!(fits("name='VOL'", &json!({"name": "vol"})));
    assert!(fits(
        "source.name='VOL'",
        &json!({"source": {"name": "vol"}})
    ));
    assert!(!fits("status='READY'", &json!({"status": "ready"})));
    assert!(!fits("status='REA*'", &json!({"status": "ready"})));
}

#[test]
fn a_bare_property_exists_and_is_not_false() {
    assert!(fits("is_local", &json!({"is_local": true})));
    assert!(!fits("is_local", &json!({"is_local": false})));
    assert!(!fits("is_local", &json!({})));
    assert!(!fits("time_remaining", &json!({"time_remaining": null})));
    assert!(fits("time_remaining", &json!({"time_remaining": 0})));
    assert!(fits("pod", &json!({"pod": {"name": "p"}})));
    assert!(!fits("pod", &json!({"pod": {"id": null, "name": null}})));
}

#[test]
fn lists_match_with_any_element_and_on_request_with_all() {
    let pod = json!({"arrays": [{"status": "online"}, {"status": "offline"}]});
    assert!(fits("arrays.status='online'", &pod));
    assert!(fits("arrays[any].status='online'", &pod));
    assert!(!fits("arrays[all].status='online'", &pod));
    assert!(!fits("arrays.status='unknown'", &pod));
    assert!(!fits("arrays[all].status='online'", &json!({"arrays": []})));
}

#[test]
fn unequal_is_not_equal() {
    assert!(fits("status!='ready'", &json!({"status": "busy"})));
    assert!(fits("status!='ready'", &json!({})));
    assert!(!fits("name!='v*'", &json!({"name": "vol"})));
    assert!(!fits("iqns!='a'", &json!({"iqns": ["a", "b"]})));
}

#[test]
fn membership_in_a_list_as_people_and_as_the_python_client_write_it() {
    for filter in [
        "name=('a','B*')",
        "name = (('a','B*'))",
        "name=(\"a\", 'b*')",
    ] {
        assert!(fits(filter, &json!({"name": "A"})), "{filter}");
        assert!(fits(filter, &json!({"name": "bcd"})), "{filter}");
        assert!(!fits(filter, &json!({"name": "c"})), "{filter}");
    }
    assert!(fits("n=(1,2)", &json!({"n": 2})));
    assert!(!fits("name!=('a','b')", &json!({"name": "a"})));
    assert!(fits("name!=('a','b')", &json!({"name": "c"})));
}

#[test]
fn contains_finds_a_part() {
    assert!(fits("contains(name,'LUME')", &json!({"name": "volume"})));
    assert!(fits("contains(status, 'ead')", &json!({"status": "ready"})));
    assert!(!fits(
        "contains(status, 'EAD')",
        &json!({"status": "ready"})
    ));
    // A star is a letter here.
    assert!(!fits("contains(name,'v*e')", &json!({"name": "volume"})));
}

#[test]
fn tags_are_looked_up_by_namespace_and_key() {
    let tag = |item: &Value, namespace: &str, key: &str| {
        let owned = item["name"] == "mine"
            && (namespace == "protector-dr" || namespace.is_empty())
            && key == "run";
        owned.then(|| "a1".to_owned())
    };
    let matches = |filter: &str, name: &str| {
        Filter::parse(filter)
            .unwrap()
            .matches(&json!({"name": name}), &tag)
    };
    assert!(matches("tags('protector-dr','run')='a1'", "mine"));
    assert!(matches("tags('protector-dr','run')='a*'", "mine"));
    assert!(!matches("tags('protector-dr','run')='A1'", "mine"));
    assert!(!matches("tags('other','run')='a1'", "mine"));
    assert!(!matches("tags('protector-dr','run')='a1'", "foreign"));
    assert!(matches("tags('protector-dr','run')!='a1'", "foreign"));
    assert!(matches("tags('run', 'a1')", "mine"));
    assert!(!matches("tags('run', 'a2')", "mine"));
}

#[test]
fn and_binds_closer_than_or_and_parentheses_closest() {
    let item = json!({"a": true, "b": false, "c": false});
    assert!(fits("a or b and c", &item));
    assert!(!fits("(a or b) and c", &item));
    assert!(fits("not b and a", &item));
    assert!(!fits("not (b or a)", &item));
    assert!(fits("NOT b AND a", &item));
    assert!(fits("not(not(a))", &item));
}

#[test]
fn comparisons_order_numbers_and_texts() {
    let item = json!({"n": 5, "created": "2024", "name": "Mid"});
    for (filter, fit) in [
        ("n<6", true),
        ("n<5", false),
        ("n<=5", true),
        ("n>4.5", true),
        ("n>=5", true),
        ("n>5", false),
        ("n!=5", false),
        ("name>'abc'", true),
        ("name<'ABC'", false),
        ("missing<5", false),
        ("n > -1", true),
    ] {
        assert_eq!(fits(filter, &item), fit, "{filter}");
    }
}

#[test]
fn truths_and_null_are_words_or_quoted() {
    for filter in [
        "destroyed=true",
        "destroyed='true'",
        "destroyed=TRUE",
        "destroyed!=false",
    ] {
        assert!(fits(filter, &json!({"destroyed": true})), "{filter}");
        assert!(!fits(filter, &json!({"destroyed": false})), "{filter}");
    }
    assert!(fits("pod.name=null", &json!({"pod": {"name": null}})));
    assert!(!fits("pod.name=null", &json!({"pod": {"name": "p"}})));
}

#[test]
fn strings_hold_the_other_quote_and_escaped_ones() {
    assert!(fits(r#"label="it's""#, &json!({"label": "it's"})));
    assert!(fits(r"label='it\'s'", &json!({"label": "it's"})));
    assert!(fits(r"label='a\\b'", &json!({"label": r"a\b"})));
    assert!(fits(r"label='a\b'", &json!({"label": r"a\b"})));
}

#[test]
fn errors_say_where() {
    for (filter, position) in [
        ("", 0),
        ("name=", 5),
        ("name='abc", 5),
        ("name='a' and", 12),
        ("name='a' name='b'", 9),
        ("(a or b", 7),
        ("a)", 1),
        ("a ! b", 2),
        ("name=abc", 5),
        ("contains(name 'x')", 14),
        ("tags('a')", 8),
        ("name=('a',)", 10),
        ("é=1", 0),
        ("a='é' ; b", 6),
        ("and", 0),
        ("a..b=1", 0),
        ("n=1e999", 2),
        ("name<('a','b')", 5),
    ] {
        let error = Filter::parse(filter).unwrap_err();
        assert_eq!(error.position, Some(position), "{filter}: {error}");
        assert_eq!(error.parameter, "filter");
        assert!(error.to_string().contains(&format!("position {position}")));
    }
}

#[test]
fn depth_is_bounded() {
    let deep = |depth: usize| format!("{}a{}", "(".repeat(depth), ")".repeat(depth));
    assert!(Filter::parse(&deep(60)).is_ok());
    assert!(Filter::parse(&deep(100_000)).is_err());
    assert!(Filter::parse(&"not ".repeat(100_000)).is_err());
}
