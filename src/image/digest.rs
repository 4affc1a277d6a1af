//! All digests of an image in one pass over its octets: SHA-256 names it, MD5 goes to the access point (RFC 5415
//! 4.6.28), and a BLAKE3 digest per part lets parts be checked again as they are read.

use capledger_schema::id::{Md5, Sha256};
use sha2::Digest as _;

/// Octets of a part that is checked on its own.
///
/// A reader holds one part in memory and pays its check once per part. 64 KiB keeps a thousand access points, each at
/// another place of the image, within 64 MiB; with parts of 1 MiB the same would be a gigabyte or a check per block.
pub const PART: usize = 64 << 10;

/// The digest of one part.
pub type PartDigest = [u8; 32];

/// What one pass over an image gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digests {
    /// Length of the file.
    pub octets: u64,
    /// Of the whole file.
    pub sha256: Sha256,
    /// Of the whole file.
    pub md5: Md5,
    /// Of each [`PART`] octets, in order; the last part may be shorter.
    pub parts: Vec<PartDigest>,
}

/// Takes octets in pieces of any size.
#[derive(Default)]
pub struct Digester {
    octets: u64,
    sha256: sha2::Sha256,
    md5: md5::Md5,
    part: blake3::Hasher,
    parts: Vec<PartDigest>,
}

impl Digester {
    /// A digester that has seen nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Octets so far.
    pub fn octets(&self) -> u64 {
        self.octets
    }

    /// Takes the next octets.
    pub fn update(&mut self, octets: &[u8]) {
        self.sha256.update(octets);
        self.md5.update(octets);
        let mut rest = octets;
        while !rest.is_empty() {
            let (now, later) = rest.split_at(rest.len().min(self.room()));
            self.part.update(now);
            self.octets += now.len() as u64;
            rest = later;
            if self.octets.is_multiple_of(PART as u64) {
                self.end_part();
            }
        }
    }

    /// The digests of all octets taken.
    pub fn finish(mut self) -> Digests {
        if !self.octets.is_multiple_of(PART as u64) {
            self.end_part();
        }
        Digests {
            octets: self.octets,
            sha256: Sha256(self.sha256.finalize().into()),
            md5: Md5(self.md5.finalize().into()),
            parts: self.parts,
        }
    }

    /// Octets until the current part is full; at least 1.
    fn room(&self) -> usize {
        PART - (self.octets % PART as u64) as usize
    }

    fn end_part(&mut self) {
        self.parts.push(*self.part.finalize().as_bytes());
        self.part.reset();
    }
}

/// The digest of one part alone.
pub fn part_digest(part: &[u8]) -> PartDigest {
    *blake3::hash(part).as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_digests_of_abc_are_those_of_the_standards() {
        let mut d = Digester::new();
        d.update(b"a");
        d.update(b"bc");
        let d = d.finish();
        assert_eq!(d.octets, 3);
        // FIPS 180-4, example B.1, and RFC 1321 A.5.
        assert_eq!(d.sha256.to_string(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(d.md5.to_string(), "900150983cd24fb0d6963f7d28e17f72");
    }

    #[test]
    fn nothing_has_no_parts_and_a_full_part_starts_no_second() {
        assert!(Digester::new().finish().parts.is_empty());
        let mut d = Digester::new();
        d.update(&vec![7; PART]);
        assert_eq!(d.finish().parts, [part_digest(&vec![7; PART])]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]

        #[test]
        fn the_digests_do_not_depend_on_how_the_octets_are_cut(
            len in 0usize..200_000, cuts in prop::collection::vec(0usize..200_000, 0..5)
        ) {
            let octets: Vec<u8> = (0..len).map(|i| (i * 31 / 8) as u8).collect();
            let mut whole = Digester::new();
            whole.update(&octets);
            let whole = whole.finish();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|c| c.min(len)).chain([0, len]).collect();
            cuts.sort_unstable();
            let mut pieces = Digester::new();
            for pair in cuts.windows(2) {
                pieces.update(&octets[pair[0]..pair[1]]);
            }
            let pieces = pieces.finish();
            prop_assert_eq!(&pieces, &whole);
            let each: Vec<_> = octets.chunks(PART).map(part_digest).collect();
            prop_assert_eq!(pieces.parts, each);
        }
    }
}
