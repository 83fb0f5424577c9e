//! The forms of a log: the line that other OpenStack services write, the same as JSON, and the audit
//! trail, whose events have their form already.

use std::fmt;
use std::sync::Arc;

use chrono::Local;
use protector_framework::Clock;
use serde_json::{Map, Value, json};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use super::context::Context;
use super::said::Said;

/// How events are written.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    /// `TIME PID LEVEL NAME [CONTEXT] MESSAGE`.
    Line,
    /// One JSON object a line.
    Json,
    /// The message alone.
    Bare,
}

/// Writes events.
#[derive(Debug, Clone)]
pub(super) struct Form {
    pub(super) kind: Kind,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) host: String,
}

impl<S, N> FormatEvent<S, N> for Form
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        around: &FmtContext<'_, S, N>,
        mut to: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let said = Said::by(event);
        match self.kind {
            Kind::Bare => writeln!(to, "{}", said.message),
            Kind::Line => self.line(&mut to, event, &Context::of(around, event), &said),
            Kind::Json => {
                let context = Context::of(around, event);
                writeln!(to, "{}", self.json(event, &context, said))
            }
        }
    }
}

impl Form {
    /// Each line of a message has its own head, so that none can be taken for another event.
    fn line(
        &self,
        to: &mut Writer<'_>,
        event: &Event<'_>,
        context: &Context,
        said: &Said,
    ) -> fmt::Result {
        let now = self.clock.now().with_timezone(&Local);
        let head = format!(
            "{} {} {} {} {}",
            now.format("%Y-%m-%d %H:%M:%S%.3f"),
            std::process::id(),
            level(*event.metadata().level()),
            name(event.metadata().target()),
            brackets(context),
        );
        let text = said.text();
        if text.is_empty() {
            return writeln!(to, "{head}");
        }
        for line in text.lines() {
            writeln!(to, "{head} {line}")?;
        }
        Ok(())
    }

    fn json(&self, event: &Event<'_>, context: &Context, said: Said) -> Value {
        let now = self.clock.now();
        let metadata = event.metadata();
        let parts = context.parts();
        let known = parts
            .iter()
            .map(|(name, value)| ((*name).to_owned(), json!(value)));
        let created = now.timestamp_micros();
        json!({
            "message": said.message,
            "asctime": now.with_timezone(&Local).format("%Y-%m-%d %H:%M:%S").to_string(),
            "created": Value::from(std::time::Duration::from_micros(
                u64::try_from(created).unwrap_or(0)).as_secs_f64()),
            "msecs": now.timestamp_subsec_millis(),
            "name": name(metadata.target()),
            "levelname": level(*metadata.level()),
            "levelno": level_number(*metadata.level()),
            "filename": metadata.file(),
            "lineno": metadata.line(),
            "process": std::process::id(),
            "hostname": self.host,
            "traceback": Value::Null,
            "context": known.collect::<Map<_, _>>(),
            "extra": said.fields,
        })
    }
}

/// Of whom it is, as oslo.log's `logging_context_format_string` has it, and the operation as its
/// `instance_format` has a server.
fn brackets(context: &Context) -> String {
    let whose = match &context.request_id {
        None => "[-]".to_owned(),
        Some(request) => {
            let part = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".to_owned());
            format!(
                "[{} {request} {} {} {} {} {} {}]",
                context.global_request_id.as_deref().unwrap_or("None"),
                part(&context.user_id),
                part(&context.project_id),
                part(&context.domain_id),
                part(&context.system_scope),
                part(&context.user_domain_id),
                part(&context.project_domain_id),
            )
        }
    };
    match &context.operation_id {
        Some(operation) => format!("{whose} [operation: {operation}]"),
        None => whose,
    }
}

/// Where it comes from, as Python would name it.
fn name(target: &str) -> String {
    let name = target.replacen("protector_", "protector.", 1);
    name.replace("::", ".")
}

fn level(level: Level) -> &'static str {
    match level {
        Level::ERROR => "ERROR",
        Level::WARN => "WARNING",
        Level::INFO => "INFO",
        Level::DEBUG => "DEBUG",
        Level::TRACE => "TRACE",
    }
}

fn level_number(level: Level) -> u8 {
    match level {
        Level::ERROR => 40,
        Level::WARN => 30,
        Level::INFO => 20,
        Level::DEBUG => 10,
        Level::TRACE => 5,
    }
}
