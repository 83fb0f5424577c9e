//! Who answers what: the traits of the surface, each verb given to its module.

mod groups;
mod operations;
mod peer;
mod sites;
