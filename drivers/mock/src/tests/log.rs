//! The calls that a mock carried out are written down with what they did.

use protector_framework::{EnsurePort, ErrorKind, FindPort, PortRef};

use super::{World, ctx};
use crate::world::{Effect, Fault, Rule, Script};

#[tokio::test]
async fn a_recorded_call_says_what_it_did_and_looks_are_left_out() {
    let world = World::new();
    let compute = world.compute();
    let req = EnsurePort::new(&world.has.network, "fa:16:3e:00:00:01");
    compute.ensure_port(&ctx(), req.clone()).await.unwrap();
    assert_eq!(world.cloud.calls().unwrap(), [], "nobody records");
    world.cloud.record_calls(true).unwrap();
    let port = compute.ensure_port(&ctx(), req).await.unwrap();
    let find = FindPort::new(&world.has.network, "fa:16:3e:00:00:01");
    compute.find_port(&ctx(), find).await.unwrap();
    let rule = Rule::new("delete_port", Fault::LostReply).nth(1);
    let script = Script { rules: vec![rule] };
    world.cloud.set_faults(&script).unwrap();
    for _ in 0..2 {
        let gone = compute.delete_port(&ctx(), PortRef::new(&port.id)).await;
        assert!(gone.is_ok() || gone.unwrap_err().kind == ErrorKind::Unreachable);
    }
    let other = EnsurePort::new("no-network", "fa:16:3e:00:00:02");
    compute.ensure_port(&ctx(), other).await.unwrap_err();
    let calls = world.cloud.calls().unwrap();
    let said: Vec<_> = calls.iter().map(|c| (c.verb.as_str(), c.effect)).collect();
    assert_eq!(
        said,
        [
            ("ensure_port", Effect::AlreadySo),
            ("delete_port", Effect::Changed),
            ("delete_port", Effect::AlreadySo),
            ("ensure_port", Effect::Refused(ErrorKind::NotFound)),
        ]
    );
    assert_eq!(calls[0].reply["id"], port.id.as_str());
    world.cloud.record_calls(false).unwrap();
    assert_eq!(world.cloud.calls().unwrap(), []);
}
