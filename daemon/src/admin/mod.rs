//! The local API: HTTP/1.1 and JSON on a Unix socket.
//!
//! A request comes in at [`serve()`](serve::serve), is bound to its caller by the credentials of
//! the socket (`caller`), is read with bounds (`body`, `query`, [`limits`]), and is answered
//! by one of `routes`; whatever is refused is refused as problem details (`refused`). Every
//! change of the table goes through [`crate::change`].

mod body;
mod caller;
mod json;
pub mod limits;
mod office;
mod openapi;
mod pins;
mod query;
mod refused;
mod reply;
mod routes;
mod serve;
mod socket;
mod stall;

pub use body::read_changes;
pub use limits::Times;
pub use office::Office;
pub use openapi::document;
pub use serve::serve;
pub use socket::{Socket, SocketError, SocketSettings};
