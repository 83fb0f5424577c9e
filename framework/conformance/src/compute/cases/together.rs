//! Many calls at once.

use futures::future::join_all;
use protector_framework::{FindServer, ResourceKind};

use crate::compute::case::{ComputeCase, Outcome, case, check};
use crate::compute::rig::{Cloud, Rig};
use crate::plague::Stand as _;

/// How many calls are made at once.
const MANY: usize = 8;

pub(super) fn cases() -> Vec<ComputeCase> {
    vec![
        case!(
            "together/reads",
            "Many reads at once of one instance all give the same reply.",
            reads
        ),
        case!(
            "together/fresh-instances",
            "Many new instances at once all log in and read.",
            fresh_instances
        ),
        case!("together/ports", "Many ports are made at once by one instance, each once.", ports, needs Ports),
    ]
}

async fn reads(rig: &Rig) -> Outcome {
    let ctx = rig.ctx();
    let calls = (0..MANY).map(|_| {
        rig.patiently(|| {
            rig.driver
                .list_resources(&ctx, ResourceKind::AvailabilityZone)
        })
    });
    let replies: Vec<_> = join_all(calls).await.into_iter().collect::<Outcome<_>>()?;
    check!(
        replies.windows(2).all(|pair| pair[0] == pair[1]),
        "the replies are {replies:?}"
    );
    Ok(())
}

async fn fresh_instances(rig: &Rig) -> Outcome {
    let tag = rig.tag("nobody");
    let calls = (0..MANY).map(|_| async {
        let instance = rig.restarted(Cloud)?;
        let find = || async {
            let request = FindServer::new(tag.as_str());
            instance.find_servers(&rig.ctx(), request).await
        };
        rig.patiently(find).await
    });
    for found in join_all(calls).await {
        let found = found?;
        check!(found.is_empty(), "found are {found:?}");
    }
    Ok(())
}

async fn ports(rig: &Rig) -> Outcome {
    let mut requests = Vec::new();
    for address in 0..4 {
        requests.push(rig.port_at(&rig.mac(), address).await?);
    }
    let calls = requests.iter().map(|request| async {
        let ctx = rig.step(&request.mac_address);
        let ensure = || rig.driver.ensure_port(&ctx, request.clone());
        rig.patiently(ensure).await
    });
    for (made, request) in join_all(calls).await.into_iter().zip(&requests) {
        let made = made?;
        check!(
            made.mac_address == request.mac_address && made.fixed_ips == request.fixed_ips,
            "asked for was {request:?}, made is {made:?}"
        );
    }
    Ok(())
}
