//! The datagram queue under an OpenSSL stream: one read takes one datagram, one write makes one.
//!
//! It adds the CAPWAP DTLS header (RFC 5415 section 4.2) in front of what OpenSSL writes, in the same buffer, so that
//! a sealed record is copied once on its way to the socket. It never blocks: an empty queue is `WouldBlock`.

use std::collections::VecDeque;
use std::io::{self, Read, Write};

use super::record::{RECORD_HEADER, RECORD_NUMBER, record_header, record_number};

/// Preamble version 0, type 1 (CAPWAP DTLS header), and three reserved octets (RFC 5415 section 4.2).
pub const CAPWAP_DTLS_HEADER: [u8; 4] = [1, 0, 0, 0];

/// Room for the records that most datagrams hold; a larger inbound buffer is given back once it is empty.
const USUAL_DATAGRAM: usize = 2_048;

#[derive(Debug, Default)]
pub(super) struct Datagrams {
    inbound: Vec<u8>,
    unread: bool,
    outbound: VecDeque<Vec<u8>>,
    /// Where the next write goes while a message is being sealed.
    sink: Option<Vec<u8>>,
    /// The number of the first record in clear, where it matters.
    first: Option<u64>,
    /// What is added to the numbers of records in clear, once the first was written.
    ahead: Option<u64>,
}

impl Datagrams {
    /// Puts the records of one datagram (without the CAPWAP header) where the next read finds them. A datagram that
    /// was not read by then is lost, as UDP would lose it.
    pub(super) fn arrived(&mut self, records: &[u8]) {
        self.inbound.clear();
        self.inbound.extend_from_slice(records);
        self.unread = true;
    }

    /// Whether the datagram waits that arrived last.
    pub(super) fn is_unread(&self) -> bool {
        self.unread
    }

    /// The next datagram to send.
    pub(super) fn next_transmit(&mut self) -> Option<Vec<u8>> {
        self.outbound.pop_front()
    }

    /// Has the records in clear begin with this number.
    ///
    /// A server takes that of the ClientHello which it answers (RFC 6347 section 4.2.1). OpenSSL 3.2 and later begin with
    /// 1 whatever it was; a client that had to ask twice for a cookie takes such a record for a repeated one, so it would
    /// miss the ServerHello until that is sent again, and an alert for good.
    pub(super) fn number_from(&mut self, first: u64) {
        self.first = Some(first);
    }

    /// No record in clear is authenticated, nor is its number part of what the handshake signs.
    fn renumber(&mut self, records: &mut [u8]) {
        let Some(first) = self.first else { return };
        let mut rest = records;
        while let Some((sealed, len)) = record_header(rest) {
            if !sealed {
                let number = record_number(rest);
                let ahead = *self.ahead.get_or_insert(first.saturating_sub(number));
                rest[RECORD_NUMBER].copy_from_slice(&number.wrapping_add(ahead).to_be_bytes()[2..]);
            }
            rest = rest.get_mut(RECORD_HEADER + len..).unwrap_or_default();
        }
    }

    /// Appends what OpenSSL writes to `out` until [`Self::release_sink`].
    pub(super) fn set_sink(&mut self, out: Vec<u8>) {
        self.sink = Some(out);
    }

    /// Gives the buffer back.
    pub(super) fn release_sink(&mut self) -> Vec<u8> {
        self.sink.take().unwrap_or_default()
    }
}

impl Read for Datagrams {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if !self.unread {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.unread = false;
        let len = self.inbound.len().min(buf.len());
        buf[..len].copy_from_slice(&self.inbound[..len]);
        if self.inbound.capacity() > USUAL_DATAGRAM {
            self.inbound = Vec::new();
        }
        Ok(len)
    }
}

impl Write for Datagrams {
    fn write(&mut self, records: &[u8]) -> io::Result<usize> {
        if let Some(out) = &mut self.sink {
            out.extend_from_slice(&CAPWAP_DTLS_HEADER);
            out.extend_from_slice(records);
        } else {
            let mut datagram = Vec::with_capacity(CAPWAP_DTLS_HEADER.len() + records.len());
            datagram.extend_from_slice(&CAPWAP_DTLS_HEADER);
            datagram.extend_from_slice(records);
            self.renumber(&mut datagram[CAPWAP_DTLS_HEADER.len()..]);
            self.outbound.push_back(datagram);
        }
        Ok(records.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
