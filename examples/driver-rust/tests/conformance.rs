//! The whole storage kit, on two Shelf arrays of their own.

use protector_conformance::Options;
use protector_example_array::ShelfBenches;

#[tokio::test(flavor = "multi_thread")]
async fn the_driver_conforms() {
    let benches = ShelfBenches::new("the shelf driver, linked", shelf_driver::build);
    let report = protector_conformance::run(&benches, &Options::default()).await;
    // Strict: a case that could not be run counts as failed.
    assert!(report.is_green(true), "{}", report.table());
    // No case is missing: those that are left out are about what a Shelf does not claim.
    let all = protector_conformance::cases().len();
    assert_eq!(report.passed() + report.not_claimed.len(), all);
    assert!(report.not_claimed.iter().all(|id| id.contains("sync")));
}
