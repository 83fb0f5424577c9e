//! From all that was read to one checked value for each registered option.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use protector_framework::{ExposeSecret, SecretString};

use crate::error::{Place, Problem};
use crate::ini::Assignment;
use crate::option::{Kind, OptionSpec, Setting, Value};
use crate::sources::Sources;
use crate::substitute::substitute;
use crate::suggest::did_you_mean;

/// The values of all registered options.
#[derive(Debug, Clone, Default)]
pub(crate) struct Values {
    settings: BTreeMap<(&'static str, &'static str), Setting>,
}

/// What was found, and all that was wrong with it.
pub(crate) struct Resolved {
    pub(crate) values: Values,
    pub(crate) problems: Vec<Problem>,
    pub(crate) warnings: Vec<Problem>,
}

/// Reads every option of `catalogue` from `sources`.
pub(crate) fn resolve(
    sources: &Sources,
    catalogue: &[OptionSpec],
    accepted: &[(&str, &[&str])],
) -> Resolved {
    let resolver = Resolver {
        sources,
        catalogue,
        warnings: RefCell::default(),
    };
    let mut values = Values::default();
    let mut problems = Vec::new();
    for spec in catalogue {
        let (value, place) = resolver.value(spec, &mut Vec::new());
        let value = value.unwrap_or_else(|reason| {
            let found = (place != Place::Default).then(|| place.clone());
            problems.push(Problem::option(found, spec.group, spec.name, reason));
            None
        });
        let setting = Setting {
            group: spec.group,
            name: spec.name,
            value,
            place,
            mutable: spec.mutable,
            help: spec.help,
        };
        values.settings.insert((spec.group, spec.name), setting);
    }
    let mut warnings = resolver.warnings.into_inner();
    warnings.extend(unknown(sources, catalogue, accepted));
    Resolved {
        values,
        problems,
        warnings,
    }
}

struct Resolver<'a> {
    sources: &'a Sources,
    catalogue: &'a [OptionSpec],
    warnings: RefCell<Vec<Problem>>,
}

type Read = Result<Option<Value>, String>;

impl Resolver<'_> {
    /// The value of an option. `path` holds the options whose substitution asks for it.
    fn value(
        &self,
        spec: &OptionSpec,
        path: &mut Vec<(&'static str, &'static str)>,
    ) -> (Read, Place) {
        if path.contains(&(spec.group, spec.name)) {
            let reason = format!("`${}` refers to itself", spec.name);
            return (Err(reason), Place::Default);
        }
        path.push((spec.group, spec.name));
        let texts = self.texts(spec);
        let place = texts
            .last()
            .map_or(Place::Default, |(_, place)| place.clone());
        let read = self.read(spec, texts, path);
        path.pop();
        (read, place)
    }

    fn read(
        &self,
        spec: &OptionSpec,
        texts: Vec<(SecretString, Place)>,
        path: &mut Vec<(&'static str, &'static str)>,
    ) -> Read {
        let mut result: Option<Value> = None;
        for (text, _) in texts {
            let full = substitute(text.expose_secret(), &mut |name| {
                self.reference(spec, name, path)
            })?;
            let value = spec.kind.read(&full)?;
            match (&mut result, value) {
                (Some(Value::List(all)), Some(Value::List(more))) if spec.kind == Kind::Texts => {
                    all.extend(more);
                }
                (_, value) => result = value,
            }
        }
        Ok(result)
    }

    /// What was written for an option, or its default. Only a repeatable option gives several.
    fn texts(&self, spec: &OptionSpec) -> Vec<(SecretString, Place)> {
        let variable = format!(
            "OS_{}__{}",
            spec.group.to_uppercase(),
            spec.name.to_uppercase()
        );
        if let Some(text) = self.sources.environment.get(&variable) {
            let text = SecretString::from(text.clone());
            return vec![(text, Place::Environment(variable))];
        }
        let mut found = Vec::new();
        for file in &self.sources.files {
            let here = self.in_file(spec, file);
            if spec.kind != Kind::Texts && !here.is_empty() {
                found.clear();
            }
            found.extend(here);
        }
        if found.is_empty()
            && let Some(default) = spec.default
        {
            found.push((SecretString::from(default.to_owned()), Place::Default));
        }
        found
    }

    /// The option under its name, else under the first of its earlier names that is there.
    fn in_file(&self, spec: &OptionSpec, file: &[Assignment]) -> Vec<(SecretString, Place)> {
        let names = std::iter::once((spec.group, spec.name)).chain(spec.old_names.iter().copied());
        for (group, name) in names {
            let here: Vec<_> = file
                .iter()
                .filter(|a| a.group == group && a.name == name)
                .map(|a| (a.value.clone(), a.place.clone()))
                .collect();
            let Some((_, place)) = here.last() else {
                continue;
            };
            if (group, name) != (spec.group, spec.name) {
                self.warn_of_old_name(spec, group, name, place);
            }
            let last = if spec.kind == Kind::Texts {
                0
            } else {
                here.len() - 1
            };
            return here.into_iter().skip(last).collect();
        }
        Vec::new()
    }

    fn warn_of_old_name(&self, spec: &OptionSpec, group: &str, name: &str, place: &Place) {
        let reason = format!(
            "this name is deprecated; use `{}` in [{}]",
            spec.name, spec.group
        );
        let warning = Problem::option(Some(place.clone()), group, name, reason);
        let mut warnings = self.warnings.borrow_mut();
        // An option that others refer to is read more than once.
        if !warnings.contains(&warning) {
            warnings.push(warning);
        }
    }

    /// What `$name` stands for: an option of the same group, else of [DEFAULT].
    fn reference(
        &self,
        from: &OptionSpec,
        name: &str,
        path: &mut Vec<(&'static str, &'static str)>,
    ) -> Result<String, String> {
        let find = |group: &str, name: &str| {
            let mut options = self.catalogue.iter();
            options.find(|spec| spec.group == group && spec.name == name)
        };
        let spec = match name.split_once('.') {
            // [DEFAULT] is what a name without a group means; it has no name of its own.
            Some(("DEFAULT", _)) => None,
            Some((group, name)) => find(group, name),
            None => find(from.group, name).or_else(|| find("DEFAULT", name)),
        };
        let Some(spec) = spec else {
            return Err(match from.kind {
                // The name may be a part of the password.
                Kind::Secret => {
                    "a `$` in this value reads as a reference to another option, and there is no \
                     such option; write `$$` for a `$`"
                        .to_owned()
                }
                _ => format!("`${name}` names no option; write `$$` for a `$`"),
            });
        };
        let (value, _) = self.value(spec, path);
        Ok(match value? {
            // A value that is no secret is shown, and so would be the secret in it.
            Some(Value::Secret(_)) if from.kind != Kind::Secret => {
                return Err(format!("`${name}` is a secret, and this option is not"));
            }
            Some(Value::Secret(secret)) => secret.expose_secret().to_owned(),
            Some(value) => value.substituted(),
            None => String::new(),
        })
    }
}

/// Options that nobody reads, in groups that somebody reads; a misspelt name would else be silent.
fn unknown(
    sources: &Sources,
    catalogue: &[OptionSpec],
    accepted: &[(&str, &[&str])],
) -> Vec<Problem> {
    let mut names: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for spec in catalogue {
        names.entry(spec.group).or_default().push(spec.name);
        for (group, name) in spec.old_names {
            names.entry(group).or_default().push(name);
        }
    }
    for (group, more) in accepted {
        names.entry(group).or_default().extend(*more);
    }
    let mut warnings = Vec::new();
    for assignment in sources.files.iter().flatten() {
        let reason = match names.get(assignment.group.as_str()) {
            Some(known) if known.contains(&assignment.name.as_str()) => continue,
            Some(known) => format!(
                "there is no such option; it is ignored{}",
                did_you_mean(&assignment.name, known.iter().copied())
            ),
            None if assignment.group == "default" => {
                "[default] is not read; the section must be written [DEFAULT]".to_owned()
            }
            None => continue,
        };
        warnings.push(Problem::option(
            Some(assignment.place.clone()),
            &assignment.group,
            &assignment.name,
            reason,
        ));
    }
    warnings
}

impl Values {
    pub(crate) fn all(&self) -> impl Iterator<Item = &Setting> {
        self.settings.values()
    }

    pub(crate) fn get(&self, group: &'static str, name: &'static str) -> Option<&Value> {
        let setting = self.settings.get(&(group, name));
        // An option that the catalogue lacks would always read as unset.
        debug_assert!(setting.is_some(), "[{group}] {name} is not registered");
        setting.and_then(|setting| setting.value.as_ref())
    }

    pub(crate) fn place(&self, group: &'static str, name: &'static str) -> Option<Place> {
        let setting = self.settings.get(&(group, name))?;
        Some(setting.place.clone()).filter(|place| *place != Place::Default)
    }

    pub(crate) fn is_written(&self, group: &'static str, name: &'static str) -> bool {
        self.place(group, name).is_some()
    }

    /// Text that is set and not empty.
    pub(crate) fn text(&self, group: &'static str, name: &'static str) -> Option<String> {
        match self.get(group, name) {
            Some(Value::Text(text)) if !text.is_empty() => Some(text.clone()),
            _ => None,
        }
    }

    pub(crate) fn secret(&self, group: &'static str, name: &'static str) -> Option<SecretString> {
        match self.get(group, name) {
            Some(Value::Secret(secret)) if !secret.expose_secret().is_empty() => {
                Some(secret.clone())
            }
            _ => None,
        }
    }

    pub(crate) fn flag(&self, group: &'static str, name: &'static str) -> bool {
        matches!(self.get(group, name), Some(Value::Flag(true)))
    }

    pub(crate) fn integer(&self, group: &'static str, name: &'static str) -> Option<i64> {
        match self.get(group, name) {
            Some(Value::Integer(number)) => Some(*number),
            _ => None,
        }
    }

    pub(crate) fn seconds(&self, group: &'static str, name: &'static str) -> Option<Duration> {
        match self.get(group, name) {
            // The catalogue's limits are within the type's.
            Some(Value::Float(number)) => Duration::try_from_secs_f64(*number).ok(),
            _ => None,
        }
    }

    pub(crate) fn list(&self, group: &'static str, name: &'static str) -> Vec<String> {
        match self.get(group, name) {
            Some(Value::List(items)) => items.clone(),
            _ => Vec::new(),
        }
    }

    pub(crate) fn pairs(
        &self,
        group: &'static str,
        name: &'static str,
    ) -> BTreeMap<String, String> {
        match self.get(group, name) {
            Some(Value::Pairs(pairs)) => pairs.clone(),
            _ => BTreeMap::new(),
        }
    }
}
