//! Every driver of this repository, one feature each, and those that an operator puts into a directory.
//! A program links this crate with `use protector_drivers as _;` and finds the drivers in the
//! framework's registry, or gathers all of them with [`gather`].
#![deny(missing_docs)]

use std::collections::BTreeMap;
use std::path::Path;

use protector_framework::plugin::host::add_directory;
use protector_framework::{DriverEnv, LayerSettings, Registry, RegistryError};

#[cfg(feature = "mock")]
use protector_driver_mock as _;
#[cfg(feature = "openstack")]
use protector_driver_openstack as _;
#[cfg(feature = "pure")]
use protector_driver_pure as _;

/// The linked drivers and those of the directory, each within its layers. What is wrong with a file of
/// the directory, and a name in `layers` that no driver has, is told in the log and nothing else.
///
/// # Errors
/// When two linked drivers of a kind share a name.
pub fn gather(
    env: DriverEnv,
    directory: Option<&Path>,
    layers: &BTreeMap<String, LayerSettings>,
) -> Result<Registry, RegistryError> {
    let mut registry = Registry::from_linked(env)?;
    if let Some(directory) = directory {
        add_directory(&mut registry, directory);
    }
    for unknown in registry.set_layers(layers) {
        tracing::warn!("[drivers] names `{unknown}`, and there is no driver of this name");
    }
    Ok(registry)
}

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
            let known = driver.schema["properties"].as_object().unwrap();
            for name in driver.example.as_object().unwrap().keys() {
                assert!(known.contains_key(name), "{}: {name}", driver.name);
            }
            assert!(driver.summary.ends_with('.'), "{}", driver.name);
        }
    }
}
