//! Lists and their pages: `filter`, `sort`, `limit`, `offset`, `continuation_token`,
//! `total_item_count`.

use serde_json::{Value, json};

use super::{Filter, Params, QueryError, Sort};

/// What a list request asks for, beside the names of objects.
#[derive(Debug, Clone, Default)]
pub(crate) struct ListRequest {
    filters: Vec<Filter>,
    sort: Option<Sort>,
    limit: Option<usize>,
    offset: usize,
    token: Option<Token>,
    count_wanted: bool,
}

/// One page of a list, as it is answered.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Page {
    /// What to repeat the request with for the next page. Never there with `sort`, where pages
    /// are asked for by `offset`.
    pub continuation_token: Option<String>,
    /// The items of this page.
    pub items: Vec<Value>,
    /// Whether there are items behind this page. The only sign that counts.
    pub more_items_remaining: bool,
    /// How many items there are on all pages, if that was asked for.
    pub total_item_count: Option<usize>,
}

/// Where the next page begins: how many items came before it, and the identity of the last of
/// them. With the identity nothing is skipped or told twice when items before it come or go
/// between two pages.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Token {
    passed: usize,
    last: Option<String>,
}

impl ListRequest {
    /// Reads the parameters; the first that is wrong is the error.
    pub(crate) fn read(params: &Params) -> Result<Self, QueryError> {
        let filters = params
            .texts("filter")
            .iter()
            .map(|text| Filter::parse(text))
            .collect::<Result<_, _>>()?;
        let sort = params
            .list("sort")
            .filter(|elements| !elements.is_empty())
            .map(|elements| Sort::parse(&elements))
            .transpose()?;
        Ok(Self {
            filters,
            sort,
            limit: size(params, "limit")?,
            offset: size(params, "offset")?.unwrap_or(0),
            token: params
                .text("continuation_token")
                .map(|text| Token::parse(&text))
                .transpose()?,
            count_wanted: params.flag("total_item_count")?.unwrap_or(false),
        })
    }

    /// The items that fit every filter, in the order asked for. `tag` looks a tag of an item up
    /// by namespace and key.
    pub(crate) fn select(
        &self,
        items: impl IntoIterator<Item = Value>,
        tag: &dyn Fn(&Value, &str, &str) -> Option<String>,
    ) -> Vec<Value> {
        let mut selected: Vec<Value> = items
            .into_iter()
            .filter(|item| self.filters.iter().all(|filter| filter.matches(item, tag)))
            .collect();
        if let Some(sort) = &self.sort {
            sort.apply(&mut selected);
        }
        selected
    }

    /// Cuts the page that was asked for out of the selected items. A page has at most `page_size`
    /// items, whatever the request says.
    pub(crate) fn page(&self, mut selected: Vec<Value>, page_size: usize) -> Page {
        let total = selected.len();
        let size = self.limit.unwrap_or(page_size).min(page_size);
        // Without a limit, only a page size of at least one gets anywhere.
        let size = if self.limit == Some(0) {
            0
        } else {
            size.max(1)
        };
        let begin = self.begin(&selected).min(total);
        let end = begin.saturating_add(size).min(total);
        selected.truncate(end);
        let items = selected.split_off(begin);

        let more = size > 0 && end < total;
        let token = (more && self.sort.is_none()).then(|| {
            Token {
                passed: end,
                last: items.last().and_then(identity),
            }
            .render()
        });
        Page {
            continuation_token: token,
            items,
            more_items_remaining: more,
            total_item_count: (self.count_wanted || self.limit == Some(0)).then_some(total),
        }
    }

    fn begin(&self, selected: &[Value]) -> usize {
        let Some(token) = &self.token else {
            return self.offset;
        };
        token
            .last
            .as_ref()
            .and_then(|last| {
                selected
                    .iter()
                    .position(|item| identity(item).as_ref() == Some(last))
            })
            .map_or(token.passed, |found| found + 1)
    }
}

impl Page {
    /// The body of the answer. All four members are always there.
    pub(crate) fn into_body(self) -> Value {
        json!({
            "continuation_token": self.continuation_token,
            "items": self.items,
            "more_items_remaining": self.more_items_remaining,
            "total_item_count": self.total_item_count,
        })
    }
}

impl Token {
    /// Opaque to clients, and free of characters that need encoding in a URL.
    fn render(&self) -> String {
        let last = self.last.as_deref().unwrap_or_default();
        hex::encode(format!("{}/{last}", self.passed))
    }

    fn parse(text: &str) -> Result<Self, QueryError> {
        hex::decode(text)
            .ok()
            .and_then(|bytes| String::from_utf8(bytes).ok())
            .and_then(|inner| {
                let (passed, last) = inner.split_once('/')?;
                Some(Self {
                    passed: passed.parse().ok()?,
                    last: Some(last.to_owned()).filter(|last| !last.is_empty()),
                })
            })
            .ok_or_else(|| QueryError::new("continuation_token", "it is not one of this array's"))
    }
}

/// What tells an item from all others of its list: its id, or its name where it has none.
fn identity(item: &Value) -> Option<String> {
    ["id", "name"]
        .iter()
        .find_map(|key| item.get(key).and_then(Value::as_str))
        .map(str::to_owned)
}

fn size(params: &Params, name: &str) -> Result<Option<usize>, QueryError> {
    let count = params.count(name)?;
    Ok(count.map(|count| usize::try_from(count).unwrap_or(usize::MAX)))
}
