//! One page of a list that is in memory, by the rules of the lists that the database pages.

use protector_db::{Page, stamp};
use protector_framework::GenericUuid as _;
use protector_model::Member;

use crate::refusal::{Refusal, Result};

/// One page of the members.
pub(crate) fn members<'a>(all: &'a [Member], page: &Page) -> Result<Vec<&'a Member>> {
    let mut found: Vec<&Member> = Vec::new();
    for member in all {
        let mut fits = true;
        for (name, value) in &page.filters {
            fits &= field(member, name)? == *value;
        }
        for (name, condition) in &page.conditions {
            fits &= condition.holds(&field(member, name)?);
        }
        if fits {
            found.push(member);
        }
    }
    let by_time = vec![("created_at".to_owned(), true)];
    let sort = if page.sort.is_empty() {
        &by_time
    } else {
        &page.sort
    };
    // The last key is sorted by first; a stable sort keeps its order within the others.
    found.sort_by_key(|member| member.id.into_untyped_uuid());
    for (name, descends) in sort.iter().rev() {
        let mut keyed = Vec::new();
        for member in found {
            keyed.push((field(member, name)?, member));
        }
        keyed.sort_by(|(a, _), (b, _)| if *descends { b.cmp(a) } else { a.cmp(b) });
        found = keyed.into_iter().map(|(_, member)| member).collect();
    }
    if let Some(marker) = page.marker {
        let at = found
            .iter()
            .position(|member| member.id.into_untyped_uuid() == marker)
            .ok_or_else(|| Refusal::invalid_field("marker", "is not in the list"))?;
        found.drain(..=at);
    }
    if let Some(limit) = page.limit {
        found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    }
    Ok(found)
}

/// A field as text whose order is the field's order, as the database keeps such a field.
fn field(member: &Member, name: &str) -> Result<String> {
    Ok(match name {
        "id" => member.id.to_string(),
        "name" => member.name.clone(),
        "status" => member.status.as_str().to_owned(),
        "boot_tier" => member.boot_tier.to_string(),
        "created_at" => stamp(member.created_at),
        "updated_at" => stamp(member.updated_at),
        other => {
            return Err(Refusal::invalid_field(
                other,
                "is not a field to sort or filter by",
            ));
        }
    })
}
