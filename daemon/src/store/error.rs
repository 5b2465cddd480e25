//! What can go wrong in the store, said so that an operator knows what to do.

use std::path::PathBuf;

/// Why the store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process holds the folder.
    #[error("`{}` is in use: another daemon runs on it; stop that one first", path.display())]
    Locked {
        /// The store's folder.
        path: PathBuf,
    },
    /// The folder cannot be made, opened or synced.
    #[error("cannot {doing} `{}`", path.display())]
    Folder {
        /// What was tried.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The database is damaged.
    #[error(
        "`{}` does not open as a database; nothing was deleted: \
         move the folder aside and restore a backup, or keep it for repair",
        path.display()
    )]
    Corrupt {
        /// The store's folder.
        path: PathBuf,
        /// What the database says.
        source: sled::Error,
    },
    /// A newer version wrote the database in a way that this version cannot read.
    #[error(
        "`{}` has schema version {found}, this version reads up to {supported}; \
         install a newer version",
        path.display()
    )]
    NewerSchema {
        /// The store's folder.
        path: PathBuf,
        /// The version found.
        found: u32,
        /// The newest version that can be read.
        supported: u32,
    },
    /// A row cannot be read.
    #[error("row {key} of the {tree} cannot be read: {what}")]
    Row {
        /// Which tree.
        tree: &'static str,
        /// Its key, in hexadecimal digits.
        key: String,
        /// What is wrong with it.
        what: String,
    },
    /// The hash chain does not hold.
    #[error(transparent)]
    Chain(#[from] super::chain::ChainError),
    /// Storage fails: a full disk, or an I/O error.
    #[error("storage fails: {what}")]
    Storage {
        /// What failed.
        what: String,
    },
    /// Too many changes wait; try again.
    #[error("{max} changes of the table wait already; try again")]
    Busy {
        /// How many may wait.
        max: usize,
    },
    /// The table has moved on since the change was made up.
    #[error("the table is at revision {found}, the change was made for revision {expected}")]
    Conflict {
        /// The revision that the change was made for.
        expected: u64,
        /// The table's revision.
        found: u64,
    },
    /// A record or a note is too large.
    #[error("{what} takes {found} bytes, allowed are {max}")]
    TooLarge {
        /// Which.
        what: String,
        /// Its size in bytes.
        found: usize,
        /// The largest allowed size in bytes.
        max: usize,
    },
    /// Too many rows in one change.
    #[error("the change has {found} rows, allowed are {max}; split it")]
    TooMany {
        /// The rows it has.
        found: usize,
        /// The most allowed.
        max: usize,
    },
    /// All ids of a kind are used up.
    #[error("no ids are left for another {kind:?}")]
    IdsUsedUp {
        /// Of which kind.
        kind: doorward_core::model::Kind,
    },
    /// What is to be erased is still in use.
    #[error("{target} is still in the table: remove it first")]
    StillThere {
        /// What.
        target: doorward_core::model::RecordRef,
    },
    /// More was changed while the store was read than could be noted.
    #[error("too much was changed meanwhile, or storage failed; try again")]
    SnapshotLost,
    /// The permit is for something else.
    #[error("a permit for {found:?} does not allow this")]
    WrongPermit {
        /// What the permit allows.
        found: crate::permit::Action,
    },
    /// The store is stopped.
    #[error("the store is stopped")]
    Stopped,
}

impl StoreError {
    pub(super) fn row(tree: &'static str, key: &[u8], what: impl std::fmt::Display) -> Self {
        Self::Row {
            tree,
            key: key.iter().map(|byte| format!("{byte:02x}")).collect(),
            what: format!("{what}"),
        }
    }
}

impl From<sled::Error> for StoreError {
    fn from(error: sled::Error) -> Self {
        Self::Storage {
            what: error.to_string(),
        }
    }
}
