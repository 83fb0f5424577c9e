//! No token and no session id is in any log line, error or description.
//!
//! A program of its own: what a library says is heard by whoever listens when it first speaks.

// The lints that spare tests look for `cfg(test)`.
#[cfg(test)]
#[path = "it/fabric.rs"]
#[allow(dead_code, reason = "the other tests use the rest")]
mod fabric;

#[cfg(test)]
mod heard {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use protector_framework::{GetVolume, StartReplication};
    use protector_pure_simulator::{Effect, Fault};
    use serde_json::json;
    use tracing_subscriber::fmt::MakeWriter;

    use super::fabric::{A, B, Fabric, GROUP, TOKEN};

    /// Where every log line of every library goes.
    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    impl<'a> MakeWriter<'a> for Lines {
        type Writer = Self;

        fn make_writer(&'a self) -> Self {
            self.clone()
        }
    }

    /// Session ids begin so where a fault hands them out.
    const SESSION: &str = "session-marked-77aa55";
    const WRONG: &str = "wrong-token-marked-0451";

    // One thread, so that the subscriber hears all that the driver and its libraries say.
    #[tokio::test(flavor = "current_thread")]
    async fn nothing_that_is_said_holds_a_secret() {
        let lines = Lines::default();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_ansi(false)
            .with_writer(lines.clone())
            .finish();
        let _heard = tracing::subscriber::set_default(subscriber);
        let fabric = Fabric::new().await;
        fabric.volume(A, "v", b"x").await;
        let mut said = Vec::new();
        fabric.protect(A, &["v"]).await;
        fabric.send(A, "p1").await;
        let driver = fabric.driver(A);
        said.push(format!("{driver:?}"));
        // An array that says our own secrets back to us, in the login and in an error.
        let login = Effect::Status {
            code: 200,
            body: Some(json!({"items": [{"username": "pureuser"}]})),
            headers: [("x-auth-token".to_owned(), SESSION.to_owned())].into(),
        };
        fabric
            .control()
            .inject(Fault::once(A, "POST", "login", login))
            .unwrap();
        for text in [TOKEN, SESSION] {
            let echo = Effect::error(500, &format!("no use for {text}"));
            let fault = Fault::once(A, "GET", "volumes", echo).times(None);
            fabric.control().inject(fault).unwrap();
            let told = driver.get_volume(&fabric.ctx(), GetVolume::new("v")).await;
            let error = told.unwrap_err();
            assert!(error.message.contains("********"), "{error}");
            said.push(format!("{error:?}"));
            fabric.control().clear_faults();
        }
        // Where a long text is cut may be in the midst of a secret.
        let cut = "x".repeat(590);
        let echo = Effect::error(500, &format!("{cut}{TOKEN}"));
        let fault = Fault::once(A, "GET", "volumes", echo).times(None);
        fabric.control().inject(fault).unwrap();
        let told = driver.get_volume(&fabric.ctx(), GetVolume::new("v")).await;
        let error = told.unwrap_err();
        assert!(!error.message.contains(&TOKEN[..8]), "{error}");
        fabric.control().clear_faults();
        let intruder = fabric.build(fabric.settings(A), WRONG).unwrap();
        said.push(format!("{:?}", intruder.describe(&fabric.ctx()).await));
        let ctx = fabric.ctx();
        let start = StartReplication::new(GROUP, "p2");
        said.push(format!("{:?}", driver.start_replication(&ctx, start).await));
        let heard = String::from_utf8_lossy(&lines.0.lock().unwrap()).into_owned();
        assert!(
            heard.contains("call="),
            "the driver's own lines are missing"
        );
        assert!(heard.contains("TRACE"), "the libraries' lines are missing");
        for secret in [TOKEN, SESSION, WRONG] {
            assert!(!heard.contains(secret), "a log line holds a secret");
            for text in &said {
                assert!(!text.contains(secret), "{text}");
            }
        }
        assert!(!fabric.control().calls(B).is_empty());
    }
}
