use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use protector_framework::ManualClock;
use serde_json::Value;
use tracing_subscriber::fmt::MakeWriter;

use super::*;

#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Written {
    fn lines(&self) -> Vec<String> {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let text = String::from_utf8(bytes.clone()).unwrap();
        text.lines().map(str::to_owned).collect()
    }
}

impl io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Written {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// What is written when something is logged within spans, in a form.
fn logged(kind: Kind, log: impl FnOnce()) -> Vec<String> {
    let written = Written::default();
    let form = Form {
        kind,
        clock: Arc::new(ManualClock::new("2026-11-24T12:00:00.25Z".parse().unwrap())),
        host: "node-1".to_owned(),
    };
    let layer = tracing_subscriber::fmt::layer()
        .event_format(form)
        .with_writer(written.clone());
    let subscriber = Registry::default().with(Contexts).with(layer);
    tracing::subscriber::with_default(subscriber, log);
    written.lines()
}

fn a_request(say: impl FnOnce()) {
    let span = tracing::info_span!(
        "request",
        request_id = "req-1",
        user_id = tracing::field::Empty,
        project_id = tracing::field::Empty,
    );
    span.record("user_id", "u1");
    span.record("project_id", "p1");
    span.in_scope(|| tracing::info_span!("operation", operation_id = %7).in_scope(say));
}

/// Without the date, which is the machine's own time.
fn behind_the_time(line: &str) -> String {
    let at = line.find(".250 ").unwrap();
    assert_eq!(at, "2026-11-24 12:00:00".len(), "{line}");
    line[at + ".250 ".len()..].to_owned()
}

#[test]
fn a_line_is_what_other_services_write() {
    let lines = logged(Kind::Line, || {
        tracing::info!(target: "protector_api::access", status = 200, "no context");
        a_request(|| tracing::warn!(target: "protector_engine", path = "a b", "two\nlines"));
    });
    let pid = std::process::id();
    let whose = "[None req-1 u1 p1 - - - -] [operation: 7]";
    let lines: Vec<String> = lines.iter().map(|line| behind_the_time(line)).collect();
    assert_eq!(
        lines,
        [
            format!("{pid} INFO protector.api.access [-] no context status=200"),
            format!("{pid} WARNING protector.engine {whose} two"),
            format!("{pid} WARNING protector.engine {whose} lines path=\"a b\""),
        ]
    );
}

#[test]
fn a_message_cannot_pass_for_another_event() {
    let forged = "x\n2026-11-24 12:00:00.000 1 INFO protector.api [-] forged";
    let lines = logged(Kind::Line, || {
        tracing::info!(target: "protector_api", path = forged, "{forged}");
    });
    let pid = std::process::id();
    for line in &lines {
        let own = behind_the_time(line);
        assert!(
            own.starts_with(&format!("{pid} INFO protector.api [-] ")),
            "{line}"
        );
    }
    assert_eq!(lines.len(), 2);
}

#[test]
fn json_has_the_same_in_fields() {
    let lines = logged(Kind::Json, || {
        a_request(|| tracing::error!(target: "protector_db", rows = 3, "it failed"));
    });
    let line: Value = serde_json::from_str(&lines[0]).unwrap();
    assert_eq!(line["message"], "it failed");
    assert_eq!(
        (&line["levelname"], &line["levelno"]),
        (&"ERROR".into(), &40.into())
    );
    assert_eq!(line["name"], "protector.db");
    assert_eq!(line["process"], std::process::id());
    assert_eq!(line["hostname"], "node-1");
    assert_eq!(line["created"], 1_795_521_600.25);
    assert_eq!(line["extra"]["rows"], 3);
    let context = &line["context"];
    assert_eq!(context["request_id"], "req-1");
    assert_eq!(context["project_id"], "p1");
    assert_eq!(context["operation_id"], "7");
    assert_eq!(context["domain_id"], Value::Null);
}

#[test]
fn drivers_are_heard_at_the_level_of_the_service_and_libraries_only_when_something_is_wrong() {
    let heard = |debug| {
        let written = Written::default();
        let layer = tracing_subscriber::fmt::layer().with_writer(written.clone());
        let subscriber = Registry::default().with(filter(debug)).with(layer);
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(target: "protector_plugin", "plugin info");
            tracing::debug!(target: "protector_plugin", "plugin debug");
            tracing::info!(target: "protector_engine::runner", "engine info");
            tracing::info!(target: "hyper::client", "library info");
            tracing::warn!(target: "hyper::client", "library warning");
        });
        let text = written.lines().join("\n");
        [
            "plugin info",
            "plugin debug",
            "engine info",
            "library info",
            "library warning",
        ]
        .map(|message| text.contains(message))
    };
    assert_eq!(heard(false), [true, false, true, false, true]);
    assert_eq!(heard(true), [true, true, true, false, true]);
}
