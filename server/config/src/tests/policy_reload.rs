use std::path::Path;

use crate::{Config, PolicyStore, Sources};

fn store(dir: &Path) -> PolicyStore {
    let text = format!(
        "[oslo_policy]\npolicy_file = {0}/policy.yaml\npolicy_dirs = {0}/policy.d\n",
        dir.display()
    );
    let config = Config::from_sources(&Sources::from_text("p.conf", &text).unwrap()).unwrap();
    PolicyStore::open(&config.policy).unwrap()
}

fn check(store: &PolicyStore, name: &str) -> String {
    let rules = store.fresh().rules();
    let found = rules.into_iter().find(|rule| rule.name == name).unwrap();
    found.check
}

const RULE: &str = "protector:members:index";

#[test]
fn a_change_of_any_file_is_in_force_with_the_next_request() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, check: &str| {
        let text = format!("{RULE}: \"{check}\"\n");
        std::fs::write(dir.path().join(name), text).unwrap();
    };
    let store = store(dir.path());
    assert_eq!(check(&store, RULE), "rule:default");
    write("policy.yaml", "role:a");
    assert_eq!(check(&store, RULE), "role:a");
    std::fs::create_dir(dir.path().join("policy.d")).unwrap();
    write("policy.d/20-late", "role:late");
    write("policy.d/10-early.yaml", "role:early");
    write("policy.d/.hidden", "!");
    assert_eq!(check(&store, RULE), "role:late");
    std::fs::remove_file(dir.path().join("policy.d/20-late")).unwrap();
    assert_eq!(check(&store, RULE), "role:early");
    std::fs::remove_dir_all(dir.path().join("policy.d")).unwrap();
    std::fs::write(dir.path().join("policy.yaml"), "").unwrap();
    assert_eq!(check(&store, RULE), "rule:default");
}

#[test]
fn an_older_file_that_is_brought_back_counts_too() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("policy.yaml");
    std::fs::write(&path, format!("{RULE}: role:new\n")).unwrap();
    let store = store(dir.path());
    let old = dir.path().join("old");
    std::fs::write(&old, format!("{RULE}: role:old\n")).unwrap();
    let long_ago = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000);
    let file = std::fs::File::options().write(true).open(&old).unwrap();
    file.set_modified(long_ago).unwrap();
    std::fs::rename(&old, &path).unwrap();
    assert_eq!(check(&store, RULE), "role:old");
}

#[test]
fn a_broken_file_leaves_the_rules_as_they_were_until_it_is_mended() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("policy.yaml");
    std::fs::write(&path, format!("{RULE}: role:good\n")).unwrap();
    let store = store(dir.path());
    for broken in [
        format!("{RULE}: !\n"),
        "- a\n".to_owned(),
        "default: rule:default".to_owned(),
    ] {
        std::fs::write(&path, broken).unwrap();
        assert_eq!(check(&store, RULE), "role:good");
    }
    std::fs::write(&path, format!("{RULE}: role:mended\n")).unwrap();
    assert_eq!(check(&store, RULE), "role:mended");
}
