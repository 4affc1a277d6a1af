//! Sending: a queue per socket and `sendmmsg`, with buffers that go around.

use std::collections::VecDeque;
use std::io::IoSlice;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::{ControlMessage, MsgFlags, MultiHeaders, SockaddrStorage, sendmmsg};

use super::BATCH;
use super::bind::Bound;
use super::receive::cmsg_buffer;
use crate::net::wake::Source;

/// Datagrams that wait while the kernel's buffer is full; further ones are dropped, as the network would.
const QUEUE: usize = 4_096;
/// Buffers that are kept for the next datagrams.
const SPARE: usize = 2 * BATCH;
/// Longer buffers than this are given back.
const LARGEST_SPARE: usize = 16 * 1_024;

/// The sending end of a port.
pub struct Sender {
    lanes: Vec<Lane>,
    spare: Vec<Vec<u8>>,
    counters: SendCounters,
}

/// What was sent, and what was not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SendCounters {
    /// Datagrams that the kernel took.
    pub datagrams: u64,
    /// Their octets.
    pub octets: u64,
    /// Datagrams that the kernel refused: no route, too long, forbidden.
    pub refused: u64,
    /// Datagrams dropped because the kernel's buffer and our queue were full.
    pub overflowed: u64,
    /// Datagrams to an address family that no socket of the port speaks.
    pub no_socket: u64,
}

struct Lane {
    bound: Bound,
    plain: MultiHeaders<SockaddrStorage>,
    /// For datagrams that must leave from a certain address.
    from_address: Option<MultiHeaders<SockaddrStorage>>,
    queue: VecDeque<Outgoing>,
    blocked: bool,
}

struct Outgoing {
    to: SocketAddr,
    local: SocketAddr,
    octets: Vec<u8>,
}

impl Sender {
    pub(super) fn new(sockets: &[Bound]) -> Self {
        let lane = |bound: &Bound| Lane {
            bound: bound.clone(),
            plain: MultiHeaders::preallocate(BATCH, None),
            from_address: cmsg_buffer(bound).map(|buffer| MultiHeaders::preallocate(BATCH, Some(buffer))),
            queue: VecDeque::new(),
            blocked: false,
        };
        Self { lanes: sockets.iter().map(lane).collect(), spare: Vec::new(), counters: SendCounters::default() }
    }

    /// An empty buffer, used before where there is one. Give it back through [`Self::send`].
    pub fn buffer(&mut self) -> Vec<u8> {
        self.spare.pop().unwrap_or_default()
    }

    /// Queues a datagram, and sends once a batch is full. `local` is the address that it should leave from, as
    /// [`Arrived::local`](super::Arrived::local) gave it; an unspecified one leaves it to the system.
    pub fn send(&mut self, to: SocketAddr, local: SocketAddr, octets: Vec<u8>) {
        let Some(lane) = self.lanes.iter_mut().find(|lane| lane.bound.addr.is_ipv4() == to.is_ipv4()) else {
            self.counters.no_socket += 1;
            return recycle(&mut self.spare, octets);
        };
        if lane.queue.len() >= QUEUE {
            self.counters.overflowed += 1;
            return recycle(&mut self.spare, octets);
        }
        lane.queue.push_back(Outgoing { to, local, octets });
        if lane.queue.len() >= BATCH && !lane.blocked {
            lane.flush(&mut self.spare, &mut self.counters);
        }
    }

    /// Sends what is queued, as far as the kernel takes it. Never blocks. Call it once per pass of the loop.
    pub fn flush(&mut self) {
        for lane in &mut self.lanes {
            lane.flush(&mut self.spare, &mut self.counters);
        }
    }

    /// What was sent so far.
    pub fn counters(&self) -> SendCounters {
        self.counters
    }

    /// The sockets to poll: for reading, and for writing where datagrams wait.
    pub fn sources(&self) -> impl Iterator<Item = Source<'_>> {
        self.lanes.iter().map(|lane| Source { fd: lane.fd(), writable: !lane.queue.is_empty() })
    }
}

impl Lane {
    fn fd(&self) -> BorrowedFd<'_> {
        self.bound.socket.as_fd()
    }

    fn flush(&mut self, spare: &mut Vec<Vec<u8>>, counters: &mut SendCounters) {
        self.blocked = false;
        while !self.queue.is_empty() {
            match self.send_run() {
                Ok(count) => {
                    for sent in self.queue.drain(..count) {
                        counters.datagrams += 1;
                        counters.octets += sent.octets.len() as u64;
                        recycle(spare, sent.octets);
                    }
                }
                Err(Errno::EAGAIN) => {
                    self.blocked = true;
                    return;
                }
                Err(Errno::EINTR) => {}
                Err(errno) => {
                    // It speaks of the first datagram alone; the others may have another fate.
                    if let Some(refused) = self.queue.pop_front() {
                        tracing::debug!(to = %refused.to, %errno, octets = refused.octets.len(), "datagram refused");
                        counters.refused += 1;
                        recycle(spare, refused.octets);
                    }
                }
            }
        }
    }

    /// Sends the first datagrams that leave from the same address with one call; returns how many went.
    fn send_run(&mut self) -> Result<usize, Errno> {
        let mut slices: [[IoSlice<'_>; 1]; BATCH] = [[IoSlice::new(&[])]; BATCH];
        let mut addresses: [Option<SockaddrStorage>; BATCH] = [None; BATCH];
        let asked = self.from_address.is_some();
        let origin = self.queue.front().and_then(|first| first.origin(asked));
        let run = self.queue.iter().take_while(|next| next.origin(asked) == origin);
        let mut count = 0;
        for ((slice, address), next) in slices.iter_mut().zip(&mut addresses).zip(run) {
            *slice = [IoSlice::new(&next.octets)];
            *address = Some(SockaddrStorage::from(next.to));
            count += 1;
        }
        let fd = self.bound.socket.as_raw_fd();
        let (slices, addresses) = (&slices[..count], &addresses[..count]);
        let flags = MsgFlags::MSG_DONTWAIT;
        match (origin, &mut self.from_address) {
            (Some((IpAddr::V4(local), _)), Some(headers)) => {
                let info = libc::in_pktinfo {
                    ipi_ifindex: 0,
                    ipi_spec_dst: libc::in_addr { s_addr: u32::from_ne_bytes(local.octets()) },
                    ipi_addr: libc::in_addr { s_addr: 0 },
                };
                let info = [ControlMessage::Ipv4PacketInfo(&info)];
                sendmmsg(fd, headers, slices, addresses, info, flags).map(Iterator::count)
            }
            (Some((IpAddr::V6(local), scope)), Some(headers)) => {
                let info =
                    libc::in6_pktinfo { ipi6_addr: libc::in6_addr { s6_addr: local.octets() }, ipi6_ifindex: scope };
                let info = [ControlMessage::Ipv6PacketInfo(&info)];
                sendmmsg(fd, headers, slices, addresses, info, flags).map(Iterator::count)
            }
            (None, _) | (Some(_), None) => {
                sendmmsg(fd, &mut self.plain, slices, addresses, [], flags).map(Iterator::count)
            }
        }
    }
}

impl Outgoing {
    /// The address to leave from, with the interface where the address alone does not say it (IPv6 link-local).
    fn origin(&self, asked: bool) -> Option<(IpAddr, u32)> {
        let scope = match self.to {
            SocketAddr::V6(to) => to.scope_id(),
            SocketAddr::V4(_) => 0,
        };
        let local = self.local.ip();
        (asked && !local.is_unspecified()).then_some((local, scope))
    }
}

fn recycle(spare: &mut Vec<Vec<u8>>, mut octets: Vec<u8>) {
    if spare.len() < SPARE && octets.capacity() <= LARGEST_SPARE {
        octets.clear();
        spare.push(octets);
    }
}
