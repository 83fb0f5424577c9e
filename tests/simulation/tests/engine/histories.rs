//! Short histories of `cargo sim`, so that a broken promise shows before the gate runs thousands.

use protector_simulation::history::live;
use protector_simulation::world::simulate;

#[test]
fn a_group_keeps_every_promise_through_histories_of_faults() {
    let histories: Vec<_> = (1..=4)
        .map(|seed| std::thread::spawn(move || simulate(live(seed, 20))))
        .collect();
    for history in histories {
        let tally = history.join().unwrap();
        assert_eq!(tally.operations, 20);
        assert!(tally.faults > 0);
    }
}
