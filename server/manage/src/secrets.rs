//! `secret check` and `secret rotate`. No value is ever shown.

use protector_config::Config;
use protector_db::{SealedValue, SecretBox};
use protector_framework::RandomIds;
use serde_json::{Value, json};

use crate::command::Half;
use crate::failure::Failure;
use crate::output::Output;
use crate::store;

/// Which sealed values open, and with which key. Exits with 1 where one does not.
pub(crate) fn check(config: &Config) -> Result<Output, Failure> {
    let all = store::with(config, async |db| db.check_sealed().await)?;
    let code = u8::from(all.iter().any(|one| one.fault.is_some()));
    Ok(Output::Judged {
        value: all.iter().map(value).collect::<Vec<_>>().into(),
        shown: Box::new(listed(&all)),
        code,
    })
}

fn listed(all: &[SealedValue]) -> Output {
    let rows = all.iter().map(|one| {
        let state = one.fault.as_ref().map_or("opens", String::as_str);
        vec![one.place.clone(), one.key.clone(), state.to_owned()]
    });
    Output::List {
        columns: vec!["Place", "Key", "State"],
        rows: rows.collect(),
    }
}

fn value(one: &SealedValue) -> Value {
    json!({
        "place": one.place,
        "key": one.key,
        "opens": one.fault.is_none(),
        "fault": one.fault,
    })
}

/// Makes a key and seals everything with it, or does one of the two.
pub(crate) fn rotate(config: &Config, only: Option<Half>) -> Result<Output, Failure> {
    let dir = &config.database.key_dir;
    let mut fields = Vec::new();
    if only != Some(Half::Seal) {
        let made = SecretBox::new_key(dir, &RandomIds).map_err(|source| Failure::Keys {
            dir: dir.clone(),
            source,
        })?;
        let file = dir.join(format!("{made}.key"));
        fields.push(("New Key", file.display().to_string().into()));
    }
    let mut code = 0;
    if only != Some(Half::Key) {
        let done = store::with(config, async |db| db.reseal().await)?;
        code = u8::from(!done.unopened.is_empty());
        let unopened: Vec<_> = done.unopened.iter().map(value).collect();
        fields.extend([
            ("Key", done.key.into()),
            ("Sealed Anew", done.changed.into()),
            ("Not Opened", unopened.into()),
        ]);
    }
    let shown = Output::Fields(fields);
    Ok(Output::Judged {
        value: shown.value(),
        shown: Box::new(shown),
        code,
    })
}
