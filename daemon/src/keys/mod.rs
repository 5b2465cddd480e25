//! The readers' own keys: where they come from, where they are kept, and how they change.
//!
//! A key that a person gives stands in a file or a credential that `site.toml` names. A key that
//! this daemon sets is kept in the folder `keys` of the data folder, durable before it is sent.

mod folder;
mod keeper;
mod order;
mod ring;
mod seal;

pub(crate) use folder::KeyFolder;
pub use folder::KeyFolderError;
pub(crate) use keeper::{KeptReader, KeyKeeper};
pub use keeper::{KeyError, ReaderKeys, WINDOW_MINUTES};
pub use order::KeyOrderError;
pub(crate) use order::{KeyNews, KeyOrder, KeyShown, NEWS_MAX, ORDERS_MAX};
pub(crate) use ring::KeyRing;
pub(crate) use seal::Seal;
pub use seal::{SEAL_CREDENTIAL, SealError};
