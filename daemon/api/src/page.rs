use core::fmt::Write;

use serde::{Deserialize, Serialize};

/// Items in a page unless asked otherwise.
pub const PAGE_DEFAULT: u32 = 100;
/// The most items in one page.
pub const PAGE_MAX: u32 = 1000;

/// Which part of a list.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams))]
#[cfg_attr(feature = "openapi", into_params(parameter_in = Query))]
#[serde(deny_unknown_fields)]
pub struct ListQuery {
    /// Only items after this number: `next` of the page before.
    #[serde(default)]
    pub after: Option<u32>,
    /// At most this many, 1 to 1000; 100 unless said.
    #[serde(default)]
    pub limit: Option<u32>,
    /// Only records with this text in a name, an e-mail address or a label, in any case; at most
    /// 100 characters.
    #[serde(default)]
    pub q: Option<String>,
}

impl ListQuery {
    /// The pages after the one that said `next`.
    #[must_use]
    pub fn after(mut self, next: u32) -> Self {
        self.after = Some(next);
        self
    }

    pub(crate) fn to_query(&self) -> String {
        let mut query = QueryText::default();
        query.add_number("after", self.after);
        query.add_number("limit", self.limit);
        query.add_text("q", self.q.as_deref());
        query.0
    }
}

/// A part of a list, in the order of the numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// What to ask `after` for the next page; none on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<u32>,
    /// The revision of the access table that the page shows.
    pub revision: u64,
}

/// Builds the query part of a URL, `?` included.
#[derive(Debug, Default)]
pub(crate) struct QueryText(pub(crate) String);

impl QueryText {
    pub(crate) fn add_number(&mut self, name: &str, value: Option<impl Into<u64>>) {
        if let Some(value) = value {
            self.begin(name);
            // Writing to a `String` cannot fail.
            let _ = write!(self.0, "{}", value.into());
        }
    }

    pub(crate) fn add_text(&mut self, name: &str, value: Option<&str>) {
        let Some(value) = value else { return };
        self.begin(name);
        self.0.push_str(&escaped(value));
    }

    fn begin(&mut self, name: &str) {
        self.0.push(if self.0.is_empty() { '?' } else { '&' });
        self.0.push_str(name);
        self.0.push('=');
    }
}

/// A text as one segment of a path or one value of a query (RFC 3986, 2.3).
pub(crate) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                escaped.push(char::from(byte));
            }
            _ => {
                let _ = write!(escaped, "%{byte:02X}");
            }
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_escaped() {
        let check = |query: ListQuery, expect: &str| assert_eq!(query.to_query(), expect);
        check(ListQuery::default(), "");
        check(ListQuery::default().after(7), "?after=7");
        let query = ListQuery {
            after: Some(7),
            limit: Some(2),
            q: Some("Åsa & co+".to_owned()),
        };
        check(query, "?after=7&limit=2&q=%C3%85sa%20%26%20co%2B");
    }
}
