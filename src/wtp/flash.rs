//! The two partitions of an access point's flash: one runs, the other is the backup.

use capledger_schema::id::{Md5, Sha256};
use capledger_schema::image::{ImageFamily, ImageVersion};

/// An image that was received, verified and stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredImage {
    /// As its own `info.ver` says.
    pub family: ImageFamily,
    /// As its own `info.ver` says.
    pub version: ImageVersion,
    /// Its length.
    pub octets: u64,
    /// Of all its octets.
    pub md5: Md5,
    /// Of all its octets, where the controller named one to compare it with.
    pub sha256: Option<Sha256>,
}

/// What one partition holds. The image that an access point leaves the factory with has a version and no more.
#[derive(Clone, Debug, Default)]
struct Partition {
    version: Option<ImageVersion>,
    image: Option<StoredImage>,
    /// It is not what was verified when it was written.
    damaged: bool,
}

/// Both partitions.
#[derive(Clone, Debug)]
pub(super) struct Flash {
    parts: [Partition; 2],
    active: usize,
    /// The partition that the next boot runs.
    next: usize,
}

impl Flash {
    /// As it leaves the factory: the second partition runs, as it does in the reference.
    pub(super) fn new(active: ImageVersion, backup: Option<ImageVersion>) -> Self {
        let part = |version| Partition { version, image: None, damaged: false };
        Flash { parts: [part(backup), part(Some(active))], active: 1, next: 1 }
    }

    fn backup_part(&self) -> &Partition {
        &self.parts[1 - self.active]
    }

    /// The version that runs.
    pub(super) fn active(&self) -> ImageVersion {
        self.parts[self.active].version.expect("the partition that runs holds an image: it is never written")
    }

    /// The version in the other partition.
    pub(super) fn backup(&self) -> Option<ImageVersion> {
        self.backup_part().version
    }

    /// The image that runs, if it was received.
    pub(super) fn active_image(&self) -> Option<&StoredImage> {
        self.parts[self.active].image.as_ref()
    }

    /// The image in the other partition, if it was received.
    pub(super) fn backup_image(&self) -> Option<&StoredImage> {
        self.backup_part().image.as_ref()
    }

    /// Which partition runs, as the console counts: 1 or 2.
    pub(super) fn active_part(&self) -> u8 {
        self.active as u8 + 1
    }

    /// Writes the backup partition.
    pub(super) fn store(&mut self, image: StoredImage) {
        self.parts[1 - self.active] = Partition { version: Some(image.version), image: Some(image), damaged: false };
    }

    /// A bit of the backup partition changes.
    pub(super) fn damage(&mut self) {
        self.parts[1 - self.active].damaged = true;
    }

    /// Makes the backup partition the one that the next boot runs; nothing if it is empty.
    pub(super) fn swap(&mut self) {
        if self.backup().is_some() {
            self.next = 1 - self.active;
        }
    }

    /// The next boot runs what runs now.
    pub(super) fn stay(&mut self) {
        self.next = self.active;
    }

    /// The machine boots. An image that is not what was verified when it was written is erased and not started: its
    /// version.
    pub(super) fn boot(&mut self) -> Option<ImageVersion> {
        let chosen = &mut self.parts[self.next];
        if !chosen.damaged {
            self.active = self.next;
            return None;
        }
        let refused = std::mem::take(chosen).version;
        self.next = self.active;
        refused
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> ImageVersion {
        text.parse().expect("a version")
    }

    #[test]
    fn a_stored_image_is_the_backup_until_the_partitions_are_swapped_and_the_machine_boots() {
        let mut flash = Flash::new(version("17.3.3.26"), None);
        flash.swap();
        assert_eq!(flash.boot(), None);
        assert_eq!((flash.active(), flash.backup()), (version("17.3.3.26"), None), "nothing to swap with");
        let image = StoredImage {
            family: "ap1g8".parse().expect("a family"),
            version: version("17.9.4.27"),
            octets: 10,
            md5: Md5([1; 16]),
            sha256: None,
        };
        flash.store(image.clone());
        assert_eq!((flash.active(), flash.backup()), (version("17.3.3.26"), Some(version("17.9.4.27"))));
        assert_eq!((flash.active_image(), flash.backup_image(), flash.active_part()), (None, Some(&image), 2));
        flash.swap();
        assert_eq!(flash.active(), version("17.3.3.26"), "what runs does not change under it");
        assert_eq!(flash.boot(), None);
        assert_eq!((flash.active(), flash.backup()), (version("17.9.4.27"), Some(version("17.3.3.26"))));
        assert_eq!((flash.active_image(), flash.backup_image(), flash.active_part()), (Some(&image), None, 1));
    }
    #[test]
    fn a_damaged_image_is_not_booted_and_its_partition_is_empty_afterwards() {
        let mut flash = Flash::new(version("17.3.3.26"), None);
        let image = StoredImage {
            family: "ap1g8".parse().expect("a family"),
            version: version("17.9.4.27"),
            octets: 10,
            md5: Md5([1; 16]),
            sha256: None,
        };
        flash.store(image.clone());
        flash.damage();
        flash.swap();
        assert_eq!(flash.boot(), Some(version("17.9.4.27")));
        assert_eq!((flash.active(), flash.backup()), (version("17.3.3.26"), None));
        flash.store(image);
        flash.swap();
        assert_eq!((flash.boot(), flash.active()), (None, version("17.9.4.27")));
    }
}
