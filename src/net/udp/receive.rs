//! Reading: `recvmmsg` into buffers that stay.

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::AsRawFd;

use nix::cmsg_space;
use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, MultiHeaders, RecvMsg, SockaddrStorage, recvmmsg};

use super::bind::Bound;
use super::{BATCH, MAX_DATAGRAM};

/// The reading end of a port.
pub struct Receiver {
    lanes: Vec<Lane>,
    counters: ReceiveCounters,
}

/// What was read, and what was not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReceiveCounters {
    /// Datagrams that were handed on.
    pub datagrams: u64,
    /// Their octets.
    pub octets: u64,
    /// Datagrams longer than [`MAX_DATAGRAM`], dropped.
    pub too_long: u64,
}

/// A datagram that came in.
#[derive(Debug, Clone, Copy)]
pub struct Arrived<'a> {
    /// Its sender.
    pub from: SocketAddr,
    /// The address of this machine that an answer should leave from: the one that the datagram was sent to, or the
    /// receiving interface's own where it was sent to a group. Unspecified where the interface has none.
    pub local: SocketAddr,
    /// The UDP payload.
    pub octets: &'a [u8],
}

struct Lane {
    bound: Bound,
    headers: MultiHeaders<SockaddrStorage>,
    buffer: Box<[u8]>,
}

impl Receiver {
    pub(super) fn new(sockets: &[Bound]) -> Self {
        let lane = |bound: &Bound| Lane {
            bound: bound.clone(),
            headers: MultiHeaders::preallocate(BATCH, cmsg_buffer(bound)),
            // Pages that no datagram reaches are never touched.
            buffer: vec![0; BATCH * MAX_DATAGRAM].into_boxed_slice(),
        };
        Self { lanes: sockets.iter().map(lane).collect(), counters: ReceiveCounters::default() }
    }

    /// Reads what waits, up to [`BATCH`] datagrams per socket, and hands each to `take`. Never blocks; returns how
    /// many there were.
    pub fn receive(&mut self, mut take: impl FnMut(Arrived<'_>)) -> io::Result<usize> {
        let mut count = 0;
        for lane in &mut self.lanes {
            count += lane.receive(&mut self.counters, &mut take)?;
        }
        Ok(count)
    }

    /// What was read so far.
    pub fn counters(&self) -> ReceiveCounters {
        self.counters
    }
}

impl Lane {
    fn receive(&mut self, counters: &mut ReceiveCounters, take: &mut impl FnMut(Arrived<'_>)) -> io::Result<usize> {
        let mut slots = self.buffer.chunks_exact_mut(MAX_DATAGRAM);
        let mut slices: [[IoSliceMut<'_>; 1]; BATCH] =
            std::array::from_fn(|_| [IoSliceMut::new(slots.next().expect("the buffer has a slot per slice"))]);
        let fd = self.bound.socket.as_raw_fd();
        let messages = match recvmmsg(fd, &mut self.headers, slices.iter_mut(), MsgFlags::MSG_DONTWAIT, None) {
            Ok(messages) => messages,
            Err(Errno::EAGAIN | Errno::EINTR) => return Ok(0),
            Err(errno) => return Err(errno.into()),
        };
        let mut count = 0;
        for message in messages {
            count += 1;
            if message.flags.contains(MsgFlags::MSG_TRUNC) {
                counters.too_long += 1;
                continue;
            }
            let Some(from) = message.address.as_ref().and_then(socket_addr) else { continue };
            let local = self.bound.local_addr(&message, from);
            let octets = message.iovs().next().unwrap_or_default();
            counters.datagrams += 1;
            counters.octets += octets.len() as u64;
            take(Arrived { from, local, octets });
        }
        Ok(count)
    }
}

pub(super) fn cmsg_buffer(bound: &Bound) -> Option<Vec<u8>> {
    match (bound.wildcard(), bound.addr) {
        (false, _) => None,
        (true, SocketAddr::V4(_)) => Some(cmsg_space!(libc::in_pktinfo)),
        (true, SocketAddr::V6(_)) => Some(cmsg_space!(libc::in6_pktinfo)),
    }
}

fn socket_addr(storage: &SockaddrStorage) -> Option<SocketAddr> {
    if let Some(v4) = storage.as_sockaddr_in() {
        return Some(SocketAddr::V4((*v4).into()));
    }
    storage.as_sockaddr_in6().map(|v6| SocketAddr::V6((*v6).into()))
}

impl Bound {
    #[expect(clippy::wildcard_enum_match_arm, reason = "the system's control messages are not our enum")]
    fn local_addr(&self, message: &RecvMsg<'_, '_, SockaddrStorage>, from: SocketAddr) -> SocketAddr {
        if !self.wildcard() {
            return self.addr;
        }
        let local = message.cmsgs().ok().and_then(|mut cmsgs| {
            cmsgs.find_map(|cmsg| match cmsg {
                // For a broadcast or a group this is the interface's own address, where `ipi_addr` is the group's.
                ControlMessageOwned::Ipv4PacketInfo(info) => {
                    Some(IpAddr::V4(Ipv4Addr::from(info.ipi_spec_dst.s_addr.to_ne_bytes())))
                }
                ControlMessageOwned::Ipv6PacketInfo(info) => match Ipv6Addr::from(info.ipi6_addr.s6_addr) {
                    group if group.is_multicast() => self.interfaces.own_v6(info.ipi6_ifindex, from),
                    own => Some(own.into()),
                },
                _ => None,
            })
        });
        local.map_or(self.addr, |ip| SocketAddr::new(ip, self.addr.port()))
    }
}
