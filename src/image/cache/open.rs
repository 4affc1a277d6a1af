//! Reading an image that was verified: a part is read from the file and checked against its digest once, then served
//! from memory to everyone who reads there, until the room is needed for other parts.

use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use capledger_schema::image::ImageFacts;

use super::error::ImageError;
use crate::image::digest::{Digester, PART, PartDigest, part_digest};

/// Verified octets that are kept in memory for all open images together.
const KEPT: usize = 128 << 20;

/// An image that was read whole, and compared with the catalogue, when it was opened. Clones share the file.
///
/// It holds the file itself: removing the image from the cache does not disturb its readers.
#[derive(Clone, Debug)]
pub struct OpenImage {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    facts: ImageFacts,
    path: PathBuf,
    file: File,
    digests: Vec<PartDigest>,
    /// Tells this opening apart from every other in the shared parts.
    id: u64,
    parts: Arc<Parts>,
}

impl OpenImage {
    pub(super) fn open(path: &Path, image: &ImageFacts, parts: Arc<Parts>) -> Result<Self, ImageError> {
        let local = |e| ImageError::local(path, e);
        let mut file = File::open(path).map_err(local)?;
        let mut digester = Digester::new();
        let mut buffer = vec![0; 1 << 18];
        loop {
            let read = match file.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => read,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) => return Err(local(e)),
            };
            digester.update(&buffer[..read]);
            // Longer than it should be, it is damaged, however much more there is.
            if digester.octets() > image.octets {
                break;
            }
        }
        let digests = digester.finish();
        if (digests.octets, digests.sha256) != (image.octets, image.sha256) {
            return Err(ImageError::Damaged { path: path.to_owned(), at: 0 });
        }
        let inner = Inner {
            facts: image.clone(),
            path: path.to_owned(),
            file,
            digests: digests.parts,
            id: parts.next_id.fetch_add(1, Ordering::Relaxed),
            parts,
        };
        Ok(OpenImage { inner: Arc::new(inner) })
    }

    /// What the image is.
    pub fn facts(&self) -> &ImageFacts {
        &self.inner.facts
    }

    /// Fills `buf` with the octets from `offset` on.
    ///
    /// # Errors
    /// `OutOfRange` if the image has no such octets; `Damaged` if the file changed since it was opened; `Local` if it
    /// cannot be read. `buf` then holds nothing of use.
    pub fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), ImageError> {
        let image = &*self.inner;
        let octets = image.facts.octets;
        let end = offset.saturating_add(buf.len() as u64);
        if end > octets {
            return Err(ImageError::OutOfRange { path: image.path.clone(), offset, end, octets });
        }
        let mut at = offset;
        let mut rest = buf;
        while !rest.is_empty() {
            let part = image.part((at / PART as u64) as usize)?;
            let from = (at % PART as u64) as usize;
            let taken = rest.len().min(part.len() - from);
            let (now, later) = rest.split_at_mut(taken);
            now.copy_from_slice(&part[from..from + taken]);
            rest = later;
            at += taken as u64;
        }
        Ok(())
    }
}

impl Inner {
    /// A verified part, from memory or from the file.
    fn part(&self, index: usize) -> Result<Arc<Vec<u8>>, ImageError> {
        let key = (self.id, index);
        if let Some(part) = self.parts.find(key) {
            return Ok(part);
        }
        // Two readers may read one part at the same time; that does no harm, and holding the lock for it would.
        let begin = index as u64 * PART as u64;
        let len = (self.facts.octets - begin).min(PART as u64) as usize;
        let mut part = vec![0; len];
        let damaged = || ImageError::Damaged { path: self.path.clone(), at: begin };
        match self.file.read_exact_at(&mut part, begin) {
            Ok(()) => {}
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Err(damaged()),
            Err(e) => return Err(ImageError::local(&self.path, e)),
        }
        if part_digest(&part) != self.digests[index] {
            return Err(damaged());
        }
        let part = Arc::new(part);
        self.parts.keep(key, &part);
        Ok(part)
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.parts.forget(self.id);
    }
}

/// Verified parts of all open images, with a limit on their octets.
#[derive(Debug)]
pub(super) struct Parts {
    next_id: AtomicU64,
    limit: usize,
    kept: Mutex<Kept>,
}

type Key = (u64, usize);

/// Second-chance eviction: a part that was used since the hand last passed stays for another round.
#[derive(Debug, Default)]
struct Kept {
    parts: HashMap<Key, Slot>,
    hand: VecDeque<Key>,
    octets: usize,
}

#[derive(Debug)]
struct Slot {
    octets: Arc<Vec<u8>>,
    used: bool,
}

impl Default for Parts {
    fn default() -> Self {
        Parts::with_limit(KEPT)
    }
}

impl Parts {
    pub(super) fn with_limit(limit: usize) -> Self {
        Parts { next_id: AtomicU64::new(0), limit, kept: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        // Nothing under the lock can panic half-way through a change.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, key: Key) -> Option<Arc<Vec<u8>>> {
        let mut kept = self.lock();
        let slot = kept.parts.get_mut(&key)?;
        slot.used = true;
        Some(Arc::clone(&slot.octets))
    }

    fn keep(&self, key: Key, part: &Arc<Vec<u8>>) {
        let mut kept = self.lock();
        while kept.octets + part.len() > self.limit && kept.evict() {}
        if kept.parts.insert(key, Slot { octets: Arc::clone(part), used: false }).is_none() {
            kept.octets += part.len();
            kept.hand.push_back(key);
        }
    }

    fn forget(&self, id: u64) {
        let mut kept = self.lock();
        kept.parts.retain(|key, _| key.0 != id);
        kept.hand.retain(|key| key.0 != id);
        kept.octets = kept.parts.values().map(|slot| slot.octets.len()).sum();
    }

    #[cfg(test)]
    pub(super) fn octets(&self) -> usize {
        self.lock().octets
    }
}

impl Kept {
    /// Drops one part; false if there is none.
    fn evict(&mut self) -> bool {
        while let Some(key) = self.hand.pop_front() {
            let Some(slot) = self.parts.get_mut(&key) else { continue };
            if std::mem::take(&mut slot.used) {
                self.hand.push_back(key);
                continue;
            }
            self.octets -= slot.octets.len();
            self.parts.remove(&key);
            return true;
        }
        false
    }
}
