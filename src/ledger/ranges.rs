//! Sets of sequence numbers as ranges, for saying which events are there.

use std::collections::BTreeMap;
use std::fmt;

use capledger_schema::id::Seq;

/// A set of sequence numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ranges {
    /// First to last; apart from each other.
    ranges: BTreeMap<u64, u64>,
}

impl Ranges {
    /// All from `first` to `last`; none if `last` comes before.
    pub fn between(first: Seq, last: Seq) -> Ranges {
        let mut ranges = Ranges::default();
        ranges.add(first, last);
        ranges
    }

    /// Adds all from `first` to `last`.
    pub fn add(&mut self, first: Seq, last: Seq) {
        let (mut first, mut last) = (first.0, last.0);
        if last < first {
            return;
        }
        // Whatever touches them becomes one with them.
        while let Some((&from, &to)) = self.ranges.range(..=last.saturating_add(1)).next_back() {
            if to.saturating_add(1) < first {
                break;
            }
            self.ranges.remove(&from);
            first = first.min(from);
            last = last.max(to);
        }
        self.ranges.insert(first, last);
    }

    /// Adds all of `other`.
    pub fn merge(&mut self, other: &Ranges) {
        for (first, last) in &other.ranges {
            self.add(Seq(*first), Seq(*last));
        }
    }

    /// Removes all of `other`.
    pub fn remove(&mut self, other: &Ranges) {
        for (&first, &last) in &other.ranges {
            while let Some((&from, &to)) = self.ranges.range(..=last).next_back() {
                if to < first {
                    break;
                }
                self.ranges.remove(&from);
                if to > last {
                    self.ranges.insert(last + 1, to);
                }
                if from < first {
                    self.ranges.insert(from, first - 1);
                    break;
                }
            }
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// Whether it holds `seq`.
    pub fn contains(&self, seq: Seq) -> bool {
        self.ranges.range(..=seq.0).next_back().is_some_and(|(_, to)| *to >= seq.0)
    }

    /// The smallest.
    pub fn first(&self) -> Option<Seq> {
        self.ranges.first_key_value().map(|(from, _)| Seq(*from))
    }

    /// The largest; 0 for none.
    pub fn last(&self) -> Seq {
        Seq(self.ranges.last_key_value().map_or(0, |(_, to)| *to))
    }

    /// The last of an unbroken run from 1; 0 for none.
    pub fn whole_up_to(&self) -> Seq {
        Seq(self.ranges.get(&1).copied().unwrap_or(0))
    }

    /// Whether it is one run that ends with `last`.
    pub fn is_suffix(&self, last: Seq) -> bool {
        self.ranges.len() == 1 && self.last() == last
    }

    /// How many it holds.
    pub fn count(&self) -> u64 {
        self.ranges.iter().map(|(from, to)| to - from + 1).sum()
    }
}

impl fmt::Display for Ranges {
    /// `1 to 1024, 2049`; `none`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("none");
        }
        for (i, (from, to)) in self.ranges.iter().enumerate() {
            let comma = if i == 0 { "" } else { ", " };
            if from == to {
                write!(f, "{comma}{from}")?;
            } else {
                write!(f, "{comma}{from} to {to}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn ranges_are_the_set_of_their_numbers(
            changes in prop::collection::vec((any::<bool>(), 1..60u64, 0..12u64), 0..30),
        ) {
            let (mut ranges, mut set) = (Ranges::default(), BTreeSet::new());
            for (add, first, len) in changes {
                if add {
                    ranges.add(Seq(first), Seq(first + len));
                    set.extend(first..=first + len);
                } else {
                    ranges.remove(&Ranges::between(Seq(first), Seq(first + len)));
                    set.retain(|n| !(first..=first + len).contains(n));
                }
            }
            for n in 0..80 {
                prop_assert_eq!(ranges.contains(Seq(n)), set.contains(&n));
            }
            prop_assert_eq!(ranges.count(), set.len() as u64);
            prop_assert_eq!(ranges.last().0, set.last().copied().unwrap_or(0));
            let run = (1..80).take_while(|n| set.contains(n)).last().unwrap_or(0);
            prop_assert_eq!(ranges.whole_up_to().0, run);
            let mut parts: Vec<_> = ranges.ranges.iter().collect();
            parts.dedup_by(|b, a| *a.1 + 1 >= *b.0);
            prop_assert_eq!(parts.len(), ranges.ranges.len(), "ranges that touch are one");
        }
    }

    #[test]
    fn ranges_read_as_a_list() {
        let mut ranges = Ranges::between(Seq(1), Seq(1024));
        assert_eq!(ranges.to_string(), "1 to 1024");
        ranges.add(Seq(2049), Seq(2049));
        assert_eq!(ranges.to_string(), "1 to 1024, 2049");
        assert_eq!(Ranges::default().to_string(), "none");
    }
}
