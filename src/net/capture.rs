//! A packet capture of the control channel in plaintext (`serve --capture FILE.pcapng`), for Wireshark and tshark.
//!
//! Each message stands as one UDP datagram between the real addresses, as if it had never been encrypted. Whoever reads
//! the file reads the sessions: it is made with mode 0600. The format is pcapng with raw IP packets.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use capledger_schema::time::Timestamp;

/// Linktype RAW: packets begin with an IPv4 or IPv6 header.
const LINKTYPE_RAW: u16 = 101;
const UDP: u8 = 17;

/// A capture file that is being written.
#[derive(Debug)]
pub struct Capture {
    out: BufWriter<File>,
}

impl Capture {
    /// Makes the file; one that exists is overwritten.
    pub fn create(path: &Path) -> io::Result<Self> {
        Self::begin(OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?)
    }

    /// Goes on behind what the file holds, with a section of its own.
    pub fn go_on(path: &Path) -> io::Result<Self> {
        Self::begin(OpenOptions::new().append(true).create(true).mode(0o600).open(path)?)
    }

    fn begin(file: File) -> io::Result<Self> {
        let mut capture = Capture { out: BufWriter::new(file) };
        // Section header: byte order, version 1.0, length unknown. Interface: raw IP, whole packets.
        let mut section = Vec::new();
        section.extend_from_slice(&0x1A2B_3C4D_u32.to_le_bytes());
        section.extend_from_slice(&1_u16.to_le_bytes());
        section.extend_from_slice(&0_u16.to_le_bytes());
        section.extend_from_slice(&u64::MAX.to_le_bytes());
        capture.block(0x0A0D_0D0A, &section)?;
        let mut interface = Vec::new();
        interface.extend_from_slice(&LINKTYPE_RAW.to_le_bytes());
        interface.extend_from_slice(&[0, 0]);
        interface.extend_from_slice(&0_u32.to_le_bytes());
        capture.block(1, &interface)?;
        capture.out.flush()?;
        Ok(capture)
    }

    /// Adds a datagram. It reaches the file when a few have gathered, or at the end.
    pub fn packet(&mut self, at: Timestamp, from: SocketAddr, to: SocketAddr, octets: &[u8]) -> io::Result<()> {
        let packet = ip_packet(from, to, octets);
        let micros = u64::try_from(at.0).unwrap_or(0);
        let mut body = Vec::with_capacity(packet.len() + 24);
        body.extend_from_slice(&0_u32.to_le_bytes());
        body.extend_from_slice(&((micros >> 32) as u32).to_le_bytes());
        body.extend_from_slice(&(micros as u32).to_le_bytes());
        body.extend_from_slice(&(packet.len() as u32).to_le_bytes());
        body.extend_from_slice(&(packet.len() as u32).to_le_bytes());
        body.extend_from_slice(&packet);
        self.block(6, &body)
    }

    fn block(&mut self, kind: u32, body: &[u8]) -> io::Result<()> {
        let padding = (4 - body.len() % 4) % 4;
        let len = (body.len() + padding + 12) as u32;
        self.out.write_all(&kind.to_le_bytes())?;
        self.out.write_all(&len.to_le_bytes())?;
        self.out.write_all(body)?;
        self.out.write_all(&[0; 3][..padding])?;
        self.out.write_all(&len.to_le_bytes())
    }
}

/// An IP packet around a UDP payload. A mixed pair of families cannot happen on a socket; it would be written as IPv6.
fn ip_packet(from: SocketAddr, to: SocketAddr, octets: &[u8]) -> Vec<u8> {
    let udp_len = (8 + octets.len()) as u16;
    let mut udp = Vec::with_capacity(usize::from(udp_len));
    udp.extend_from_slice(&from.port().to_be_bytes());
    udp.extend_from_slice(&to.port().to_be_bytes());
    udp.extend_from_slice(&udp_len.to_be_bytes());
    udp.extend_from_slice(&[0, 0]);
    udp.extend_from_slice(octets);
    let mut out = Vec::with_capacity(udp.len() + 40);
    match (from.ip(), to.ip()) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            let total = (20 + udp.len()) as u16;
            out.extend_from_slice(&[0x45, 0]);
            out.extend_from_slice(&total.to_be_bytes());
            out.extend_from_slice(&[0, 0, 0x40, 0, 64, UDP, 0, 0]);
            out.extend_from_slice(&source.octets());
            out.extend_from_slice(&destination.octets());
            let sum = ones_complement(&out);
            out[10..12].copy_from_slice(&sum.to_be_bytes());
            // A zero checksum is legal over IPv4.
        }
        (source, destination) => {
            let (source, destination) = (v6(source), v6(destination));
            let mut pseudo = Vec::new();
            pseudo.extend_from_slice(&source);
            pseudo.extend_from_slice(&destination);
            pseudo.extend_from_slice(&u32::from(udp_len).to_be_bytes());
            pseudo.extend_from_slice(&[0, 0, 0, UDP]);
            pseudo.extend_from_slice(&udp);
            let sum = ones_complement(&pseudo);
            udp[6..8].copy_from_slice(&(if sum == 0 { 0xFFFF } else { sum }).to_be_bytes());
            out.extend_from_slice(&[0x60, 0, 0, 0]);
            out.extend_from_slice(&udp_len.to_be_bytes());
            out.extend_from_slice(&[UDP, 64]);
            out.extend_from_slice(&source);
            out.extend_from_slice(&destination);
        }
    }
    out.extend_from_slice(&udp);
    out
}

fn v6(ip: IpAddr) -> [u8; 16] {
    match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped().octets(),
        IpAddr::V6(ip) => ip.octets(),
    }
}

/// The Internet checksum (RFC 1071).
fn ones_complement(octets: &[u8]) -> u16 {
    let mut sum: u32 = octets.chunks(2).map(|c| u32::from(c[0]) << 8 | u32::from(c.get(1).copied().unwrap_or(0))).sum();
    while sum > 0xFFFF {
        sum = (sum & 0xFFFF) + (sum >> 16);
    }
    !(sum as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv4_header_adds_up_to_its_checksum() {
        let packet = ip_packet("10.1.2.3:5246".parse().expect("a"), "10.1.2.4:5247".parse().expect("b"), b"abc");
        assert_eq!(ones_complement(&packet[..20]), 0);
        assert_eq!(packet.len(), 31);
    }

    #[test]
    fn every_block_says_its_length_at_both_ends() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("c.pcapng");
        let mut capture = Capture::create(&path).expect("made");
        capture
            .packet(Timestamp(1), "[::1]:1".parse().expect("a"), "[::1]:2".parse().expect("b"), b"x")
            .expect("written");
        drop(capture);
        let file = std::fs::read(&path).expect("read");
        let (mut rest, mut kinds) = (&file[..], Vec::new());
        while !rest.is_empty() {
            let number = |at: usize| u32::from_le_bytes(rest[at..at + 4].try_into().expect("four octets"));
            let len = number(4) as usize;
            assert_eq!(number(len - 4) as usize, len);
            kinds.push(number(0));
            rest = &rest[len..];
        }
        assert_eq!(kinds, [0x0A0D_0D0A, 1, 6]);
    }
}
