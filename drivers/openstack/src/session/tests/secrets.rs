//! No secret leaves a session but to the service it is for.

use std::io::Write;
use std::sync::{Arc, Mutex};

use protector_framework::{CreateTrust, ServerRef, TrustId};
use serde_json::json;
use tracing_subscriber::fmt::MakeWriter;
use wiremock::{Request, ResponseTemplate};

use super::session;
use crate::testing::{FakeCloud, PASSWORD, TOKEN, TRUST, ctx};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

impl Log {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

/// Answers with all that it was sent, as careless services and proxies do.
fn echo(status: u16) -> impl Fn(&Request) -> ResponseTemplate {
    move |request: &Request| {
        let text = format!(
            "{} {:?} {}",
            request.url,
            request.headers,
            String::from_utf8_lossy(&request.body)
        );
        ResponseTemplate::new(status).set_body_json(json!({"error": {"message": text}}))
    }
}

fn assert_clean(what: &str, text: &str) {
    for secret in [PASSWORD, TRUST, TOKEN, "marked-users-token"] {
        assert!(!text.contains(secret), "{secret} in {what}: {text}");
    }
}

#[tokio::test]
async fn no_secret_is_in_an_error_or_a_log() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(log.clone())
        .finish();
    let guard = tracing::subscriber::set_default(subscriber);
    // With one subscriber in the process, tests on other threads, which have none, switch log
    // lines off for this one too; with two, each is asked.
    let second = tracing::Dispatch::new(tracing_subscriber::registry());

    // Refused logins, with the password and with the trust.
    let cloud = FakeCloud::start().await;
    cloud
        .on("POST", "/v3/auth/tokens")
        .respond_with(echo(401))
        .mount(&cloud.server)
        .await;
    for driver in [cloud.compute(), cloud.trusted()] {
        assert_clean("a driver's Debug", &format!("{driver:?}"));
        let error = driver
            .get_server(&ctx(), ServerRef::new("s1"))
            .await
            .unwrap_err();
        assert!(error.message.contains("********"), "{error}");
        assert_clean("a refused login", &format!("{error:?}"));
        assert_clean("health", &format!("{:?}", driver.health(&ctx()).await));
    }

    // Calls that services refuse while repeating what they were sent.
    let cloud = FakeCloud::start().await;
    for path in [
        "/compute/v2.1/servers/s1",
        "/v3/auth/tokens",
        "/v3/OS-TRUST/trusts/marked-trust-id",
    ] {
        for verb in ["GET", "DELETE"] {
            cloud
                .on(verb, path)
                .respond_with(echo(503))
                .mount(&cloud.server)
                .await;
        }
    }
    let error = cloud
        .trusted()
        .get_server(&ctx(), ServerRef::new("s1"))
        .await
        .unwrap_err();
    assert_clean("a refused call", &format!("{error:?}"));
    let identity = cloud.identity();
    assert_clean("a driver's Debug", &format!("{identity:?}"));
    let users = "marked-users-token".to_owned().into();
    let error = identity.validate_token(&ctx(), &users).await.unwrap_err();
    assert_clean("a refused validation", &format!("{error:?}"));
    let ask = CreateTrust {
        token: users.clone(),
        roles: Vec::new(),
    };
    let error = identity.create_trust(&ctx(), ask).await.unwrap_err();
    assert_clean("a refused trust", &format!("{error:?}"));
    let error = identity
        .delete_trust(&ctx(), &users, &TrustId::from(TRUST))
        .await
        .unwrap_err();
    assert_clean("a refused deletion of a trust", &format!("{error:?}"));

    assert_clean("a session's Debug", &format!("{:?}", session(&cloud)));
    drop((guard, second));
    let text = log.text();
    assert!(text.contains("GET /servers/s1"), "calls are logged: {text}");
    assert_clean("the log", &text);
}
