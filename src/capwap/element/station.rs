//! Elements about stations and their addresses (RFC 5415 4.6.7, 4.6.8, 4.6.17, 4.6.19, 4.6.20).

use std::fmt;

use capledger_schema::id::MacAddr;

use crate::capwap::wire::{Reader, Wire, layout, read_counted, write_counted};

/// A MAC address behind its length: EUI-48 or EUI-64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MacAddress {
    /// Six octets.
    Eui48(MacAddr),
    /// Eight octets.
    Eui64([u8; 8]),
}

impl Wire for MacAddress {
    fn read(r: &mut Reader<'_>) -> Option<Self> {
        match r.u8()? {
            6 => r.array().map(|octets| MacAddress::Eui48(MacAddr(octets))),
            8 => r.array().map(MacAddress::Eui64),
            _ => None,
        }
    }
    fn write(&self, out: &mut Vec<u8>) {
        let octets = match self {
            MacAddress::Eui48(mac) => mac.0.as_slice(),
            MacAddress::Eui64(octets) => octets.as_slice(),
        };
        out.push(octets.len() as u8);
        out.extend_from_slice(octets);
    }
}

impl fmt::Display for MacAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MacAddress::Eui48(mac) => mac.fmt(f),
            MacAddress::Eui64([a, b, c, d, e, g, h, i]) => {
                write!(f, "{a:02x}{b:02x}.{c:02x}{d:02x}.{e:02x}{g:02x}.{h:02x}{i:02x}")
            }
        }
    }
}

/// Addresses behind an octet that counts them: at most 255.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MacList(pub Vec<MacAddress>);

impl Wire for MacList {
    fn read(r: &mut Reader<'_>) -> Option<Self> {
        read_counted(r).map(MacList)
    }
    fn write(&self, out: &mut Vec<u8>) {
        write_counted(&self.0, out);
    }
}

layout! {
    /// Add Station (4.6.8).
    pub struct AddStation {
        /// 1 to 31.
        pub radio_id: u8,
        /// The station.
        pub mac: MacAddress,
        /// VLAN onto which its frames are bridged, at most 512 octets; empty for none.
        pub vlan_name: String,
    }
}

layout! {
    /// Delete Station (4.6.20).
    pub struct DeleteStation {
        /// 1 to 31.
        pub radio_id: u8,
        /// The station.
        pub mac: MacAddress,
    }
}

layout! {
    /// Decryption Error Report (4.6.17).
    pub struct DecryptionErrorReport {
        /// 1 to 31.
        pub radio_id: u8,
        /// Stations whose frames did not decrypt.
        pub stations: MacList,
    }
}
