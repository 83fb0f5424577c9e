//! `db purge` and `db archive`.
//!
//! An archive is a file and no table beside the others: it can be moved away, compressed and kept as
//! long as the law asks, and no later version of the schema has to change it.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use chrono::TimeDelta;
use protector_config::Config;
use protector_db::{Counts, Db, Item, Surplus};
use protector_framework::{Clock as _, SystemClock};
use serde_json::{Value, json};

use crate::command::SurplusArgs;
use crate::failure::Failure;
use crate::output::Output;
use crate::store;

pub(crate) fn purge(config: &Config, args: &SurplusArgs) -> Result<Output, Failure> {
    run(config, args, None)
}

pub(crate) fn archive(config: &Config, args: &SurplusArgs, to: &Path) -> Result<Output, Failure> {
    run(config, args, Some(to))
}

fn run(config: &Config, args: &SurplusArgs, to: Option<&Path>) -> Result<Output, Failure> {
    let database = config.database.required()?.to_string();
    let told = |source| Failure::Store {
        database: database.clone(),
        source,
    };
    store::runtime()?.block_on(async {
        let db = store::open(config).await?;
        let now = SystemClock::new().now();
        let ago = |days| now - TimeDelta::days(i64::from(days));
        let mut surplus = db.surplus(ago(args.older_than)).await.map_err(told)?;
        if let Some(days) = args.audit_days {
            let audit = db.old_audit(ago(days)).await.map_err(told)?;
            surplus.items.extend(audit);
        }
        let mut counts = Counts::new();
        let size = usize::try_from(args.batch).unwrap_or(usize::MAX);
        for batch in surplus.items.chunks(size) {
            if args.dry_run {
                for item in batch {
                    add(&mut counts, db.count_surplus(item).await.map_err(told)?);
                }
                continue;
            }
            if let Some(file) = to {
                let lines = lines(&db, batch).await.map_err(told)?;
                write(file, &lines).map_err(|source| Failure::Archive {
                    file: file.to_owned(),
                    source,
                })?;
            }
            add(&mut counts, db.remove_surplus(batch).await.map_err(told)?);
        }
        db.close().await;
        Ok(output(&surplus, &counts, args.dry_run))
    })
}

fn add(counts: &mut Counts, more: Counts) {
    for (table, rows) in more {
        *counts.entry(table).or_default() += rows;
    }
}

async fn lines(db: &Db, batch: &[Item]) -> Result<String, protector_db::DbError> {
    let mut lines = String::new();
    for item in batch {
        for row in db.surplus_rows(item).await? {
            lines.push_str(&format!("{row}\n"));
        }
    }
    Ok(lines)
}

/// Adds lines at the end of a file that only its owner may read. They are on disk when this returns.
fn write(file: &Path, lines: &str) -> std::io::Result<()> {
    let mut open = OpenOptions::new();
    let open = open.create(true).append(true).mode(0o600);
    let mut file = open.open(file)?;
    file.write_all(lines.as_bytes())?;
    file.sync_all()
}

fn output(surplus: &Surplus, counts: &Counts, dry_run: bool) -> Output {
    let column = if dry_run { "Would Go" } else { "Removed" };
    let removed = counts.iter().filter(|(_, rows)| **rows > 0);
    let rows = removed.map(|(table, rows)| vec![(*table).to_owned(), rows.to_string()]);
    let mut shown = vec![Output::List {
        columns: vec!["Table", column],
        rows: rows.collect(),
    }];
    let kept = surplus.kept.iter();
    let kept: Vec<_> = kept
        .map(|(need, count)| vec![need.to_string(), count.to_string()])
        .collect();
    if !kept.is_empty() {
        shown.push(Output::List {
            columns: vec!["Operations Stay Because", "Count"],
            rows: kept,
        });
    }
    if surplus.unreadable > 0 {
        let text = "operations or documents that this version cannot read, and with them all \
                    operations of their groups, stay; `status upgrade check` names them";
        shown.push(Output::Text(format!("{} {text}\n", surplus.unreadable)));
    }
    let kept = surplus.kept.iter();
    let kept: serde_json::Map<String, Value> = kept
        .map(|(need, count)| (need.to_string(), json!(count)))
        .collect();
    Output::Judged {
        shown: Box::new(Output::Many(shown)),
        value: json!({
            "dry_run": dry_run,
            "rows": counts,
            "kept": kept,
            "unreadable": surplus.unreadable,
        }),
        code: 0,
    }
}
