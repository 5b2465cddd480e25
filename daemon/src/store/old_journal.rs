//! The journal of large changes as it was kept in the table itself: still carried out where an older
//! version left one behind.

use serde::{Deserialize, Serialize};
use sled::Tree;

use super::{StoreError, rows};

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

/// Takes the journal away, its marker first.
fn discard(table: &Tree) -> Result<(), StoreError> {
    if table.remove(rows::JOURNAL_DECIDED)?.is_some() {
        log::info!("a change that an older version had decided is carried out");
    }
    for row in table.scan_prefix(rows::JOURNAL_PAGES).keys() {
        table.remove(row?)?;
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
    discard(table)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    type Rows = BTreeMap<Vec<u8>, Vec<u8>>;

    fn row(at: u32) -> Vec<u8> {
        [&[0x10][..], &at.to_be_bytes()].concat()
    }

    /// A tree with row 1, and a journal of two pages that takes it away and puts others.
    fn journalled() -> (sled::Db, Tree) {
        let db = sled::Config::new().temporary(true).open().unwrap();
        let tree = db.open_tree("table").unwrap();
        tree.insert(row(1), b"old").unwrap();
        let put = |at| (Bytes(row(at)), Some(Bytes(vec![2; 60])));
        let pages = [
            Page(vec![(Bytes(row(1)), None), put(2)]),
            Page(vec![put(3), put(4)]),
        ];
        for (number, page) in (0u32..).zip(pages) {
            let key = [rows::JOURNAL_PAGES, &number.to_be_bytes()].concat();
            tree.insert(key, rmp_serde::to_vec(&page).unwrap()).unwrap();
        }
        (db, tree)
    }

    fn contents(tree: &Tree) -> Rows {
        let rows = tree.iter().map(Result::unwrap);
        rows.map(|(row, value)| (row.to_vec(), value.to_vec()))
            .collect()
    }

    #[test]
    fn a_change_that_was_decided_is_carried_out_whole() {
        let (_db, tree) = journalled();
        tree.insert(rows::JOURNAL_DECIDED, &[]).unwrap();
        recover(&tree).unwrap();
        let expected: Rows = (2..=4).map(|at| (row(at), vec![2; 60])).collect();
        assert_eq!(contents(&tree), expected);
    }

    #[test]
    fn a_change_that_was_not_decided_leaves_nothing() {
        let (_db, tree) = journalled();
        recover(&tree).unwrap();
        assert_eq!(contents(&tree), Rows::from([(row(1), b"old".to_vec())]));
    }
}
