//! On whose behalf something is logged: what the spans around it say, under the names that other
//! OpenStack services log.

use std::fmt::Debug;

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::fmt::FmtContext;
use tracing_subscriber::layer;
use tracing_subscriber::registry::LookupSpan;

/// Whose request, and which operation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Context {
    pub(super) request_id: Option<String>,
    pub(super) global_request_id: Option<String>,
    pub(super) user_id: Option<String>,
    pub(super) project_id: Option<String>,
    pub(super) domain_id: Option<String>,
    pub(super) system_scope: Option<String>,
    pub(super) user_domain_id: Option<String>,
    pub(super) project_domain_id: Option<String>,
    pub(super) operation_id: Option<String>,
}

impl Context {
    /// Its parts with their names.
    pub(super) fn parts(&self) -> [(&'static str, &Option<String>); 9] {
        [
            ("request_id", &self.request_id),
            ("global_request_id", &self.global_request_id),
            ("user_id", &self.user_id),
            ("project_id", &self.project_id),
            ("domain_id", &self.domain_id),
            ("system_scope", &self.system_scope),
            ("user_domain_id", &self.user_domain_id),
            ("project_domain_id", &self.project_domain_id),
            ("operation_id", &self.operation_id),
        ]
    }

    fn part(&mut self, name: &str) -> Option<&mut Option<String>> {
        Some(match name {
            "request_id" => &mut self.request_id,
            "global_request_id" => &mut self.global_request_id,
            "user_id" => &mut self.user_id,
            "project_id" => &mut self.project_id,
            "domain_id" => &mut self.domain_id,
            "system_scope" => &mut self.system_scope,
            "user_domain_id" => &mut self.user_domain_id,
            "project_domain_id" => &mut self.project_domain_id,
            "operation_id" => &mut self.operation_id,
            _ => return None,
        })
    }

    /// What the spans around an event say; the inner one knows better.
    pub(super) fn of<S, N>(around: &FmtContext<'_, S, N>, event: &Event<'_>) -> Self
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
        N: for<'a> tracing_subscriber::fmt::FormatFields<'a> + 'static,
    {
        let mut all = Self::default();
        let scope = around
            .lookup_current()
            .filter(|_| !event.is_root())
            .map(|span| span.scope().from_root());
        for span in scope.into_iter().flatten() {
            if let Some(own) = span.extensions().get::<Self>() {
                for (name, value) in own.parts() {
                    if let (Some(part), Some(value)) = (all.part(name), value) {
                        *part = Some(value.clone());
                    }
                }
            }
        }
        all
    }
}

impl Visit for Context {
    fn record_str(&mut self, field: &Field, value: &str) {
        if let Some(part) = self.part(field.name()) {
            *part = Some(value.to_owned());
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if let Some(part) = self.part(field.name()) {
            *part = Some(format!("{value:?}"));
        }
    }
}

/// Keeps with each span what it says of the context.
#[derive(Debug)]
pub(super) struct Contexts;

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Contexts {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: layer::Context<'_, S>) {
        let mut own = Context::default();
        attributes.record(&mut own);
        if let Some(span) = context.span(id)
            && own != Context::default()
        {
            span.extensions_mut().insert(own);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: layer::Context<'_, S>) {
        let Some(span) = context.span(id) else {
            return;
        };
        let mut extensions = span.extensions_mut();
        let mut own = extensions.remove::<Context>().unwrap_or_default();
        values.record(&mut own);
        extensions.insert(own);
    }
}
