//! Reads TOML documents table by table, and collects every problem with its line.

use core::fmt;
use core::ops::RangeInclusive;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The most problems reported of one document.
pub const PROBLEMS_MAX: usize = 100;

/// One thing wrong with a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The line it stands on, from 1.
    pub line: usize,
    /// The key, such as `format[0] (H10301).number`; empty for the document as a whole.
    pub key: String,
    /// What was found and what is allowed.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.key.is_empty() {
            write!(f, "line {}: {}", self.line, self.message)
        } else {
            write!(f, "line {}: `{}` {}", self.line, self.key, self.message)
        }
    }
}

/// Everything wrong with a document, by line. Never empty; at most [`PROBLEMS_MAX`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// The problems, by line.
    #[must_use]
    pub fn list(&self) -> &[Problem] {
        &self.0
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, problem) in self.0.iter().enumerate() {
            let end = if at == 0 { "" } else { "\n" };
            write!(f, "{end}{problem}")?;
        }
        Ok(())
    }
}

/// A document being read: its text, and what is wrong with it so far.
#[derive(Debug)]
pub struct Findings<'t> {
    text: &'t str,
    problems: Vec<Problem>,
}

impl Findings<'_> {
    /// How many problems there are so far.
    pub const fn count(&self) -> usize {
        self.problems.len()
    }

    /// Adds a problem that stands `offset` bytes into the document.
    pub fn add(&mut self, offset: usize, key: impl Into<String>, message: impl Into<String>) {
        if self.problems.len() == PROBLEMS_MAX {
            return;
        }
        let before = self.text.as_bytes().get(..offset).unwrap_or_default();
        let line = before.iter().filter(|&&byte| byte == b'\n').count() + 1;
        self.problems.push(Problem {
            line,
            key: key.into(),
            message: message.into(),
        });
    }
}

/// Parses `text` of at most `bytes_max` bytes and lets `read` take the root table apart. Its
/// result counts only when no problem was found.
pub fn read_document<T>(
    text: &str,
    bytes_max: usize,
    read: impl FnOnce(&mut Fields<'_>, &mut Findings<'_>) -> Option<T>,
) -> Result<T, Problems> {
    let mut found = Findings {
        text,
        problems: Vec::new(),
    };
    if text.len() > bytes_max {
        let message = format!(
            "{} bytes found, at most {bytes_max} are allowed",
            text.len()
        );
        found.add(0, String::new(), message);
        return Err(Problems(found.problems));
    }
    let (document, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        let offset = error.span().map_or(0, |span| span.start);
        found.add(offset, String::new(), error.message().to_owned());
    }
    let mut result = None;
    // The recovered part of a document with a syntax error would be told to lack things that
    // stand in it.
    if found.problems.is_empty() {
        let mut root = Fields::new(document.get_ref(), 0, String::new());
        result = read(&mut root, &mut found);
        root.refuse_unknown(&mut found);
    }
    found.problems.sort_by_key(|problem| problem.line);
    match result {
        Some(result) if found.problems.is_empty() => Ok(result),
        _ => {
            if found.problems.is_empty() {
                found.add(0, String::new(), "the document is not complete".to_owned());
            }
            Err(Problems(found.problems))
        }
    }
}

/// A value with the place it came from.
#[derive(Debug, Clone)]
pub struct Located<T> {
    /// The value.
    pub value: T,
    /// Where it stands, in bytes from the start of the document.
    pub offset: usize,
    /// Its whole key.
    pub key: String,
}

/// A table being read. Keys that were not asked for are unknown.
#[derive(Debug)]
pub struct Fields<'d> {
    table: &'d DeTable<'d>,
    offset: usize,
    path: String,
    asked: Vec<&'static str>,
}

impl<'d> Fields<'d> {
    const fn new(table: &'d DeTable<'d>, offset: usize, path: String) -> Self {
        Self {
            table,
            offset,
            path,
            asked: Vec::new(),
        }
    }

    /// Where the table stands, in bytes from the start of the document.
    pub const fn offset(&self) -> usize {
        self.offset
    }

    /// Names this table in problems from here on, such as by the name it carries itself.
    pub fn rename(&mut self, path: String) {
        self.path = path;
    }

    /// The table's own key.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The whole key of `name` in this table.
    pub fn key(&self, name: &str) -> String {
        if self.path.is_empty() {
            name.to_owned()
        } else {
            format!("{}.{name}", self.path)
        }
    }

    /// Whether `name` is there.
    pub fn has(&self, name: &str) -> bool {
        self.table.contains_key(name)
    }

    fn ask(&mut self, name: &'static str) {
        if !self.asked.contains(&name) {
            self.asked.push(name);
        }
    }

    fn value(&mut self, name: &'static str) -> Option<&'d Spanned<DeValue<'d>>> {
        self.ask(name);
        self.table.get(name)
    }

    /// Reports that `name` is missing.
    pub fn missing(&self, name: &str, allowed: &str, found: &mut Findings<'_>) {
        let message = format!("is missing, allowed is {allowed}");
        found.add(self.offset, self.key(name), message);
    }

    fn wrong(
        &self,
        name: &str,
        value: &Spanned<DeValue<'_>>,
        allowed: &str,
        found: &mut Findings<'_>,
    ) {
        let message = format!("is {}, allowed is {allowed}", shown(value.get_ref()));
        found.add(value.span().start, self.key(name), message);
    }

    /// Text of 1 to `chars_max` characters. `None` when it is absent or wrong.
    pub fn text(
        &mut self,
        name: &'static str,
        chars_max: usize,
        found: &mut Findings<'_>,
    ) -> Option<Located<&'d str>> {
        let allowed = format!("text of 1 to {chars_max} characters");
        let is_short = |text: &str| (1..=chars_max).contains(&text.chars().count());
        self.text_if(name, &allowed, is_short, found)
    }

    /// Text that `check` accepts, told in `allowed`. `None` when it is absent or wrong.
    pub fn text_if(
        &mut self,
        name: &'static str,
        allowed: &str,
        check: impl Fn(&str) -> bool,
        found: &mut Findings<'_>,
    ) -> Option<Located<&'d str>> {
        let value = self.value(name)?;
        match value.get_ref().as_str().filter(|text| check(text)) {
            Some(text) => Some(Located {
                value: text,
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
    pub fn required_text_if(
        &mut self,
        name: &'static str,
        allowed: &str,
        check: impl Fn(&str) -> bool,
        found: &mut Findings<'_>,
    ) -> Option<Located<&'d str>> {
        if !self.has(name) {
            self.ask(name);
            self.missing(name, allowed, found);
        }
        self.text_if(name, allowed, check, found)
    }

    /// One of a list of words; `default` when it is absent or wrong.
    pub fn choice<T: Copy>(
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

    /// A whole number out of a list; `default` when it is absent or wrong.
    pub fn number_of(
        &mut self,
        name: &'static str,
        choices: &[u32],
        default: u32,
        found: &mut Findings<'_>,
    ) -> u32 {
        let Some(value) = self.value(name) else {
            return default;
        };
        if let Some(number) = integer(value.get_ref()).filter(|number| choices.contains(number)) {
            return number;
        }
        let list: Vec<_> = choices.iter().map(u32::to_string).collect();
        self.wrong(name, value, &format!("one of {}", list.join(", ")), found);
        default
    }

    /// A list of texts, at most `max` of them; empty when it is absent or wrong.
    pub fn texts(
        &mut self,
        name: &'static str,
        max: usize,
        found: &mut Findings<'_>,
    ) -> Vec<String> {
        let Some(value) = self.value(name) else {
            return Vec::new();
        };
        let owned = |item: &Spanned<DeValue<'_>>| item.get_ref().as_str().map(str::to_owned);
        let items = value
            .get_ref()
            .as_array()
            .filter(|array| array.len() <= max);
        items
            .and_then(|array| array.iter().map(owned).collect())
            .unwrap_or_else(|| {
                self.wrong(
                    name,
                    value,
                    &format!("a list of at most {max} texts"),
                    found,
                );
                Vec::new()
            })
    }

    /// The same, and it must be there.
    pub fn required_text(
        &mut self,
        name: &'static str,
        chars_max: usize,
        found: &mut Findings<'_>,
    ) -> Option<Located<&'d str>> {
        if !self.has(name) {
            let allowed = format!("text of 1 to {chars_max} characters");
            self.ask(name);
            self.missing(name, &allowed, found);
        }
        self.text(name, chars_max, found)
    }

    /// A whole number within bounds. `None` when it is absent or wrong.
    pub fn number(
        &mut self,
        name: &'static str,
        range: RangeInclusive<u32>,
        found: &mut Findings<'_>,
    ) -> Option<Located<u32>> {
        let value = self.value(name)?;
        match integer(value.get_ref()).filter(|number| range.contains(number)) {
            Some(number) => Some(Located {
                value: number,
                offset: value.span().start,
                key: self.key(name),
            }),
            None => {
                self.wrong(name, value, &whole_number(&range), found);
                None
            }
        }
    }

    /// The same, and it must be there.
    pub fn required_number(
        &mut self,
        name: &'static str,
        range: RangeInclusive<u32>,
        found: &mut Findings<'_>,
    ) -> Option<Located<u32>> {
        if !self.has(name) {
            self.ask(name);
            self.missing(name, &whole_number(&range), found);
        }
        self.number(name, range, found)
    }

    /// Yes or no; `default` when it is absent.
    pub fn flag(&mut self, name: &'static str, default: bool, found: &mut Findings<'_>) -> bool {
        let Some(value) = self.value(name) else {
            return default;
        };
        value.get_ref().as_bool().unwrap_or_else(|| {
            self.wrong(name, value, "`true` or `false`", found);
            default
        })
    }

    /// A list of words out of `choices`.
    pub fn words(
        &mut self,
        name: &'static str,
        choices: &[&'static str],
        found: &mut Findings<'_>,
    ) -> Vec<&'static str> {
        let Some(value) = self.value(name) else {
            return Vec::new();
        };
        let mut words = Vec::new();
        let items = value.get_ref().as_array();
        for item in items.into_iter().flat_map(|array| array.iter()) {
            let text = item.get_ref().as_str();
            if let Some(&word) = choices.iter().find(|&&choice| Some(choice) == text) {
                words.push(word);
                continue;
            }
            words.clear();
            break;
        }
        if words.is_empty() {
            let allowed = format!("a list out of \"{}\"", choices.join("\", \""));
            self.wrong(name, value, &allowed, found);
        }
        words
    }

    /// A table in this one.
    pub fn table(&mut self, name: &'static str, found: &mut Findings<'_>) -> Option<Fields<'d>> {
        let value = self.value(name)?;
        match value.get_ref().as_table() {
            Some(table) => Some(Self::new(table, value.span().start, self.key(name))),
            None => {
                self.wrong(name, value, "a table", found);
                None
            }
        }
    }

    /// The tables of a list, in order; `count_max` at most.
    pub fn tables(
        &mut self,
        name: &'static str,
        count_max: usize,
        found: &mut Findings<'_>,
    ) -> Vec<Fields<'d>> {
        let Some(value) = self.value(name) else {
            return Vec::new();
        };
        let Some(array) = value.get_ref().as_array() else {
            self.wrong(name, value, "a list of tables", found);
            return Vec::new();
        };
        if array.len() > count_max {
            let message = format!(
                "has {} tables, at most {count_max} are allowed",
                array.len()
            );
            found.add(value.span().start, self.key(name), message);
        }
        let mut tables = Vec::new();
        for (at, item) in array.iter().enumerate().take(count_max) {
            let path = format!("{}[{at}]", self.key(name));
            match item.get_ref().as_table() {
                Some(table) => tables.push(Self::new(table, item.span().start, path)),
                None => {
                    let message = format!("is {}, allowed is a table", shown(item.get_ref()));
                    found.add(item.span().start, path, message);
                }
            }
        }
        tables
    }

    /// Reports every key that was not asked for. To be called once the table is read.
    pub fn refuse_unknown(&self, found: &mut Findings<'_>) {
        for key in self.table.keys() {
            let name = key.get_ref();
            if self.asked.iter().any(|asked| asked == name) {
                continue;
            }
            let name: String = name.chars().take(40).collect();
            let message = format!("is unknown, allowed are `{}`", self.asked.join("`, `"));
            found.add(key.span().start, self.key(&name), message);
        }
    }
}

fn whole_number(range: &RangeInclusive<u32>) -> String {
    format!("a whole number from {} to {}", range.start(), range.end())
}

fn integer(value: &DeValue<'_>) -> Option<u32> {
    let integer = value.as_integer()?;
    u32::from_str_radix(integer.as_str().trim_start_matches('+'), integer.radix()).ok()
}

fn shown(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => {
            let start: String = text.chars().take(40).collect();
            let more = if text.chars().count() > 40 { "…" } else { "" };
            format!("{start:?}{more}")
        }
        DeValue::Integer(integer) => match integer.radix() {
            16 => format!("0x{}", integer.as_str()),
            _ => integer.as_str().to_owned(),
        },
        DeValue::Float(float) => float.as_str().to_owned(),
        DeValue::Boolean(flag) => flag.to_string(),
        DeValue::Datetime(time) => time.to_string(),
        DeValue::Array(_) => "a list".to_owned(),
        DeValue::Table(_) => "a table".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(text: &str) -> String {
        let read = |root: &mut Fields<'_>, found: &mut Findings<'_>| {
            let size = root.required_number("size", 1..=9, found);
            let name = root.required_text("name", 5, found);
            for mut item in root.tables("item", 2, found) {
                item.flag("on", false, found);
                item.words("kinds", &["a", "b"], found);
                item.refuse_unknown(found);
            }
            Some((size?.value, name?.value.to_owned()))
        };
        match read_document(text, 1000, read) {
            Ok(read) => format!("{read:?}"),
            Err(problems) => problems.to_string(),
        }
    }

    #[test]
    fn a_right_document_is_taken() {
        assert_eq!(problems("size = 0x3\nname = \"abc\""), r#"(3, "abc")"#);
    }

    #[test]
    fn all_problems_are_told_at_once_with_their_lines() {
        let text = "name = 7\nsize = 10\ncolour = 1\n[[item]]\non = \"yes\"\nkinds = [\"c\"]\nx = 1\n[[item]]\n[[item]]\n";
        assert_eq!(
            problems(text),
            "line 1: `name` is 7, allowed is text of 1 to 5 characters\n\
             line 2: `size` is 10, allowed is a whole number from 1 to 9\n\
             line 3: `colour` is unknown, allowed are `size`, `name`, `item`\n\
             line 4: `item` has 3 tables, at most 2 are allowed\n\
             line 5: `item[0].on` is \"yes\", allowed is `true` or `false`\n\
             line 6: `item[0].kinds` is a list, allowed is a list out of \"a\", \"b\"\n\
             line 7: `item[0].x` is unknown, allowed are `on`, `kinds`"
        );
    }

    #[test]
    fn missing_keys_broken_text_and_sizes_are_told() {
        assert_eq!(
            problems("name = \"a\""),
            "line 1: `size` is missing, allowed is a whole number from 1 to 9"
        );
        assert!(problems("size = 1\nname = ").starts_with("line 2: "));
        assert_eq!(
            problems(&" ".repeat(1001)),
            "line 1: 1001 bytes found, at most 1000 are allowed"
        );
        for number in ["-1", "1.5", "99999999999999999999", "true"] {
            let text = format!("name = \"a\"\nsize = {number}");
            assert!(
                problems(&text).starts_with("line 2: `size` is "),
                "{number}"
            );
        }
    }
}
