//! TFTP packets: RFC 1350 with options (RFC 2347), blksize (RFC 2348), timeout and tsize (RFC 2349), windowsize
//! (RFC 7440). Parsing never panics; it refuses what is no TFTP packet and skips options that it does not know.

use std::borrow::Cow;

/// Octets of data in a block when no size was agreed (RFC 1350).
pub const DEFAULT_BLOCK: u16 = 512;
/// Smallest and largest size that can be agreed (RFC 2348).
pub const BLOCK_SIZES: std::ops::RangeInclusive<u16> = 8..=65_464;
/// Octets before the data in a DATA packet.
pub const DATA_HEADER: usize = 4;

/// One packet, borrowing from the datagram it stands in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Packet<'a> {
    /// RRQ: send me this file.
    Read(Request<'a>),
    /// WRQ: take this file.
    Write(Request<'a>),
    /// DATA: one block; shorter than the agreed size if it is the last.
    Data {
        /// From 1, modulo 65,536.
        block: u16,
        /// The octets.
        data: &'a [u8],
    },
    /// ACK: all blocks up to this one have come.
    Ack(u16),
    /// ERROR: the transfer is over.
    Error(ErrorPacket<'a>),
    /// OACK: the options that the server agrees to (RFC 2347).
    OptionAck(Options),
}

/// What RRQ and WRQ carry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request<'a> {
    /// The file, as the server names it.
    pub file: Cow<'a, str>,
    /// How octets are to be read.
    pub mode: Mode,
    /// What the client proposes.
    pub options: Options,
}

/// The transfer mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// As they are.
    Octet,
    /// With line ends changed.
    NetAscii,
    /// `mail`, or anything else.
    Other,
}

/// What an ERROR packet says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorPacket<'a> {
    /// The number, whose meaning the words may contradict.
    pub code: ErrorCode,
    /// For people.
    pub words: Cow<'a, str>,
}

/// The number of an ERROR packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ErrorCode(pub u16);

impl ErrorCode {
    /// See the words.
    pub const UNDEFINED: Self = ErrorCode(0);
    /// File not found.
    pub const NOT_FOUND: Self = ErrorCode(1);
    /// Access violation.
    pub const ACCESS: Self = ErrorCode(2);
    /// Disk full or allocation exceeded.
    pub const FULL: Self = ErrorCode(3);
    /// Illegal TFTP operation.
    pub const ILLEGAL: Self = ErrorCode(4);
    /// Unknown transfer ID: the packet came from a port that is no part of the transfer.
    pub const UNKNOWN_ID: Self = ErrorCode(5);
    /// Option negotiation failed (RFC 2347).
    pub const OPTIONS: Self = ErrorCode(8);
}

/// Options proposed or agreed to; none: not mentioned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Octets of data per block, within [`BLOCK_SIZES`].
    pub blksize: Option<u16>,
    /// Seconds until the server sends again, 1 to 255.
    pub timeout: Option<u8>,
    /// Length of the file; 0 in a request asks for it.
    pub tsize: Option<u64>,
    /// Blocks sent before an ACK is awaited, from 1.
    pub windowsize: Option<u16>,
    /// How many more there were that are unknown, unreadable or out of range.
    pub ignored: u16,
}

impl Options {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        *self == Options::default()
    }

    fn take(&mut self, name: &str, value: &str) {
        let digits = !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit());
        let number: Option<u64> = if digits { value.parse().ok() } else { None };
        let free_and_fits = match name.to_ascii_lowercase().as_str() {
            "blksize" => {
                put(&mut self.blksize, number.and_then(|n| u16::try_from(n).ok()).filter(|n| BLOCK_SIZES.contains(n)))
            }
            "timeout" => put(&mut self.timeout, number.and_then(|n| u8::try_from(n).ok()).filter(|n| *n > 0)),
            "tsize" => put(&mut self.tsize, number),
            "windowsize" => put(&mut self.windowsize, number.and_then(|n| u16::try_from(n).ok()).filter(|n| *n > 0)),
            _ => false,
        };
        if !free_and_fits {
            self.ignored = self.ignored.saturating_add(1);
        }
    }

    fn encode(&self, out: &mut Vec<u8>) {
        let mut option = |name: &str, value: Option<u64>| {
            if let Some(value) = value {
                text(out, name);
                text(out, &value.to_string());
            }
        };
        option("blksize", self.blksize.map(u64::from));
        option("timeout", self.timeout.map(u64::from));
        option("tsize", self.tsize);
        option("windowsize", self.windowsize.map(u64::from));
    }
}

/// Stores a value that is in range, once: an option may stand only once (RFC 2347).
fn put<T>(place: &mut Option<T>, value: Option<T>) -> bool {
    let fits = place.is_none() && value.is_some();
    if fits {
        *place = value;
    }
    fits
}

/// Why a datagram is no TFTP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadPacket {
    /// Shorter than its kind of packet is.
    #[error("the packet is too short")]
    Short,
    /// The opcode is none of RFC 1350 and 2347.
    #[error("{0} is no TFTP opcode")]
    Opcode(u16),
    /// A text that no NUL ends.
    #[error("a text in the packet has no end")]
    Unended,
    /// A request for no file.
    #[error("the request names no file")]
    NoFile,
    /// An option's name without its value.
    #[error("an option has no value")]
    NoValue,
}

impl<'a> Packet<'a> {
    /// Reads a datagram.
    pub fn parse(datagram: &'a [u8]) -> Result<Self, BadPacket> {
        let (opcode, rest) = number(datagram)?;
        Ok(match opcode {
            1 => Packet::Read(Request::parse(rest)?),
            2 => Packet::Write(Request::parse(rest)?),
            3 => {
                let (block, data) = number(rest)?;
                Packet::Data { block, data }
            }
            4 => Packet::Ack(number(rest)?.0),
            5 => {
                let (code, rest) = number(rest)?;
                // Some servers leave the NUL out; the words are wanted all the same.
                let end = rest.iter().position(|b| *b == 0).unwrap_or(rest.len());
                Packet::Error(ErrorPacket { code: ErrorCode(code), words: String::from_utf8_lossy(&rest[..end]) })
            }
            6 => Packet::OptionAck(options(rest)?),
            other => return Err(BadPacket::Opcode(other)),
        })
    }

    /// The datagram that carries it. Text must hold no NUL; what stands behind one is lost.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(DATA_HEADER);
        let mut number = |n: u16| out.extend_from_slice(&n.to_be_bytes());
        match self {
            Packet::Read(request) => {
                number(1);
                request.encode(&mut out);
            }
            Packet::Write(request) => {
                number(2);
                request.encode(&mut out);
            }
            Packet::Data { block, data } => {
                number(3);
                number(*block);
                out.extend_from_slice(data);
            }
            Packet::Ack(block) => {
                number(4);
                number(*block);
            }
            Packet::Error(error) => {
                number(5);
                number(error.code.0);
                text(&mut out, &error.words);
            }
            Packet::OptionAck(options) => {
                number(6);
                options.encode(&mut out);
            }
        }
        out
    }
}

impl<'a> Request<'a> {
    fn parse(rest: &'a [u8]) -> Result<Self, BadPacket> {
        let (file, rest) = word(rest)?;
        if file.is_empty() {
            return Err(BadPacket::NoFile);
        }
        let (mode, rest) = word(rest)?;
        let mode = if mode.eq_ignore_ascii_case("octet") {
            Mode::Octet
        } else if mode.eq_ignore_ascii_case("netascii") {
            Mode::NetAscii
        } else {
            Mode::Other
        };
        Ok(Request { file, mode, options: options(rest)? })
    }

    fn encode(&self, out: &mut Vec<u8>) {
        text(out, &self.file);
        text(
            out,
            match self.mode {
                Mode::Octet => "octet",
                Mode::NetAscii => "netascii",
                Mode::Other => "mail",
            },
        );
        self.options.encode(out);
    }
}

fn number(from: &[u8]) -> Result<(u16, &[u8]), BadPacket> {
    let (number, rest) = from.split_first_chunk().ok_or(BadPacket::Short)?;
    Ok((u16::from_be_bytes(*number), rest))
}

fn word(from: &[u8]) -> Result<(Cow<'_, str>, &[u8]), BadPacket> {
    let end = from.iter().position(|b| *b == 0).ok_or(BadPacket::Unended)?;
    Ok((String::from_utf8_lossy(&from[..end]), &from[end + 1..]))
}

fn options(mut rest: &[u8]) -> Result<Options, BadPacket> {
    let mut options = Options::default();
    // Some clients pad a request with NULs.
    while rest.iter().any(|b| *b != 0) {
        let (name, behind) = word(rest)?;
        let (value, behind) = word(behind).map_err(|_| BadPacket::NoValue)?;
        options.take(&name, &value);
        rest = behind;
    }
    Ok(options)
}

fn text(out: &mut Vec<u8>, text: &str) {
    out.extend(text.bytes().take_while(|b| *b != 0));
    out.push(0);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_packets_of_the_rfcs_are_read_as_they_stand_there() {
        // RFC 2349 section 3 and RFC 7440 section 3, the examples' requests.
        let datagram = b"\x00\x01foobar\0octet\0tsize\x000\0blksize\x001432\0windowsize\x0016\0";
        let options = Options { blksize: Some(1432), tsize: Some(0), windowsize: Some(16), ..Options::default() };
        let request = Request { file: "foobar".into(), mode: Mode::Octet, options };
        assert_eq!(Packet::parse(datagram), Ok(Packet::Read(request)));
        assert_eq!(Packet::parse(b"\x00\x03\x00\x01abc"), Ok(Packet::Data { block: 1, data: b"abc" }));
        assert_eq!(Packet::parse(b"\x00\x04\xff\xff"), Ok(Packet::Ack(65_535)));
        let error = ErrorPacket { code: ErrorCode::NOT_FOUND, words: "File not found".into() };
        assert_eq!(Packet::parse(b"\x00\x05\x00\x01File not found\0"), Ok(Packet::Error(error.clone())));
        assert_eq!(Packet::parse(b"\x00\x05\x00\x01File not found"), Ok(Packet::Error(error)));
    }

    #[test]
    fn names_of_modes_and_options_know_no_case() {
        let Ok(Packet::Read(request)) = Packet::parse(b"\x00\x01f\0OCTET\0BlkSize\x00512\0") else {
            panic!("a request");
        };
        assert_eq!((request.mode, request.options.blksize), (Mode::Octet, Some(512)));
    }

    #[test]
    fn options_that_are_unknown_unreadable_out_of_range_or_repeated_are_counted() {
        let datagram = b"\x00\x06rollover\x000\0blksize\x007\0blksize\x00600\0blksize\x00700\0timeout\x00x\0\
            windowsize\x00-1\0tsize\x0099999999999999999999\0";
        let options = Options { blksize: Some(600), ignored: 6, ..Options::default() };
        assert_eq!(Packet::parse(datagram), Ok(Packet::OptionAck(options)));
    }

    #[test]
    fn what_is_no_packet_is_refused_with_a_reason() {
        for (datagram, why) in [
            (&b""[..], BadPacket::Short),
            (b"\x00", BadPacket::Short),
            (b"\x00\x04\x00", BadPacket::Short),
            (b"\x00\x07\x00\x01", BadPacket::Opcode(7)),
            (b"\x00\x01file", BadPacket::Unended),
            (b"\x00\x01\0octet\0", BadPacket::NoFile),
            (b"\x00\x01f\0octet\0tsize\0", BadPacket::NoValue),
        ] {
            assert_eq!(Packet::parse(datagram), Err(why), "{datagram:?}");
        }
    }

    fn any_options() -> impl Strategy<Value = Options> {
        (
            prop::option::of(BLOCK_SIZES),
            prop::option::of(1u8..),
            prop::option::of(any::<u64>()),
            prop::option::of(1u16..),
        )
            .prop_map(|(blksize, timeout, tsize, windowsize)| Options {
                blksize,
                timeout,
                tsize,
                windowsize,
                ignored: 0,
            })
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_read_back(
            file in "[^\0]{1,100}", words in "[^\0]{0,100}", n: u16, data: Vec<u8>, options in any_options(),
            mode in prop::sample::select(&[Mode::Octet, Mode::NetAscii, Mode::Other][..]), kind in 0..6,
        ) {
            let request = Request { file: file.into(), mode, options };
            let packet = match kind {
                0 => Packet::Read(request),
                1 => Packet::Write(request),
                2 => Packet::Data { block: n, data: &data },
                3 => Packet::Ack(n),
                4 => Packet::Error(ErrorPacket { code: ErrorCode(n), words: words.into() }),
                _ => Packet::OptionAck(options),
            };
            let datagram = packet.encode();
            prop_assert_eq!(Packet::parse(&datagram), Ok(packet));
        }

        #[test]
        fn no_datagram_makes_the_parser_panic(mut datagram: Vec<u8>, opcode in 0u8..8) {
            let _ = Packet::parse(&datagram);
            if datagram.len() > 1 {
                (datagram[0], datagram[1]) = (0, opcode);
            }
            if let Ok(packet) = Packet::parse(&datagram) {
                prop_assert!(Packet::parse(&packet.encode()).is_ok());
            }
        }
    }
}
