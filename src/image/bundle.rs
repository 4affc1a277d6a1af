//! Generated images: a tar archive with `info` and `info.ver` that passes every check a real one does, of any length,
//! with content that follows from a seed. For the demonstration, tests and the bundle maker.
//!
//! The content is noise that does not compress; nothing in it would boot.

use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::path::Path;

use capledger_schema::image::{ImageFacts, ImageFamily, ImageVersion};

use super::digest::Digester;
use super::sums::{SUMS_FILE, Sums};

/// The shortest image that can be made: two info members, one empty member of content, and the two empty blocks that
/// end an archive (POSIX.1-1988 ustar).
pub const MIN_OCTETS: u64 = (2 * 2 + 1 + 2) * BLOCK;
/// Length of the reference's image for ap1g8.
pub const REFERENCE_OCTETS: u64 = 70_512_640;

const BLOCK: u64 = 512;

/// What to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageSpec {
    /// For `image_family:`.
    pub family: ImageFamily,
    /// For `ws_management_version:`.
    pub version: ImageVersion,
    /// Length of the whole file, at least [`MIN_OCTETS`].
    pub octets: u64,
    /// Two images of one seed, family, version and length are the same to the octet.
    pub seed: u64,
}

impl ImageSpec {
    /// Writes the image.
    ///
    /// # Errors
    /// `InvalidInput` for a length below [`MIN_OCTETS`]; otherwise what the writer says.
    pub fn write(&self, out: impl Write) -> io::Result<()> {
        let Some(content) = self.octets.checked_sub(MIN_OCTETS) else {
            let why = format!("an image of {} octets cannot be made; the least is {MIN_OCTETS}", self.octets);
            return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
        };
        // What does not fill a block stands behind the end mark, as padding to a record does.
        let (content, rest) = (content / BLOCK * BLOCK, content % BLOCK);
        let info = self.info();
        let mut tar = tar::Builder::new(out);
        for name in ["info", "info.ver"] {
            member(&mut tar, name, info.len() as u64, info.as_bytes())?;
        }
        member(&mut tar, "image.bin", content, Noise::new(self.content_seed()))?;
        let mut out = tar.into_inner()?;
        out.write_all(&vec![0; rest as usize])?;
        out.flush()
    }

    /// The image in memory.
    ///
    /// # Errors
    /// As [`ImageSpec::write`].
    pub fn to_vec(&self) -> io::Result<Vec<u8>> {
        let mut out = Vec::with_capacity(usize::try_from(self.octets).unwrap_or(0));
        self.write(&mut out)?;
        Ok(out)
    }

    /// Writes the image and says what it is.
    ///
    /// # Errors
    /// As [`ImageSpec::write`].
    pub fn write_facts(&self, out: impl Write) -> io::Result<ImageFacts> {
        let mut tee = Tee { out, digester: Digester::new() };
        self.write(&mut tee)?;
        let digests = tee.digester.finish();
        Ok(ImageFacts {
            family: self.family.clone(),
            version: self.version,
            octets: digests.octets,
            sha256: digests.sha256,
            md5: digests.md5,
        })
    }

    /// What the image is, without keeping its octets.
    ///
    /// # Errors
    /// As [`ImageSpec::write`].
    pub fn facts(&self) -> io::Result<ImageFacts> {
        self.write_facts(io::sink())
    }

    fn info(&self) -> String {
        let text = format!("image_family: {}\nws_management_version: {}\ninfo_end:\n", self.family, self.version);
        debug_assert!(text.len() as u64 <= BLOCK, "MIN_OCTETS counts one block per info member");
        text
    }

    /// Families and versions of one seed differ in content, as real ones do.
    fn content_seed(&self) -> u64 {
        let name = format!("{} {} {}", self.family, self.version, self.seed);
        let digest = blake3::hash(name.as_bytes());
        u64::from_le_bytes(*digest.as_bytes().first_chunk().expect("a BLAKE3 digest has 32 octets"))
    }
}

/// Writes a mixed bundle to an existing directory: one file per image, named as its family, without an extension, and
/// the list of their digests.
///
/// # Errors
/// What the file system says; the files written so far stay.
pub fn write_bundle(directory: &Path, images: &[ImageSpec]) -> io::Result<()> {
    let named = |path: &Path, e: io::Error| io::Error::new(e.kind(), format!("{}: {e}", path.display()));
    let mut sums = Sums::new();
    for image in images {
        let path = directory.join(image.family.as_str());
        let file = File::create(&path).map_err(|e| named(&path, e))?;
        let facts = image.write_facts(BufWriter::with_capacity(1 << 18, file)).map_err(|e| named(&path, e))?;
        sums.insert(image.family.as_str(), facts.sha256);
    }
    let path = directory.join(SUMS_FILE);
    fs::write(&path, sums.to_string()).map_err(|e| named(&path, e))
}

fn member<W: Write>(tar: &mut tar::Builder<W>, name: &str, octets: u64, content: impl Read) -> io::Result<()> {
    let mut header = tar::Header::new_ustar();
    header.set_size(octets);
    header.set_mode(0o644);
    tar.append_data(&mut header, name, content.take(octets))
}

/// Octets that follow from a seed (xorshift64* by Vigna), without an end.
struct Noise(u64);

impl Noise {
    fn new(seed: u64) -> Self {
        // Zero is the one state that xorshift cannot leave.
        Noise(seed.max(1))
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }
}

impl Read for Noise {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        // Whole words only, so that the content does not depend on the size of the caller's buffer.
        let words = buf.len() / 8 * 8;
        if words == 0 {
            let word = self.next().to_le_bytes();
            buf.copy_from_slice(&word[..buf.len()]);
            return Ok(buf.len());
        }
        for word in buf[..words].chunks_exact_mut(8) {
            word.copy_from_slice(&self.next().to_le_bytes());
        }
        Ok(words)
    }
}

struct Tee<W> {
    out: W,
    digester: Digester,
}

impl<W: Write> Write for Tee<W> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let written = self.out.write(buf)?;
        self.digester.update(&buf[..written]);
        Ok(written)
    }
    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::info::InfoScan;

    fn spec(octets: u64, seed: u64) -> ImageSpec {
        let family = "ap1g8".parse().expect("family");
        ImageSpec { family, version: ImageVersion([17, 9, 4, 27]), octets, seed }
    }

    #[test]
    fn an_image_has_exactly_the_length_asked_for_and_says_what_it_is() {
        for octets in [MIN_OCTETS, MIN_OCTETS + 1, MIN_OCTETS + 511, MIN_OCTETS + 512, 65_536, 100_001] {
            let image = spec(octets, 1).to_vec().expect("image");
            assert_eq!(image.len() as u64, octets);
            let mut scan = InfoScan::new();
            scan.push(&image).expect("a tar");
            let info = scan.finish(false).expect("whole");
            assert_eq!((info.family.as_str(), info.version), ("ap1g8", ImageVersion([17, 9, 4, 27])));
        }
    }

    #[test]
    fn the_tar_crate_reads_it_too() {
        let image = spec(20_480, 1).to_vec().expect("image");
        let mut archive = tar::Archive::new(&image[..]);
        let names: Vec<_> = archive
            .entries()
            .expect("a tar")
            .map(|e| e.expect("member").path().expect("name").display().to_string())
            .collect();
        assert_eq!(names, ["info", "info.ver", "image.bin"]);
    }

    #[test]
    fn a_length_that_holds_no_image_is_refused() {
        let e = spec(MIN_OCTETS - 1, 1).to_vec().expect_err("too short");
        assert_eq!(e.kind(), io::ErrorKind::InvalidInput);
    }

    #[test]
    fn the_seed_alone_decides_the_content() {
        assert_eq!(spec(9_000, 5).facts().expect("facts"), spec(9_000, 5).facts().expect("facts"));
        assert_ne!(spec(9_000, 5).facts().expect("facts").sha256, spec(9_000, 6).facts().expect("facts").sha256);
        let other = ImageSpec { version: ImageVersion([17, 12, 1, 5]), ..spec(9_000, 5) };
        assert_ne!(other.facts().expect("facts").sha256, spec(9_000, 5).facts().expect("facts").sha256);
    }

    #[test]
    fn the_facts_are_those_of_the_octets() {
        let mut d = Digester::new();
        d.update(&spec(30_000, 9).to_vec().expect("image"));
        let d = d.finish();
        let facts = spec(30_000, 9).facts().expect("facts");
        assert_eq!((facts.octets, facts.sha256, facts.md5), (d.octets, d.sha256, d.md5));
    }

    #[test]
    fn a_bundle_lists_the_digests_of_its_images() {
        let dir = tempfile::tempdir().expect("a directory");
        write_bundle(dir.path(), &[spec(9_000, 5)]).expect("written");
        let list = fs::read_to_string(dir.path().join(SUMS_FILE)).expect("a list");
        let image = fs::read(dir.path().join("ap1g8")).expect("an image");
        assert_eq!(image, spec(9_000, 5).to_vec().expect("image"));
        let facts = spec(9_000, 5).facts().expect("facts");
        assert_eq!(Sums::parse(&list).expect("sums").get("ap1g8"), Some(facts.sha256));
    }
}
