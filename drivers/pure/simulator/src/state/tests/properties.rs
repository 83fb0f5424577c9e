//! What holds whatever happens, in whatever order.

use proptest::prelude::*;

use super::{A, B, fabric, replicated_group, volume, write};
use crate::state::{Fabric, TakePoint};

#[derive(Debug, Clone)]
enum Event {
    Write {
        volume: usize,
        block: u64,
        content: u8,
    },
    Take {
        now: bool,
    },
    Wait {
        millis: i64,
    },
    Link {
        up: bool,
        rate: Option<u64>,
    },
    Allow(bool),
    Rename(usize),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => (0..2usize, 0..20u64, 1..5u8)
            .prop_map(|(volume, block, content)| Event::Write { volume, block, content }),
        3 => any::<bool>().prop_map(|now| Event::Take { now }),
        4 => (1..20_000i64).prop_map(|millis| Event::Wait { millis }),
        1 => (any::<bool>(), prop::option::of(10_000..200_000u64))
            .prop_map(|(up, rate)| Event::Link { up, rate }),
        1 => any::<bool>().prop_map(Event::Allow),
        1 => (0..2usize).prop_map(Event::Rename),
    ]
}

fn act(fabric: &mut Fabric, group: &str, volumes: &[String], step: usize, event: &Event) {
    match event {
        Event::Write {
            volume,
            block,
            content,
        } => {
            write(fabric, A, &volumes[*volume], *block, *content);
        }
        Event::Take { now } => {
            let wanted = TakePoint {
                replicate: !now,
                replicate_now: *now,
                ..TakePoint::default()
            };
            fabric.take_point(A, group, &wanted).unwrap();
        }
        Event::Wait { millis } => fabric.settle(fabric.now + millis),
        Event::Link { up, rate } => {
            let link = fabric.link_mut(A, B).unwrap();
            (link.up, link.bytes_per_second) = (*up, *rate);
        }
        Event::Allow(allowed) => {
            let inbound = fabric.group_id(B, "a:pg").unwrap();
            // Saying what is said already is refused.
            drop(fabric.allow(B, &inbound, *allowed));
        }
        Event::Rename(volume) => {
            fabric
                .rename_volume(A, &volumes[*volume], &format!("renamed-{step}"))
                .unwrap();
        }
    }
    fabric.settle(fabric.now);
}

/// Every complete point of the target holds what the source has frozen under its name.
fn check(fabric: &Fabric) -> Result<(), TestCaseError> {
    for (id, point) in &fabric.arrays[B].points {
        let arrival = point.arrival.unwrap();
        prop_assert!(arrival.bytes <= arrival.bytes_total);
        prop_assert_eq!(arrival.completed.is_some(), arrival.progress() >= 1.0);
        let source = &fabric.arrays[A].points[point.origin.as_ref().unwrap()];
        prop_assert_eq!(point.created, source.created);
        for part in fabric.parts_of(B, id) {
            let part = &fabric.arrays[B].snapshots[&part];
            let name = fabric.snapshot_name(B, part);
            let origin = fabric.snapshot_id(A, name.strip_prefix("a:").unwrap());
            let origin = &fabric.arrays[A].snapshots[&origin.unwrap()];
            match arrival.completed {
                Some(_) => prop_assert_eq!(&part.manifest, &origin.manifest),
                None => prop_assert_eq!(part.manifest.data_bytes(), 0),
            }
        }
    }
    // One point of a group is on its way at a time.
    let begun = fabric
        .sessions
        .iter()
        .filter(|session| session.sent.is_some())
        .count();
    prop_assert!(begun <= 1);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn what_is_complete_is_whole(events in prop::collection::vec(event(), 1..40)) {
        let mut fabric = fabric();
        let volumes = ["v", "w"].map(|name| volume(&mut fabric, A, name));
        let group = replicated_group(&mut fabric, &[&volumes[0], &volumes[1]]);
        for (step, event) in events.iter().enumerate() {
            act(&mut fabric, &group, &volumes, step, event);
            check(&fabric)?;
        }
        // With a link and permission, all that waits arrives.
        let link = fabric.link_mut(A, B).unwrap();
        (link.up, link.bytes_per_second) = (true, None);
        let inbound = fabric.group_id(B, "a:pg").unwrap();
        drop(fabric.allow(B, &inbound, true));
        fabric.settle(fabric.now);
        prop_assert!(fabric.sessions.is_empty());
        check(&fabric)?;
        prop_assert!(fabric.arrays[B].points.values().all(|p| p.arrival.unwrap().completed.is_some()));
    }
}
