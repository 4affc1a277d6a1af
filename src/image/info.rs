//! Reads what an access point image says of itself: the `info` or `info.ver` member near the start of a tar archive.
//!
//! Octets are pushed in as they arrive, in pieces of any size; the archive is then followed to its end, so that one
//! that was cut short is told apart from a whole one. It keeps at most one small member in memory and reads no file.

use capledger_schema::failure::{FetchFailure, FetchFailureKind};
use capledger_schema::image::{ImageFamily, ImageVersion};

/// A tar archive is a sequence of blocks of this many octets (POSIX.1-1988 ustar).
const BLOCK: usize = 512;
/// How far from its start an archive is searched for its info member. Real images have it in their first member.
pub const SEARCHED: u64 = 1 << 20;
/// The largest info member that is read; a real one has some hundred octets.
const INFO_LIMIT: u64 = 64 << 10;

/// What an image says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageInfo {
    /// `image_family:`
    pub family: ImageFamily,
    /// `ws_management_version:`
    pub version: ImageVersion,
}

/// Why octets are no whole access point image.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InfoError {
    /// The first block is no tar header.
    #[error("not a tar archive; an AP image is one file of the unpacked AP bundle")]
    NotTar,
    /// Compressed or a zip: the bundle as it is downloaded, most likely.
    #[error("a {0} archive, not an AP image; is the AP bundle not unpacked?")]
    Packed(&'static str),
    /// A tar without the member that names family and version.
    #[error("a tar archive, but no `info` or `info.ver` in its first {SEARCHED} octets, so not an AP image")]
    NoInfo,
    /// The member is there but does not say what it should.
    #[error("the image's `{member}` cannot be used: {why}")]
    Malformed {
        /// `info` or `info.ver`.
        member: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// A header inside the archive does not hold its own checksum.
    #[error("the tar archive is damaged at octet {0}")]
    Damaged(u64),
    /// It ended inside a member, or before its end mark.
    #[error("the tar archive is cut short: it ended at octet {0}")]
    CutShort(u64),
}

impl InfoError {
    /// What an event says of it.
    pub fn failure(&self) -> FetchFailure {
        let kind = match self {
            InfoError::NotTar
            | InfoError::Packed(_)
            | InfoError::NoInfo
            | InfoError::Malformed { .. }
            | InfoError::Damaged(_) => FetchFailureKind::NotAnImage,
            InfoError::CutShort(_) => FetchFailureKind::CutShort,
        };
        FetchFailure::new(kind, self.to_string())
    }
}

/// Follows a tar archive that arrives in pieces. Once it has returned an error it must not be used further.
#[derive(Debug)]
pub struct InfoScan {
    /// Octets of the archive seen so far.
    at: u64,
    place: Place,
    found: Option<ImageInfo>,
    /// Why an info member that was there did not do; a later one may.
    malformed: Option<InfoError>,
}

#[derive(Debug)]
enum Place {
    /// In a header block, with so much of it gathered.
    Header(Vec<u8>),
    /// In an info member: what is gathered, how much of it is text, how long it is with its padding.
    Info { member: &'static str, text: Vec<u8>, len: usize, padded: usize },
    /// In any other member: octets to go, padding included.
    Skip(u64),
    /// Behind the end mark.
    End,
}

impl Default for InfoScan {
    fn default() -> Self {
        InfoScan { at: 0, place: Place::Header(Vec::with_capacity(BLOCK)), found: None, malformed: None }
    }
}

impl InfoScan {
    /// A scan that has seen nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// What the image says of itself, as soon as that has been seen.
    pub fn info(&self) -> Option<&ImageInfo> {
        self.found.as_ref()
    }

    /// Takes the next octets of the file.
    pub fn push(&mut self, mut octets: &[u8]) -> Result<(), InfoError> {
        while !octets.is_empty() {
            if self.found.is_none() && self.at >= SEARCHED {
                return Err(self.without_info());
            }
            let taken = match &mut self.place {
                Place::Header(block) => {
                    let taken = gather(block, BLOCK, octets);
                    if self.at == 0 {
                        packed(&octets[..taken])?;
                    }
                    taken
                }
                Place::Info { text, padded, .. } => gather(text, *padded, octets),
                Place::Skip(left) => {
                    let taken = octets.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                    *left -= taken as u64;
                    taken
                }
                Place::End => octets.len(),
            };
            self.at += taken as u64;
            octets = &octets[taken..];
            self.advance()?;
        }
        Ok(())
    }

    /// Says that the file has ended. With `length_known` the sender had announced just this length, and an archive
    /// that merely lacks its end mark is taken as whole.
    pub fn finish(self, length_known: bool) -> Result<ImageInfo, InfoError> {
        let whole = match &self.place {
            Place::End => true,
            Place::Header(block) => block.is_empty() && length_known,
            Place::Info { .. } | Place::Skip(_) => false,
        };
        match (&self.place, &self.found) {
            (Place::Header(block), None) if self.at == block.len() as u64 => Err(InfoError::NotTar),
            _ if !whole => Err(InfoError::CutShort(self.at)),
            (_, None) => Err(self.without_info()),
            (_, Some(info)) => Ok(info.clone()),
        }
    }

    fn without_info(&self) -> InfoError {
        self.malformed.clone().unwrap_or(InfoError::NoInfo)
    }

    /// Goes to the next place once this one is complete.
    fn advance(&mut self) -> Result<(), InfoError> {
        let next = match &mut self.place {
            Place::Header(block) if block.len() == BLOCK => {
                let begin = self.at - BLOCK as u64;
                after_header(block, begin, self.found.is_none())?
            }
            Place::Info { member, text, len, padded } if text.len() == *padded => {
                match parse(member, &text[..*len]) {
                    Ok(info) => self.found = Some(info),
                    Err(why) => self.malformed = Some(why),
                }
                Place::Header(Vec::with_capacity(BLOCK))
            }
            Place::Skip(0) => Place::Header(Vec::with_capacity(BLOCK)),
            Place::Header(_) | Place::Info { .. } | Place::Skip(_) | Place::End => return Ok(()),
        };
        self.place = next;
        if matches!(self.place, Place::End) && self.found.is_none() {
            return Err(self.without_info());
        }
        Ok(())
    }
}

/// Moves octets to `block` until it has `size` of them; how many were moved.
fn gather(block: &mut Vec<u8>, size: usize, octets: &[u8]) -> usize {
    let taken = octets.len().min(size - block.len());
    block.extend_from_slice(&octets[..taken]);
    taken
}

/// Tells the usual packed formats by their first octets.
fn packed(start: &[u8]) -> Result<(), InfoError> {
    const MAGIC: &[(&[u8], &str)] = &[
        (b"PK\x03\x04", "zip"),
        (b"\x1f\x8b", "gzip"),
        (b"BZh", "bzip2"),
        (b"\xfd7zXZ", "xz"),
        (b"\x28\xb5\x2f\xfd", "zstd"),
    ];
    match MAGIC.iter().find(|(magic, _)| start.starts_with(magic)) {
        Some((_, name)) => Err(InfoError::Packed(name)),
        None => Ok(()),
    }
}

/// What follows this header block, which began at octet `begin`.
fn after_header(block: &[u8], begin: u64, wants_info: bool) -> Result<Place, InfoError> {
    let wrong = || if begin == 0 { InfoError::NotTar } else { InfoError::Damaged(begin) };
    if block.iter().all(|b| *b == 0) {
        return if begin == 0 { Err(InfoError::NotTar) } else { Ok(Place::End) };
    }
    let stored = octal(&block[148..156]).ok_or_else(wrong)?;
    // The checksum field itself counts as eight spaces.
    let sum: u64 =
        block.iter().enumerate().map(|(i, b)| if (148..156).contains(&i) { 32 } else { u64::from(*b) }).sum();
    if stored != sum {
        return Err(wrong());
    }
    let size = size(&block[124..136]).ok_or_else(wrong)?;
    let padded = size.checked_next_multiple_of(BLOCK as u64).ok_or_else(wrong)?;
    let regular = matches!(block[156], b'0' | 0);
    let member = if wants_info && regular { info_member(&block[..100]) } else { None };
    Ok(match member {
        Some(member) if size <= INFO_LIMIT && size > 0 => Place::Info {
            member,
            text: Vec::with_capacity(padded as usize),
            len: size as usize,
            padded: padded as usize,
        },
        Some(member) => {
            let why = format!("it has {size} octets, not 1 to {INFO_LIMIT}");
            return Err(InfoError::Malformed { member, why });
        }
        None if padded == 0 => Place::Header(Vec::with_capacity(BLOCK)),
        None => Place::Skip(padded),
    })
}

fn info_member(name: &[u8]) -> Option<&'static str> {
    let end = name.iter().position(|b| *b == 0).unwrap_or(name.len());
    let name = &name[..end];
    match name.strip_prefix(b"./").unwrap_or(name) {
        b"info" => Some("info"),
        b"info.ver" => Some("info.ver"),
        _ => None,
    }
}

/// A number in octal digits, with spaces before and a space or NUL behind.
fn octal(field: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(field).ok()?.trim_matches(|c| c == ' ' || c == '\0');
    if text.is_empty() || !text.bytes().all(|b| (b'0'..=b'7').contains(&b)) {
        return None;
    }
    u64::from_str_radix(text, 8).ok()
}

/// The size field: octal, or base 256 as GNU tar writes sizes of 8 GiB and more.
fn size(field: &[u8]) -> Option<u64> {
    if field[0] & 0x80 == 0 {
        return octal(field);
    }
    let high = field[..4].iter().skip(1).all(|b| *b == 0) && field[0] == 0x80;
    high.then(|| field[4..].iter().fold(0, |n, b| n << 8 | u64::from(*b)))
}

fn parse(member: &'static str, text: &[u8]) -> Result<ImageInfo, InfoError> {
    let malformed = |why: String| InfoError::Malformed { member, why };
    let text = String::from_utf8_lossy(text);
    let (mut family, mut version, mut ended) = (None, None, false);
    for line in text.lines() {
        let Some((key, value)) = line.split_once(':') else { continue };
        let value = value.trim();
        match key.trim() {
            "image_family" => {
                family = Some(value.parse().map_err(|e| malformed(format!("{e}")))?);
            }
            "ws_management_version" => {
                version = Some(value.parse().map_err(|e| malformed(format!("{e}")))?);
            }
            "info_end" => {
                ended = true;
                break;
            }
            // Real images say more (board, flash needs); we need none of it.
            _ => {}
        }
    }
    let missing = |key| malformed(format!("no line `{key}:`"));
    if !ended {
        return Err(missing("info_end"));
    }
    Ok(ImageInfo {
        family: family.ok_or_else(|| missing("image_family"))?,
        version: version.ok_or_else(|| missing("ws_management_version"))?,
    })
}

#[cfg(test)]
mod tests;
