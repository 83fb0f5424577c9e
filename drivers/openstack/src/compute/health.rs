//! Does each service answer a real question?

use protector_framework::{CloudHealth, Reachability};

use super::cloud::Cloud;
use crate::session::{Call, Service, Trip};

impl Cloud {
    pub(super) async fn ask_each_service(&self, trip: &Trip) -> CloudHealth {
        // A fresh login, not a cached token: this is what a failover would need.
        let keystone = async {
            match self.service.log_in(trip).await {
                Ok(_) => Reachability::new(true),
                Err(error) => Reachability::new(false).detail(error.to_string()),
            }
        };
        let (keystone, nova, cinder, neutron) = tokio::join!(
            keystone,
            self.ask(trip, Call::get(Service::Compute, ["limits"])),
            self.ask(trip, Call::get(Service::Volume, ["limits"])),
            self.ask(
                trip,
                Call::get(Service::Network, ["networks"])
                    .query("limit", "1")
                    .query("fields", "id"),
            ),
        );
        CloudHealth::new(keystone, nova, cinder, neutron)
    }

    async fn ask(&self, trip: &Trip, call: Call) -> Reachability {
        match self.service.send(trip, call).await {
            Ok(_) => Reachability::new(true),
            Err(error) => Reachability::new(false).detail(error.to_string()),
        }
    }
}
