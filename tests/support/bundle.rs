//! A bundle as an image server holds it: one file per family, without an extension.

use std::fs;
use std::path::Path;

use capledger::image::bundle::ImageSpec;
use capledger_schema::image::{ImageFacts, ImageVersion};

/// What the access points run at first.
pub(crate) const OLD: &str = "17.3.3.26";
/// What they are to run.
pub(crate) const NEW: &str = "17.9.4.27";

/// Five models, each with a family of its own, and that family.
pub(crate) const MODELS: [(&str, &str); 5] = [
    ("C9105AXI-B", "ap1g8"),
    ("C9120AXI-B", "ap1g7"),
    ("C9130AXI-B", "ap1g6a"),
    ("C9117AXI-B", "ap1g6"),
    ("AIR-AP2802I-B-K9", "ap3g3"),
];

pub(crate) fn version(text: &str) -> ImageVersion {
    text.parse().expect("a version")
}

/// Writes an image of this version and length for each family; what each of them is.
pub(crate) fn write(to: &Path, of: ImageVersion, octets: u64) -> Vec<ImageFacts> {
    fs::create_dir_all(to).expect("a directory");
    let write = |(_, family): &(&str, &str)| {
        let spec = ImageSpec { family: family.parse().expect("a family"), version: of, octets, seed: 1 };
        let file = fs::File::create(to.join(family)).expect("a file");
        spec.write_facts(std::io::BufWriter::new(file)).expect("an image")
    };
    MODELS.iter().map(write).collect()
}
