//! Cached images that are verified and open. Verifying reads the whole file, so it happens on a thread of its own.

use std::collections::BTreeMap;
use std::sync::Arc;

use capledger_schema::id::Sha256;
use capledger_schema::image::ImageFacts;

use super::{Handle, Word};
use crate::ac::Input;
use crate::image::cache::{ImageCache, OpenImage};

/// The result of a verification.
pub(in crate::net) struct Opened {
    sha256: Sha256,
    result: Result<Arc<OpenImage>, String>,
}

pub(super) struct Images {
    cache: ImageCache,
    handle: Handle,
    open: BTreeMap<Sha256, Arc<OpenImage>>,
}

impl Images {
    pub(super) fn new(cache: ImageCache, handle: Handle) -> Self {
        Images { cache, handle, open: BTreeMap::new() }
    }

    /// Begins to verify an image; [`Word::Opened`] tells the end.
    pub(super) fn open(&self, image: ImageFacts) {
        let (cache, handle) = (self.cache.clone(), self.handle.clone());
        std::thread::spawn(move || {
            let sha256 = image.sha256;
            let result = cache.open_image(&image).map(Arc::new).map_err(|e| e.to_string());
            handle.tell(Word::Opened(Opened { sha256, result }));
        });
    }

    /// Takes a verification's result in, and says it in the core's words.
    pub(super) fn take(&mut self, opened: Opened) -> Input {
        let sha256 = opened.sha256;
        let result = opened.result.map(|image| {
            self.open.insert(sha256, image);
        });
        Input::Loaded { sha256, result }
    }

    /// Octets of an open image.
    pub(super) fn read(&self, image: Sha256, offset: u64, buf: &mut [u8]) -> Result<(), String> {
        let open = self.open.get(&image).ok_or_else(|| "it is not open".to_owned())?;
        open.read_at(offset, buf).map_err(|e| e.to_string())
    }

    /// Removes an image from the cache.
    pub(super) fn remove(&mut self, image: Sha256) {
        self.open.remove(&image);
        if let Err(e) = self.cache.remove(image) {
            tracing::warn!("{e}");
        }
    }
}
