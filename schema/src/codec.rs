//! How envelopes are written down: bincode in a frame that says what it holds, and the chain that ties frames together.
//!
//! A frame starts with a magic number, its length and its first sequence number, so that it can be found in a raw file
//! without any index. Decoding takes any octets: it never panics and never allocates more than its input accounts for.
//! Nothing here compresses: a packed payload is unpacked by whoever packed it.

use std::fmt;

use bincode::Options;

use crate::envelope::Envelope;
use crate::id::Seq;

/// The schema version that is written. Older ones are read for ever.
pub const SCHEMA_VERSION: u16 = 1;

/// How a frame starts.
pub const MAGIC: [u8; 4] = [0xc4, b'L', b'g', 0x1e];

/// Octets before the payload.
pub const HEADER_LEN: usize = 44;

/// Octets after the payload: the chain.
pub const TRAILER_LEN: usize = 32;

/// Octets of one encoded envelope at most. A frame that holds one envelope still fits a value of the store.
pub const EVENT_LIMIT: usize = 60 * 1024;

/// Octets of a payload at most, unpacked or as stored.
pub const PAYLOAD_LIMIT: usize = 8 << 20;

/// Octets of the shortest possible envelope: bounds what a false count can make a decoder allocate.
const SHORTEST_ENVELOPE: usize = 33;

/// How a payload is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// As encoded.
    Plain,
    /// One zstd frame.
    Zstd,
}

/// The running BLAKE3 over encoded envelopes: each link is the digest of the link before it and one envelope, so it
/// does not depend on how envelopes are cut into frames.
///
/// It shows damage and naive edits. Whoever can rewrite the whole ledger can rewrite the chain too; a link that is kept
/// elsewhere shows that.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Chain(pub [u8; 32]);

impl Chain {
    /// The link before the first envelope.
    pub fn start() -> Chain {
        Chain(blake3::derive_key("capledger ledger chain v1", &[]))
    }

    /// The link after one more encoded envelope.
    #[must_use]
    pub fn then(self, encoded: &[u8]) -> Chain {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.0);
        hasher.update(encoded);
        Chain(*hasher.finalize().as_bytes())
    }
}

impl fmt::Display for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|b| write!(f, "{b:02x}"))
    }
}

impl fmt::Debug for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Chain({self})")
    }
}

/// Envelopes that follow each other, as they are stored.
///
/// ```text
///  0  magic        4       20  length of the payload as stored   u32
///  4  schema       u16     24  length of the payload unpacked    u32
///  6  packing      u8      28  checksum                          16
///  7  flags        u8      44  payload
///  8  base         u64      .  chain after the last envelope     32
/// 16  count        u32
/// ```
/// Numbers are little endian, as in the payload. Flag 1: the last envelope ends a commit. The checksum is the start of the BLAKE3 of all else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// The version that the payload is written in.
    pub schema: u16,
    /// How the payload is stored.
    pub packing: Packing,
    /// Whether the last envelope ends a commit: a salvage takes commits whole or not at all.
    pub ends_commit: bool,
    /// The first envelope's place.
    pub base: Seq,
    /// How many envelopes; at least one.
    pub count: u32,
    /// Octets of the payload unpacked.
    pub unpacked: u32,
    /// The payload as stored.
    pub payload: &'a [u8],
    /// The chain after the last envelope.
    pub chain: Chain,
}

/// Octets that are no frame, or no envelopes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// Not the magic number.
    #[error("no frame starts here")]
    NotAFrame,
    /// Fewer octets than the frame says it has.
    #[error("the frame at sequence number {base} is cut short: {have} of {want} octets")]
    CutShort {
        /// The first sequence number, as far as the header can be believed; 0 if not even that is there.
        base: Seq,
        /// Octets at hand.
        have: usize,
        /// Octets that the header asks for.
        want: usize,
    },
    /// The checksum does not match, or a field of the header is out of its range.
    #[error("the frame at sequence number {base} is damaged: {what}")]
    Damaged {
        /// The first sequence number, as far as the header can be believed.
        base: Seq,
        /// What is wrong.
        what: &'static str,
    },
    /// Written by a newer Capledger.
    #[error("schema version {0} is newer than this program reads ({SCHEMA_VERSION}); use a newer capledger")]
    UnknownSchema(u16),
    /// The payload holds something else than envelopes.
    #[error("the event at sequence number {seq} cannot be read: {why}")]
    BadEnvelope {
        /// Its place.
        seq: Seq,
        /// Why, in the decoder's words.
        why: String,
    },
    /// An envelope beyond [`EVENT_LIMIT`].
    #[error("the event at sequence number {seq} has {octets} octets; the limit is {EVENT_LIMIT}")]
    TooLarge {
        /// Its place.
        seq: Seq,
        /// How long it is.
        octets: u64,
    },
}

impl<'a> Frame<'a> {
    /// The last envelope's place.
    pub fn last(&self) -> Seq {
        Seq(self.base.0 + u64::from(self.count) - 1)
    }

    /// Octets of the whole frame.
    pub fn octets(&self) -> usize {
        HEADER_LEN + self.payload.len() + TRAILER_LEN
    }

    /// Appends the frame's octets.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let start = out.len();
        out.reserve(self.octets());
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&self.schema.to_le_bytes());
        out.push(match self.packing {
            Packing::Plain => 0,
            Packing::Zstd => 1,
        });
        out.push(u8::from(self.ends_commit));
        out.extend_from_slice(&self.base.0.to_le_bytes());
        out.extend_from_slice(&self.count.to_le_bytes());
        out.extend_from_slice(&(self.payload.len() as u32).to_le_bytes());
        out.extend_from_slice(&self.unpacked.to_le_bytes());
        let sum = checksum(&out[start..], self.payload, &self.chain.0);
        out.extend_from_slice(&sum);
        out.extend_from_slice(self.payload);
        out.extend_from_slice(&self.chain.0);
    }

    /// Reads the frame that `bytes` starts with; what follows it is not looked at.
    pub fn decode(bytes: &'a [u8]) -> Result<Frame<'a>, CodecError> {
        let Some((magic, rest)) = bytes.split_first_chunk::<4>() else { return Err(CodecError::NotAFrame) };
        if *magic != MAGIC {
            return Err(CodecError::NotAFrame);
        }
        if bytes.len() < HEADER_LEN + TRAILER_LEN {
            return Err(CodecError::CutShort { base: Seq(0), have: bytes.len(), want: HEADER_LEN + TRAILER_LEN });
        }
        let mut at = rest;
        let schema = u16::from_le_bytes(take(&mut at));
        let [packing, flags] = take(&mut at);
        let base = Seq(u64::from_le_bytes(take(&mut at)));
        let count = u32::from_le_bytes(take(&mut at));
        let stored = u32::from_le_bytes(take(&mut at)) as usize;
        let unpacked = u32::from_le_bytes(take(&mut at));
        let sum: [u8; 16] = take(&mut at);

        let damaged = |what| CodecError::Damaged { base, what };
        if stored > PAYLOAD_LIMIT || unpacked as usize > PAYLOAD_LIMIT {
            return Err(damaged("its length is beyond the limit"));
        }
        let want = HEADER_LEN + stored + TRAILER_LEN;
        if bytes.len() < want {
            return Err(CodecError::CutShort { base, have: bytes.len(), want });
        }
        let (payload, rest) = at.split_at(stored);
        let chain = Chain(take(&mut &rest[..]));
        if checksum(&bytes[..HEADER_LEN - sum.len()], payload, &chain.0) != sum {
            return Err(damaged("its checksum does not match"));
        }
        let packing = match packing {
            0 if stored == unpacked as usize => Packing::Plain,
            0 => return Err(damaged("its two lengths differ")),
            1 => Packing::Zstd,
            _ => return Err(damaged("its packing is unknown")),
        };
        if flags > 1 || base.0 == 0 || base.0.checked_add(u64::from(count)).is_none() {
            return Err(damaged("a field of its header is out of range"));
        }
        if count == 0 || count as usize > unpacked as usize / SHORTEST_ENVELOPE {
            return Err(damaged("its count does not fit its length"));
        }
        if schema == 0 || schema > SCHEMA_VERSION {
            return Err(CodecError::UnknownSchema(schema));
        }
        Ok(Frame { schema, packing, ends_commit: flags == 1, base, count, unpacked, payload, chain })
    }

    /// Reads the envelopes out of the unpacked payload: `self.payload` itself if it is plain.
    ///
    /// Each comes with its octets as they are stored, which is what the chain is made of.
    pub fn envelopes<'p>(&self, unpacked: &'p [u8]) -> Envelopes<'p> {
        Envelopes { schema: self.schema, next: self.base, left: self.count, rest: unpacked, failed: false }
    }
}

/// The envelopes of one frame, each with its octets. Ends after the first error.
#[derive(Debug)]
pub struct Envelopes<'p> {
    schema: u16,
    next: Seq,
    left: u32,
    rest: &'p [u8],
    failed: bool,
}

impl<'p> Iterator for Envelopes<'p> {
    type Item = Result<(Envelope, &'p [u8]), CodecError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed || (self.left == 0 && self.rest.is_empty()) {
            return None;
        }
        let seq = self.next;
        let result = if self.left == 0 {
            Err(CodecError::BadEnvelope { seq, why: "octets follow the last envelope".to_owned() })
        } else {
            decode_envelope(self.schema, seq, self.rest)
        };
        match &result {
            Ok((_, octets)) => {
                self.rest = &self.rest[octets.len()..];
                self.next = seq.next();
                self.left -= 1;
            }
            Err(_) => self.failed = true,
        }
        Some(result)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, Some((self.left as usize).min(self.rest.len() / SHORTEST_ENVELOPE) + 1))
    }
}

/// Appends an envelope's octets in the schema version that is written.
///
/// Fails, and appends nothing, if it is longer than [`EVENT_LIMIT`].
pub fn encode_envelope(envelope: &Envelope, out: &mut Vec<u8>) -> Result<(), CodecError> {
    let start = out.len();
    // The limit is told to the encoder too, so that a monstrous event is not first written whole.
    let written = options().with_limit(EVENT_LIMIT as u64).serialize_into(&mut *out, envelope);
    written.map_err(|_| {
        out.truncate(start);
        let octets = bincode::serialized_size(envelope).unwrap_or(u64::MAX);
        CodecError::TooLarge { seq: envelope.seq, octets }
    })
}

/// Reads an envelope of that schema version, and cuts its octets off `bytes`.
fn decode_envelope(schema: u16, seq: Seq, bytes: &[u8]) -> Result<(Envelope, &[u8]), CodecError> {
    let bad = |why: String| CodecError::BadEnvelope { seq, why };
    let mut rest = bytes;
    let reader = READERS.get(usize::from(schema).wrapping_sub(1)).ok_or(CodecError::UnknownSchema(schema))?;
    let envelope = reader(&mut rest).map_err(|e| bad(e.to_string()))?;
    if envelope.seq != seq {
        return Err(bad(format!("it says that it is number {}", envelope.seq)));
    }
    Ok((envelope, &bytes[..bytes.len() - rest.len()]))
}

type Reader = fn(&mut &[u8]) -> bincode::Result<Envelope>;

/// One reader per schema version, the first for version 1. When version 2 comes, the types of version 1 that changed
/// move to a module of their own, `read_v1` reads those and lifts them to today's, and `golden/v1` shows that it does.
const READERS: [Reader; SCHEMA_VERSION as usize] = [read_v1];

fn read_v1(bytes: &mut &[u8]) -> bincode::Result<Envelope> {
    options().with_limit(EVENT_LIMIT as u64).deserialize_from(bytes)
}

/// bincode 1.3.3's default form: fixed width, little endian.
fn options() -> impl Options {
    bincode::DefaultOptions::new().with_fixint_encoding().allow_trailing_bytes()
}

fn checksum(header: &[u8], payload: &[u8], chain: &[u8]) -> [u8; 16] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(header);
    hasher.update(payload);
    hasher.update(chain);
    let mut sum = [0; 16];
    sum.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    sum
}

/// The next `N` octets of a slice whose length was checked before.
fn take<const N: usize>(from: &mut &[u8]) -> [u8; N] {
    let (head, rest) = from.split_first_chunk::<N>().expect("the caller checked the length");
    *from = rest;
    *head
}
