use sea_orm::{QueryResult, Value};
use uuid::Uuid;

use crate::connection::{Db, text};
use crate::error::{DbError, Result};

/// What part of a list is wanted, in which order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// How many at the most; `None`: all.
    pub limit: Option<u64>,
    /// The last one of the page before.
    pub marker: Option<Uuid>,
    /// Fields to sort by, each with whether it descends; the id decides what is left.
    pub sort: Vec<(String, bool)>,
    /// Fields and the value each must have.
    pub filters: Vec<(String, String)>,
    /// Fields and what else each must meet. A moment is text in the form in which it is stored: UTC with
    /// six digits of the second.
    pub conditions: Vec<(String, Condition)>,
}

/// What a field must meet, in the order of text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// It is one of these.
    In(Vec<String>),
    /// It is none of these.
    NotIn(Vec<String>),
    /// It is greater.
    Above(String),
    /// It is greater, or the same.
    AtLeast(String),
    /// It is less.
    Below(String),
    /// It is less, or the same.
    AtMost(String),
}

impl Condition {
    /// Whether a field with this text meets it.
    pub fn holds(&self, text: &str) -> bool {
        match self {
            Self::In(all) => all.iter().any(|one| one == text),
            Self::NotIn(all) => all.iter().all(|one| one != text),
            Self::Above(bound) => text > bound.as_str(),
            Self::AtLeast(bound) => text >= bound.as_str(),
            Self::Below(bound) => text < bound.as_str(),
            Self::AtMost(bound) => text <= bound.as_str(),
        }
    }

    /// The same in SQL, with its values.
    fn sql(&self, field: &str) -> (String, Vec<Value>) {
        let (sign, values) = match self {
            Self::In(all) => ("IN", all.as_slice()),
            Self::NotIn(all) => ("NOT IN", all.as_slice()),
            Self::Above(bound) => (">", std::slice::from_ref(bound)),
            Self::AtLeast(bound) => (">=", std::slice::from_ref(bound)),
            Self::Below(bound) => ("<", std::slice::from_ref(bound)),
            Self::AtMost(bound) => ("<=", std::slice::from_ref(bound)),
        };
        let places = vec!["?"; values.len()].join(", ");
        let bound = values.iter().map(|value| value.as_str().into());
        (format!("{field} {sign} ({places})"), bound.collect())
    }
}

/// What a list is read from.
pub(crate) struct Listing<'a> {
    /// The table.
    pub(crate) table: &'static str,
    /// What is read of each row.
    pub(crate) columns: &'static str,
    /// The columns that may be sorted and filtered by.
    pub(crate) fields: &'static [&'static str],
    /// A condition that always holds, with its values.
    pub(crate) always: (&'a str, Vec<Value>),
}

impl Db {
    /// Reads one page; the marker's row is looked up under the same condition, so that it cannot
    /// tell anything about rows outside the list.
    pub(crate) async fn page(&self, list: Listing<'_>, page: &Page) -> Result<Vec<QueryResult>> {
        let known = |field: &String| {
            list.fields
                .iter()
                .find(|f| *f == field)
                .copied()
                .ok_or_else(|| DbError::BadQuery(field.clone()))
        };
        let (always, mut values) = list.always;
        let mut condition = format!("({always})");
        for (field, value) in &page.filters {
            condition.push_str(&format!(" AND {} = ?", known(field)?));
            values.push(value.as_str().into());
        }
        for (field, more) in &page.conditions {
            let (sql, bound) = more.sql(known(field)?);
            condition.push_str(&format!(" AND {sql}"));
            values.extend(bound);
        }
        let mut order: Vec<(&str, bool)> = Vec::new();
        for (field, descends) in &page.sort {
            order.push((known(field)?, *descends));
        }
        if order.is_empty() {
            order.push(("created_at", true));
        }
        order.push(("id", order[0].1));
        if let Some(marker) = page.marker {
            let (after, bound) = self
                .after(list.table, &condition, &values, &order, marker)
                .await?;
            condition.push_str(&format!(" AND ({after})"));
            values.extend(bound);
        }
        let by: Vec<String> = order
            .iter()
            .map(|(field, descends)| format!("{field}{}", if *descends { " DESC" } else { "" }))
            .collect();
        let mut sql = format!(
            "SELECT {} FROM {} WHERE {condition} ORDER BY {}",
            list.columns,
            list.table,
            by.join(", ")
        );
        if let Some(limit) = page.limit {
            sql.push_str(&format!(" LIMIT {limit}"));
        }
        self.rows(&sql, values).await
    }

    /// The condition for what comes after the marker in this order.
    async fn after(
        &self,
        table: &str,
        condition: &str,
        values: &[Value],
        order: &[(&str, bool)],
        marker: Uuid,
    ) -> Result<(String, Vec<Value>)> {
        let sql = format!("SELECT * FROM {table} WHERE {condition} AND id = ?");
        let mut bound = values.to_vec();
        bound.push(marker.to_string().into());
        let found = self.rows(&sql, bound).await?;
        let row = found.first().ok_or(DbError::BadMarker)?;
        let mut alternatives = Vec::new();
        let mut values = Vec::new();
        for (i, (field, descends)) in order.iter().enumerate() {
            let mut equal = String::new();
            for (before, _) in &order[..i] {
                equal.push_str(&format!("{before} = ? AND "));
                values.push(field_text(row, before)?.into());
            }
            let sign = if *descends { "<" } else { ">" };
            alternatives.push(format!("({equal}{field} {sign} ?)"));
            values.push(field_text(row, field)?.into());
        }
        Ok((alternatives.join(" OR "), values))
    }
}

fn field_text(row: &QueryResult, field: &str) -> Result<String> {
    row.try_get::<String>("", field)
        .or_else(|_| row.try_get::<i64>("", field).map(|n| n.to_string()))
        .or_else(|_| text(row, "id"))
}
