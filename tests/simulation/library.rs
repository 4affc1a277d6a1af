//! The images of a simulation, real tars in memory, and what comes of fetching them.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use capledger::image::bundle::ImageSpec;
use capledger::image::family::families;
use capledger_schema::failure::FetchFailureKind;
use capledger_schema::id::Sha256;
use capledger_schema::image::{ImageFacts, ImageFamily, ImageVersion};

/// The image server's and the cache's files.
#[derive(Debug)]
pub(crate) struct Library {
    facts: BTreeMap<(ImageFamily, ImageVersion), ImageFacts>,
    octets: BTreeMap<Sha256, Bytes>,
    /// What the next fetches of a family end with; once it is used up, with the image.
    pub(crate) failures: BTreeMap<ImageFamily, VecDeque<FetchFailureKind>>,
    /// Images whose octets have changed in the cache since they were verified.
    pub(crate) rotten: Vec<Sha256>,
}

impl Library {
    /// An image of this version and length for every family, the first fetches of which fail.
    pub(crate) fn new(version: ImageVersion, octets: u64, seed: u64, failures: usize) -> Self {
        let mut library =
            Library { facts: BTreeMap::new(), octets: BTreeMap::new(), failures: BTreeMap::new(), rotten: Vec::new() };
        for family in families() {
            let spec = ImageSpec { family: family.clone(), version, octets, seed };
            let mut image = Vec::new();
            let facts = spec.write_facts(&mut image).expect("an image of a possible length, in memory");
            library.octets.insert(facts.sha256, image.into());
            let failures = std::iter::repeat_n(FetchFailureKind::TimedOut, failures);
            library.failures.insert(family.clone(), failures.collect());
            library.facts.insert((family, version), facts);
        }
        library
    }

    /// What the server's file of a family and version is.
    pub(crate) fn facts(&self, family: &ImageFamily, version: ImageVersion) -> Option<&ImageFacts> {
        self.facts.get(&(family.clone(), version))
    }

    /// Every image.
    pub(crate) fn all(&self) -> Vec<Sha256> {
        self.octets.keys().copied().collect()
    }

    /// Appends a block of an image as the cache holds it.
    pub(crate) fn splice(&self, image: Sha256, offset: u64, len: u16, out: &mut Vec<u8>) {
        let octets = self.octets.get(&image).expect("only images of the library are ever sent");
        let from = usize::try_from(offset).expect("an offset in memory");
        let block = out.len();
        out.extend_from_slice(&octets[from..from + usize::from(len)]);
        if self.rotten.contains(&image) && from > octets.len() / 2 {
            out[block] ^= 0x20;
        }
    }
}
