//! Sending one file by TFTP, as a state machine: ACKs and the time go in, the blocks to send come out. It reads no
//! file, opens no socket and asks no clock.

use std::time::Duration;

use capledger_schema::time::Monotonic;

use crate::fetch::tftp::packet::{DEFAULT_BLOCK, Options, Packet};

/// What may be agreed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SendLimits {
    /// Largest block, in octets.
    pub blksize: u16,
    /// Most blocks per ACK.
    pub windowsize: u16,
    /// A window without ACK is sent again after this time, unless the client asks for another.
    pub interval: Duration,
    /// So often; then the client is given up.
    pub retries: u32,
}

/// What to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Send {
    /// An OACK.
    Options(Options),
    /// A DATA packet.
    Block {
        /// The number that stands in the packet.
        number: u16,
        /// Where the octets begin in the file.
        offset: u64,
        /// How many; fewer than agreed, maybe none, in the last block.
        len: usize,
    },
}

/// How a transfer stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It goes on.
    Going,
    /// The client has everything.
    Done,
    /// The client ended it with an ERROR packet.
    Ended,
    /// The client is silent.
    Silent,
}

/// The sending of one file.
#[derive(Debug)]
pub struct TftpSend {
    len: u64,
    blksize: u64,
    windowsize: u64,
    interval: Duration,
    retries: u32,
    /// The OACK, until it is acknowledged; true: to be sent now.
    offer: Option<(Options, bool)>,
    /// Blocks acknowledged.
    acked: u64,
    /// The block to send next, counted from 1 without wrapping.
    next: u64,
    /// The window was sent again because of an ACK; once more only because of time.
    restarted: bool,
    tries: u32,
    resend_at: Monotonic,
}

impl TftpSend {
    /// Answers a request for a file of this length.
    pub fn new(now: Monotonic, len: u64, proposed: Options, limits: &SendLimits) -> Self {
        let agreed = Options {
            blksize: proposed.blksize.map(|n| n.min(limits.blksize)),
            timeout: proposed.timeout,
            tsize: proposed.tsize.map(|_| len),
            windowsize: proposed.windowsize.map(|n| n.min(limits.windowsize)),
            ignored: 0,
        };
        let interval = agreed.timeout.map_or(limits.interval, |s| Duration::from_secs(u64::from(s)));
        TftpSend {
            len,
            blksize: u64::from(agreed.blksize.unwrap_or(DEFAULT_BLOCK)),
            windowsize: u64::from(agreed.windowsize.unwrap_or(1)),
            interval,
            retries: limits.retries,
            offer: (!agreed.is_empty()).then_some((agreed, true)),
            acked: 0,
            next: 1,
            restarted: false,
            tries: 0,
            resend_at: now + interval,
        }
    }

    /// Takes a packet of the client's.
    pub fn handle(&mut self, now: Monotonic, packet: &Packet<'_>) -> Standing {
        match packet {
            Packet::Ack(number) => self.ack(now, *number),
            Packet::Error(_) => return Standing::Ended,
            Packet::Read(_) | Packet::Write(_) | Packet::Data { .. } | Packet::OptionAck(_) => {}
        }
        if self.acked == self.blocks() { Standing::Done } else { Standing::Going }
    }

    /// Does what is due by now.
    pub fn handle_timeout(&mut self, now: Monotonic) -> Standing {
        if now < self.resend_at {
            return Standing::Going;
        }
        self.tries += 1;
        if self.tries > self.retries {
            return Standing::Silent;
        }
        self.next = self.acked + 1;
        if let Some((_, due)) = &mut self.offer {
            *due = true;
        }
        self.resend_at = now + self.interval;
        Standing::Going
    }

    /// When to call [`TftpSend::handle_timeout`].
    pub fn deadline(&self) -> Monotonic {
        self.resend_at
    }

    /// The next packet to send.
    pub fn poll_transmit(&mut self) -> Option<Send> {
        if let Some((options, due)) = &mut self.offer {
            return std::mem::take(due).then_some(Send::Options(*options));
        }
        if self.next > (self.acked + self.windowsize).min(self.blocks()) {
            return None;
        }
        let offset = (self.next - 1) * self.blksize;
        let number = self.next as u16;
        self.next += 1;
        Some(Send::Block { number, offset, len: (self.len - offset).min(self.blksize) as usize })
    }

    /// Octets of the file that the client has acknowledged.
    pub fn octets(&self) -> u64 {
        (self.acked * self.blksize).min(self.len)
    }

    /// Blocks of the file: the last is shorter than the others, so a file of whole blocks has an empty one more.
    fn blocks(&self) -> u64 {
        self.len / self.blksize + 1
    }

    fn ack(&mut self, now: Monotonic, number: u16) {
        if self.offer.is_some() {
            if number == 0 {
                self.offer = None;
                self.progress(now);
            }
            return;
        }
        let further = u64::from(number.wrapping_sub(self.acked as u16));
        let under_way = self.next - 1 - self.acked;
        if further == 0 {
            // With windows it says that the first block of one is missing (RFC 7440 section 4). Without, or a second
            // time, it is a copy; answering it would double every packet from then on (RFC 1123 4.2.3.1).
            if self.windowsize > 1 && under_way > 0 && !self.restarted {
                self.restarted = true;
                self.next = self.acked + 1;
            }
        } else if further <= under_way {
            self.acked += further;
            // What lies behind the block that was acknowledged is sent again: it was lost, or is not sent yet.
            self.next = self.acked + 1;
            self.progress(now);
        }
    }

    fn progress(&mut self, now: Monotonic) {
        self.restarted = false;
        self.tries = 0;
        self.resend_at = now + self.interval;
    }
}

#[cfg(test)]
mod tests;
