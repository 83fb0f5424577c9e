//! Reading a server into a blueprint.

use protector_framework::{ErrorKind, ServerRef};
use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use super::volume;
use crate::testing::{FakeCloud, TENANT, ctx, query, token_of};

const SERVER: &str = "/compute/v2.1/servers/s1";

/// As Nova sends it at 2.87; as text, for the order of the addresses counts.
const NOVA: &str = r#"{"server": {
    "id": "s1", "name": "web", "status": "SHUTOFF", "tenant_id": "tenant", "user_id": "u1",
    "created": "2027-01-01T10:00:00Z", "OS-EXT-STS:task_state": null, "locked": false,
    "image": "", "config_drive": "True", "key_name": "key", "description": "d",
    "metadata": {"role": "db"}, "tags": ["blue", "protector-0123"], "server_groups": ["sg1"],
    "flavor": {"original_name": "small", "vcpus": 2, "ram": 512, "disk": 1, "ephemeral": 0,
               "swap": 0, "extra_specs": {}},
    "addresses": {
        "zz-net": [{"OS-EXT-IPS-MAC:mac_addr": "fa:16:3e:00:00:02", "addr": "10.0.2.5"}],
        "aa-net": [{"OS-EXT-IPS-MAC:mac_addr": "fa:16:3e:00:00:01", "addr": "10.0.1.5"}]
    },
    "OS-EXT-AZ:availability_zone": "az1",
    "OS-EXT-SRV-ATTR:user_data": "aGk=", "OS-EXT-SRV-ATTR:hostname": "web-host",
    "OS-EXT-SRV-ATTR:root_device_name": "/dev/vdb",
    "os-extended-volumes:volumes_attached": []
}}"#;

async fn nova_says(cloud: &FakeCloud, text: &str) {
    cloud
        .on("GET", SERVER)
        .respond_with(ResponseTemplate::new(200).set_body_raw(text, "application/json"))
        .mount(&cloud.server)
        .await;
}

fn port(id: &str, mac: &str, name: &str, created: &str) -> Value {
    json!({
        "id": id, "name": name, "network_id": "n", "mac_address": mac, "project_id": TENANT,
        "device_id": "s1", "fixed_ips": [{"subnet_id": "sub", "ip_address": "10.0.1.5"}],
        "security_groups": ["g1"], "port_security_enabled": true, "binding:vnic_type": "normal",
        "allowed_address_pairs": [
            {"ip_address": "10.0.1.9", "mac_address": mac},
            {"ip_address": "10.0.1.10", "mac_address": "FA:16:3E:00:00:99"},
        ],
        "description": "", "created_at": created,
    })
}

async fn cloud() -> FakeCloud {
    let cloud = FakeCloud::start().await;
    let held = json!({"volumeAttachments": [
        {"volumeId": "v2", "device": "/dev/vda", "tag": null, "delete_on_termination": false},
        {"volumeId": "v1", "device": "/dev/vdb", "tag": "root", "delete_on_termination": true},
    ]});
    cloud
        .says("GET", &format!("{SERVER}/os-volume_attachments"), 200, held)
        .await;
    for id in ["v1", "v2"] {
        let mut body = volume(id, &format!("name-{id}"));
        body["volume_image_metadata"] = json!({"hw_disk_bus": "scsi"});
        body["metadata"] = json!({"m": "1"});
        body["group_id"] = json!("vg");
        let at = format!("/volume/v3/tenant/volumes/{id}");
        cloud.says("GET", &at, 200, json!({"volume": body})).await;
    }
    let ports = json!({"ports": [
        // Without an address Nova does not list it.
        port("p3", "fa:16:3e:00:00:03", "", "2027-01-01T10:00:07Z"),
        port("p1", "fa:16:3e:00:00:01", "", "2027-01-01T10:00:05Z"),
        port("p2", "FA:16:3E:00:00:02", "", "2027-01-01T09:59:59Z"),
    ]});
    cloud.says("GET", "/network/v2.0/ports", 200, ports).await;
    let outside = json!({"floatingips": [
        {"floating_ip_address": "192.0.2.7", "port_id": "p2"},
        {"floating_ip_address": "192.0.2.8", "port_id": null},
    ]});
    cloud
        .says("GET", "/network/v2.0/floatingips", 200, outside)
        .await;
    let flavors = json!({"flavors": [{"id": "f1", "name": "small"}]});
    cloud
        .says("GET", "/compute/v2.1/flavors/detail", 200, flavors)
        .await;
    cloud
}

#[tokio::test]
async fn all_that_a_rebuild_needs_is_read() {
    let cloud = cloud().await;
    nova_says(&cloud, NOVA).await;
    let read = cloud
        .trusted()
        .capture_server(&ctx(), ServerRef::new("s1"))
        .await
        .unwrap();
    let read = serde_json::to_value(read).unwrap();
    let expected_volume = |id: &str, device: &str, tag: Value, delete: bool| {
        json!({
            "id": id, "size_gib": 3, "bootable": true, "name": format!("name-{id}"),
            "volume_type": "type-1", "volume_type_name": "async", "host": "h@b#p",
            "device": device, "tag": tag, "delete_on_termination": delete,
            "image_metadata": {"hw_disk_bus": "scsi"}, "metadata": {"m": "1"},
            "encrypted": false, "multiattach": false, "group_id": "vg",
        })
    };
    let expected_port = |id: &str, mac: &str, floating: Value, owned: bool| {
        json!({
            "id": id, "network_id": "n", "mac_address": mac, "name": "",
            "fixed_ips": [{"subnet_id": "sub", "ip_address": "10.0.1.5"}],
            "security_groups": ["g1"],
            "allowed_address_pairs": [
                {"ip_address": "10.0.1.9", "mac_address": null},
                {"ip_address": "10.0.1.10", "mac_address": "fa:16:3e:00:00:99"},
            ],
            "port_security_enabled": true, "vnic_type": "normal", "floating_ip": floating,
            "description": "", "owned_by_server": owned,
        })
    };
    assert_eq!(
        read,
        json!({
            "server_id": "s1", "name": "web",
            "flavor": {"name": "small", "vcpus": 2, "ram_mib": 512, "disk_gib": 1, "id": "f1"},
            "volumes": [
                expected_volume("v1", "/dev/vdb", json!("root"), true),
                expected_volume("v2", "/dev/vda", json!(null), false),
            ],
            "ports": [
                expected_port("p2", "fa:16:3e:00:00:02", json!("192.0.2.7"), false),
                expected_port("p1", "fa:16:3e:00:00:01", json!(null), true),
                expected_port("p3", "fa:16:3e:00:00:03", json!(null), true),
            ],
            "hostname": "web-host", "keypair": "key", "availability_zone": "az1",
            "metadata": {"role": "db"}, "tags": ["blue"], "user_data": "aGk=",
            "config_drive": true, "server_group": "sg1", "description": "d", "local_disks": [],
        })
    );
    // User data and the root device are shown to admins only.
    assert_eq!(token_of(&cloud.seen("GET", SERVER).await[0]), TENANT);
    let asked = cloud.seen("GET", "/network/v2.0/ports").await;
    assert_eq!(query(&asked[0], "device_id").as_deref(), Some("s1"));
    assert!(cloud.changes().await.is_empty());
}

#[tokio::test]
async fn disks_that_no_array_has_are_named() {
    let cloud = cloud().await;
    let text = NOVA
        .replace(r#""image": """#, r#""image": {"id": "i1", "links": []}"#)
        .replace(r#""ephemeral": 0"#, r#""ephemeral": 5"#)
        .replace(r#""swap": 0"#, r#""swap": 64"#);
    nova_says(&cloud, &text).await;
    let read = cloud
        .compute()
        .capture_server(&ctx(), ServerRef::new("s1"))
        .await
        .unwrap();
    assert_eq!(
        read.local_disks,
        [
            "root disk made from image i1",
            "ephemeral disk of 5 GiB (flavor `small`)",
            "swap disk of 64 MiB (flavor `small`)",
        ]
    );
}

#[tokio::test]
async fn a_flavor_that_is_gone_has_no_id_and_old_words_for_no_swap_are_read() {
    let cloud = cloud().await;
    let text = NOVA
        .replace(r#""original_name": "small""#, r#""original_name": "old""#)
        .replace(r#""swap": 0"#, r#""swap": """#)
        .replace(r#""config_drive": "True""#, r#""config_drive": """#);
    nova_says(&cloud, &text).await;
    let read = cloud
        .compute()
        .capture_server(&ctx(), ServerRef::new("s1"))
        .await
        .unwrap();
    assert_eq!((read.flavor.name.as_str(), read.flavor.id), ("old", None));
    assert!(read.local_disks.is_empty() && !read.config_drive);
}

#[tokio::test]
async fn a_server_that_is_changing_or_gone_or_anothers_is_not_read() {
    for (was, is, kind) in [
        (
            r#"task_state": null"#,
            r#"task_state": "powering-off""#,
            ErrorKind::Busy,
        ),
        (r#""SHUTOFF""#, r#""BUILD""#, ErrorKind::Busy),
        (r#""SHUTOFF""#, r#""DELETED""#, ErrorKind::NotFound),
        (
            r#""tenant_id": "tenant""#,
            r#""tenant_id": "other""#,
            ErrorKind::NotFound,
        ),
    ] {
        let cloud = cloud().await;
        nova_says(&cloud, &NOVA.replace(was, is)).await;
        let error = cloud
            .compute()
            .capture_server(&ctx(), ServerRef::new("s1"))
            .await
            .unwrap_err();
        assert_eq!(error.kind, kind, "{is}: {error}");
        let call = error.remote_call.as_deref();
        assert_eq!(call, Some("GET /servers/s1"), "{is}");
    }
}
