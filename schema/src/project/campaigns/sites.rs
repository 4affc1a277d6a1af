//! How many WTPs of every site are up while a campaign runs.
//!
//! Counted are those that were joined when it began, and those that have joined since: one that was taken off the wall
//! a year ago does not count as down for ever.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::id::WtpId;
use crate::project::fleet::{Fleet, SessionState};

/// The WTPs of all sites.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sites {
    by_name: BTreeMap<String, Standing>,
    places: BTreeMap<WtpId, Place>,
}

/// How a site stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// WTPs that count.
    pub all: u32,
    /// Those of them that do not serve, or were just told to reset.
    pub down: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Place {
    site: String,
    up: bool,
}

impl Standing {
    /// How many may be down at once where `percent` of a site may: at least one.
    pub fn allowed(self, percent: u8) -> u32 {
        (u64::from(self.all) * u64::from(percent) / 100).max(1).try_into().unwrap_or(u32::MAX)
    }

    /// How many more may be taken down.
    pub fn room(self, percent: u8) -> u32 {
        self.allowed(percent).saturating_sub(self.down)
    }
}

impl Sites {
    pub(super) fn of(fleet: &Fleet) -> Sites {
        let mut sites = Sites::default();
        for (id, wtp) in fleet.wtps.iter().filter(|(_, w)| w.live().is_some()) {
            sites.place(id, &wtp.inventory.location, matches!(wtp.session, SessionState::Run(_)));
        }
        sites
    }

    /// How a site stands.
    pub fn standing(&self, site: &str) -> Standing {
        self.by_name.get(site).copied().unwrap_or_default()
    }

    /// Every site, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Standing)> {
        self.by_name.iter().map(|(name, standing)| (name.as_str(), *standing))
    }

    /// A WTP counts, at this site.
    pub(super) fn place(&mut self, wtp: &WtpId, site: &str, up: bool) {
        if let Some(old) = self.places.insert(wtp.clone(), Place { site: site.to_owned(), up })
            && let Some(standing) = self.by_name.get_mut(&old.site)
        {
            standing.all -= 1;
            standing.down -= u32::from(!old.up);
        }
        let standing = self.by_name.entry(site.to_owned()).or_default();
        standing.all += 1;
        standing.down += u32::from(!up);
    }

    /// A WTP that counts is up, or no longer is.
    pub(super) fn stand(&mut self, wtp: &WtpId, up: bool) {
        let Some(place) = self.places.get_mut(wtp).filter(|p| p.up != up) else { return };
        place.up = up;
        if let Some(standing) = self.by_name.get_mut(&place.site) {
            standing.down = if up { standing.down - 1 } else { standing.down + 1 };
        }
    }

    /// No session is left.
    pub(super) fn all_down(&mut self) {
        for place in self.places.values_mut() {
            place.up = false;
        }
        for standing in self.by_name.values_mut() {
            standing.down = standing.all;
        }
    }
}
