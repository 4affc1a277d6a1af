//! What a table of peers counts: every datagram that it drops, by reason, and every handshake, by outcome.

macro_rules! counters {
    ($(#[$of:meta])* $name:ident { $($(#[$doc:meta])* $field:ident,)+ }) => {
        $(#[$of])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
        pub struct $name {
            $($(#[$doc])* pub $field: u64,)+
        }

        impl $name {
            /// Every counter with its name, in the order of the struct.
            pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
                [$((stringify!($field), self.$field)),+].into_iter()
            }
        }
    };
}

counters! {
    /// Counts since the table was made.
    PeerCounters {
        /// Datagrams in clear.
        clear,
        /// Messages decrypted.
        opened,
        /// Messages encrypted.
        sealed,
        /// Dropped: no octets.
        empty,
        /// Dropped: neither a CAPWAP header nor a CAPWAP DTLS header.
        unknown_preamble,
        /// Dropped: a CAPWAP DTLS header without a DTLS record behind it.
        no_record,
        /// Dropped: a DTLS record from an address that has neither session nor handshake.
        no_session,
        /// Dropped: a datagram of a session that is forged, damaged, or was seen before.
        unauthentic,
        /// Dropped: a ClientHello that cannot be read.
        bad_hellos,
        /// Dropped: a ClientHello whose handshake is under way or done.
        repeated_hellos,
        /// ClientHellos without a valid cookie, answered with one.
        cookies_sent,
        /// Handshakes begun, after a valid cookie.
        handshakes_begun,
        /// Handshakes finished.
        handshakes_completed,
        /// Handshakes that failed.
        handshakes_failed,
        /// Handshakes dropped because they took too long.
        handshakes_timed_out,
        /// Handshakes dropped because they had stalled while others waited for a place.
        handshakes_evicted,
        /// Dropped: a ClientHello while too many handshakes were under way and too many waited.
        waiting_full,
        /// Handshakes dropped because the same address began another one.
        handshakes_superseded,
        /// Handshakes refused because there are too many sessions.
        sessions_full,
        /// Sessions replaced by a newer one from the same address.
        replaced,
        /// Sessions that the peer ended, by a close_notify or an alert.
        closed_by_peer,
    }
}
