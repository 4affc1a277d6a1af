//! What a WTP counts: of its messages, for whoever watches it; of its reboots, for WTP Reboot Statistics (4.6.47).

use crate::capwap::element::wtp::RebootFailureType;

/// Of one WTP, since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WtpCounters {
    /// Control messages sent, in clear or not, repetitions included.
    pub sent: u64,
    /// Control messages taken, in clear or not.
    pub received: u64,
    /// Requests of its own that it sent again.
    pub retransmitted: u64,
    /// Requests of the AC that came again and were answered from memory.
    pub repeated: u64,
    /// Requests of the AC that were older than the last one, and responses to nothing.
    pub stale: u64,
    /// Datagrams that are no CAPWAP message.
    pub malformed: u64,
    /// Requests of the AC that are wrong in the state in which they came, or unknown.
    pub unexpected: u64,
    /// Events that could not be told, for want of a session in Run or of room.
    pub events_dropped: u64,
    /// Joins that the AC accepted.
    pub joins: u64,
    /// Times that Run was entered.
    pub runs: u64,
    /// Sessions that failed.
    pub failures: u64,
    /// Restarts, for whatever reason.
    pub boots: u64,
    /// Images stored.
    pub images_stored: u64,
    /// Images that were begun and not stored.
    pub images_failed: u64,
}

/// Why it restarted and lost its AC, kept over restarts (RFC 5415 4.9).
#[derive(Clone, Debug)]
pub(super) struct RebootRecord {
    pub(super) crashes: u16,
    pub(super) ac_initiated: u16,
    pub(super) link_failures: u16,
    pub(super) other_failures: u16,
    pub(super) last: RebootFailureType,
}

impl RebootRecord {
    /// Nothing has happened yet.
    pub(super) fn new() -> Self {
        RebootRecord {
            crashes: 0,
            ac_initiated: 0,
            link_failures: 0,
            other_failures: 0,
            last: RebootFailureType::NotSupported,
        }
    }
}
