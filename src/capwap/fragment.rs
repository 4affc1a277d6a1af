//! Fragments of packets that are too long for the path (RFC 5415 3.4, 4.3): cutting, and putting together within limits.
//!
//! What comes under DTLS is never fragmented here: the record size follows the path. Time is an argument.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::Duration;

use capledger_schema::time::Monotonic;
use thiserror::Error;

use super::header::Header;

/// Octets that fragment offsets count.
const UNIT: usize = 8;
/// Most octets of a payload: what a message's length can say, and its control header.
pub const MAX_PAYLOAD: usize = 65_535;

/// Why a payload cannot be cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SplitError {
    /// The MTU leaves no eight octets behind the header.
    #[error("an MTU of {mtu} octets leaves no room for 8 octets behind a header of {header}")]
    MtuTooSmall {
        /// The MTU that was given.
        mtu: usize,
        /// Octets of the header.
        header: usize,
    },
    /// The payload is longer than fragment offsets can say.
    #[error("a payload of {0} octets is longer than the {MAX_PAYLOAD} that fragments can carry")]
    PayloadTooLong(usize),
}

/// The packets that carry `payload`, none longer than `mtu` octets (CAPWAP header included, UDP and IP not).
///
/// One packet, and no fragment, if it fits. `fragment_id` must be another for each payload of one direction.
pub fn split(header: &Header, payload: &[u8], fragment_id: u16, mtu: usize) -> Result<Vec<Vec<u8>>, SplitError> {
    if payload.len() > MAX_PAYLOAD {
        return Err(SplitError::PayloadTooLong(payload.len()));
    }
    let room = mtu.saturating_sub(header.octets());
    let whole = payload.len() <= room;
    let size = if whole { payload.len().max(1) } else { room / UNIT * UNIT };
    if size == 0 {
        return Err(SplitError::MtuTooSmall { mtu, header: header.octets() });
    }
    if payload.is_empty() {
        return Ok(vec![packet(header, &[], None)]);
    }
    let last = payload.len().div_ceil(size) - 1;
    let cut = |(n, piece): (usize, &[u8])| {
        let place = (!whole).then_some((fragment_id, (n * size / UNIT) as u16, n == last));
        packet(header, piece, place)
    };
    Ok(payload.chunks(size).enumerate().map(cut).collect())
}

/// One packet; `place` is fragment id, offset in units of 8 octets, and whether it is the last.
fn packet(header: &Header, piece: &[u8], place: Option<(u16, u16, bool)>) -> Vec<u8> {
    let (fragment_id, fragment_offset, last_fragment) = place.unwrap_or_default();
    let header = Header { fragment: place.is_some(), last_fragment, fragment_id, fragment_offset, ..header.clone() };
    let mut out = Vec::with_capacity(header.octets() + piece.len());
    header.encode(&mut out);
    out.extend_from_slice(piece);
    out
}

/// What a `Reassembler` keeps at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Sets of all peers together. A set beyond is refused.
    pub sets: usize,
    /// Sets of one peer. A set beyond takes the place of the peer's oldest.
    pub sets_per_peer: usize,
    /// Octets of one payload.
    pub octets: usize,
    /// Fragments of one payload.
    pub fragments: usize,
    /// How long a set may stay incomplete, from its first fragment.
    pub age: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { sets: 64, sets_per_peer: 2, octets: MAX_PAYLOAD, fragments: 128, age: Duration::from_secs(5) }
    }
}

/// Why a fragment was refused. But for the first two, its set is forgotten with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum FragmentError {
    /// A fragment without octets, or one before the last whose length is no multiple of 8.
    #[error("a fragment of {0} octets: all but the last must be a multiple of 8, none may be empty")]
    Unaligned(usize),
    /// The limit on sets is reached.
    #[error("{0} fragment sets are incomplete, no more are begun")]
    TooManySets(usize),
    /// The limit on a payload is passed.
    #[error("fragments of a payload beyond the limit of {0} octets")]
    TooLong(usize),
    /// The limit on fragments is passed.
    #[error("a payload in more than {0} fragments")]
    TooManyFragments(usize),
    /// Two fragments cover the same octets and are not the same; the RFC allows no overlap.
    #[error("fragments overlap")]
    Overlap,
    /// A fragment lies behind the last one, or two are the last.
    #[error("fragments disagree about the end of the payload")]
    EndConflict,
}

/// Puts fragments of many peers together. `K` tells the peers apart: an address, or `()` for a session of its own.
#[derive(Clone, Debug)]
pub struct Reassembler<K> {
    limits: Limits,
    sets: BTreeMap<(K, u16), Set>,
}

#[derive(Clone, Debug)]
struct Set {
    since: Monotonic,
    /// By their offset in octets.
    pieces: BTreeMap<usize, Vec<u8>>,
    /// Octets in `pieces`.
    held: usize,
    /// Length of the payload, once the last fragment has come.
    total: Option<usize>,
}

impl<K: Ord + Clone> Reassembler<K> {
    /// An empty one.
    pub fn new(limits: Limits) -> Self {
        Reassembler { limits, sets: BTreeMap::new() }
    }

    /// Takes a packet's header and payload; gives a payload once it is whole, `None` as long as it is not.
    ///
    /// What is no fragment is given back as it is. A fragment that came before is ignored. Sets that are too old are
    /// forgotten first.
    pub fn push<'a>(
        &mut self,
        peer: &K,
        header: &Header,
        payload: &'a [u8],
        now: Monotonic,
    ) -> Result<Option<Cow<'a, [u8]>>, FragmentError> {
        if !header.fragment {
            return Ok(Some(Cow::Borrowed(payload)));
        }
        self.expire(now);
        if payload.is_empty() || (!header.last_fragment && !payload.len().is_multiple_of(UNIT)) {
            return Err(FragmentError::Unaligned(payload.len()));
        }
        let key = (peer.clone(), header.fragment_id);
        if !self.sets.contains_key(&key) {
            self.make_room(peer)?;
            self.sets.insert(key.clone(), Set::new(now));
        }
        let set = self.sets.get_mut(&key).expect("it was there or was just put there");
        let offset = usize::from(header.fragment_offset) * UNIT;
        match set.add(offset, payload, header.last_fragment, &self.limits) {
            Ok(ControlFlow::Continue(())) => Ok(None),
            Ok(ControlFlow::Break(whole)) => {
                self.sets.remove(&key);
                Ok(Some(Cow::Owned(whole)))
            }
            Err(error) => {
                self.sets.remove(&key);
                Err(error)
            }
        }
    }

    /// Forgets sets that stayed incomplete for too long; says how many.
    pub fn expire(&mut self, now: Monotonic) -> usize {
        let before = self.sets.len();
        let age = self.limits.age;
        self.sets.retain(|_, set| now.since(set.since) < age);
        before - self.sets.len()
    }

    /// Forgets a peer's sets, as when its session ends.
    pub fn forget(&mut self, peer: &K) {
        self.sets.retain(|(owner, _), _| owner != peer);
    }

    /// When the next set becomes too old.
    pub fn deadline(&self) -> Option<Monotonic> {
        self.sets.values().map(|set| set.since + self.limits.age).min()
    }

    /// Incomplete sets.
    pub fn len(&self) -> usize {
        self.sets.len()
    }

    /// Whether no set is incomplete.
    pub fn is_empty(&self) -> bool {
        self.sets.is_empty()
    }

    /// A peer that begins a set too many has given its oldest up; other peers' sets are not its to end.
    fn make_room(&mut self, peer: &K) -> Result<(), FragmentError> {
        let of_peer = || self.sets.range((peer.clone(), 0)..=(peer.clone(), u16::MAX));
        if of_peer().count() >= self.limits.sets_per_peer
            && let Some(oldest) = of_peer().min_by_key(|(_, set)| set.since).map(|(key, _)| key.clone())
        {
            self.sets.remove(&oldest);
        }
        if self.sets.len() >= self.limits.sets { Err(FragmentError::TooManySets(self.sets.len())) } else { Ok(()) }
    }
}

impl Set {
    fn new(since: Monotonic) -> Set {
        Set { since, pieces: BTreeMap::new(), held: 0, total: None }
    }

    /// Adds a piece; breaks with the payload once it is whole.
    fn add(
        &mut self,
        offset: usize,
        piece: &[u8],
        last: bool,
        limits: &Limits,
    ) -> Result<ControlFlow<Vec<u8>>, FragmentError> {
        let end = offset + piece.len();
        if end > limits.octets {
            return Err(FragmentError::TooLong(limits.octets));
        }
        let known_end = self.pieces.last_key_value().map_or(0, |(at, octets)| at + octets.len());
        let conflict = match self.total {
            Some(total) => end > total || (last && end != total),
            None => last && known_end > end,
        };
        if conflict {
            return Err(FragmentError::EndConflict);
        }
        if self.pieces.get(&offset).is_some_and(|had| had == piece) {
            return Ok(ControlFlow::Continue(()));
        }
        let before = self.pieces.range(..end).next_back();
        if before.is_some_and(|(at, octets)| at + octets.len() > offset) {
            return Err(FragmentError::Overlap);
        }
        if self.pieces.len() >= limits.fragments {
            return Err(FragmentError::TooManyFragments(limits.fragments));
        }
        self.pieces.insert(offset, piece.to_vec());
        self.held += piece.len();
        if last {
            self.total = Some(end);
        }
        if self.total != Some(self.held) {
            return Ok(ControlFlow::Continue(()));
        }
        Ok(ControlFlow::Break(std::mem::take(&mut self.pieces).into_values().flatten().collect()))
    }
}

#[cfg(test)]
mod tests;
