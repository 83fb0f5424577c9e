//! What steps give to later ones, as it stands in the journal.

use chrono::{DateTime, Utc};
use protector_framework::{
    ArrayVolumeName, ArrayVolumeSerial, Blueprint, EpochId, MemberId, PointName, PointVolume,
    PortId, ServerId, VolumeGroupId, VolumeId,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::document::InstanceVolume;
use crate::operation::{StepRecord, StepStatus};
use crate::plan::{Action, Plan, Step};
use crate::status::GroupStatus;

/// A server was read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Captured {
    /// The server.
    pub blueprint: Blueprint,
    /// Its volumes, in the blueprint's order, as the site's array knows them.
    pub volumes: Vec<InstanceVolume>,
}

/// A server was stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stopped {
    /// Whether it ran before, so that taking the step back starts it again.
    pub was_running: bool,
}

/// The servers of the source were looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Survey {
    /// The members whose servers ran.
    pub was_running: Vec<MemberId>,
}

/// A point is wholly on the target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replicated {
    /// The point.
    pub point: PointName,
    /// When it was taken.
    pub taken_at: DateTime<Utc>,
    /// Bytes sent for it.
    pub bytes_sent: u64,
}

/// The recovery point of the operation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Chosen {
    /// The point.
    pub point: PointName,
    /// When it was taken.
    pub taken_at: DateTime<Utc>,
    /// What it holds.
    pub volumes: Vec<PointVolume>,
}

/// No point holds what was written since the group runs on the other site: the target starts what it
/// keeps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    /// What is kept holds at least what there was then.
    pub kept_as_of: DateTime<Utc>,
}

/// An array volume was made from the point.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Copied {
    /// Its name when it was made.
    pub name: ArrayVolumeName,
    /// Its serial.
    pub serial: ArrayVolumeSerial,
}

/// An array volume was adopted by the cloud.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Adopted {
    /// Its id in the cloud.
    pub id: VolumeId,
    /// Its name on the array from now on.
    pub name: ArrayVolumeName,
    /// Its serial.
    pub serial: ArrayVolumeSerial,
}

/// Authority has passed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Committed {
    /// The epoch that began.
    pub epoch_id: EpochId,
    /// Whether the old primary accepted it.
    pub by_handover: bool,
}

/// Ports are there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortsMade {
    /// Their ids, in the blueprint's order.
    pub ports: Vec<PortId>,
}

/// A server is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Booted {
    /// Its id.
    pub server: ServerId,
}

/// A copy was put out of use.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parked {
    /// Whether it was found running.
    pub was_running: bool,
    /// Whether the server was gone, so that there is nothing to park.
    #[serde(default)]
    pub gone: bool,
}

/// Something of an older copy could not be removed, and stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Left {
    /// What and why.
    pub left: String,
}

/// A generic volume group is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupMade {
    /// Its id.
    pub id: VolumeGroupId,
}

/// What was found when both sites were read again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadBack {
    /// The status that fits.
    pub status: GroupStatus,
    /// Why it is not a good one.
    pub reason: Option<String>,
}

/// The plan of an operation with what has been done of it.
#[derive(Debug, Clone, Copy)]
pub struct Progress<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// The journal.
    pub journal: &'a [StepRecord],
}

impl<'a> Progress<'a> {
    /// A step's record.
    pub fn record(&self, key: &str) -> Option<&'a StepRecord> {
        self.journal.iter().find(|r| r.key == key)
    }

    /// Whether a step is done.
    pub fn is_done(&self, key: &str) -> bool {
        self.record(key)
            .is_some_and(|r| r.status == StepStatus::Done)
    }

    /// Whether a person has left a step out.
    pub fn is_skipped(&self, key: &str) -> bool {
        self.record(key)
            .and_then(|r| r.output.as_ref())
            .is_some_and(|output| output["skipped"].is_string())
    }

    /// The steps that are done, each with what it gave.
    pub fn done(&self) -> impl Iterator<Item = (&'a Step, Option<&'a Value>)> + '_ {
        self.plan.steps.iter().filter_map(|step| {
            let record = self.record(&step.key)?;
            (record.status == StepStatus::Done).then_some((step, record.output.as_ref()))
        })
    }

    /// What the first done step of a kind gave.
    pub fn first<T: DeserializeOwned>(&self, is: impl Fn(&Action) -> bool) -> Option<T> {
        self.done()
            .find(|(step, _)| is(&step.action))
            .and_then(|(_, output)| read(output))
    }

    /// Whether a step of a kind is done.
    pub fn first_done(&self, is: impl Fn(&Action) -> bool) -> bool {
        self.done().any(|(step, _)| is(&step.action))
    }

    /// Whether a step of a kind is done for a member.
    pub fn first_done_of(&self, member: MemberId, is: impl Fn(&Action) -> bool) -> bool {
        self.done()
            .any(|(step, _)| step.member == Some(member) && is(&step.action))
    }

    /// Whether the operation has yet to put a member's copy out of use that its site had lost.
    pub fn is_to_be_put_away(&self, member: MemberId) -> bool {
        self.plan.steps.iter().any(|step| {
            step.member == Some(member)
                && step.action == (Action::ParkServer { quarantine: true })
                && !self.is_done(&step.key)
        })
    }

    /// Which servers ran before any was stopped, as soon as that is noted.
    pub fn survey(&self) -> Option<Survey> {
        let is = |step: &&Step| matches!(step.action, Action::SurveySource);
        let step = self.plan.steps.iter().find(is)?;
        read(self.record(&step.key)?.output.as_ref())
    }

    /// Whether what the target keeps is started, because no point is newer.
    pub fn kept(&self) -> Option<Kept> {
        self.first(|action| matches!(action, Action::ChoosePoint))
    }

    /// The recovery point, once it is chosen.
    pub fn chosen(&self) -> Option<Chosen> {
        self.first(|action| matches!(action, Action::ChoosePoint))
    }
}

/// Reads what a step gave.
pub fn read<T: DeserializeOwned>(output: Option<&Value>) -> Option<T> {
    T::deserialize(output?).ok()
}
