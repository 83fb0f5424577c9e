//! Deleting servers; what they were made of stays.

use protector_framework::{FindPort, ServerRef};

use crate::compute::case::{ComputeCase, Outcome, case, check};
use crate::compute::rig::Rig;

pub(super) fn cases() -> Vec<ComputeCase> {
    vec![
        case!("delete/keeps-its-parts", "A server that is deleted leaves its volumes free and its ports in place.", keeps, needs Ports Servers, claims ServerTags),
        case!("delete/again", "Deleting a server again is success, while it goes and when it is gone.", again, needs Servers, claims ServerTags),
        case!(
            "delete/absent",
            "Deleting a server that never was is success.",
            absent
        ),
        case!("delete/parked", "A parked server is deleted, and its volumes are free.", parked, needs Servers, claims Shelve ServerTags),
    ]
}

async fn keeps(rig: &Rig) -> Outcome {
    let port = rig.port(0).await?;
    let root = rig.root("root").await?;
    let guest = rig
        .guest_from("web", root, std::slice::from_ref(&port.id))
        .await?;
    rig.deleted(&guest.id).await?;
    rig.freed(&guest.root).await?;
    let look = || async {
        let request = FindPort::new(&port.network_id, port.mac_address.as_str());
        let found = rig.driver.find_port(&rig.ctx(), request).await?;
        let Some(found) = found else {
            return Err(crate::case::Broken("its port went with it".to_owned()));
        };
        Ok((found.id == port.id && found.device_id.is_none()).then_some(()))
    };
    rig.until("its port on no server", look).await?;
    check!(
        rig.tagged(&guest.tag).await?.is_empty(),
        "it is still found by its tag"
    );
    Ok(())
}

async fn again(rig: &Rig) -> Outcome {
    let guest = rig.guest("web").await?;
    for _ in 0..2 {
        rig.driver.delete_server(&rig.ctx(), guest.named()).await?;
    }
    rig.gone(&guest.id).await?;
    Ok(rig.driver.delete_server(&rig.ctx(), guest.named()).await?)
}

async fn absent(rig: &Rig) -> Outcome {
    let request = ServerRef::new(rig.nobody());
    Ok(rig.driver.delete_server(&rig.ctx(), request).await?)
}

async fn parked(rig: &Rig) -> Outcome {
    let guest = rig.guest("web").await?;
    rig.parked(&guest).await?;
    rig.deleted(&guest.id).await?;
    rig.freed(&guest.root).await
}
