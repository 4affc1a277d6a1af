//! Elements about addresses and transport (RFC 5415 4.6.9 to 4.6.12, 4.6.14, 4.6.22, 4.6.23, 4.6.25, 4.6.48).

use std::net::{Ipv4Addr, Ipv6Addr};

use super::station::MacAddress;
use crate::capwap::wire::{codes, layout};

layout! {
    /// CAPWAP Control IPv4 Address (4.6.9).
    pub struct ControlIpv4Address {
        /// An interface of the AC.
        pub address: Ipv4Addr,
        /// WTPs connected to it.
        pub wtp_count: u16,
    }
}

layout! {
    /// CAPWAP Control IPv6 Address (4.6.10).
    pub struct ControlIpv6Address {
        /// An interface of the AC.
        pub address: Ipv6Addr,
        /// WTPs connected to it.
        pub wtp_count: u16,
    }
}

codes! {
    /// The transport of the data channel (4.6.14).
    TransportProtocol: u8 {
        UdpLite = 1 "UDP-Lite",
        Udp = 2 "UDP",
    }
}

codes! {
    /// Support for Explicit Congestion Notification (4.6.25).
    EcnSupport: u8 {
        Limited = 0 "Limited ECN Support",
        FullAndLimited = 1 "Full and Limited ECN Support",
    }
}

layout! {
    /// Duplicate IPv4 Address (4.6.22).
    pub struct DuplicateIpv4Address {
        /// The WTP's address.
        pub address: Ipv4Addr,
        /// 1 if a duplicate was found, 0 once it is gone.
        pub status: u8,
        /// Who else uses it.
        pub offender: MacAddress,
    }
}

layout! {
    /// Duplicate IPv6 Address (4.6.23).
    pub struct DuplicateIpv6Address {
        /// The WTP's address.
        pub address: Ipv6Addr,
        /// 1 if a duplicate was found, 0 once it is gone.
        pub status: u8,
        /// Who else uses it.
        pub offender: MacAddress,
    }
}

layout! {
    /// WTP Static IP Address Information (4.6.48).
    pub struct WtpStaticIpAddress {
        /// The WTP's address.
        pub address: Ipv4Addr,
        /// Its netmask.
        pub netmask: Ipv4Addr,
        /// Its gateway.
        pub gateway: Ipv4Addr,
        /// 1 if the three shall be used, 0 if not.
        pub enabled: u8,
    }
}
