//! Lists: which part, in which order, and where the next part is.

use poem::{FromRequest, Request, RequestBody, Result};
use poem_openapi::Object;
use protector_db::Page;
use protector_model::{GroupStatus, MemberStatus, OperationKind, OperationStatus, SiteStatus};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::call::Call;
use crate::failure::Failure;
use crate::filter::{Filter, Values};

/// A list and the fields that it can be sorted and filtered by.
pub(crate) struct ListSpec {
    /// The `operationId`.
    pub(crate) operation: &'static str,
    /// Fields as the API calls them, with their names in the database and what they can be.
    fields: &'static [(&'static str, &'static str, Values)],
}

/// One of the words of a state.
macro_rules! words {
    ($state:ty) => {
        Words(|| <$state>::ALL.iter().map(|state| state.as_str()).collect())
    };
}

use Values::{Text, Tier, Time, Words};

/// Every list.
pub(crate) const LISTS: &[ListSpec] = &[
    ListSpec {
        operation: "list_sites",
        fields: &[
            ("id", "id", Text),
            ("name", "name", Text),
            ("status", "status", words!(SiteStatus)),
            ("site_type", "site_type", Text),
            ("auth_url", "auth_url", Text),
            ("region_name", "region_name", Text),
            ("created_at", "created_at", Time),
            ("updated_at", "updated_at", Time),
        ],
    },
    ListSpec {
        operation: "list_tenant_mappings",
        fields: &[
            ("id", "id", Text),
            ("primary_site_id", "primary_site_id", Text),
            ("primary_project_id", "primary_project_id", Text),
            ("secondary_site_id", "secondary_site_id", Text),
            ("secondary_project_id", "secondary_project_id", Text),
            ("created_at", "created_at", Time),
            ("updated_at", "updated_at", Time),
        ],
    },
    ListSpec {
        operation: "list_protection_groups",
        fields: &[
            ("id", "id", Text),
            ("name", "name", Text),
            ("status", "status", words!(GroupStatus)),
            ("primary_site_id", "primary_site_id", Text),
            ("secondary_site_id", "secondary_site_id", Text),
            ("current_primary_site_id", "current_primary_site_id", Text),
            (
                "replication_type",
                "replication_type",
                Words(|| vec!["async", "sync"]),
            ),
            ("created_at", "created_at", Time),
            ("updated_at", "updated_at", Time),
        ],
    },
    ListSpec {
        operation: "list_members",
        fields: &[
            ("id", "id", Text),
            ("name", "name", Text),
            ("status", "status", words!(MemberStatus)),
            ("boot_tier", "boot_tier", Tier),
            ("created_at", "created_at", Time),
            ("updated_at", "updated_at", Time),
        ],
    },
    ListSpec {
        operation: "list_operations",
        fields: &[
            ("id", "id", Text),
            ("protection_group_id", "group_id", Text),
            ("type", "kind", words!(OperationKind)),
            ("status", "status", words!(OperationStatus)),
            ("executor_site_id", "executor_site_id", Text),
            ("created_at", "created_at", Time),
            ("updated_at", "updated_at", Time),
        ],
    },
];

impl ListSpec {
    pub(crate) fn of(operation: &str) -> Option<&'static Self> {
        LISTS.iter().find(|list| list.operation == operation)
    }

    /// The query parameters as the document describes them.
    pub(crate) fn parameters(&self) -> Vec<Value> {
        let names: Vec<&str> = self.fields.iter().map(|(name, ..)| *name).collect();
        let keys = names.join(", ");
        let parameter = |name: &str, schema: Value, description: &str| {
            json!({
                "name": name, "in": "query", "required": false, "deprecated": false,
                "description": description, "schema": schema,
            })
        };
        let mut all = vec![
            parameter(
                "limit",
                json!({ "type": "integer", "minimum": 0 }),
                "How many entries at the most.",
            ),
            parameter(
                "marker",
                json!({ "type": "string", "format": "uuid" }),
                "The id of the last entry of the page before.",
            ),
            parameter(
                "sort",
                json!({ "type": "string", "pattern": self.sort_pattern() }),
                &format!("`key:dir`, comma separated; dir is asc or desc. Keys: {keys}."),
            ),
            parameter(
                "sort_key",
                json!({ "type": "string", "enum": names }),
                "The field to sort by; not together with `sort`.",
            ),
            parameter(
                "sort_dir",
                json!({ "type": "string", "enum": ["asc", "desc"] }),
                "The direction for `sort_key`.",
            ),
            parameter(
                "with_count",
                json!({ "type": "boolean" }),
                "Whether to tell in `count` how many entries there are on all pages.",
            ),
        ];
        all.extend(
            self.fields
                .iter()
                .map(|(name, _, values)| parameter(name, values.schema(), &values.description())),
        );
        all
    }
}

/// A link to another page.
#[derive(Debug, Clone, Object, serde::Serialize)]
pub(crate) struct Link {
    /// What it leads to, such as `next`.
    rel: String,
    /// The absolute URL.
    href: String,
}

impl Link {
    pub(crate) fn new(rel: &str, href: String) -> Self {
        Self {
            rel: rel.to_owned(),
            href,
        }
    }
}

/// How many entries there are.
pub(crate) fn counted<T>(all: &[T]) -> u64 {
    all.len() as u64
}

/// The part of a list that was asked for.
#[derive(Debug, Clone)]
pub(crate) struct Listing {
    page: Page,
    limit: u64,
    with_count: bool,
    call: Call,
}

impl Listing {
    /// What to ask the services for: one more than is shown, so that it is known whether there is
    /// a next page.
    pub(crate) fn page(&self) -> Page {
        Page {
            limit: Some(self.limit + 1),
            ..self.page.clone()
        }
    }

    /// What to ask the services for to count all entries, where the caller wants to know.
    pub(crate) fn all(&self) -> Option<Page> {
        let page = || Page {
            filters: self.page.filters.clone(),
            conditions: self.page.conditions.clone(),
            ..Page::default()
        };
        self.with_count.then(page)
    }

    /// Takes a filter out of the page, for a list that has a way of its own to filter by it.
    pub(crate) fn take_filter(&mut self, field: &str) -> Option<String> {
        let at = self.page.filters.iter().position(|(f, _)| f == field)?;
        Some(self.page.filters.remove(at).1)
    }

    /// What is shown, and the links to the next page where there is one.
    pub(crate) fn finish<T>(
        &self,
        mut items: Vec<T>,
        id: impl Fn(&T) -> Uuid,
    ) -> (Vec<T>, Option<Vec<Link>>) {
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let more = items.len() > limit;
        items.truncate(limit);
        let links = match items.last() {
            Some(last) if more => Some(vec![self.next(id(last))]),
            _ => None,
        };
        (items, links)
    }

    /// The caller's own URL with the marker of the next page.
    fn next(&self, marker: Uuid) -> Link {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        for (name, value) in &self.call.query {
            if name != "marker" {
                query.append_pair(name, value);
            }
        }
        query.append_pair("marker", &marker.to_string());
        let path = format!("{}?{}", self.call.path, query.finish());
        Link::new("next", self.call.base.at(&path))
    }

    fn read(call: Call) -> std::result::Result<Self, Failure> {
        let spec = ListSpec::of(&call.operation).ok_or_else(Failure::internal)?;
        let mut wrong = Vec::new();
        let mut page = Page::default();
        let mut limit = call.max_limit;
        let (mut sort, mut key, mut dir) = (None, None, None);
        let mut with_count = false;
        for (name, value) in &call.query {
            match name.as_str() {
                "limit" => limit = value.parse().unwrap_or(limit).min(call.max_limit),
                "marker" => page.marker = value.parse().ok(),
                "sort" => sort = Some(value.as_str()),
                "sort_key" => key = Some(value.as_str()),
                "sort_dir" => dir = Some(value.as_str()),
                // The gate has seen that it is one or the other.
                "with_count" => with_count = value.eq_ignore_ascii_case("true"),
                name => {
                    let Some((_, column, values)) = spec.field(name) else {
                        continue;
                    };
                    match values.read(value) {
                        Ok(Filter::Is(text)) => page.filters.push(((*column).to_owned(), text)),
                        Ok(Filter::Meets(condition)) => {
                            page.conditions.push(((*column).to_owned(), condition));
                        }
                        Err(reason) => wrong.push(format!("{name}: {reason}")),
                    }
                }
            }
        }
        if sort.is_some() && (key.is_some() || dir.is_some()) {
            wrong.push("sort: cannot be mixed with sort_key and sort_dir".to_owned());
        }
        for part in sort
            .unwrap_or_default()
            .split(',')
            .filter(|p| !p.is_empty())
        {
            match spec.sort(part) {
                Ok(by) => page.sort.push(by),
                Err(reason) => wrong.push(reason),
            }
        }
        if key.is_some() || dir.is_some() {
            let column = spec.column(key.unwrap_or("created_at"));
            let column = column.unwrap_or("created_at").to_owned();
            page.sort.push((column, dir != Some("asc")));
        }
        match wrong.is_empty() {
            true => Ok(Self {
                page,
                limit,
                with_count,
                call,
            }),
            false => Err(Failure::invalid(wrong)),
        }
    }
}

impl ListSpec {
    /// What `sort` looks like, for clients that check before they ask.
    fn sort_pattern(&self) -> String {
        let names: Vec<&str> = self.fields.iter().map(|(name, ..)| *name).collect();
        let part = format!("({})(:(asc|desc))?", names.join("|"));
        format!("^({part}(,{part})*)?$")
    }

    fn field(&self, field: &str) -> Option<&'static (&'static str, &'static str, Values)> {
        self.fields.iter().find(|(name, ..)| *name == field)
    }

    fn column(&self, field: &str) -> Option<&'static str> {
        self.field(field).map(|(_, column, _)| *column)
    }

    fn sort(&self, part: &str) -> std::result::Result<(String, bool), String> {
        let (key, dir) = part.split_once(':').unwrap_or((part, "asc"));
        let column = self
            .column(key.trim())
            .ok_or_else(|| format!("sort: `{key}` is not a field to sort by"))?;
        match dir.trim() {
            "asc" => Ok((column.to_owned(), false)),
            "desc" => Ok((column.to_owned(), true)),
            dir => Err(format!("sort: `{dir}` is not a direction; use asc or desc")),
        }
    }
}

impl<'a> FromRequest<'a> for Listing {
    async fn from_request(request: &'a Request, body: &mut RequestBody) -> Result<Self> {
        let call = Call::from_request(request, body).await?;
        Ok(Self::read(call)?)
    }
}
