//! Who is next: WTPs that wait for an image while they serve, and the places for them.
//!
//! Places go to the site that has the fewest, in turn where several have as few, so that one site's thousand WTPs do not
//! keep another site's two waiting. Pure: the same calls give the same order.

use std::collections::{BTreeMap, BTreeSet};

use super::peer::Peer;

/// The line, and those that have left it for a place.
#[derive(Clone, Debug, Default)]
pub(super) struct Scheduler {
    /// By site, in the order of peers.
    line: BTreeMap<String, BTreeSet<Peer>>,
    /// Where each of them is: in line, or at a place.
    sites: BTreeMap<Peer, String>,
    /// At a place.
    serving: BTreeSet<Peer>,
    /// Places by site; no entry for none.
    places: BTreeMap<String, usize>,
    /// The site that was given a place last.
    last: String,
}

impl Scheduler {
    /// A WTP of this site lines up, unless it stands in line or has a place.
    pub(super) fn line_up(&mut self, peer: Peer, site: &str) {
        if self.sites.contains_key(&peer) {
            return;
        }
        self.line.entry(site.to_owned()).or_default().insert(peer);
        self.sites.insert(peer, site.to_owned());
    }

    /// The next one is given a place, if fewer than `limit` are taken.
    pub(super) fn next(&mut self, limit: usize) -> Option<Peer> {
        if self.serving.len() >= limit {
            return None;
        }
        let places = |site: &String| self.places.get(site).copied().unwrap_or(0);
        // The first site behind the last one, of those with the fewest places.
        let site = self.line.keys().min_by_key(|site| (places(site), **site <= self.last, *site))?.clone();
        let waiting = self.line.get_mut(&site)?;
        let peer = waiting.pop_first()?;
        if waiting.is_empty() {
            self.line.remove(&site);
        }
        self.serving.insert(peer);
        *self.places.entry(site.clone()).or_default() += 1;
        self.last = site;
        Some(peer)
    }

    /// A WTP leaves: the line, or its place.
    pub(super) fn leave(&mut self, peer: Peer) {
        let Some(site) = self.sites.remove(&peer) else { return };
        if self.serving.remove(&peer) {
            if let Some(places) = self.places.get_mut(&site) {
                *places -= 1;
                if *places == 0 {
                    self.places.remove(&site);
                }
            }
        } else if let Some(waiting) = self.line.get_mut(&site) {
            waiting.remove(&peer);
            if waiting.is_empty() {
                self.line.remove(&site);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use proptest::prelude::*;

    use super::*;

    fn peer(n: u16) -> Peer {
        Peer { addr: SocketAddr::from(([10, 0, 0, 1], n)), generation: 1 }
    }

    /// Site `a` has ten WTPs, `b` two, `c` one.
    fn three_sites() -> Scheduler {
        let mut scheduler = Scheduler::default();
        for n in 1..=10 {
            scheduler.line_up(peer(n), "a");
        }
        for (n, site) in [(21, "b"), (22, "b"), (31, "c")] {
            scheduler.line_up(peer(n), site);
        }
        scheduler
    }

    #[test]
    fn sites_take_turns_however_many_of_each_wait() {
        let mut scheduler = three_sites();
        let order: Vec<u16> = std::iter::from_fn(|| scheduler.next(6)).map(|p| p.addr.port()).collect();
        assert_eq!(order, [1, 21, 31, 2, 22, 3]);
    }

    #[test]
    fn a_place_that_becomes_free_goes_to_the_site_with_the_fewest() {
        let mut scheduler = three_sites();
        while scheduler.next(4).is_some() {}
        // a has two places, b and c one each; b's slow one goes on while c's ends.
        scheduler.leave(peer(31));
        assert_eq!(scheduler.next(4), Some(peer(22)), "c has nobody left, b has fewer than a");
        scheduler.leave(peer(21));
        scheduler.leave(peer(22));
        assert_eq!(scheduler.next(4), Some(peer(3)));
    }

    #[test]
    fn who_leaves_the_line_is_not_given_a_place() {
        let mut scheduler = three_sites();
        scheduler.leave(peer(1));
        assert_eq!(scheduler.next(1), Some(peer(2)));
        assert_eq!(scheduler.next(1), None);
        scheduler.line_up(peer(2), "a");
        assert!(scheduler.serving.contains(&peer(2)), "who has a place does not line up again");
    }

    proptest! {
        #[test]
        fn no_more_than_the_limit_have_a_place_and_no_site_is_two_ahead_of_one_that_waits(
            steps in proptest::collection::vec((0..60_u16, 0..4_u8), 0..200),
            limit in 1..12_usize,
        ) {
            let mut scheduler = Scheduler::default();
            for (n, what) in steps {
                if what == 0 {
                    scheduler.leave(peer(n));
                } else {
                    scheduler.line_up(peer(n), &format!("site {}", n % 5));
                }
                let before = scheduler.places.clone();
                while let Some(given) = scheduler.next(limit) {
                    let site = scheduler.sites[&given].clone();
                    let held = scheduler.places[&site];
                    // When it was given its place, no site in line had fewer.
                    let others = scheduler.line.keys().map(|s| scheduler.places.get(s).copied().unwrap_or(0));
                    prop_assert!(others.min().is_none_or(|fewest| held <= fewest + 1), "{before:?} {site}");
                }
                prop_assert!(scheduler.serving.len() <= limit);
                prop_assert_eq!(scheduler.places.values().sum::<usize>(), scheduler.serving.len());
                let in_line = scheduler.line.values().map(BTreeSet::len).sum::<usize>();
                prop_assert_eq!(in_line + scheduler.serving.len(), scheduler.sites.len());
                prop_assert!(in_line == 0 || scheduler.serving.len() == limit, "a place is free and someone waits");
            }
        }
    }
}
