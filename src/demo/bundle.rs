//! The cast: access points of five models, and mixed bundles of their images, one file per image type.

use std::collections::BTreeMap;
use std::fs;
use std::io::BufWriter;
use std::net::SocketAddr;
use std::path::Path;

use capledger_schema::image::{ImageFamily, ImageVersion};

use super::{DemoConfig, DemoError};
use crate::image::bundle::{ImageSpec, MIN_OCTETS};
use crate::image::family::family_of;
use crate::image::sums::{SUMS_FILE, Sums};
use crate::simulate::fleet::FleetSpec;
use crate::wtp::{Dialect, Knobs, WtpConfig};

/// Models, in turn, and the size of their images in thousandths of the C9105's.
const MODELS: &[(&str, u64)] = &[
    ("C9105AXI-B", 1_000),
    ("C9120AXI-B", 600),
    ("C9130AXI-B", 550),
    ("AIR-AP1815I-B-K9", 400),
    ("AIR-AP2802I-B-K9", 450),
];
const SITES: &[&str] = &["Building 1", "Building 2", "Warehouse"];

/// Where a release's bundle is unpacked on the servers: as the product's documentation does it.
pub(super) fn folder(version: ImageVersion) -> String {
    format!("EWC/{}", version.to_string().replace('.', "_"))
}

/// The access points, named by their series: `AP-9105-01`.
pub(super) fn fleet(
    config: &DemoConfig,
    ac: SocketAddr,
    version: ImageVersion,
    backup: Option<ImageVersion>,
) -> Vec<WtpConfig> {
    // Models take turns, and stand together in every list.
    let mut turns: Vec<_> = (0..config.aps).map(|index| index % MODELS.len()).collect();
    turns.sort_unstable();
    let spec = FleetSpec {
        ac,
        aps: config.aps,
        models: turns.into_iter().map(|turn| MODELS[turn].0.to_owned()).collect(),
        name_prefix: None,
        site: String::new(),
        version,
        backup,
        seed: 1,
        console: Some(Dialect::Replica),
        knobs: Knobs::default(),
        faulty: 0,
        timers: config.pace.timers.clone(),
    };
    let mut numbers: BTreeMap<String, usize> = BTreeMap::new();
    let mut members = spec.members();
    for (index, member) in members.iter_mut().enumerate() {
        let series: String = member.model.chars().filter(char::is_ascii_digit).take(4).collect();
        let number = numbers.entry(series.clone()).or_default();
        *number += 1;
        member.name = format!("AP-{series}-{number:02}");
        SITES[index % SITES.len()].clone_into(&mut member.location);
    }
    members
}

/// The images of a release that a fleet of so many needs.
pub(super) fn images(config: &DemoConfig, version: ImageVersion) -> Vec<ImageSpec> {
    let needed = MODELS.iter().take(config.aps);
    let spec = |(model, share): &(&str, u64)| {
        // Like the reference's, whole blocks of an archive, unless somebody wants another size.
        let octets = match share {
            1_000 => config.image_octets,
            _ => config.image_octets / 1_000 * share / 512 * 512,
        };
        Some(ImageSpec { family: family_of(model)?, version, octets: octets.max(MIN_OCTETS), seed: 1 })
    };
    needed.filter_map(spec).collect()
}

/// Unpacks a release's bundle under a directory, in its folder, with the list of digests that `capledger bundle unpack`
/// puts beside the images.
pub(super) fn unpack(root: &Path, images: &[ImageSpec]) -> Result<(), DemoError> {
    let Some(version) = images.first().map(|i| i.version) else { return Ok(()) };
    let folder = root.join(folder(version));
    let write = || {
        fs::create_dir_all(&folder)?;
        let mut sums = Sums::new();
        for image in images {
            let file = fs::File::create(folder.join(image.family.as_str()))?;
            let facts = image.write_facts(BufWriter::with_capacity(1 << 18, file))?;
            sums.insert(image.family.as_str(), facts.sha256);
        }
        fs::write(folder.join(SUMS_FILE), sums.to_string())
    };
    write().map_err(|source| DemoError::File { path: folder.clone(), source })
}

/// Cuts an image on the server to its first half, as a transfer that broke off leaves it.
pub(super) fn cut_short(root: &Path, version: ImageVersion, family: &ImageFamily) -> Result<(), DemoError> {
    let path = root.join(folder(version)).join(family.as_str());
    let cut = || {
        let file = fs::File::options().write(true).open(&path)?;
        let length = file.metadata()?.len();
        file.set_len(length / 2)
    };
    cut().map_err(|source| DemoError::File { path: path.clone(), source })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    use crate::demo::{NEXT, RUNNING};

    #[test]
    fn a_dozen_access_points_are_of_five_models_with_names_of_their_own() {
        let fleet = fleet(&DemoConfig::new(), SocketAddr::from(([127, 0, 0, 1], 5246)), RUNNING, None);
        let models: BTreeSet<_> = fleet.iter().map(|ap| &ap.model).collect();
        let names: BTreeSet<_> = fleet.iter().map(|ap| &ap.name).collect();
        assert_eq!((fleet.len(), models.len(), names.len()), (12, 5, 12));
        assert_eq!((fleet[0].name.as_str(), fleet[1].name.as_str()), ("AP-9105-01", "AP-9105-02"));
        assert_eq!((fleet[3].name.as_str(), fleet[11].name.as_str()), ("AP-9120-01", "AP-2802-02"));
    }

    #[test]
    fn the_c9105s_image_has_the_size_asked_for_and_the_others_are_smaller() {
        let images = images(&DemoConfig::new(), NEXT);
        assert_eq!((images.len(), images[0].family.as_str(), images[0].octets), (5, "ap1g8", 70_512_640));
        assert!(images[1..].iter().all(|i| i.octets < images[0].octets && i.octets % 512 == 0));
        let tiny = DemoConfig { image_octets: MIN_OCTETS, ..DemoConfig::new() };
        assert!(super::images(&tiny, NEXT).iter().all(|i| i.octets >= MIN_OCTETS));
    }

    #[test]
    fn only_the_images_of_the_models_at_hand_are_made() {
        assert_eq!(images(&DemoConfig { aps: 2, ..DemoConfig::new() }, NEXT).len(), 2);
    }

    #[test]
    fn an_image_that_is_cut_short_keeps_its_first_half() {
        let root = tempfile::tempdir().expect("a directory");
        let config = DemoConfig { image_octets: 20_480, aps: 1, ..DemoConfig::new() };
        unpack(root.path(), &images(&config, RUNNING)).expect("unpacked");
        let family = "ap1g8".parse().expect("a family");
        cut_short(root.path(), RUNNING, &family).expect("cut");
        let file = root.path().join("EWC/17_9_4_27/ap1g8");
        assert_eq!(fs::metadata(file).expect("there").len(), 10_240);
    }
}
