//! Large changes, atomic without holding up events.
//!
//! A batch of sled is atomic and indivisible: events would wait for the whole of it. So a large
//! change is first written to a journal, row by row, with events in between. A marker ends the
//! journal, and with it the change is decided: it is then carried out, again with events in
//! between, and the journal is taken away. A crash before the marker leaves nothing of the change;
//! after it, the next opening carries it out. sled recovers its log up to some point and nothing
//! beyond, so that whoever finds the marker finds the whole journal.

use serde::{Deserialize, Serialize};
use sled::Tree;

use super::database::VALUE_BYTES_MAX;
use super::{StoreError, rows};

/// Rows written between two looks for events.
pub(super) const ROWS_BETWEEN_EVENTS: usize = 32;

/// The most rows in one batch; a change with more goes through the journal.
pub(super) const BATCH_ROWS_MAX: usize = 256;

/// Room for a row's own key and lengths in a page of the journal.
const ROW_OVERHEAD_BYTES: usize = 16;

/// Rows to be written, or taken away where there is no value. Some rows of the change.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Page(Vec<(Bytes, Option<Bytes>)>);

/// Bytes, compact in MessagePack.
#[derive(Debug)]
struct Bytes(Vec<u8>);

impl Serialize for Bytes {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match rmpv::Value::deserialize(deserializer)? {
            rmpv::Value::Binary(bytes) => Ok(Self(bytes)),
            other => Err(serde::de::Error::custom(format_args!(
                "{other} is not bytes"
            ))),
        }
    }
}

/// Writes the journal of a change. `pause` is called now and then.
pub(super) fn write<'a>(
    table: &Tree,
    rows: impl Iterator<Item = (&'a Vec<u8>, &'a Option<Vec<u8>>)>,
    mut pause: impl FnMut(),
) -> Result<(), StoreError> {
    let mut page = Page::default();
    let (mut bytes, mut number, mut since_pause) = (0, 0u32, 0);
    for (row, value) in rows {
        let size = row.len() + value.as_ref().map_or(0, Vec::len) + ROW_OVERHEAD_BYTES;
        if bytes + size > VALUE_BYTES_MAX - ROW_OVERHEAD_BYTES && bytes > 0 {
            write_page(table, number, &page)?;
            (page, bytes, number) = (Page::default(), 0, number + 1);
        }
        page.0.push((Bytes(row.clone()), value.clone().map(Bytes)));
        bytes += size;
        since_pause += 1;
        if since_pause == ROWS_BETWEEN_EVENTS {
            pause();
            since_pause = 0;
        }
    }
    write_page(table, number, &page)
}

fn write_page(table: &Tree, number: u32, page: &Page) -> Result<(), StoreError> {
    let row = rows::journal_page(number);
    let bytes = rmp_serde::to_vec(page).map_err(|error| StoreError::row("table", &row, error))?;
    table.insert(row, bytes)?;
    Ok(())
}

/// Decides the change: from here on it will be carried out.
pub(super) fn decide(table: &Tree) -> Result<(), StoreError> {
    table.insert(rows::JOURNAL_DECIDED, &[])?;
    Ok(())
}

/// Takes the journal away, its marker first.
pub(super) fn discard(table: &Tree, mut pause: impl FnMut()) -> Result<(), StoreError> {
    table.remove(rows::JOURNAL_DECIDED)?;
    for (at, row) in table.scan_prefix(rows::JOURNAL_PAGES).keys().enumerate() {
        table.remove(row?)?;
        if at % ROWS_BETWEEN_EVENTS == ROWS_BETWEEN_EVENTS - 1 {
            pause();
        }
    }
    Ok(())
}

/// At opening: carries out a change that was decided, forgets one that was not.
pub(super) fn recover(table: &Tree) -> Result<(), StoreError> {
    if table.contains_key(rows::JOURNAL_DECIDED)? {
        for entry in table.scan_prefix(rows::JOURNAL_PAGES) {
            let (row, bytes) = entry?;
            let page: Page = rmp_serde::from_slice(&bytes)
                .map_err(|error| StoreError::row("table", &row, error))?;
            for (row, value) in page.0 {
                match value {
                    Some(value) => drop(table.insert(row.0, value.0)?),
                    None => drop(table.remove(row.0)?),
                }
            }
        }
    }
    discard(table, || {})
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn tree() -> (sled::Db, Tree) {
        let db = sled::Config::new().temporary(true).open().unwrap();
        let tree = db.open_tree("table").unwrap();
        (db, tree)
    }

    fn change() -> BTreeMap<Vec<u8>, Option<Vec<u8>>> {
        let row = |at: u32| [&[0x10][..], &at.to_be_bytes()].concat();
        let mut rows: BTreeMap<_, _> = (0..2_000).map(|at| (row(at), Some(vec![1; 60]))).collect();
        rows.insert(row(1), None);
        rows.insert(row(3_000), Some(vec![2; VALUE_BYTES_MAX]));
        rows
    }

    fn contents(tree: &Tree) -> BTreeMap<Vec<u8>, Vec<u8>> {
        tree.iter()
            .map(|entry| {
                entry
                    .map(|(row, value)| (row.to_vec(), value.to_vec()))
                    .unwrap()
            })
            .collect()
    }

    fn journalled() -> (sled::Db, Tree) {
        let (db, tree) = tree();
        tree.insert([0x10, 0, 0, 0, 1], b"old").unwrap();
        let mut pauses = 0;
        write(&tree, change().iter(), || pauses += 1).unwrap();
        assert_eq!(pauses, 2_001 / ROWS_BETWEEN_EVENTS);
        (db, tree)
    }

    #[test]
    fn a_change_that_was_decided_is_carried_out_whole() {
        let (_db, tree) = journalled();
        decide(&tree).unwrap();
        recover(&tree).unwrap();
        let expected: BTreeMap<_, _> = change()
            .into_iter()
            .filter_map(|(row, value)| Some((row, value?)))
            .collect();
        assert_eq!(contents(&tree), expected);
    }

    #[test]
    fn a_change_that_was_not_decided_leaves_nothing() {
        let (_db, tree) = journalled();
        recover(&tree).unwrap();
        let old = (vec![0x10, 0, 0, 0, 1], b"old".to_vec());
        assert_eq!(contents(&tree), BTreeMap::from([old]));
    }

    #[test]
    fn pages_are_no_larger_than_other_values_but_for_one_large_row() {
        let (_db, tree) = journalled();
        for page in tree.scan_prefix(rows::JOURNAL_PAGES).values() {
            let page = page.unwrap().len();
            assert!(page <= VALUE_BYTES_MAX + 64, "{page} bytes");
        }
    }
}
