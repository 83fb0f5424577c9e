//! The benches that the conformance kits run on: two mock arrays, two simulated FlashArrays, two Shelf
//! arrays for a driver in a file, and the mock cloud for compute and identity. Real clouds are in
//! `crate::clouds::kits`.

pub mod cloud;
pub mod compute;
pub mod identity;
pub mod mock;
pub mod plugin;
pub mod pure;

#[cfg(test)]
mod sloppy;

#[cfg(test)]
mod tests {
    use protector_conformance::{compute, identity, storage};

    #[test]
    fn the_guide_tells_how_many_cases_there_are() {
        let guide = include_str!("../../../docs/drivers.md");
        let told = format!(
            "{} cases for storage ({} for compute, {} for identity)",
            storage::cases().len(),
            compute::cases().len(),
            identity::cases().len()
        );
        assert!(guide.contains(&told), "{told}");
    }
}
