//! Many calls at once.

use futures::future::join_all;
use protector_framework::{
    DriverError, GetGroup, OverwriteVolume, SetGroupVolumes, StartReplication,
};

use crate::storage::bench::Side;
use crate::storage::case::{Case, Outcome, case, check};
use crate::storage::rig::{Rig, Vol};

/// How many calls are made at once.
const MANY: usize = 8;

pub(super) fn cases() -> Vec<Case> {
    vec![
        case!("together/reads", "Many reads at once all give the same reply.", reads),
        case!("together/copies", "Many volumes of a point are made at once, each with its bytes.", copies),
        case!("together/groups", "Many groups are made at once, and each sends.", groups),
        case!("together/points", "Many points of a group are taken at once, and each arrives.", points),
        case!("together/overwrites", "Many volumes are overwritten at once, each with its own.", overwrites),
        case!("together/use-and-send", "Volumes are made from a point while new points are sent.", use_and_send),
        case!("together/members-and-points", "A point that is taken while volumes are set arrives, and the group holds what was set.", members_and_points),
        case!("together/fresh-instances", "Many new instances at once all log in and read.", fresh_instances),
    ]
    .into_iter()
    .map(|case| case.claims(&[crate::storage::case::Claim::AsyncReplication]))
    .collect()
}

/// Calls until the answer is not that the array is busy, as every caller does.
async fn patiently<T, F>(rig: &Rig, call: impl Fn() -> F) -> Outcome<T>
where
    F: Future<Output = Result<T, DriverError>>,
{
    for _ in 0..20 {
        match call().await {
            Err(error) if error.is_transient() => {
                rig.pass(std::time::Duration::from_secs(1)).await?;
            }
            other => return Ok(other?),
        }
    }
    Ok(call().await?)
}

fn many(prefix: &str) -> Vec<String> {
    (0..MANY).map(|n| format!("{prefix}{n}")).collect()
}

async fn many_sent(rig: &Rig) -> Outcome<Vec<Vol>> {
    let labels = many("v");
    let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
    rig.sent(&labels).await
}

async fn reads(rig: &Rig) -> Outcome {
    rig.sent(&["one"]).await?;
    let (group, ctx) = (rig.group(), rig.ctx());
    let calls =
        (0..MANY).map(|_| patiently(rig, || rig.source.get_group(&ctx, GetGroup::new(&group))));
    let replies: Vec<_> = join_all(calls).await.into_iter().collect::<Outcome<_>>()?;
    check!(
        replies.windows(2).all(|pair| pair[0] == pair[1]),
        "the replies are {replies:?}"
    );
    Ok(())
}

async fn copies(rig: &Rig) -> Outcome {
    let v = many_sent(rig).await?;
    let calls = v.iter().map(|volume| async {
        let ctx = rig.step(&volume.label);
        patiently(rig, || {
            let request = rig.copy_of("p1", volume, &volume.label);
            rig.target.materialize_volume(&ctx, request)
        })
        .await
    });
    let made: Vec<_> = join_all(calls).await.into_iter().collect::<Outcome<_>>()?;
    for (volume, made) in v.iter().zip(&made) {
        rig.holds(Side::Target, &made.name, &volume.label).await?;
    }
    let names = rig.names(Side::Target).await?;
    check!(names.len() == MANY, "there are {names:?}");
    Ok(())
}

async fn groups(rig: &Rig) -> Outcome {
    let names = many("kit-group-");
    let work = names.iter().map(|name| async {
        let group = rig.group_named(name);
        let ctx = rig.ctx();
        patiently(rig, || rig.source.ensure_group(&ctx, rig.ensure(&group))).await?;
        let volume = rig.volume(Side::Source, name).await?;
        patiently(rig, || {
            let request = SetGroupVolumes::new(&group, vec![volume.name.clone()]);
            rig.source.set_group_volumes(&ctx, request)
        })
        .await?;
        patiently(rig, || {
            rig.source
                .start_replication(&ctx, StartReplication::new(&group, "p1"))
        })
        .await?;
        Ok(group)
    });
    let groups: Vec<_> = join_all(work).await.into_iter().collect::<Outcome<_>>()?;
    for group in &groups {
        rig.arrive(group, "p1").await?;
        rig.seeded(group).await?;
        rig.send(group, "p2").await?;
        let held = rig.point(group, "p2").await?.volumes.len();
        check!(held == 1, "the point of `{group}` holds {held} volumes");
    }
    Ok(())
}

async fn points(rig: &Rig) -> Outcome {
    rig.sent(&["one"]).await?;
    let group = rig.group();
    let names: Vec<String> = many("at-once-").into_iter().take(4).collect();
    let calls = names.iter().map(|name| async {
        let ctx = rig.ctx();
        patiently(rig, || {
            rig.source
                .start_replication(&ctx, StartReplication::new(&group, name.as_str()))
        })
        .await
    });
    join_all(calls)
        .await
        .into_iter()
        .collect::<Outcome<Vec<_>>>()?;
    for name in &names {
        rig.arrive(&group, name).await?;
    }
    Ok(())
}

async fn overwrites(rig: &Rig) -> Outcome {
    let v = many_sent(rig).await?;
    let mut there = Vec::new();
    for name in many("there") {
        there.push(rig.volume(Side::Target, &name).await?);
    }
    let calls = v.iter().zip(&there).map(|(from, to)| async {
        let ctx = rig.step(&from.label);
        patiently(rig, || {
            let replica = rig.replica(&rig.group());
            let request = OverwriteVolume::new(replica, "p1", &from.serial, &to.name, &to.serial);
            rig.target.overwrite_volume(&ctx, request)
        })
        .await
    });
    join_all(calls)
        .await
        .into_iter()
        .collect::<Outcome<Vec<_>>>()?;
    for (from, to) in v.iter().zip(&there) {
        rig.holds(Side::Target, &to.name, &from.label).await?;
    }
    Ok(())
}

async fn use_and_send(rig: &Rig) -> Outcome {
    let v = many_sent(rig).await?;
    let group = rig.group();
    let send = async {
        for name in ["q1", "q2", "q3"] {
            let ctx = rig.ctx();
            patiently(rig, || {
                rig.source
                    .start_replication(&ctx, StartReplication::new(&group, name))
            })
            .await?;
            rig.arrive(&group, name).await?;
        }
        Outcome::Ok(())
    };
    let (sent, made) = futures::join!(send, async {
        for volume in &v {
            let ctx = rig.step(&volume.label);
            let made = patiently(rig, || {
                let request = rig.copy_of("p1", volume, &volume.label);
                rig.target.materialize_volume(&ctx, request)
            })
            .await?;
            rig.holds(Side::Target, &made.name, &volume.label).await?;
        }
        Outcome::Ok(())
    });
    sent?;
    made
}

async fn members_and_points(rig: &Rig) -> Outcome {
    let mut v = rig.sent(&["one", "two"]).await?;
    v.push(rig.volume(Side::Source, "three").await?);
    let group = rig.group();
    let (set_ctx, start_ctx) = (rig.ctx(), rig.ctx());
    let names: Vec<_> = v.iter().map(|volume| volume.name.clone()).collect();
    let (set, started) = futures::join!(
        patiently(rig, || {
            let request = SetGroupVolumes::new(&group, names.clone());
            rig.source.set_group_volumes(&set_ctx, request)
        }),
        patiently(rig, || {
            rig.source
                .start_replication(&start_ctx, StartReplication::new(&group, "p2"))
        }),
    );
    set?;
    started?;
    rig.arrive(&group, "p2").await?;
    rig.seeded(&group).await?;
    let held = rig.status(&group).await?.volumes.len();
    check!(held == 3, "the group holds {held} volumes");
    let point = rig.send(&group, "p3").await?;
    check!(
        point.volumes.len() == 3,
        "the next point holds {:?}",
        point.volumes
    );
    Ok(())
}

async fn fresh_instances(rig: &Rig) -> Outcome {
    let known = rig.identity(Side::Source);
    let calls = (0..MANY).map(|_| async {
        let instance = rig.restarted(Side::Source)?;
        let ctx = rig.ctx();
        let told = patiently(rig, || instance.describe(&ctx)).await?.identity;
        check!(told == known, "told {told:?}");
        Ok(())
    });
    join_all(calls).await.into_iter().collect()
}
