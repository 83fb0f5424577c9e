//! The whole storage kit, on two Shelf arrays of their own.

use protector_conformance::Options;
use protector_example_array::ShelfBenches;

#[tokio::test(flavor = "multi_thread")]
async fn the_driver_conforms() {
    let benches = ShelfBenches::new("the shelf driver, linked", shelf_driver::build);
    let report = protector_conformance::run(&benches, &Options::default()).await;
    // Strict: a case that could not be run counts as failed.
    assert!(report.is_green(true), "{}", report.table());
    assert!(report.passed() >= 120, "{}", report.table());
}
