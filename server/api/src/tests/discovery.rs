use serde_json::{Value, json};

use super::World;

#[tokio::test]
async fn the_version_document_is_the_same_everywhere_and_needs_no_token() {
    let world = World::new();
    for path in ["/", "/v1", "/v1/", "/v1/a1b2c3", "/v1/a1b2c3/"] {
        let answer = world.ask("GET", path, &[("Host", "c:8788")], None).await;
        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(
            answer.json(),
            json!({ "versions": [{
                "id": "v1", "status": "CURRENT", "min_version": "1.0", "max_version": "1.2",
                "links": [
                    { "rel": "self", "href": "http://c:8788/v1/" },
                    { "rel": "collection", "href": "http://c:8788/" },
                ],
            }] })
        );
    }
}

#[tokio::test]
async fn the_configured_endpoint_is_in_links() {
    let config = "[DEFAULT]\npublic_endpoint = https://dr.example/\n";
    let world = World::with(config, protector_config::Policy::in_code());
    let answer = world.ask("GET", "/v1", &[("Host", "inner")], None).await;
    let link = &answer.json()["versions"][0]["links"][0]["href"];
    assert_eq!(link, "https://dr.example/v1/");
}

#[tokio::test]
async fn microversions() {
    let world = World::new();
    // Other verified cases of the same form may be given.
    let file = std::env::var("PROTECTOR_VECTORS").map_or_else(
        |_| {
            concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/src/tests/microversion-vectors.json"
            )
            .to_owned()
        },
        |directory| format!("{directory}/microversion-vectors.json"),
    );
    let vectors: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    for vector in vectors["vectors"].as_array().unwrap() {
        let mut headers = vec![("X-Auth-Token", "member@a1b2c3")];
        if let Some(header) = vector["header"].as_str() {
            headers.push(("OpenStack-API-Version", header));
        }
        let answer = world.ask("GET", "/v1/health", &headers, None).await;
        let verdict = &vector["strict"];
        let status = verdict["status"].as_u64().unwrap();
        assert_eq!(u64::from(answer.status), status, "{vector}");
        let echoed = answer.header("openstack-api-version");
        match verdict["version"].as_str() {
            Some(version) => assert_eq!(echoed, format!("protector {version}"), "{vector}"),
            None => assert!(echoed.starts_with("protector "), "{vector}"),
        }
        assert!(answer.header("vary").contains("OpenStack-API-Version"));
        if status == 406 {
            let body = answer.refused(406);
            assert_eq!(body["errors"][0]["min_version"], "1.0");
            assert_eq!(body["errors"][0]["max_version"], "1.2");
            let asked = vector["header"]
                .as_str()
                .unwrap()
                .rsplit(',')
                .next()
                .unwrap();
            assert!(
                echoed.eq_ignore_ascii_case(asked.trim()),
                "{vector}: {echoed}"
            );
        }
    }
}

#[tokio::test]
async fn the_healthcheck_asks_no_token() {
    let world = World::new();
    let answer = world.ask("GET", "/healthcheck", &[], None).await;
    assert_eq!((answer.status, answer.text.as_str()), (200, "OK"));
    *world.services.trouble.lock().unwrap() = Some("the database does not answer".to_owned());
    let answer = world.ask("GET", "/healthcheck", &[], None).await;
    answer.refused(503);
    let answer = world.ask("HEAD", "/healthcheck", &[], None).await;
    assert_eq!((answer.status, answer.text.as_str()), (503, ""));
}

#[tokio::test]
async fn the_healthcheck_speaks_as_that_of_other_services() {
    let dir = tempfile::tempdir().unwrap();
    let (file, other) = (dir.path().join("out"), dir.path().join("other"));
    let config = format!(
        "[healthcheck]\ndisable_by_file_path = {}\ndisable_by_file_paths = 1:{},8788:{}\n",
        file.display(),
        dir.path().display(),
        other.display(),
    );
    let world = World::with(&config, protector_config::Policy::in_code());
    let ask = async |method: &str, accept: &str| {
        let headers = [("Accept", accept)];
        world.ask(method, "/healthcheck", &headers, None).await
    };
    let answer = ask("GET", "application/json").await;
    assert_eq!(answer.status, 200);
    let report = serde_json::json!({ "detailed": false, "reasons": ["OK"] });
    assert_eq!(answer.json(), report);
    let answer = ask("GET", "*/*").await;
    assert_eq!(answer.header("content-type"), "text/plain");
    assert_eq!((answer.status, answer.text.as_str()), (200, "OK"));
    let answer = ask("HEAD", "*/*").await;
    assert_eq!((answer.status, answer.text.as_str()), (204, ""));
    for file in [file, other] {
        std::fs::write(&file, "").unwrap();
        let body = ask("GET", "application/json").await.refused(503);
        assert_eq!(body["error"]["message"], "DISABLED BY FILE");
        assert_eq!(ask("HEAD", "*/*").await.status, 503);
        std::fs::remove_file(&file).unwrap();
        assert_eq!(ask("GET", "*/*").await.status, 200);
    }
}

#[tokio::test]
async fn health_has_details_from_1_2_for_administrators() {
    let world = World::new();
    let ask = async |version: &str, token: &str| {
        let headers = [("OpenStack-API-Version", version), ("X-Auth-Token", token)];
        let answer = world.ask("GET", "/v1/health", &headers, None).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json()["health"].clone()
    };
    for (version, token, details) in [
        ("protector 1.0", "admin@a1b2c3", false),
        ("protector 1.1", "admin@a1b2c3", false),
        ("protector 1.2", "admin@a1b2c3", true),
        ("protector latest", "admin@system", true),
        ("protector 1.2", "member@a1b2c3", false),
    ] {
        let health = ask(version, token).await;
        assert_eq!(health["status"], "ok");
        assert_eq!(health["sites"][0]["status"], "active");
        assert_eq!(health["services"][0]["state"], "up");
        let site = &health["sites"][0];
        assert_eq!(
            site.get("reachable").is_some(),
            details,
            "{version} {token}"
        );
        assert_eq!(health["arrays"][0].get("url").is_some(), details);
    }
}

#[tokio::test]
async fn the_docs_work_offline_and_show_the_document() {
    let world = World::new();
    let document = world.ask("GET", "/openapi.json", &[], None).await;
    let parsed = document.json();
    assert_eq!(parsed, crate::openapi_document());
    let docs = world.ask("GET", "/docs", &[], None).await;
    assert!(docs.header("content-type").starts_with("text/html"));
    assert!(docs.text.contains(&document.text));
    // The page asks for nothing, and a browser would get nothing.
    let own = docs.text.find("<div id=\"ui\">").unwrap();
    let head = &docs.text[..docs.text.find("<style").unwrap()];
    for part in [head, &docs.text[own..]] {
        for outside in ["src=", "<link", "@import", "url(http"] {
            assert!(!part.contains(outside), "{outside}");
        }
    }
    let policy = docs.header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'"), "{policy}");
    assert!(
        !policy.contains("http") && !policy.contains('*'),
        "{policy}"
    );
    world.ask("POST", "/docs", &[], None).await.refused(405);
}

#[test]
fn every_operation_is_described() {
    let document = crate::openapi_document();
    let mut operations = 0;
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            operations += 1;
            for field in ["summary", "description", "operationId"] {
                let text = operation[field].as_str().unwrap_or_default();
                assert!(!text.is_empty(), "{method} {path} has no {field}");
            }
            assert_eq!(operation["tags"].as_array().unwrap().len(), 1, "{path}");
            let id = operation["operationId"].as_str().unwrap();
            let public = crate::rules::is_public(id);
            let mut statuses = vec!["400", "413", "500"];
            if !public {
                statuses.extend(["401", "403", "406", "503"]);
            }
            if path.contains('{') || (!public && method != "get") {
                statuses.push("404");
            }
            for status in statuses {
                let body = &operation["responses"][status];
                assert!(
                    body.is_object(),
                    "{method} {path} does not describe {status}"
                );
            }
            let secured = operation.get("security") != Some(&serde_json::json!([]));
            assert_eq!(secured, !public, "{method} {path}");
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                let text = parameter["description"].as_str().unwrap_or_default();
                assert!(!text.is_empty(), "{method} {path}: {parameter}");
            }
        }
    }
    assert!(operations > 50, "{operations}");
}
