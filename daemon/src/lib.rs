//! The access-control daemon: all the I/O around `doorward-core` and `doorward-wire`.
//!
//! - [`doors`]: the thread that owns the doors; [`readers`] and [`relays`] run on it.
//! - [`store`]: the access table and the logs. The only module that knows sled.
//! - [`admin`]: the local API. [`uplink`]: MQTT. Both run in the office. [`change`]: how they
//!   change the table.
//! - [`serial`] and [`gpio`]: the only modules that open serial ports and GPIO chips.
//! - [`config`]: `site.toml`. [`system`]: logging, systemd, signals, exit codes.
//! - [`vault`]: checks of the store, backups, and what is made of them.
//! - [`presets`]: what is shipped to begin with.
//! - [`run`]: puts them together and takes them apart again.

pub mod admin;
pub mod backoff;
pub mod change;
pub mod clock;
pub mod config;
pub mod doors;
pub mod gpio;
pub mod guard;
pub mod keys;
pub mod permit;
pub mod presets;
pub mod readers;
pub mod relays;
pub mod run;
pub mod serial;
pub mod store;
pub mod system;
pub mod uplink;
pub mod vault;
