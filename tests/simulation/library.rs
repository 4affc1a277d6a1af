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
    /// The version that the server's files are of, unless a family's own is named here.
    pub(crate) served: ImageVersion,
    /// Families whose file is of another version.
    pub(crate) odd: BTreeMap<ImageFamily, ImageVersion>,
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
        let mut library = Library {
            served: version,
            odd: BTreeMap::new(),
            facts: BTreeMap::new(),
            octets: BTreeMap::new(),
            failures: BTreeMap::new(),
            rotten: Vec::new(),
        };
        library.unpack(version, octets, seed);
        for family in families() {
            let failures = std::iter::repeat_n(FetchFailureKind::TimedOut, failures);
            library.failures.insert(family, failures.collect());
        }
        library
    }

    /// Another bundle is unpacked on the server, and its files are what it serves from now on.
    pub(crate) fn unpack(&mut self, version: ImageVersion, octets: u64, seed: u64) {
        self.served = version;
        for family in families() {
            let spec = ImageSpec { family: family.clone(), version, octets, seed };
            let mut image = Vec::new();
            let facts = spec.write_facts(&mut image).expect("an image of a possible length, in memory");
            self.octets.insert(facts.sha256, image.into());
            self.facts.insert((family, version), facts);
        }
    }

    /// What the server's file of a family is.
    pub(crate) fn held(&self, family: &ImageFamily) -> ImageVersion {
        self.odd.get(family).copied().unwrap_or(self.served)
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
