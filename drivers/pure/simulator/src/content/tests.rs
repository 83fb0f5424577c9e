//! Both kinds of store do the same.

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;

const MIB: u64 = 1 << 20;

fn volume(name: &str) -> Key {
    Key::Volume(name.to_owned())
}

fn stores(directory: &TempDir) -> [Store; 2] {
    [
        Store::open(None).unwrap(),
        Store::open(Some(directory.path().join("pool"))).unwrap(),
    ]
}

#[test]
fn a_copy_keeps_the_content_id_and_a_write_changes_it() {
    let directory = TempDir::new().unwrap();
    for mut store in stores(&directory) {
        store.create(&volume("a"), 4 * MIB).unwrap();
        store
            .write(&volume("a"), MIB - 3, b"across a block")
            .unwrap();
        let frozen = Key::Snapshot("1".to_owned());
        store.copy(&volume("a"), &frozen).unwrap();
        let before = store.manifest(&volume("a")).unwrap();
        assert_eq!(store.manifest(&frozen).unwrap(), before);
        store.write(&volume("a"), 0, b"new").unwrap();
        assert_ne!(
            store.manifest(&volume("a")).unwrap().content_id(),
            before.content_id()
        );
        assert_eq!(store.read(&frozen, MIB - 3, 14).unwrap(), b"across a block");
        assert_eq!(store.read(&frozen, 0, 3).unwrap(), [0; 3]);
    }
}

#[test]
fn both_kinds_give_the_same_ids_and_send_to_each_other() {
    let directory = TempDir::new().unwrap();
    let [mut memory, mut pool] = stores(&directory);
    pool.create(&volume("vg/v"), 3 * MIB).unwrap();
    pool.write(&volume("vg/v"), 2 * MIB, b"payload").unwrap();
    memory
        .receive(&pool, &volume("vg/v"), &volume("w"))
        .unwrap();
    assert_eq!(
        memory.manifest(&volume("w")).unwrap(),
        pool.manifest(&volume("vg/v")).unwrap()
    );
    assert_eq!(memory.size(&volume("w")).unwrap(), 3 * MIB);
}

#[test]
fn only_what_the_other_lacks_is_counted() {
    let mut store = Store::open(None).unwrap();
    store.create(&volume("v"), 8 * MIB).unwrap();
    store.write(&volume("v"), 0, b"one").unwrap();
    let base = store.manifest(&volume("v")).unwrap();
    store.write(&volume("v"), 5 * MIB, b"two").unwrap();
    let new = store.manifest(&volume("v")).unwrap();
    let nothing = Default::default();
    assert_eq!(new.bytes_since(None, &nothing), 2 * BLOCK);
    assert_eq!(new.bytes_since(Some(&base), &nothing), BLOCK);
    assert_eq!(new.bytes_since(Some(&base), &new.hashes().collect()), 0);
}

proptest! {
    /// Whatever is written where, both kinds read the same bytes and have the same id.
    #[test]
    fn memory_is_like_files(writes in prop::collection::vec((0..3 * MIB, prop::collection::vec(any::<u8>(), 1..300)), 1..8), cut in 1..3 * MIB) {
        let directory = TempDir::new().unwrap();
        let [mut memory, mut pool] = stores(&directory);
        for store in [&mut memory, &mut pool] {
            store.create(&volume("v"), 4 * MIB).unwrap();
            for (offset, bytes) in &writes {
                store.write(&volume("v"), *offset, bytes).unwrap();
            }
            store.resize(&volume("v"), cut).unwrap();
            store.resize(&volume("v"), 4 * MIB).unwrap();
        }
        prop_assert_eq!(memory.manifest(&volume("v")).unwrap(), pool.manifest(&volume("v")).unwrap());
        for (offset, bytes) in &writes {
            let length = bytes.len();
            prop_assert_eq!(memory.read(&volume("v"), *offset, length).unwrap(), pool.read(&volume("v"), *offset, length).unwrap());
        }
    }
}
