//! Prometheus' text format, for what is read at the moment it is asked for.

use std::fmt::Write as _;

/// The labels of a sample: names, and values as they are.
pub(super) type Labels<'a> = &'a [(&'a str, &'a str)];

/// A text in Prometheus' format.
#[derive(Debug, Default)]
pub(super) struct Exposition(String);

impl Exposition {
    /// A gauge with its samples. One without samples is left out.
    pub(super) fn gauge(&mut self, name: &str, help: &str) -> Samples<'_> {
        Samples {
            text: &mut self.0,
            head: Some(format!("# HELP {name} {help}\n# TYPE {name} gauge\n")),
            name: name.to_owned(),
        }
    }

    /// All of it.
    pub(super) fn into_text(self) -> String {
        self.0
    }
}

/// The samples of one gauge.
#[derive(Debug)]
pub(super) struct Samples<'a> {
    text: &'a mut String,
    /// Written before the first sample.
    head: Option<String>,
    name: String,
}

impl Samples<'_> {
    pub(super) fn add(&mut self, labels: Labels<'_>, value: f64) {
        if let Some(head) = self.head.take() {
            self.text.push_str(&head);
        }
        self.text.push_str(&self.name);
        for (at, (name, value)) in labels.iter().enumerate() {
            let before = if at == 0 { '{' } else { ',' };
            // Writing to a text does not fail.
            write!(self.text, "{before}{name}=\"{}\"", escaped(value)).unwrap_or_default();
        }
        if !labels.is_empty() {
            self.text.push('}');
        }
        writeln!(self.text, " {}", number(value)).unwrap_or_default();
    }
}

fn escaped(value: &str) -> String {
    value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

fn number(value: f64) -> String {
    match value {
        f64::INFINITY => "+Inf".to_owned(),
        f64::NEG_INFINITY => "-Inf".to_owned(),
        value => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gauge_is_written_as_prometheus_reads_it() {
        let mut text = Exposition::default();
        let mut gauge = text.gauge("protector_thing", "A thing.");
        gauge.add(&[("id", "a\"b\\c\nd"), ("of", "x")], 1.5);
        gauge.add(&[], f64::INFINITY);
        text.gauge("protector_nothing", "Nothing.");
        assert_eq!(
            text.into_text(),
            "# HELP protector_thing A thing.\n# TYPE protector_thing gauge\n\
             protector_thing{id=\"a\\\"b\\\\c\\nd\",of=\"x\"} 1.5\nprotector_thing +Inf\n"
        );
    }
}
