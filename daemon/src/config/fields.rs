//! Reads one table of a TOML document field by field, and collects every problem.

use std::ops::RangeInclusive;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// One thing wrong with a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigProblem {
    /// The line it stands on, from 1.
    pub line: usize,
    /// The key, such as `osdp_bus[0].baud`.
    pub key: String,
    /// What was found and what is allowed.
    pub message: String,
}

/// Everything wrong with one document, and the document to find line numbers in.
#[derive(Debug)]
pub(super) struct Findings<'t> {
    text: &'t str,
    pub(super) problems: Vec<ConfigProblem>,
}

impl<'t> Findings<'t> {
    pub(super) const fn new(text: &'t str) -> Self {
        Self {
            text,
            problems: Vec::new(),
        }
    }

    pub(super) fn add(
        &mut self,
        offset: usize,
        key: impl Into<String>,
        message: impl Into<String>,
    ) {
        let before = self.text.get(..offset).unwrap_or(self.text);
        let line = before.bytes().filter(|&byte| byte == b'\n').count() + 1;
        self.problems.push(ConfigProblem {
            line,
            key: key.into(),
            message: message.into(),
        });
    }
}

/// A value with the place it came from, for checks that look at several fields.
#[derive(Debug, Clone)]
pub(super) struct Located<T> {
    pub(super) value: T,
    pub(super) offset: usize,
    pub(super) key: String,
}

/// A table being read. Fields that were not asked for are unknown keys.
pub(super) struct Fields<'d> {
    table: &'d DeTable<'d>,
    offset: usize,
    path: String,
    asked: Vec<&'static str>,
}

impl<'d> Fields<'d> {
    pub(super) fn root(document: &'d Spanned<DeTable<'d>>) -> Self {
        Self {
            table: document.get_ref(),
            offset: 0,
            path: String::new(),
            asked: Vec::new(),
        }
    }

    pub(super) const fn offset(&self) -> usize {
        self.offset
    }

    pub(super) fn key(&self, name: &str) -> String {
        if self.path.is_empty() {
            name.to_owned()
        } else {
            format!("{}.{name}", self.path)
        }
    }

    fn value(&mut self, name: &'static str) -> Option<&'d Spanned<DeValue<'d>>> {
        self.asked.push(name);
        self.table.get(name)
    }

    fn wrong(
        &self,
        name: &str,
        value: &Spanned<DeValue<'_>>,
        allowed: &str,
        found: &mut Findings<'_>,
    ) {
        let message = format!("found {}, allowed is {allowed}", shown(value.get_ref()));
        found.add(value.span().start, self.key(name), message);
    }

    fn missing(&self, name: &str, allowed: &str, found: &mut Findings<'_>) {
        found.add(
            self.offset,
            self.key(name),
            format!("is missing, allowed is {allowed}"),
        );
    }

    /// Text that `check` accepts, told in `allowed`.
    pub(super) fn text_if(
        &mut self,
        name: &'static str,
        allowed: &str,
        check: impl Fn(&str) -> bool,
        found: &mut Findings<'_>,
    ) -> Option<Located<String>> {
        let value = self.value(name)?;
        match value.get_ref().as_str().filter(|text| check(text)) {
            Some(text) => Some(Located {
                value: text.to_owned(),
                offset: value.span().start,
                key: self.key(name),
            }),
            None => {
                self.wrong(name, value, allowed, found);
                None
            }
        }
    }

    /// The same, and it must be there.
    pub(super) fn required_text(
        &mut self,
        name: &'static str,
        allowed: &str,
        check: impl Fn(&str) -> bool,
        found: &mut Findings<'_>,
    ) -> Option<Located<String>> {
        if !self.table.contains_key(name) {
            self.asked.push(name);
            self.missing(name, allowed, found);
            return None;
        }
        self.text_if(name, allowed, check, found)
    }

    /// One of a list of words.
    pub(super) fn choice<T: Copy>(
        &mut self,
        name: &'static str,
        choices: &[(&str, T)],
        default: T,
        found: &mut Findings<'_>,
    ) -> T {
        let Some(value) = self.value(name) else {
            return default;
        };
        let text = value.get_ref().as_str();
        if let Some((_, choice)) = choices.iter().find(|(word, _)| Some(*word) == text) {
            return *choice;
        }
        let words: Vec<_> = choices
            .iter()
            .map(|(word, _)| format!("\"{word}\""))
            .collect();
        self.wrong(name, value, &format!("one of {}", words.join(", ")), found);
        default
    }

    /// A whole number within bounds.
    pub(super) fn number(
        &mut self,
        name: &'static str,
        range: RangeInclusive<u64>,
        default: u64,
        found: &mut Findings<'_>,
    ) -> u64 {
        let Some(value) = self.value(name) else {
            return default;
        };
        match integer(value.get_ref()).filter(|number| range.contains(number)) {
            Some(number) => number,
            None => {
                let allowed = format!("a whole number from {} to {}", range.start(), range.end());
                self.wrong(name, value, &allowed, found);
                default
            }
        }
    }

    /// A whole number out of a list, such as a baud rate.
    pub(super) fn number_of(
        &mut self,
        name: &'static str,
        choices: &[u32],
        default: u32,
        found: &mut Findings<'_>,
    ) -> u32 {
        let Some(value) = self.value(name) else {
            return default;
        };
        let number = integer(value.get_ref());
        if let Some(choice) = choices
            .iter()
            .find(|choice| Some(u64::from(**choice)) == number)
        {
            return *choice;
        }
        let list: Vec<_> = choices.iter().map(u32::to_string).collect();
        self.wrong(name, value, &format!("one of {}", list.join(", ")), found);
        default
    }

    /// A whole number that must be there.
    pub(super) fn required_number(
        &mut self,
        name: &'static str,
        range: RangeInclusive<u64>,
        found: &mut Findings<'_>,
    ) -> u64 {
        let default = *range.start();
        if !self.table.contains_key(name) {
            self.asked.push(name);
            let allowed = format!("a whole number from {} to {}", range.start(), range.end());
            self.missing(name, &allowed, found);
            return default;
        }
        self.number(name, range, default, found)
    }

    /// A list of texts, at most `max` of them.
    pub(super) fn texts(
        &mut self,
        name: &'static str,
        max: usize,
        found: &mut Findings<'_>,
    ) -> Vec<String> {
        let Some(value) = self.value(name) else {
            return Vec::new();
        };
        let texts: Option<Vec<_>> = value
            .get_ref()
            .as_array()
            .filter(|array| array.len() <= max)
            .and_then(|array| {
                array
                    .iter()
                    .map(|item| item.get_ref().as_str().map(str::to_owned))
                    .collect()
            });
        texts.unwrap_or_else(|| {
            self.wrong(
                name,
                value,
                &format!("a list of at most {max} texts"),
                found,
            );
            Vec::new()
        })
    }

    /// A sub-table; an empty one where it is missing.
    pub(super) fn table(
        &mut self,
        name: &'static str,
        found: &mut Findings<'_>,
    ) -> Option<Fields<'d>> {
        let value = self.value(name)?;
        match value.get_ref().as_table() {
            Some(table) => Some(Fields {
                table,
                offset: value.span().start,
                path: self.key(name),
                asked: Vec::new(),
            }),
            None => {
                self.wrong(
                    name,
                    value,
                    &format!("a table `[{}]`", self.key(name)),
                    found,
                );
                None
            }
        }
    }

    /// An array of tables, at most `max` of them.
    pub(super) fn tables(
        &mut self,
        name: &'static str,
        max: usize,
        found: &mut Findings<'_>,
    ) -> Vec<Fields<'d>> {
        let Some(value) = self.value(name) else {
            return Vec::new();
        };
        let allowed = format!("at most {max} tables `[[{}]]`", self.key(name));
        let Some(array) = value.get_ref().as_array() else {
            self.wrong(name, value, &allowed, found);
            return Vec::new();
        };
        if array.len() > max {
            let message = format!("found {} tables, allowed are {allowed}", array.len());
            found.add(value.span().start, self.key(name), message);
        }
        let mut tables = Vec::new();
        for (at, item) in array.iter().enumerate().take(max) {
            let path = format!("{}[{at}]", self.key(name));
            match item.get_ref().as_table() {
                Some(table) => {
                    tables.push(Fields {
                        table,
                        offset: item.span().start,
                        path,
                        asked: Vec::new(),
                    });
                }
                None => found.add(
                    item.span().start,
                    path,
                    format!("found {}, allowed is a table", shown(item.get_ref())),
                ),
            }
        }
        tables
    }

    /// Reports every key that was not asked for.
    pub(super) fn finish(self, found: &mut Findings<'_>) {
        for (key, _) in self.table.iter() {
            if !self.asked.contains(&key.get_ref().as_ref()) {
                let message = format!("is not a known key, allowed are {}", self.asked.join(", "));
                found.add(key.span().start, self.key(key.get_ref()), message);
            }
        }
    }
}

fn integer(value: &DeValue<'_>) -> Option<u64> {
    let integer = value.as_integer()?;
    u64::from_str_radix(integer.as_str(), integer.radix()).ok()
}

/// A value as it may stand in a message: short, and never a secret, for no key is read as text.
fn shown(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => {
            let short: String = text.chars().take(60).flat_map(char::escape_debug).collect();
            format!("the text \"{short}\"")
        }
        DeValue::Integer(number) => format!("the number {}", number.as_str()),
        DeValue::Float(number) => format!("the number {}", number.as_str()),
        DeValue::Boolean(value) => format!("{value}"),
        DeValue::Datetime(time) => format!("the time {time}"),
        DeValue::Array(array) => format!("a list of {}", array.len()),
        DeValue::Table(_) => "a table".to_owned(),
    }
}
