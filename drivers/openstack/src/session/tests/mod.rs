//! Sessions against a scripted cloud.

mod login;
mod page;
mod repeat;
mod secrets;
mod version;

use protector_framework::DriverConfig;

use super::{Session, Trip};
use crate::settings::Settings;
use crate::testing::{FakeCloud, ctx};

fn session(cloud: &FakeCloud) -> Session {
    session_of(cloud, &cloud.config())
}

fn session_of(cloud: &FakeCloud, config: &DriverConfig) -> Session {
    let settings = Settings::read(config).unwrap();
    let http = Session::client(None, false).unwrap();
    Session::new(http, settings.account(config).unwrap(), cloud.env())
}

fn trip(cloud: &FakeCloud) -> Trip {
    Trip::start(&ctx(), &*cloud.clock)
}
