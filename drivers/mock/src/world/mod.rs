//! Making mock worlds and looking into them, for the lab and for tests: what an administrator, a
//! tenant and nature do, and what nobody could see on a real cloud.
//!
//! Every function takes the locks that the drivers take, so all of them may be used from any
//! process at any time. They block for a moment; none is counted by a fault script or refused
//! because the array or the cloud is switched off.

mod accounts;
mod array;
mod cloud;
mod furnish;
mod inventory;
mod misfortune;
mod tenant;

pub use array::{LinkSettings, MockArray};
pub use cloud::MockCloud;
pub use furnish::{Furniture, PROTECTOR_PASSWORD, PROTECTOR_USER, TENANT_PASSWORD};
pub use inventory::{Inventory, PortEntry, ServerEntry, VolumeEntry, VolumeGroupEntry};
pub use tenant::{NewPort, NewServer, Tenant};

pub use crate::cloud::Quota;
pub use crate::fault::{Fault, Rule, Script};
pub use crate::log::{Effect, RecordedCall};
