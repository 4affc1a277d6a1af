//! The access points' sockets: one for all of them on loopback, else one each.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::AsFd;

use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::socket::{setsockopt, sockopt};

use super::{Arrival, ClientError, ClientId};
use crate::net::udp::{BATCH, Binding, MAX_DATAGRAM, Receiver, Sender, UdpConfig};
use crate::net::wake::Source;

/// The first access point's address where all share a socket; the others follow.
const FIRST_SHARED: u32 = u32::from_be_bytes([127, 1, 0, 1]);
/// How many addresses follow: up to 127.254.255.255.
const SHARED: usize = (0x7FFF_0000 - FIRST_SHARED) as usize;

/// What went over the access points' sockets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ClientCounters {
    /// Datagrams that came.
    pub received: u64,
    /// Datagrams that went.
    pub sent: u64,
    /// Datagrams that did not go: the system refused them, or its buffer was full.
    pub unsent: u64,
}

pub(super) enum Sockets {
    Shared { receiver: Receiver, sender: Sender, port: u16, added: usize },
    Own { sockets: Vec<UdpSocket>, ready: Epoll, family: IpAddr, buffer: Box<[u8]>, counters: ClientCounters },
}

impl Sockets {
    pub(super) fn towards(ac: SocketAddr) -> Result<Self, ClientError> {
        if ac.is_ipv4() && ac.ip().is_loopback() {
            let any = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
            let binding = Binding::new(&[any], &UdpConfig::default())?;
            let port = binding.local_addrs().first().map_or(0, SocketAddr::port);
            let (receiver, sender) = binding.open();
            return Ok(Self::Shared { receiver, sender, port, added: 0 });
        }
        allow_many_files();
        let ready = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)
            .map_err(|errno| ClientError::Socket { number: 1, source: errno.into() })?;
        let family = match ac {
            SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        };
        let buffer = vec![0; MAX_DATAGRAM].into_boxed_slice();
        Ok(Self::Own { sockets: Vec::new(), ready, family, buffer, counters: ClientCounters::default() })
    }

    /// A place for one more; its own address.
    pub(super) fn add(&mut self) -> Result<SocketAddr, ClientError> {
        match self {
            Self::Shared { port, added, .. } => {
                if *added >= SHARED {
                    return Err(ClientError::TooMany(SHARED));
                }
                *added += 1;
                Ok(shared_addr(*added - 1, *port))
            }
            Self::Own { sockets, ready, family, .. } => {
                let number = sockets.len() + 1;
                let refused = |source: io::Error| ClientError::Socket { number, source };
                let socket = UdpSocket::bind((*family, 0)).map_err(refused)?;
                socket.set_nonblocking(true).map_err(refused)?;
                setsockopt(&socket, sockopt::Broadcast, &true).map_err(|errno| refused(errno.into()))?;
                let event = EpollEvent::new(EpollFlags::EPOLLIN, sockets.len() as u64);
                ready.add(&socket, event).map_err(|errno| refused(errno.into()))?;
                let local = socket.local_addr().map_err(refused)?;
                sockets.push(socket);
                Ok(local)
            }
        }
    }

    pub(super) fn buffer(&mut self) -> Vec<u8> {
        match self {
            Self::Shared { sender, .. } => sender.buffer(),
            Self::Own { .. } => Vec::new(),
        }
    }

    pub(super) fn send(&mut self, from: ClientId, to: SocketAddr, octets: Vec<u8>) {
        match self {
            Self::Shared { sender, port, .. } => sender.send(to, shared_addr(from.0, *port), octets),
            Self::Own { sockets, counters, .. } => {
                match sockets.get(from.0).map(|socket| socket.send_to(&octets, to)) {
                    Some(Ok(_)) => counters.sent += 1,
                    Some(Err(_)) | None => counters.unsent += 1,
                }
            }
        }
    }

    pub(super) fn flush(&mut self) {
        match self {
            Self::Shared { sender, .. } => sender.flush(),
            Self::Own { .. } => {}
        }
    }

    /// Reads one batch.
    pub(super) fn receive(&mut self, clients: usize, into: &mut Vec<Arrival>) -> io::Result<()> {
        match self {
            Self::Shared { receiver, .. } => receiver
                .receive(|datagram| {
                    if let Some(client) = shared_client(datagram.local.ip(), clients) {
                        into.push(Arrival { client, from: datagram.from, octets: datagram.octets.to_vec() });
                    }
                })
                .map(|_| ()),
            Self::Own { sockets, ready, buffer, counters, .. } => {
                let mut events = [EpollEvent::empty(); BATCH];
                let count = match ready.wait(&mut events, EpollTimeout::ZERO) {
                    Err(Errno::EINTR) => 0,
                    waited => waited?,
                };
                for event in &events[..count] {
                    let client = ClientId(event.data() as usize);
                    let Some(socket) = sockets.get(client.0) else { continue };
                    // Level-triggered: what is left comes with the next batch. An error is a peer's refusal.
                    if let Ok((len, from)) = socket.recv_from(buffer) {
                        counters.received += 1;
                        into.push(Arrival { client, from, octets: buffer[..len].to_vec() });
                    }
                }
                Ok(())
            }
        }
    }

    pub(super) fn sources(&self) -> impl Iterator<Item = Source<'_>> {
        let (shared, own) = match self {
            Self::Shared { sender, .. } => (Some(sender.sources()), None),
            Self::Own { ready, .. } => (None, Some(Source { fd: ready.0.as_fd(), writable: false })),
        };
        shared.into_iter().flatten().chain(own)
    }

    pub(super) fn counters(&self) -> ClientCounters {
        match self {
            Self::Shared { receiver, sender, .. } => ClientCounters {
                received: receiver.counters().datagrams,
                sent: sender.counters().datagrams,
                unsent: sender.counters().refused + sender.counters().overflowed + sender.counters().no_socket,
            },
            Self::Own { counters, .. } => *counters,
        }
    }
}

fn shared_addr(number: usize, port: u16) -> SocketAddr {
    let ip = Ipv4Addr::from(FIRST_SHARED.saturating_add(u32::try_from(number).unwrap_or(u32::MAX)));
    SocketAddr::from((ip, port))
}

fn shared_client(local: IpAddr, clients: usize) -> Option<ClientId> {
    let IpAddr::V4(local) = local else { return None };
    let number = u32::from(local).checked_sub(FIRST_SHARED)? as usize;
    (number < clients).then_some(ClientId(number))
}

/// One file per access point: as many as the system lets us have.
fn allow_many_files() {
    if let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE)
        && soft < hard
    {
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    }
}
