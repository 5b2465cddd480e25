//! The local API as its callers meet it: curl and the client, on a real socket, over a real store.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod client;
mod curl;
mod document;
mod limits;
mod records;
mod refusals;
mod site;
mod streams;
