//! Every driver of this repository, one feature each. A program links this crate with
//! `use protector_drivers as _;` and finds the drivers in the framework's registry.
#![deny(missing_docs)]

#[cfg(feature = "mock")]
use protector_driver_mock as _;
#[cfg(feature = "openstack")]
use protector_driver_openstack as _;
#[cfg(feature = "pure")]
use protector_driver_pure as _;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use protector_framework::{DriverEnv, DriverKind, RandomIds, Registry, SystemClock};

    fn registry() -> Registry {
        let env = DriverEnv {
            clock: Arc::new(SystemClock::new()),
            ids: Arc::new(RandomIds),
        };
        Registry::from_linked(env).unwrap()
    }

    #[test]
    fn each_feature_registers_its_drivers() {
        let linked: Vec<&str> = [
            ("mock", cfg!(feature = "mock")),
            ("openstack", cfg!(feature = "openstack")),
            ("pure", cfg!(feature = "pure")),
        ]
        .into_iter()
        .filter_map(|(name, linked)| linked.then_some(name))
        .collect();
        let without = |kind: &str| -> Vec<&str> {
            linked
                .iter()
                .copied()
                .filter(|name| *name != kind)
                .collect()
        };
        let (arrays, clouds) = (without("openstack"), without("pure"));
        let registry = registry();
        assert_eq!(registry.names(DriverKind::Storage), arrays);
        assert_eq!(registry.names(DriverKind::Compute), clouds);
        assert_eq!(registry.names(DriverKind::Identity), clouds);
    }

    #[test]
    fn every_driver_says_what_it_is() {
        for driver in registry().drivers() {
            let example: protector_framework::serde_json::Value =
                protector_framework::serde_json::from_str(driver.example).unwrap();
            let known = driver.schema["properties"].as_object().unwrap();
            for name in example.as_object().unwrap().keys() {
                assert!(known.contains_key(name), "{}: {name}", driver.name);
            }
            assert!(driver.summary.ends_with('.'), "{}", driver.name);
        }
    }
}
