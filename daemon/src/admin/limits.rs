//! Every limit of the local API.

use std::time::Duration;

/// The largest body, in bytes.
pub const BODY_BYTES_MAX: usize = 1024 * 1024;
/// How much of a body that is too large is still taken, so that its sender hears the answer.
pub const BODY_DRAIN_BYTES_MAX: usize = 32 * 1024 * 1024;
/// The largest request line and headers together, in bytes.
pub const HEAD_BYTES_MAX: usize = 32 * 1024;
/// The most headers.
pub const HEADERS_MAX: usize = 64;
/// Connections served at once.
pub const CONNECTIONS_MAX: usize = 256;
/// Connections above [`CONNECTIONS_MAX`] that are told so at once; more are closed unheard.
pub const REFUSALS_MAX: usize = 64;
/// Streams of server-sent events at once.
pub const STREAMS_MAX: usize = 64;
/// Seconds after which one that was too much may come again.
pub const RETRY_AFTER_S: u32 = 1;
/// Events read from the log at once for a stream.
pub const STREAM_BATCH_MAX: usize = 256;

/// The limits that are times, so that tests need not wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// A request's head must have arrived within this; also how long a connection may idle.
    pub head: Duration,
    /// A request must be answered within this, from its head on, its body included. Streams are
    /// not ended by it.
    pub request: Duration,
    /// How long a client may leave unread what was written to it.
    pub write_stall: Duration,
    /// How often a stream gives a sign of life.
    pub heartbeat: Duration,
    /// How long connections may go on once the daemon stops.
    pub drain: Duration,
}

impl Default for Times {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(10),
            request: Duration::from_secs(30),
            write_stall: Duration::from_secs(30),
            heartbeat: Duration::from_secs(15),
            drain: Duration::from_secs(2),
        }
    }
}
