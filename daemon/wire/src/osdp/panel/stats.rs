//! Counting what happens on a link.

use crate::osdp::reply::NakCode;

/// What has happened on the link to one PD since the panel was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PdStats {
    /// POLL commands sent, without repetitions.
    pub polls: u64,
    /// Other commands sent, without repetitions.
    pub commands: u64,
    /// Replies accepted.
    pub replies: u64,
    /// Commands sent again.
    pub retries: u64,
    /// Waits that ended without a reply.
    pub timeouts: u64,
    /// Frames that arrived in a wait with a wrong check field.
    pub bad_checks: u64,
    /// Replies whose MAC was wrong.
    pub bad_macs: u64,
    /// Replies with an unexpected sequence number.
    pub bad_sequences: u64,
    /// Replies in clear or unencrypted that are only accepted in a Secure Channel.
    pub clear_refused: u64,
    /// BUSY replies.
    pub busy: u64,
    /// NAK replies by code: codes 1 to 9 at their number, all others at 0.
    pub naks: [u64; NakCode::COUNT],
    /// Sessions established.
    pub sessions: u64,
    /// Times the PD went offline.
    pub outages: u64,
    /// Probes sent while the PD was offline.
    pub probes: u64,
    /// From the end of a command to the first byte of its reply: moving average, in microseconds.
    pub latency_mean_us: u64,
    /// The same: the longest, in microseconds.
    pub latency_max_us: u64,
}

impl PdStats {
    pub(crate) fn count_nak(&mut self, code: NakCode) {
        let at = usize::from(code.byte());
        self.naks[if at < NakCode::COUNT { at } else { 0 }] += 1;
    }
}
