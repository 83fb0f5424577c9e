use poem_openapi::Object;
use protector_framework::GenericUuid as _;
use protector_model::loss::{Kept, Loss, Overlap, VolumeLoss};
use uuid::Uuid;

use super::common::Timestamp;
use super::operation::MemberResultView;

/// What an unplanned move has lost: said when it ends as far as it is known then, and completed once
/// the lost site has come back and its copies are out of use.
#[derive(Debug, Object)]
#[oai(rename = "Loss")]
pub(crate) struct LossView {
    /// The recovery point that the members were started from; nothing where they were started from
    /// what was kept on the site.
    recovery_point_id: Option<String>,
    /// When that was taken, by the clock of the array that took it; of what was kept: what it holds
    /// at least.
    data_as_of: Option<Timestamp>,
    /// When the move was asked for, by the clock of the site that took the request.
    lost_until: Option<Timestamp>,
    /// Begun seconds from the one to the other. How far the two clocks differ is part of it.
    seconds: Option<u64>,
    /// By how many seconds at least the array's clock is ahead of the site's; 0 where that does not
    /// show.
    clock_ahead_seconds: u64,
    /// What is lost of each volume of the members that were brought up.
    volumes: Vec<VolumeLossView>,
    /// The members that do not run, with the reason.
    not_recovered: Vec<MemberResultView>,
    /// The copies on the lost site that could be written after the other site had taken over.
    overlaps: Vec<OverlapView>,
    /// The data of the lost site that is kept there until a `cleanup` of that site, or the way home,
    /// which keeps what diverged as a snapshot. Retention never removes it.
    kept: Vec<KeptView>,
    /// When the lost site's copies were looked at and were all out of use; nothing: not yet.
    completed_at: Option<Timestamp>,
}

/// What is lost of one volume.
#[derive(Debug, Object)]
#[oai(rename = "VolumeLoss")]
pub(crate) struct VolumeLossView {
    /// The member.
    member_id: Uuid,
    /// Its name.
    member: String,
    /// The volume's place in the blueprint.
    slot: u64,
    /// Bytes in which it differs from the point, by the source array's word; nothing: unknown.
    bytes: Option<u64>,
}

/// A copy that ran although the group ran on the other site.
#[derive(Debug, Object)]
#[oai(rename = "Overlap")]
pub(crate) struct OverlapView {
    /// The member.
    member_id: Uuid,
    /// Its name.
    member: String,
    /// The site where the copy ran.
    site_id: Uuid,
    /// Since when both could be written.
    from: Option<Timestamp>,
    /// When the copy was stopped and disconnected.
    until: Option<Timestamp>,
}

/// Data that exists nowhere else and is kept.
#[derive(Debug, Object)]
#[oai(rename = "Kept")]
pub(crate) struct KeptView {
    /// The member.
    member_id: Uuid,
    /// Its name.
    member: String,
    /// The site.
    site_id: Uuid,
    /// The volume in that site's block storage service.
    volume_id: String,
    /// Its name on that site's array.
    array_name: String,
}

impl From<Loss> for LossView {
    fn from(loss: Loss) -> Self {
        Self {
            recovery_point_id: loss.recovery_point.map(|point| point.to_string()),
            data_as_of: loss.data_as_of.map(Timestamp),
            lost_until: loss.lost_until.map(Timestamp),
            seconds: loss.seconds,
            clock_ahead_seconds: loss.clock_ahead_seconds,
            volumes: loss.volumes.into_iter().map(Into::into).collect(),
            not_recovered: loss.not_recovered.into_iter().map(Into::into).collect(),
            overlaps: loss.overlaps.into_iter().map(Into::into).collect(),
            kept: loss.kept.into_iter().map(Into::into).collect(),
            completed_at: loss.completed_at.map(Timestamp),
        }
    }
}

impl From<VolumeLoss> for VolumeLossView {
    fn from(loss: VolumeLoss) -> Self {
        Self {
            member_id: loss.member_id.into_untyped_uuid(),
            member: loss.member,
            slot: u64::try_from(loss.slot).unwrap_or(u64::MAX),
            bytes: loss.bytes,
        }
    }
}

impl From<Overlap> for OverlapView {
    fn from(overlap: Overlap) -> Self {
        Self {
            member_id: overlap.member_id.into_untyped_uuid(),
            member: overlap.member,
            site_id: overlap.site_id.into_untyped_uuid(),
            from: overlap.from.map(Timestamp),
            until: overlap.until.map(Timestamp),
        }
    }
}

impl From<Kept> for KeptView {
    fn from(kept: Kept) -> Self {
        Self {
            member_id: kept.member_id.into_untyped_uuid(),
            member: kept.member,
            site_id: kept.site_id.into_untyped_uuid(),
            volume_id: kept.volume_id.to_string(),
            array_name: kept.array_name.to_string(),
        }
    }
}
