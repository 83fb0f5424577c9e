//! What the driver logs by `tracing`, in the host's log.

use std::fmt::Debug;
use std::sync::Once;

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;

use super::host::Host;

/// Sends the library's log to the host from now on, the lines of the crate of this module at the host's level
/// and others only when something is wrong: what HTTP libraries say at lower levels holds headers, and headers
/// hold the sessions' tokens. Once installed, it stays.
pub(super) fn install(host: Host, module: &'static str) {
    static INSTALLED: Once = Once::new();
    // The library has a standard library of its own: no panic of the program's comes here.
    INSTALLED.call_once(|| {
        std::panic::set_hook(Box::new(move |panic| {
            host.log(number(Level::ERROR), "panic", &panic.to_string(), "");
        }));
    });
    let subscriber = tracing_subscriber::registry().with(Forward {
        host,
        own: module.split("::").next().unwrap_or(module),
    });
    // There is one already with the second instance, and where the library is part of the program.
    tracing::subscriber::set_global_default(subscriber).unwrap_or_default();
}

struct Forward {
    host: Host,
    /// The driver's crate.
    own: &'static str,
}

/// The fields of a span or an event.
#[derive(Default)]
struct Fields {
    message: String,
    others: Map<String, Value>,
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let text = format!("{value:?}");
        match field.name() {
            "message" => self.message = text,
            name => self.add(name, Value::from(text)),
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => value.clone_into(&mut self.message),
            name => self.add(name, Value::from(value)),
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field.name(), Value::from(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add(field.name(), Value::from(value));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.add(field.name(), Value::from(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field.name(), Value::from(value));
    }
}

impl Fields {
    fn add(&mut self, name: &str, value: Value) {
        self.others.insert(name.to_owned(), value);
    }
}

/// As the header numbers it.
fn number(level: Level) -> u32 {
    match level {
        Level::ERROR => 1,
        Level::WARN => 2,
        Level::INFO => 3,
        Level::DEBUG => 4,
        Level::TRACE => 5,
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Forward {
    // The host's level can change at any time.
    fn register_callsite(&self, _: &'static Metadata<'static>) -> Interest {
        Interest::sometimes()
    }

    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        let krate = metadata.target().split("::").next();
        // A call's span, which has its request's id, is this crate's.
        if krate == Some(self.own) || krate == Some(env!("CARGO_CRATE_NAME")) {
            return metadata.is_span() || number(*metadata.level()) <= self.host.log_level();
        }
        *metadata.level() <= Level::WARN && number(*metadata.level()) <= self.host.log_level()
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, ctx: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        if let Some(span) = ctx.span(id) {
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, ctx: Context<'_, S>) {
        if let Some(span) = ctx.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<Fields>()
        {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, ctx: Context<'_, S>) {
        let mut told = Fields::default();
        // From the outermost span inwards; the event's own fields win.
        for span in ctx
            .event_scope(event)
            .into_iter()
            .flat_map(|s| s.from_root())
        {
            if let Some(fields) = span.extensions().get::<Fields>() {
                told.others.extend(fields.others.clone());
            }
        }
        event.record(&mut told);
        let metadata = event.metadata();
        let fields = match told.others.is_empty() {
            true => String::new(),
            false => Value::Object(told.others).to_string(),
        };
        let level = number(*metadata.level());
        self.host
            .log(level, metadata.target(), &told.message, &fields);
    }
}
