//! Small states that running parts keep over a restart, by name, beside the table.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::StoreError;
use super::shared::Shared;

/// States that wait for the store's thread: the newest of each name, so that there are never more
/// than things that have one.
pub(super) type Waiting = BTreeMap<String, Vec<u8>>;

/// Keeps states. Never waits for the disk.
#[derive(Debug, Clone)]
pub struct StateSink {
    shared: Arc<Shared>,
}

impl StateSink {
    pub(super) const fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Keeps a state in the place of the one of the same name; an empty one is as none.
    ///
    /// Durable no later than any event appended after it, and after a second at the latest.
    pub fn keep(&self, name: &str, state: Vec<u8>) {
        self.shared.kept().insert(name.to_owned(), state);
        self.shared.cursors_moved.notify_one();
    }

    /// All states whose names begin with `prefix`, without it.
    pub fn kept(&self, prefix: &str) -> Result<BTreeMap<String, Vec<u8>>, StoreError> {
        let mut found = self.shared.read(|trees| {
            let mut found = BTreeMap::new();
            for row in trees.kept.scan_prefix(prefix) {
                let (name, state) = row?;
                let name = core::str::from_utf8(&name)
                    .map_err(|_| StoreError::row("kept", &name, "its key is not text"))?;
                found.insert(name.to_owned(), state.to_vec());
            }
            Ok(found)
        })?;
        for (name, state) in self.shared.kept().iter() {
            if name.starts_with(prefix) {
                found.insert(name.clone(), state.clone());
            }
        }
        found.retain(|_, state| !state.is_empty());
        Ok(found
            .into_iter()
            .map(|(name, state)| (name[prefix.len()..].to_owned(), state))
            .collect())
    }
}
