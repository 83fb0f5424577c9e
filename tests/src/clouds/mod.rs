//! The main job on two real OpenStack clouds.
//!
//! `testbed` brings the clouds up, `world` fills them as their admins and a tenant would, with the
//! real client; `deployment` runs Protector's own processes beside them; `story` and `kills` are
//! what is done and checked. `guide` has the installation guide followed instead.

pub mod api;
pub mod arrays;
pub mod benchmark;
pub mod bytes;
pub mod checks;
pub mod clients;
pub mod cloud;
pub mod command;
pub mod deployment;
pub mod failure;
pub mod front;
pub mod guide;
pub mod http;
pub mod identity;
pub mod inventory;
pub mod kills;
pub mod kits;
pub mod lock;
pub mod observe;
pub mod process;
pub mod protection;
pub mod proxy;
pub mod report;
pub mod run;
pub mod secrets;
pub mod stage;
pub mod story;
pub mod suite;
pub mod testbed;
pub mod world;
