//! Aligned tables and lists of fields for people.

use std::io::{self, Write};

use ratatui::text::Span;

use crate::text;

/// Rows under headings, each column as wide as its widest cell.
#[derive(Debug, Clone)]
pub struct Table {
    headings: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table without rows.
    #[must_use]
    pub fn new(headings: &[&'static str]) -> Self {
        Self {
            headings: headings.to_vec(),
            rows: Vec::new(),
        }
    }

    /// Adds a row: as many cells as there are headings.
    pub fn row<const N: usize>(&mut self, cells: &[String; N]) {
        debug_assert_eq!(N, self.headings.len());
        self.rows
            .push(cells.iter().map(|cell| text::printable(cell)).collect());
    }

    /// Whether there are no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Writes headings and rows; nothing at the end of a line.
    pub fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut widths: Vec<usize> = self.headings.iter().map(|cell| width(cell)).collect();
        for row in &self.rows {
            for (widest, cell) in widths.iter_mut().zip(row) {
                *widest = (*widest).max(width(cell));
            }
        }
        let headings: Vec<String> = self.headings.iter().map(ToString::to_string).collect();
        line(out, &headings, &widths)?;
        self.rows.iter().try_for_each(|row| line(out, row, &widths))
    }
}

/// Names and values below each other, values aligned.
#[derive(Debug, Clone, Default)]
pub struct Fields(Vec<(&'static str, String)>);

impl Fields {
    /// Adds a field.
    pub fn add(&mut self, name: &'static str, value: impl AsRef<str>) {
        self.0.push((name, text::printable(value.as_ref())));
    }

    /// Adds a field with several values below each other; says so when there are none.
    pub fn add_all(&mut self, name: &'static str, values: &[String]) {
        if values.is_empty() {
            self.add(name, text::NONE);
        }
        for (at, value) in values.iter().enumerate() {
            self.add(if at == 0 { name } else { "" }, value);
        }
    }

    /// Writes all fields.
    pub fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let widest = self
            .0
            .iter()
            .map(|(name, _)| width(name))
            .max()
            .unwrap_or(0);
        self.0.iter().try_for_each(|(name, value)| {
            line(out, &[(*name).to_owned(), value.clone()], &[widest, 0])
        })
    }
}

/// The columns that `text` takes on a terminal.
#[must_use]
pub fn width(text: &str) -> usize {
    Span::raw(text).width()
}

fn line(out: &mut dyn Write, cells: &[String], widths: &[usize]) -> io::Result<()> {
    let mut line = String::new();
    for (cell, widest) in cells.iter().zip(widths) {
        line.push_str(cell);
        line.extend(std::iter::repeat_n(
            ' ',
            widest.saturating_sub(width(cell)) + 2,
        ));
    }
    writeln!(out, "{}", line.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_align_whatever_the_letters() {
        let mut table = Table::new(&["ID", "NAME", "STATE"]);
        table.row(&["1".into(), "Anna Berg".into(), "active".into()]);
        table.row(&["12".into(), "山田 太郎".into(), "invited".into()]);
        table.row(&["3".into(), "Zoë\u{1b}[2J".into(), String::new()]);
        let mut out = Vec::new();
        table.write(&mut out).unwrap();
        let expected = "\
ID  NAME       STATE
1   Anna Berg  active
12  山田 太郎  invited
3   Zoë?[2J
";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn fields_with_several_values() {
        let mut fields = Fields::default();
        fields.add("Name", "Lab");
        fields.add_all("Readers", &["lab-in".into(), "lab-out".into()]);
        fields.add_all("Keys", &[]);
        let mut out = Vec::new();
        fields.write(&mut out).unwrap();
        let expected = "\
Name     Lab
Readers  lab-in
         lab-out
Keys     –
";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
