//! Sockets, their options and their multicast groups.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::sync::Arc;

use nix::errno::Errno;
use nix::ifaddrs::getifaddrs;
use nix::net::if_::{InterfaceFlags, if_nametoindex};
use nix::sys::socket::{
    AddressFamily, SetSockOpt, SockFlag, SockProtocol, SockType, SockaddrStorage, bind, setsockopt, socket, sockopt,
};

use super::{Receiver, Sender};

/// The discovery groups of RFC 5415 sections 3.3 and 15: `224.0.1.140`, and `FF0X::18C` in the scopes link, site and
/// organization.
const GROUP_V4: Ipv4Addr = Ipv4Addr::new(224, 0, 1, 140);
const GROUPS_V6: [Ipv6Addr; 3] = [
    Ipv6Addr::new(0xFF02, 0, 0, 0, 0, 0, 0, 0x18C),
    Ipv6Addr::new(0xFF05, 0, 0, 0, 0, 0, 0, 0x18C),
    Ipv6Addr::new(0xFF08, 0, 0, 0, 0, 0, 0, 0x18C),
];

/// How to open a port.
#[derive(Debug, Clone)]
pub struct UdpConfig {
    /// The kernel's receive buffer per socket, in octets; the system may grant less.
    pub receive_buffer: usize,
    /// The kernel's send buffer per socket, in octets; the system may grant less.
    pub send_buffer: usize,
    /// Whether to join the discovery groups.
    pub discovery_groups: bool,
}

impl Default for UdpConfig {
    fn default() -> Self {
        Self { receive_buffer: 8 << 20, send_buffer: 4 << 20, discovery_groups: false }
    }
}

/// Why a port could not be opened.
#[derive(Debug, thiserror::Error)]
#[error("UDP {addr}: {source}; {advice}")]
pub struct UdpError {
    /// The address asked for.
    pub addr: SocketAddr,
    /// What the system said.
    pub source: io::Error,
    advice: &'static str,
}

/// A port on one or two addresses (IPv4, IPv6), bound but not yet read. It can go to the thread that will own it;
/// what [`Self::open`] gives stays there.
#[derive(Debug)]
pub struct Binding {
    pub(super) sockets: Vec<Bound>,
}

#[derive(Debug, Clone)]
pub(super) struct Bound {
    pub(super) socket: Arc<UdpSocket>,
    pub(super) addr: SocketAddr,
    pub(super) interfaces: Arc<Interfaces>,
}

/// The IPv6 addresses of the interfaces, by index, as they were when the port was bound.
#[derive(Debug, Default)]
pub(super) struct Interfaces(BTreeMap<u32, Vec<Ipv6Addr>>);

impl Interfaces {
    fn now() -> Self {
        let mut by_index: BTreeMap<u32, Vec<Ipv6Addr>> = BTreeMap::new();
        for interface in getifaddrs().into_iter().flatten() {
            let Some(v6) = interface.address.as_ref().and_then(|address| address.as_sockaddr_in6()) else { continue };
            if let Ok(index) = if_nametoindex(interface.interface_name.as_str()) {
                by_index.entry(index).or_default().push(v6.ip());
            }
        }
        Self(by_index)
    }

    /// An address of the interface to answer `to` from: link-local to link-local, else the other way.
    pub(super) fn own_v6(&self, index: u32, to: SocketAddr) -> Option<IpAddr> {
        let SocketAddr::V6(to) = to else { return None };
        let own = self.0.get(&index)?;
        let link_local = to.ip().is_unicast_link_local();
        let fitting = own.iter().find(|address| address.is_unicast_link_local() == link_local);
        fitting.or_else(|| own.first()).map(|address| IpAddr::V6(*address))
    }
}

impl Bound {
    /// Whether the local address of each datagram must be asked for.
    pub(super) fn wildcard(&self) -> bool {
        self.addr.ip().is_unspecified()
    }
}

impl Binding {
    /// Binds a socket to each of `addrs`: at most one per address family. An IPv6 socket takes IPv6 alone. A socket
    /// that is bound to one address hears no broadcast and no multicast.
    pub fn new(addrs: &[SocketAddr], config: &UdpConfig) -> Result<Self, UdpError> {
        let mut sockets: Vec<Bound> = Vec::new();
        for &addr in addrs {
            if sockets.iter().any(|bound| bound.addr.is_ipv4() == addr.is_ipv4()) {
                return Err(UdpError {
                    addr,
                    source: io::ErrorKind::InvalidInput.into(),
                    advice: "name one address per family",
                });
            }
            sockets.push(open(addr, config).map_err(|errno| UdpError {
                addr,
                source: errno.into(),
                advice: advice(errno),
            })?);
        }
        Ok(Self { sockets })
    }

    /// The addresses that were bound, with the ports that the system chose.
    pub fn local_addrs(&self) -> Vec<SocketAddr> {
        self.sockets.iter().map(|bound| bound.addr).collect()
    }

    /// Both directions, for the thread that owns the port.
    pub fn open(self) -> (Receiver, Sender) {
        (Receiver::new(&self.sockets), Sender::new(&self.sockets))
    }
}

fn open(addr: SocketAddr, config: &UdpConfig) -> Result<Bound, Errno> {
    let family = if addr.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let fd = socket(family, SockType::Datagram, flags, SockProtocol::Udp)?;
    if addr.is_ipv6() {
        setsockopt(&fd, sockopt::Ipv6V6Only, &true)?;
    }
    if addr.ip().is_unspecified() {
        match addr {
            SocketAddr::V4(_) => setsockopt(&fd, sockopt::Ipv4PacketInfo, &true)?,
            SocketAddr::V6(_) => setsockopt(&fd, sockopt::Ipv6RecvPacketInfo, &true)?,
        }
    }
    setsockopt(&fd, sockopt::Broadcast, &true)?;
    // Beyond the system's limit where we may, else as much as it grants.
    grow(&fd, sockopt::RcvBufForce, sockopt::RcvBuf, config.receive_buffer)?;
    grow(&fd, sockopt::SndBufForce, sockopt::SndBuf, config.send_buffer)?;
    bind(fd.as_raw_fd(), &SockaddrStorage::from(addr))?;
    let socket = UdpSocket::from(fd);
    let addr = socket.local_addr().map_err(|error| errno(&error))?;
    if config.discovery_groups {
        join_discovery_groups(&socket, addr.ip());
    }
    let interfaces = if addr.is_ipv6() { Interfaces::now() } else { Interfaces::default() };
    Ok(Bound { socket: Arc::new(socket), addr, interfaces: Arc::new(interfaces) })
}

fn grow(
    fd: &impl std::os::fd::AsFd,
    force: impl SetSockOpt<Val = usize>,
    plain: impl SetSockOpt<Val = usize>,
    octets: usize,
) -> Result<(), Errno> {
    setsockopt(fd, force, &octets).or_else(|_| setsockopt(fd, plain, &octets))
}

/// Joins on every interface that is up and takes multicast. An interface that refuses is passed over: discovery by
/// unicast and broadcast works without it.
fn join_discovery_groups(socket: &UdpSocket, bound_to: IpAddr) {
    let Ok(interfaces) = getifaddrs() else { return };
    let mut joined = BTreeSet::new();
    let up = InterfaceFlags::IFF_UP | InterfaceFlags::IFF_MULTICAST;
    for interface in interfaces.filter(|interface| interface.flags.contains(up)) {
        let Some(address) = interface.address else { continue };
        let results = match (bound_to, address.as_sockaddr_in(), address.as_sockaddr_in6()) {
            (IpAddr::V4(_), Some(v4), _) if joined.insert(interface.interface_name.clone()) => {
                vec![socket.join_multicast_v4(&GROUP_V4, &v4.ip())]
            }
            (IpAddr::V6(_), _, Some(_)) if joined.insert(interface.interface_name.clone()) => {
                let index = if_nametoindex(interface.interface_name.as_str()).unwrap_or(0);
                GROUPS_V6.iter().map(|group| socket.join_multicast_v6(group, index)).collect()
            }
            _ => continue,
        };
        for error in results.into_iter().filter_map(Result::err) {
            tracing::warn!(interface = interface.interface_name, %error, "cannot join the CAPWAP discovery group");
        }
    }
}

fn errno(error: &io::Error) -> Errno {
    error.raw_os_error().map_or(Errno::UnknownErrno, Errno::from_raw)
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the system's error numbers are not our enum")]
fn advice(errno: Errno) -> &'static str {
    match errno {
        Errno::EADDRINUSE => "another program holds the port: stop it, or choose another",
        Errno::EADDRNOTAVAIL => "the address is not one of this machine's",
        Errno::EACCES => "the port is reserved: choose one above 1023, or grant CAP_NET_BIND_SERVICE",
        Errno::EAFNOSUPPORT => "the system does not speak this address family: leave the address out",
        _ => "check the address",
    }
}
