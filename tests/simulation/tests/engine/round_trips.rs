//! A few round trips; `cargo sim -- --round-trips 100` makes many.

use protector_simulation::round_trips::round_trips;
use protector_simulation::world::simulate;

#[test]
fn inv5_round_trips_leave_nothing_behind() {
    simulate(round_trips(2, 6));
}
