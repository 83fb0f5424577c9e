//! What Protector keeps, and who may change it when. The only crate that speaks SQL.
//!
//! Every change of a group's document and of an operation is a compare-and-set in one short
//! transaction; none of them spans a call to anything else than the database.

mod audit;
mod connection;
mod deployment;
mod error;
mod first_contact;
mod forms;
mod groups;
mod operations;
mod page;
mod peer_keys;
mod quotas;
mod readiness;
mod row_counts;
mod sealed;
mod secret_box;
mod secrets;
mod server_look;
mod services;
mod sites;
mod surplus;
mod tenants;
mod trusts;

#[cfg(test)]
mod tests;

pub use audit::AuditEvent;
pub use connection::{Db, DbOptions, stamp};
pub use deployment::Deployment;
pub use error::{DbError, Result};
pub use forms::Forms;
pub use groups::{GroupRecord, ListedGroup, PeerState, Received, Staged};
pub use operations::{CameBefore, Claim, Created, Fence, IdempotencyKey};
pub use page::{Condition, Page};
pub use peer_keys::PeerKey;
pub use quotas::Quotas;
pub use sealed::{Resealed, SealedValue};
pub use secret_box::SecretBox;
pub use server_look::{ServerLook, look_at_server};
pub use services::ServiceRecord;
pub use surplus::{Counts, Item, Surplus};
pub use trusts::TrustRecord;
