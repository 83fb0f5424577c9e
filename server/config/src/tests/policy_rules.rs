use std::path::Path;

use crate::{
    Credentials, Decision, Policy, PolicyStore, RemoteAnswers, RemoteQuestion, Scope, Target,
    defaults, sample,
};

/// As the installation guide has it.
const GUIDE: &str = r#"
"context_is_admin": "role:admin"
"admin_or_owner": "is_admin:True or project_id:%(project_id)s"
"default": "rule:admin_or_owner"
# Protection Groups
"protector:protection_groups:index": "rule:default"
"protector:protection_groups:show": "rule:default"
"protector:protection_groups:create": "rule:default"
"protector:protection_groups:update": "rule:default"
"protector:protection_groups:delete": "rule:default"
# Members
"protector:members:index": "rule:default"
"protector:members:create": "rule:default"
"protector:members:delete": "rule:default"
# Operations
"protector:operations:index": "rule:default"
"protector:operations:show": "rule:default"
"protector:operations:action": "rule:default"
# Policies
"protector:policies:show": "rule:default"
"protector:policies:create": "rule:default"
"#;

fn policy(text: &str) -> Policy {
    Policy::from_yaml(Path::new("policy.yaml"), text).unwrap()
}

fn refused(text: &str) -> String {
    Policy::from_yaml(Path::new("policy.yaml"), text)
        .unwrap_err()
        .to_string()
}

fn user(policy: &Policy, project: &str, roles: &[&str]) -> Credentials {
    let mut credentials = Credentials {
        user_id: "u1".to_owned(),
        project_id: Some(project.to_owned()),
        roles: roles.iter().map(|role| (*role).to_owned()).collect(),
        ..Credentials::default()
    };
    credentials.is_admin = policy.is_admin(&credentials);
    credentials
}

#[test]
fn owners_and_administrators_may_and_others_may_not() {
    for policy in [Policy::in_code(), policy(GUIDE)] {
        let target = Target::project("p1");
        let owner = user(&policy, "p1", &["member"]);
        let other = user(&policy, "p2", &["member"]);
        let admin = user(&policy, "p2", &["Admin"]);
        for rule in defaults().iter().filter(|r| r.scopes == [Scope::Project]) {
            assert!(policy.allows(rule.name, &owner, &target), "{}", rule.name);
            assert!(!policy.allows(rule.name, &other, &target), "{}", rule.name);
            assert!(policy.allows(rule.name, &admin, &target), "{}", rule.name);
        }
        assert_eq!(policy.warnings, []);
    }
}

#[test]
fn administration_is_for_administrators_of_a_project_or_the_system() {
    let policy = policy(GUIDE);
    let member = user(&policy, "p1", &["member"]);
    let admin = user(&policy, "p1", &["admin"]);
    let system = Credentials {
        project_id: None,
        system_scope: Some("all".to_owned()),
        ..admin.clone()
    };
    for rule in ["protector:sites:create", "protector:tenant_mappings:index"] {
        assert!(!policy.allows(rule, &member, &Target::project("p1")));
        assert!(policy.allows(rule, &admin, &Target::none()));
        assert!(policy.allows(rule, &system, &Target::none()));
    }
    let failover = "protector:sites:failover";
    assert!(!policy.allows(failover, &admin, &Target::none()));
    let chief = user(&policy, "p1", &["dr_site_admin"]);
    assert!(policy.allows(failover, &chief, &Target::none()));
}

#[test]
fn peers_come_with_the_service_role() {
    let policy = Policy::in_code();
    for (roles, may) in [
        (&["service"][..], true),
        (&["admin"], true),
        (&["member"], false),
        (&[], false),
    ] {
        let caller = user(&policy, "service", roles);
        assert_eq!(
            policy.allows("protector:peer", &caller, &Target::none()),
            may
        );
    }
}

#[test]
fn a_token_without_a_project_owns_nothing() {
    let policy = Policy::in_code();
    let nobody = Credentials {
        project_id: None,
        ..user(&policy, "p1", &["member"])
    };
    let rule = "protector:protection_groups:index";
    assert!(!policy.allows(rule, &nobody, &Target::none()));
    assert!(!policy.allows(rule, &nobody, &Target::project("p1")));
}

#[test]
fn tests_can_be_allowed_where_failovers_are_not() {
    let policy = policy(
        "\"protector:operations:action:failover\": \"role:dr_operator\"\n\
         \"protector:operations:action:failback\": \"role:dr_operator\"\n",
    );
    let member = user(&policy, "p1", &["member"]);
    let target = Target::project("p1");
    let may = |name: &str| {
        policy.allows(
            &format!("protector:operations:action:{name}"),
            &member,
            &target,
        )
    };
    assert!(may("test_failover") && may("test_cleanup"));
    assert!(!may("failover") && !may("failback"));
}

#[test]
fn narrowing_a_rule_of_the_guide_narrows_ours_beside_it() {
    let policy = policy("protector:operations:action: role:dr_operator\n");
    let member = user(&policy, "p1", &["member"]);
    for name in ["failover", "cleanup", "retry"] {
        let rule = format!("protector:operations:action:{name}");
        assert!(!policy.allows(&rule, &member, &Target::project("p1")));
    }
}

#[test]
fn a_rule_that_the_code_does_not_know_refuses_even_when_a_file_has_it() {
    let policy = policy("protector:typo: '@'\n");
    let admin = user(&policy, "p1", &["admin"]);
    assert!(!policy.allows("protector:typo", &admin, &Target::none()));
}

#[test]
fn what_is_wrong_in_a_file_is_told_with_its_line() {
    for (text, told) in [
        ("a: role:x\nb:\n", "policy.yaml:2: b: "),
        ("b: !\n", "policy.yaml:1: b: "),
        ("a: role:x\nb: 5\n", "policy.yaml:2: b: "),
        ("b: {c: d}\n", "policy.yaml:1: b: "),
        ("b: [[role:x, [y]]]\n", "policy.yaml:1: b: "),
        ("a: role:x\nb: @\n", "policy.yaml:2: "),
        ("- a\n", "policy.yaml:1: "),
    ] {
        let error = refused(text);
        assert!(error.starts_with(told), "{text:?}: {error}");
        assert_eq!(error.lines().count(), 1, "{text:?}: {error}");
    }
}

#[test]
fn rules_that_lead_back_to_themselves_are_refused() {
    let error = refused("a: rule:b\nb: role:x or rule:a\nc: rule:a\n");
    assert_eq!(
        error,
        "policy.yaml:1: a: leads back to itself: a -> b -> a\n\
         policy.yaml:2: b: leads back to itself: b -> a -> b"
    );
    let error = refused("default: rule:nowhere\n");
    assert!(error.contains("default -> default"), "{error}");
}

#[test]
fn misspelt_names_and_checks_are_told() {
    let policy = policy(
        "protector:member:create: role:x\n\
         protector:members:create: role:x and rule:admin_or_ower\n\
         protector:members:delete: member\n",
    );
    let told: Vec<_> = policy.warnings.iter().map(ToString::to_string).collect();
    let all = told.join("\n");
    for part in [
        "policy.yaml:1: protector:member:create: no such rule is asked for; did you mean \
         `protector:members:create`?",
        "policy.yaml:2: protector:members:create: there is no rule `admin_or_ower`; `default` \
         stands in for it; did you mean `admin_or_owner`?",
        "policy.yaml:3: protector:members:delete: `member` is no check; it counts as `!`",
    ] {
        assert!(
            told.iter().any(|line| line == part),
            "{part}\nnot in\n{all}"
        );
    }
}

#[test]
fn a_policy_file_that_was_asked_for_and_is_not_there_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let text = format!(
        "[oslo_policy]\npolicy_file = {}/none.yaml\n",
        dir.path().display()
    );
    let config =
        crate::Config::from_sources(&crate::Sources::from_text("p.conf", &text).unwrap()).unwrap();
    let policy = Policy::load(&config.policy).unwrap();
    let told = policy.warnings[0].to_string();
    assert!(told.ends_with("none.yaml: there is no such file; the rules in code hold"));
}

#[test]
fn a_check_by_http_asks_what_the_rest_of_the_rule_does_not_decide() {
    let rule = "protector:members:index";
    let target = Target::project("p1");
    let asked = |check: &str, answers: &[(&str, bool)]| {
        let policy = policy(&format!("\"{rule}\": \"{check}\"\n"));
        assert_eq!(policy.warnings, []);
        let member = user(&policy, "p1", &["member"]);
        let mut known = RemoteAnswers::default();
        for (url, allowed) in answers {
            match policy.decision(rule, &member, &target, &known) {
                Ok(Decision::Ask(question)) => {
                    assert_eq!(question.url, *url, "{check}");
                    assert_eq!(question.rule, rule);
                    assert_eq!(question.target["project_id"], "p1");
                    assert_eq!(question.credentials["roles"][0], "member");
                    assert_eq!(question.form()[0], ("rule", format!("\"{rule}\"")));
                    known.add(&question, *allowed);
                }
                other => panic!("{check}: {other:?}"),
            }
        }
        match policy.decision(rule, &member, &target, &known) {
            Ok(Decision::Is(verdict)) => verdict,
            other => panic!("{check}: {other:?}"),
        }
    };
    let (one, two) = ("http://h/p1", "https://i/");
    for (check, answers, verdict) in [
        ("http://h/%(project_id)s", &[(one, true)][..], true),
        ("http://h/%(project_id)s", &[(one, false)], false),
        ("not https://i/", &[(two, true)], false),
        ("role:member or https://i/", &[], true),
        ("role:other and https://i/", &[], false),
        ("role:member and https://i/", &[(two, true)], true),
        (
            "http://h/%(project_id)s and https://i/",
            &[(one, false)],
            false,
        ),
        (
            "http://h/%(project_id)s and https://i/",
            &[(one, true), (two, true)],
            true,
        ),
        (
            "http://h/%(project_id)s or https://i/",
            &[(one, false), (two, true)],
            true,
        ),
    ] {
        assert_eq!(asked(check, answers), verdict, "{check} {answers:?}");
    }
    // What cannot be asked refuses, and so does whoever cannot ask.
    for check in [
        "http://h/%(missing)s",
        "not http://h/%(missing)s",
        "http://h/",
    ] {
        let policy = policy(&format!("\"{rule}\": \"{check}\"\n"));
        let member = user(&policy, "p1", &["member"]);
        assert!(!policy.allows(rule, &member, &target), "{check}");
    }
    for (answer, allowed) in [
        ("True", true),
        ("\"True\"", true),
        ("true", false),
        ("True\n", false),
        ("", false),
    ] {
        assert_eq!(RemoteQuestion::is_allowed_by(answer), allowed, "{answer}");
    }
}

#[test]
fn the_sample_is_a_file_that_changes_nothing_and_becomes_the_defaults() {
    assert_eq!(policy(&sample()).rules().len(), defaults().len());
    let uncommented: String = sample().replace("#\"", "\"");
    let read = policy(&uncommented);
    for (ours, theirs) in Policy::in_code().rules().iter().zip(read.rules()) {
        assert_eq!((&ours.name, &ours.check), (&theirs.name, &theirs.check));
    }
    assert_eq!(read.warnings, []);
}

#[test]
fn a_request_keeps_the_rules_it_began_with() {
    let store = PolicyStore::new(Policy::in_code());
    let before = store.current();
    store.replace(policy("protector:members:index: '!'\n"));
    let owner = user(&before, "p1", &["member"]);
    let target = Target::project("p1");
    assert!(before.allows("protector:members:index", &owner, &target));
    assert!(
        !store
            .current()
            .allows("protector:members:index", &owner, &target)
    );
}
