//! What an operation will do, as data: the same plan is shown by `dry_run`, stored, and executed.

mod call;
mod declaration;

use std::collections::BTreeSet;

use protector_framework::{EpochId, MemberId, OperationId, SiteId};
use serde::{Deserialize, Serialize};

use crate::document::hash;
use crate::status::OperationKind;

pub use call::{Call, Condition};
pub use declaration::{Cancel, Declaration};

/// An ordered list of steps; a step's needs always stand before it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// What it is the plan of.
    pub operation: OperationKind,
    /// The epoch of the group's document that it was made of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<EpochId>,
    /// The steps.
    pub steps: Vec<Step>,
}

/// One durable unit of work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Names the step within the plan and stays the same when the plan is made again.
    pub key: String,
    /// The site it acts on.
    pub site: SiteId,
    /// The phase it belongs to, for people.
    pub phase: Phase,
    /// What it does.
    pub action: Action,
    /// The steps that must be done before it.
    pub needs: Vec<String>,
    /// Whether it runs as soon as its needs have ended, however they ended. A step without it is
    /// skipped when one of its needs failed.
    pub gathers: bool,
    /// The member it is for; its failure then does not stop the others after the commit point.
    pub member: Option<MemberId>,
    /// Every mutating call, as a template with symbolic results.
    pub calls: Vec<Call>,
    /// The calls that take it back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub undo: Vec<Call>,
}

crate::status::states! {
    /// The part of an operation that a step belongs to.
    Phase {
        /// Looks whether the operation can work.
        Checking = "checking",
        /// Stops the source.
        Quiescing = "quiescing",
        /// Sends data.
        Replicating = "replicating",
        /// Makes volumes on the target.
        Copying = "copying",
        /// Passes authority.
        Committing = "committing",
        /// Makes ports and servers.
        Starting = "starting",
        /// Looks whether everything is as it should be.
        Verifying = "verifying",
        /// Parks the source.
        Parking = "parking",
        /// Sets up replication.
        Protecting = "protecting",
        /// Removes what is no longer needed.
        Cleaning = "cleaning",
    }
}

/// What a step does. The engine has one function for each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "do")]
pub enum Action {
    /// Asks both sites (or the target alone) whether they can take part.
    CheckSites {
        /// The sites that must answer.
        sites: Vec<SiteId>,
    },
    /// Makes the group's generic volume group on the step's site.
    EnsureVolumeGroup,
    /// Sets that group's volumes to those of the members' copies on the site.
    FillVolumeGroup,
    /// Empties and deletes that group.
    DeleteVolumeGroup,
    /// Makes the array group of the step's site, sending to the other site, with the volumes of the
    /// members' copies on the step's site.
    EnsureArrayGroup,
    /// Stops the sending of the array group of the step's site.
    SuspendArrayGroup,
    /// Sees that the array group of the step's site takes no point of volumes that are about to be
    /// overwritten: it would hold what was there before, and be newer than what comes. No other
    /// array is asked.
    HoldArrayGroup,
    /// Deletes the array group of the step's site, and what the site received of the other's.
    DeleteArrayGroup,
    /// Reads the member's server on the step's site into its blueprint.
    CaptureMember,
    /// Reads it again after it was stopped and compares.
    RecaptureMember,
    /// Looks which servers run on the step's site, and tells that site, before any is stopped.
    SurveySource,
    /// Stops the member's server on the step's site and locks it. Undo: unlock and start it.
    StopServer,
    /// Takes a point at the step's site, begins to send it, and waits until it is complete.
    Replicate,
    /// Chooses the recovery point on the step's site.
    ChoosePoint,
    /// Keeps the chosen point from retention. Undo: lets it go.
    PinPoint,
    /// Lets the chosen point go.
    UnpinPoint,
    /// Makes a new array volume from the point. Undo: discards it.
    CopyVolume {
        /// The volume's place in the blueprint.
        slot: usize,
        /// Whether it is a test clone.
        test: bool,
    },
    /// Adopts that array volume into the cloud. Undo: lets it go again.
    AdoptVolume {
        /// The volume's place in the blueprint.
        slot: usize,
        /// Whether it is a test clone.
        test: bool,
    },
    /// Passes authority to the step's site; with the old primary's consent where it takes part.
    Commit {
        /// Whether the old primary's database must accept the new epoch.
        handover: bool,
    },
    /// Overwrites the parked copy's volume in place from the point.
    OverwriteVolume {
        /// The volume's place in the blueprint.
        slot: usize,
    },
    /// Makes the member's ports. Undo of a test clone's: deletes them.
    CreatePorts {
        /// Whether they are a test clone's.
        test: bool,
    },
    /// Builds the member's server. Undo of a test clone: deletes it.
    BootServer {
        /// Whether it is a test clone.
        test: bool,
    },
    /// Unlocks the parked server and brings it back.
    ReviveServer,
    /// Waits until the member's server runs as it should, with its own volumes and ports.
    VerifyServer {
        /// Whether it is a test clone.
        test: bool,
    },
    /// Looks whether the networks of a test are kept apart from production.
    CheckTestNetworks,
    /// Looks whether the member's server has come up inside.
    ProbeServer {
        /// Whether it is a test clone.
        test: bool,
    },
    /// Waits before the next tier.
    Delay {
        /// For how many seconds.
        seconds: u32,
    },
    /// Stops, locks and disconnects the member's server on the step's site.
    ParkServer {
        /// Whether it was found running after the other site took over.
        quarantine: bool,
    },
    /// Deletes the member's server on the step's site; its volumes stay.
    DeleteServer,
    /// Gives the member's server on the step's site back to its owner: it stays as it is, unlocked.
    UnlockServer,
    /// Takes the member's volumes out of the site's generic group and lets them go.
    ReleaseVolumes,
    /// Discards the member's array volumes on the step's site.
    DiscardVolumes,
    /// Deletes the member's ports that Protector made on the step's site.
    DeletePorts,
    /// Deletes the servers and ports of a test.
    RemoveTestServers,
    /// Lets the test's volumes go and discards them.
    RemoveTestVolumes,
    /// Takes the member out of the document.
    ForgetMember,
    /// Marks the group as deleted on both sites.
    ForgetGroup,
    /// Waits until the engine of an operation that gave way to this one has stopped.
    AwaitExecutor {
        /// That operation.
        operation: OperationId,
    },
    /// Takes back what an operation had done when it gave way to another.
    TakeBack {
        /// That operation.
        operation: OperationId,
    },
    /// Reads both sites and sets the group's status by what is there.
    ReadBack,
    /// Writes the outcome into the group's document.
    Finish,
}

impl Plan {
    /// The plan's identity: two plans that do the same have the same hash.
    pub fn hash(&self) -> String {
        hash(&serde_json::to_vec(self).unwrap_or_default())
    }

    /// The step of this key.
    pub fn step(&self, key: &str) -> Option<&Step> {
        self.steps.iter().find(|s| s.key == key)
    }

    /// The step that passes authority, if the plan has one.
    pub fn commit(&self) -> Option<&Step> {
        self.steps
            .iter()
            .find(|s| matches!(s.action, Action::Commit { .. }))
    }

    /// Whether a step needs another, directly or through others.
    pub fn depends_on(&self, step: &Step, other: &str) -> bool {
        let mut open: Vec<&str> = step.needs.iter().map(String::as_str).collect();
        let mut seen = BTreeSet::new();
        while let Some(key) = open.pop() {
            if key == other {
                return true;
            }
            if seen.insert(key)
                && let Some(step) = self.step(key)
            {
                open.extend(step.needs.iter().map(String::as_str));
            }
        }
        false
    }
}
