//! Short histories of `cargo sim`, so that a broken promise shows before the gate runs thousands.

use protector_simulation::history::live;
use protector_simulation::world::simulate;

/// Operations of each.
const LENGTH: u64 = 20;

#[test]
fn a_group_keeps_every_promise_through_histories_of_faults() {
    let half = |first: u64| {
        std::thread::spawn(move || {
            for seed in first..first + 5 {
                let tally = simulate(live(seed, LENGTH));
                assert_eq!(tally.operations, LENGTH);
                assert!(tally.faults > 0);
            }
        })
    };
    for half in [half(1), half(6)] {
        half.join().unwrap();
    }
}
