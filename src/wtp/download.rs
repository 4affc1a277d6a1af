//! One image as it arrives: its running digests, what it says of itself, and the verdict at its end.
//!
//! The octets themselves are not kept.

use capledger_schema::id::{Md5, Sha256};
use capledger_schema::image::{ImageFamily, ImageVersion};
use md5::Digest as _;

use super::config::{Digests, FlashDamage};
use super::flash::StoredImage;
use crate::capwap::element::ResultCode;
use crate::capwap::particulars::ReasonKind;
use crate::image::info::{ImageInfo, InfoError, InfoScan};

/// What the controller said of the image before it sent it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Announced {
    pub(super) octets: Option<u64>,
    pub(super) md5: Option<Md5>,
    pub(super) sha256: Option<Sha256>,
}

/// Why an image is not stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Bad {
    /// For the Image Data Response (RFC 5415 4.6.35: 14 to 17).
    pub(super) code: ResultCode,
    /// What the code has no number for.
    pub(super) kind: ReasonKind,
    /// For the console and the controller.
    pub(super) words: String,
}

/// An image that is being received.
#[derive(Debug)]
pub(super) struct Download {
    /// In Run, to the backup partition, without a reset at its end.
    pub(super) predownload: bool,
    /// The version that the controller named.
    pub(super) wanted: ImageVersion,
    /// The Image Identifier that the controller named it with.
    pub(super) identifier: Identifier,
    /// Whether the Image Data Request has gone out.
    pub(super) requested: bool,
    /// The last block's sequence number, if it waits for the controller's word on what to verify against.
    pub(super) awaiting_announcement: Option<u8>,
    announced: Announced,
    octets: u64,
    messages: u64,
    last: usize,
    md5: md5::Md5,
    sha256: Option<sha2::Sha256>,
    /// Of what the flash holds, where that differs from what came.
    stored: Option<Box<md5::Md5>>,
    info: Result<InfoScan, InfoError>,
}

/// Vendor and name of an Image Identifier (4.6.27), as the controller sent it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Identifier {
    pub(super) vendor: u32,
    pub(super) name: String,
}

impl Download {
    /// A download of which nothing has come.
    pub(super) fn new(predownload: bool, wanted: ImageVersion, identifier: Identifier) -> Self {
        Download {
            predownload,
            wanted,
            identifier,
            requested: false,
            awaiting_announcement: None,
            announced: Announced::default(),
            octets: 0,
            messages: 0,
            last: 0,
            md5: md5::Md5::new(),
            sha256: None,
            stored: None,
            info: Ok(InfoScan::new()),
        }
    }

    /// Octets that have come.
    pub(super) fn octets(&self) -> u64 {
        self.octets
    }

    /// Image Data Requests with octets that have come.
    pub(super) fn messages(&self) -> u64 {
        self.messages
    }

    /// Octets, messages and octets of the last message, as the console prints them.
    pub(super) fn totals(&self) -> (u64, u64, usize) {
        (self.octets, self.messages, self.last)
    }

    /// Takes what the controller says of the image. What comes once octets have come is too late to be checked.
    pub(super) fn announce(&mut self, said: &Announced, understands: Digests) {
        let Announced { octets, md5, sha256 } = *said;
        self.announced.octets = octets.or(self.announced.octets);
        if understands != Digests::None {
            self.announced.md5 = md5.or(self.announced.md5);
        }
        if understands == Digests::Both && self.octets == 0 && sha256.is_some() {
            self.announced.sha256 = sha256;
            self.sha256 = Some(sha2::Sha256::new());
        }
    }

    /// Takes the octets of one Image Data Request, and what becomes of them in the flash. True if they are damaged there.
    pub(super) fn push(&mut self, octets: &[u8], damage: Option<FlashDamage>) -> bool {
        let at = damage.and_then(|d| usize::try_from(d.at_octet.checked_sub(self.octets)?).ok());
        let hit = at.filter(|at| *at < octets.len()).zip(damage);
        if let Some((at, damage)) = hit {
            let mut held = octets.to_vec();
            held[at] ^= 1 << (damage.bit % 8);
            // Up to here both are the same.
            self.stored.get_or_insert_with(|| Box::new(self.md5.clone())).update(&held);
        } else if let Some(stored) = &mut self.stored {
            stored.update(octets);
        }
        self.octets += octets.len() as u64;
        self.messages += 1;
        self.last = octets.len();
        self.md5.update(octets);
        if let Some(sha256) = &mut self.sha256 {
            sha256.update(octets);
        }
        if let Ok(scan) = &mut self.info
            && let Err(e) = scan.push(octets)
        {
            self.info = Err(e);
        }
        hit.is_some()
    }

    /// The last octet has come: the image, or what is wrong with it. Digests first, since what they refute says nothing.
    pub(super) fn finish(self, family: Option<&ImageFamily>) -> Result<StoredImage, Bad> {
        let bad = |code, words: String| Err(Bad { code, kind: ReasonKind::Other, words });
        let Announced { octets, md5, sha256 } = self.announced;
        if let Some(announced) = octets.filter(|n| *n != self.octets) {
            let words = format!("{} octets came, {announced} were announced", self.octets);
            return bad(ResultCode::ImageInvalidLength, words);
        }
        let got_md5 = Md5(self.md5.finalize().into());
        if let Some(announced) = md5.filter(|d| *d != got_md5) {
            return bad(ResultCode::ImageInvalidChecksum, format!("MD5 is {got_md5}, {announced} was announced"));
        }
        let got_sha256 = self.sha256.map(|d| Sha256(d.finalize().into()));
        if let (Some(got), Some(announced)) = (got_sha256, sha256)
            && got != announced
        {
            return bad(ResultCode::ImageInvalidChecksum, format!("SHA-256 is {got}, {announced} was announced"));
        }
        let ImageInfo { family: of, version } = match self.info.and_then(|scan| scan.finish(octets.is_some())) {
            Ok(info) => info,
            Err(e) => return bad(ResultCode::ImageOtherError, e.to_string()),
        };
        if let Some(family) = family.filter(|f| **f != of) {
            return bad(
                ResultCode::ImageOtherError,
                format!("an image of family {of}; this access point runs {family}"),
            );
        }
        // What was written is read again: the last that can go wrong before the controller is told that it is here.
        if let Some(stored) = self.stored.map(|d| Md5(d.finalize().into())).filter(|d| *d != got_md5) {
            let words = format!("the flash holds MD5 {stored}, {got_md5} was written");
            return Err(Bad { code: ResultCode::ImageOtherError, kind: ReasonKind::Verification, words });
        }
        Ok(StoredImage { family: of, version, octets: self.octets, md5: got_md5, sha256: got_sha256 })
    }
}
