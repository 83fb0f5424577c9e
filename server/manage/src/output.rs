//! What a command has found, for people or for programs.

use comfy_table::{ContentArrangement, Table, presets};
use serde_json::{Map, Value};

use crate::command::Format;

/// The result of a command.
#[derive(Debug)]
pub(crate) enum Output {
    /// Rows under columns; JSON gives one object a row.
    List {
        columns: Vec<&'static str>,
        rows: Vec<Vec<String>>,
    },
    /// Fields of one thing.
    Fields(Vec<(&'static str, Value)>),
    /// Several things, one after the other.
    Many(Vec<Output>),
    /// Text that is the same in both forms.
    Text(String),
    /// The outcome of a check: lines for people, a value for programs.
    Checked {
        lines: String,
        value: Value,
        valid: bool,
    },
    /// What was found, for people and for programs, with how the program exits.
    Judged {
        shown: Box<Output>,
        value: Value,
        code: u8,
    },
}

impl Output {
    pub(crate) fn code(&self) -> u8 {
        match self {
            Self::Checked { valid: false, .. } => 1,
            Self::Judged { code, .. } => *code,
            _ => 0,
        }
    }

    pub(crate) fn written(&self, format: Format) -> String {
        let is_text = matches!(self, Self::Text(_));
        match format {
            Format::Json if !is_text => format!("{:#}\n", self.value()),
            _ => self.table(),
        }
    }

    fn table(&self) -> String {
        match self {
            Self::List { columns, rows } => drawn(columns, rows),
            Self::Fields(fields) => {
                let rows: Vec<_> = fields
                    .iter()
                    .map(|(name, value)| vec![(*name).to_owned(), shown(value)])
                    .collect();
                drawn(&["Field", "Value"], &rows)
            }
            Self::Many(parts) => parts.iter().map(Self::table).collect(),
            Self::Text(text) => text.clone(),
            Self::Checked { lines, .. } => lines.clone(),
            Self::Judged { shown, .. } => shown.table(),
        }
    }

    pub(crate) fn value(&self) -> Value {
        match self {
            Self::List { columns, rows } => rows
                .iter()
                .map(|row| {
                    let keys = columns.iter().map(|column| key(column));
                    keys.zip(row.iter().map(|cell| Value::from(cell.clone())))
                        .collect::<Map<_, _>>()
                        .into()
                })
                .collect::<Vec<Value>>()
                .into(),
            Self::Fields(fields) => fields
                .iter()
                .map(|(name, value)| (key(name), value.clone()))
                .collect::<Map<_, _>>()
                .into(),
            Self::Many(parts) => parts.iter().map(Self::value).collect::<Vec<_>>().into(),
            Self::Text(text) => Value::from(text.clone()),
            Self::Checked { value, .. } | Self::Judged { value, .. } => value.clone(),
        }
    }
}

fn key(column: &str) -> String {
    column.to_lowercase().replace(' ', "_")
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "-".to_owned(),
        other => format!("{other:#}"),
    }
}

/// The same with a rule between the rows, for rows of several lines.
pub(crate) fn ruled(column: &str, rows: &[String]) -> String {
    let mut table = Table::new();
    table.load_preset(presets::ASCII_FULL).set_header([column]);
    for row in rows {
        table.add_row([row]);
    }
    format!("{table}\n")
}

/// As wide as its contents, or as the terminal where there is one.
fn drawn(columns: &[&str], rows: &[Vec<String>]) -> String {
    let mut table = Table::new();
    table
        .load_preset(presets::ASCII_FULL_CONDENSED)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header(columns.to_vec());
    for row in rows {
        table.add_row(row);
    }
    format!("{table}\n")
}
