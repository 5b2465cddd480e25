//! From the table as it was kept before, a row of sled for each row, to blocks.

use sled::Tree;

use super::database::Database;
use super::packed::Packed;
use super::{StoreError, old_journal, rows};

/// Rows that are copied together.
const ROWS_TOGETHER: usize = 1_000;

/// Brings the table into blocks. In the old tree stays the schema version alone, so that an older
/// version refuses it rather than take it for empty. After a cut all this begins anew.
pub(super) fn into_blocks(database: &mut Database, schema: u32) -> Result<(), StoreError> {
    let old = database.trees.old_table.clone();
    let is_copied = database.trees.table.contains_key(rows::SCHEMA)?;
    if !is_copied {
        old_journal::recover(&old)?;
        if !old.is_empty() {
            log::info!("the access table is brought into a form that needs less memory");
        }
        copy(&old, &database.trees.table)?;
        database.sync()?;
        let version = schema.to_be_bytes();
        database.trees.table.insert(rows::SCHEMA, version)?;
        database.sync()?;
    }
    old.clear()?;
    old.insert(rows::SCHEMA, &schema.to_be_bytes())?;
    database.sync()
}

fn copy(old: &Tree, table: &Packed) -> Result<(), StoreError> {
    let mut all = old.iter();
    loop {
        let some: Vec<_> = all.by_ref().take(ROWS_TOGETHER).collect::<Result<_, _>>()?;
        if some.is_empty() {
            return Ok(());
        }
        // The version says that all is there.
        let some = some.iter().filter(|(key, _)| key != rows::SCHEMA);
        table.apply(some.map(|(key, value)| (key.as_ref(), Some(value.as_ref()))))?;
    }
}
