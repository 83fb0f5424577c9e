//! Whether the services answer.

use protector_framework::{CloudHealth, ExposeSecret as _, Reachability};

use crate::compute::case::{ComputeCase, Outcome, case, check};
use crate::compute::rig::{Cloud, Rig};
use crate::fault::{Cut, Effect};
use crate::plague::Stand as _;

pub(super) fn cases() -> Vec<ComputeCase> {
    vec![
        case!(
            "health/all-answer",
            "Every service of a cloud that is well answers.",
            well
        ),
        case!("health/off", "No service of a cloud that is off answers, and each says why.", off, needs Power),
        case!("health/wrong-secret", "With a secret that is refused no service is called reachable, and none tells the secret.", refused, needs Intruder),
        case!("health/no-answer", "A question that is never answered ends by its deadline, as not reachable.", silence, needs Cut Hang),
    ]
}

fn services(health: &CloudHealth) -> [(&'static str, &Reachability); 4] {
    [
        ("identity", &health.keystone),
        ("compute", &health.nova),
        ("block storage", &health.cinder),
        ("network", &health.neutron),
    ]
}

async fn well(rig: &Rig) -> Outcome {
    let health = rig.driver.health(&rig.ctx()).await;
    for (service, answer) in services(&health) {
        check!(
            answer.reachable,
            "{service} does not answer: {}",
            answer.detail
        );
    }
    Ok(())
}

async fn off(rig: &Rig) -> Outcome {
    rig.bench.power(false).await?;
    nobody_answers(rig, &rig.driver.health(&rig.ctx()).await)?;
    rig.bench.power(true).await?;
    well(rig).await
}

async fn refused(rig: &Rig) -> Outcome {
    let intruder = rig.intruder()?;
    nobody_answers(rig, &intruder.health(&rig.ctx()).await)
}

fn nobody_answers(rig: &Rig, health: &CloudHealth) -> Outcome {
    for (service, answer) in services(health) {
        check!(!answer.reachable, "{service} is said to be reachable");
        check!(
            !answer.detail.trim().is_empty(),
            "{service} gives no reason"
        );
        for secret in rig.bench.secrets() {
            check!(
                !answer.detail.contains(secret.expose_secret()),
                "{service} tells a secret"
            );
        }
    }
    Ok(())
}

async fn silence(rig: &Rig) -> Outcome {
    let clock = rig.clock();
    let ctx = rig.ctx().with_deadline(rig.deadline());
    rig.arm(
        Cloud,
        Some(Cut {
            nth: 1,
            effect: Effect::Hang,
        }),
    )
    .await?;
    let driver = rig.restarted(Cloud)?;
    let start = clock.monotonic();
    let health = driver.health(&ctx).await;
    let took = clock.monotonic() - start;
    rig.arm(Cloud, None).await?;
    check!(
        took < 2 * rig.deadline(),
        "it took {took:?} with a deadline of {:?}",
        rig.deadline()
    );
    check!(
        services(&health)
            .iter()
            .any(|(_, answer)| !answer.reachable),
        "one question was never answered, and all are said to be"
    );
    Ok(())
}
