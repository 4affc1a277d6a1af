//! One index of deadlines: which peer, or the controller itself, is due when.

use std::collections::{BTreeMap, BTreeSet};

use capledger_schema::time::Monotonic;

/// Deadlines by key; one per key.
#[derive(Clone, Debug)]
pub(super) struct Timers<K> {
    due: BTreeSet<(Monotonic, K)>,
    at: BTreeMap<K, Monotonic>,
}

impl<K: Ord + Copy> Timers<K> {
    pub(super) fn new() -> Self {
        Timers { due: BTreeSet::new(), at: BTreeMap::new() }
    }

    /// Sets, moves or (with none) removes a key's deadline.
    pub(super) fn set(&mut self, key: K, deadline: Option<Monotonic>) {
        let old = match deadline {
            Some(at) => self.at.insert(key, at),
            None => self.at.remove(&key),
        };
        if old == deadline {
            return;
        }
        if let Some(old) = old {
            self.due.remove(&(old, key));
        }
        if let Some(at) = deadline {
            self.due.insert((at, key));
        }
    }

    /// A key's deadline.
    pub(super) fn at(&self, key: &K) -> Option<Monotonic> {
        self.at.get(key).copied()
    }

    /// The earliest deadline.
    pub(super) fn first(&self) -> Option<Monotonic> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Removes and returns a key whose deadline has come.
    pub(super) fn pop(&mut self, now: Monotonic) -> Option<K> {
        let (at, key) = *self.due.first()?;
        if at > now {
            return None;
        }
        self.due.remove(&(at, key));
        self.at.remove(&key);
        Some(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moved_deadline_is_due_once_and_at_its_last_place() {
        let mut timers = Timers::new();
        timers.set('a', Some(Monotonic(5)));
        timers.set('b', Some(Monotonic(7)));
        timers.set('a', Some(Monotonic(9)));
        assert_eq!(timers.first(), Some(Monotonic(7)));
        assert_eq!(timers.pop(Monotonic(6)), None);
        assert_eq!(timers.pop(Monotonic(9)), Some('b'));
        assert_eq!(timers.pop(Monotonic(9)), Some('a'));
        assert_eq!(timers.pop(Monotonic(9)), None);
    }
}
