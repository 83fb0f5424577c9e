//! What an unplanned move has lost: said when it ends as far as it is known then, and completed once
//! the lost site has come back and its copies are out of use. What nobody knows is said to be
//! unknown.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use protector_framework::{
    ArrayVolumeName, ArrayVolumeSerial, MemberId, PointName, SiteId, VolumeId,
};
use serde::{Deserialize, Serialize};

use crate::document::{GroupDocument, InstanceState, InstanceVolume, Member};
use crate::operation::{MemberResult, Operation};
use crate::outputs::{Parked, Progress, read};
use crate::plan::Action;
use crate::planner::must_quarantine;

/// The statement of one unplanned move.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Loss {
    /// The recovery point that the members were started from; `None`: what was kept on the site.
    pub recovery_point: Option<PointName>,
    /// When that was taken, by the clock of the array that took it; of what was kept, what it holds
    /// at least.
    pub data_as_of: Option<DateTime<Utc>>,
    /// When the move was asked for, by the clock of the site that took the request.
    pub lost_until: Option<DateTime<Utc>>,
    /// Begun seconds from the one to the other. How far the two clocks differ is part of it.
    pub seconds: Option<u64>,
    /// By how many seconds at least the array's clock is ahead: the point would be of the future.
    pub clock_ahead_seconds: u64,
    /// What is lost of each volume of the members that were brought up.
    pub volumes: Vec<VolumeLoss>,
    /// The members that do not run, with the reason.
    pub not_recovered: Vec<MemberResult>,
    /// The copies on the lost site that could be written after the other site had taken over.
    pub overlaps: Vec<Overlap>,
    /// The data of the lost site that is kept there until a `cleanup` of that site, or the way home,
    /// which keeps what diverged as a snapshot.
    pub kept: Vec<Kept>,
    /// When the lost site's copies were looked at and were all out of use; `None`: not yet.
    pub completed_at: Option<DateTime<Utc>>,
}

/// What is lost of one volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VolumeLoss {
    /// The member.
    pub member_id: MemberId,
    /// Its name.
    pub member: String,
    /// The volume's place in the blueprint.
    pub slot: usize,
    /// Its serial on the source array.
    pub serial: Option<ArrayVolumeSerial>,
    /// Bytes in which it differs from the point, by the source array's word; `None`: unknown.
    pub bytes: Option<u64>,
}

/// A copy that ran although the group ran on the other site.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overlap {
    /// The member.
    pub member_id: MemberId,
    /// Its name.
    pub member: String,
    /// The site where the copy ran.
    pub site_id: SiteId,
    /// Since when both could be written: authority had passed.
    pub from: Option<DateTime<Utc>>,
    /// When the copy was stopped and disconnected.
    pub until: Option<DateTime<Utc>>,
}

/// Data that exists nowhere else and is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// The member.
    pub member_id: MemberId,
    /// Its name.
    pub member: String,
    /// The site.
    pub site_id: SiteId,
    /// The volume in that site's block storage service.
    pub volume_id: VolumeId,
    /// Its name on that site's array.
    pub array_name: ArrayVolumeName,
}

/// What is known when a move ends. `None` where it was not an unplanned one or has not passed
/// authority: then nothing is lost by it.
pub fn begin(
    operation: &Operation,
    progress: Progress<'_>,
    document: &GroupDocument,
    members: &[MemberResult],
) -> Option<Loss> {
    let passed = progress.first_done(|action| matches!(action, Action::Commit { .. }));
    if !operation.is_unplanned_move() || !passed {
        return None;
    }
    let chosen = progress.chosen();
    let kept_as_of = progress.kept().map(|kept| kept.kept_as_of);
    let data_as_of = chosen.as_ref().map(|c| c.taken_at).or(kept_as_of);
    let asked = operation.created_at;
    let up = |id: MemberId| members.iter().any(|m| m.member_id == id && m.ok);
    let volumes = document
        .members
        .iter()
        .filter(|member| up(member.id))
        .flat_map(|member| volumes_of(member, operation.source_site_id));
    Some(Loss {
        recovery_point: chosen.map(|c| c.point),
        data_as_of,
        lost_until: Some(asked),
        seconds: data_as_of.map(|at| begun_seconds(asked - at)),
        clock_ahead_seconds: data_as_of.map_or(0, |at| begun_seconds(at - asked)),
        volumes: volumes.collect(),
        not_recovered: not_recovered(document, members),
        ..Loss::default()
    })
}

fn volumes_of(member: &Member, source: SiteId) -> impl Iterator<Item = VolumeLoss> + '_ {
    let slots = member.blueprint.as_ref().map_or(0, |b| b.volumes.len());
    let there = member.instance(source).map(|copy| copy.volumes.as_slice());
    let serials: BTreeMap<usize, &InstanceVolume> =
        there.unwrap_or_default().iter().enumerate().collect();
    (0..slots).map(move |slot| VolumeLoss {
        member_id: member.id,
        member: member.name.clone(),
        slot,
        serial: serials.get(&slot).map(|volume| volume.serial.clone()),
        bytes: None,
    })
}

/// Also those that the plan left out because nothing of them was there to start.
fn not_recovered(document: &GroupDocument, members: &[MemberResult]) -> Vec<MemberResult> {
    let primary = document.current_primary_site_id;
    let failed = members.iter().filter(|m| !m.ok).cloned();
    let left_out = document.members.iter().filter(|member| {
        let runs = |state| state == InstanceState::Production;
        let stayed = member
            .instance(primary)
            .is_some_and(|copy| runs(copy.state));
        !stayed && !members.iter().any(|m| m.member_id == member.id)
    });
    let named = left_out.map(|member| MemberResult {
        member_id: member.id,
        name: member.name.clone(),
        ok: false,
        reason: Some(member.status_reason.clone().unwrap_or_else(|| {
            "no recovery point holds it, and nothing of it was kept on the site".to_owned()
        })),
        probe: None,
    });
    failed.chain(named).collect()
}

/// Whether the lost site has come back and every copy there is out of use, by the document.
pub fn is_out_of_use(document: &GroupDocument, source: SiteId) -> bool {
    let reported = |member: &Member| {
        let copy = member.instance(source);
        copy.is_none_or(|copy| {
            matches!(
                copy.state,
                InstanceState::Quarantined | InstanceState::Parked
            )
        })
    };
    document.members.iter().all(|member| {
        !must_quarantine(document, member, source, false)
            && (reported(member) || member.instance(document.current_primary_site_id).is_none())
    })
}

/// Completes a statement with what the lost site has told: `written`, by serial, what its array says
/// of each volume; `quarantines`, the operations that put its copies out of use.
pub fn complete(
    loss: &mut Loss,
    document: &GroupDocument,
    source: SiteId,
    written: &BTreeMap<ArrayVolumeSerial, u64>,
    quarantines: &[Operation],
    now: DateTime<Utc>,
) {
    for volume in &mut loss.volumes {
        let known = volume
            .serial
            .as_ref()
            .and_then(|serial| written.get(serial));
        volume.bytes = known.copied().or(volume.bytes);
    }
    let since = document.epoch.since;
    let told = quarantines.iter().filter_map(|o| o.result.as_ref());
    for overlap in told.flat_map(|result| &result.overlaps) {
        if !loss
            .overlaps
            .iter()
            .any(|known| known.member_id == overlap.member_id)
        {
            loss.overlaps.push(Overlap {
                from: since,
                ..overlap.clone()
            });
        }
    }
    loss.kept = document
        .members
        .iter()
        .filter_map(|member| Some((member, member.instance(source)?)))
        .filter(|(_, copy)| copy.state == InstanceState::Quarantined)
        .flat_map(|(member, copy)| copy.volumes.iter().map(move |volume| (member, volume)))
        .map(|(member, volume)| Kept {
            member_id: member.id,
            member: member.name.clone(),
            site_id: source,
            volume_id: volume.id.clone(),
            array_name: volume.array_name.clone(),
        })
        .collect();
    loss.completed_at = Some(now);
}

/// The copies that a quarantine found running, from its journal.
pub fn overlaps(progress: Progress<'_>) -> Vec<Overlap> {
    let found = progress.done().filter_map(|(step, output)| {
        let parked: Parked = read(output)?;
        let quarantine = matches!(step.action, Action::ParkServer { quarantine: true });
        if !quarantine || !parked.was_running {
            return None;
        }
        Some(Overlap {
            member_id: step.member?,
            member: step
                .key
                .split_once('/')
                .map_or_else(String::new, |(_, name)| name.to_owned()),
            site_id: step.site,
            from: None,
            until: progress.record(&step.key)?.finished_at,
        })
    });
    found.collect()
}

/// Begun seconds: a loss of half a second is not a loss of none.
pub(crate) fn begun_seconds(span: chrono::TimeDelta) -> u64 {
    u64::try_from(span.num_milliseconds())
        .unwrap_or(0)
        .div_ceil(1000)
}
