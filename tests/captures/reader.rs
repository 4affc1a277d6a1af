//! Reads the UDP datagrams out of pcap and pcapng files: as much of the formats as captures of access points use.

/// A UDP datagram.
pub(crate) struct Datagram {
    source: u16,
    destination: u16,
    /// What stands behind the UDP header.
    pub(crate) payload: Vec<u8>,
}

impl Datagram {
    /// Whether it came from or went to this port.
    pub(crate) fn is_on(&self, port: u16) -> bool {
        self.source == port || self.destination == port
    }
}

const ETHERNET: u32 = 1;
const LINUX_COOKED: u32 = 113;

/// The UDP datagrams of a capture in either format, in order. IP fragments and other packets are passed over.
pub(crate) fn datagrams(file: &[u8]) -> Result<Vec<Datagram>, String> {
    let packets = match file.first_chunk::<4>() {
        Some([0x0a, 0x0d, 0x0d, 0x0a]) => pcapng(file),
        Some([0xd4, 0xc3, 0xb2, 0xa1] | [0x4d, 0x3c, 0xb2, 0xa1]) => pcap(file, u32::from_le_bytes),
        Some([0xa1, 0xb2, 0xc3, 0xd4] | [0xa1, 0xb2, 0x3c, 0x4d]) => pcap(file, u32::from_be_bytes),
        Some(_) | None => return Err("neither pcap nor pcapng".into()),
    };
    Ok(packets.ok_or("the file is cut")?.into_iter().filter_map(|(link, packet)| udp(link, packet)).collect())
}

type Order = fn([u8; 4]) -> u32;

/// Reads the 32-bit number at this place.
fn number(octets: &[u8], at: usize, order: Order) -> Option<u32> {
    octets.get(at..)?.first_chunk().map(|four| order(*four))
}

/// Link type and octets of each packet.
fn pcap(file: &[u8], order: Order) -> Option<Vec<(u32, &[u8])>> {
    let link = number(file, 20, order)?;
    let mut packets = Vec::new();
    let mut rest = file.get(24..)?;
    while !rest.is_empty() {
        let len = number(rest, 8, order)? as usize;
        packets.push((link, rest.get(16..16 + len)?));
        rest = &rest[16 + len..];
    }
    Some(packets)
}

/// Link type and octets of each packet, from enhanced and simple packet blocks.
fn pcapng(file: &[u8]) -> Option<Vec<(u32, &[u8])>> {
    const SECTION: u32 = 0x0a0d_0d0a;
    let (mut order, mut links): (Order, Vec<u32>) = (u32::from_le_bytes, Vec::new());
    let mut packets = Vec::new();
    let mut rest = file;
    while !rest.is_empty() {
        if number(rest, 0, u32::from_le_bytes)? == SECTION {
            let little = number(rest, 8, u32::from_le_bytes)? == 0x1a2b_3c4d;
            order = if little { u32::from_le_bytes } else { u32::from_be_bytes };
            links.clear();
        }
        let (kind, len) = (number(rest, 0, order)?, number(rest, 4, order)? as usize);
        let body = rest.get(8..len.checked_sub(4)?)?;
        match kind {
            1 => links.push(number(body, 0, order)? & 0xffff),
            3 => packets.push((*links.first()?, body.get(4..)?)),
            6 => {
                let link = *links.get(number(body, 0, order)? as usize)?;
                let captured = number(body, 12, order)? as usize;
                packets.push((link, body.get(20..20 + captured)?));
            }
            _ => {}
        }
        rest = rest.get(len..)?;
    }
    Some(packets)
}

/// The UDP datagram in a packet, if it holds a whole one over IPv4 or IPv6.
fn udp(link: u32, packet: &[u8]) -> Option<Datagram> {
    let mut at = match link {
        ETHERNET => 12,
        LINUX_COOKED => 14,
        _ => return None,
    };
    let word = |at: usize| packet.get(at..)?.first_chunk().map(|two| u16::from_be_bytes(*two));
    while word(at)? == 0x8100 {
        at += 4;
    }
    let ip = at + 2;
    let transport = match word(at)? {
        0x0800 if packet.get(ip + 9) == Some(&17) && !is_ip_fragment(word(ip + 6)?) => {
            ip + usize::from(packet.get(ip)? & 0xf) * 4
        }
        0x86dd if packet.get(ip + 6) == Some(&17) => ip + 40,
        _ => return None,
    };
    let len = usize::from(word(transport + 4)?);
    let payload = packet.get(transport + 8..transport + len)?.to_vec();
    Some(Datagram { source: word(transport)?, destination: word(transport + 2)?, payload })
}

/// Whether the IPv4 flags and offset say that the packet is a fragment: more follow, or it is not the first.
fn is_ip_fragment(flags_and_offset: u16) -> bool {
    flags_and_offset << 2 != 0
}
