//! What a frame shows of the fleet: its rows, its numbers and its alarms, in one pass over it.

use std::collections::BTreeSet;
use std::time::Duration;

use capledger_schema::id::WtpId;
use capledger_schema::image::ImageFamily;
use capledger_schema::project::fleet::{ImageStatus, Wtp};
use capledger_schema::project::installs::{InstallAdd, Outcome};
use capledger_schema::time::Timestamp;

use super::phase::{self, Fetching, Phase};
use super::rows::Filter;
use super::{Dashboard, LINGER, Row};
use crate::words;

/// The fleet in numbers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Summary {
    /// APs by phase.
    phases: [usize; Phase::ALL.len()],
    /// APs in all.
    pub total: usize,
    /// APs with a session.
    pub joined: usize,
    /// The sum of what each AP has of the image that it needs; `total` when all have it.
    pub share: f64,
    /// Octets per second, all downloads together.
    pub rate: f64,
    /// How long until the last octet, at this rate.
    pub left: Option<Duration>,
}

impl Summary {
    /// How many APs stand there.
    pub fn count(&self, phase: Phase) -> usize {
        self.phases[phase as usize]
    }
}

/// What a frame shows of the fleet.
#[derive(Clone, Debug)]
pub struct Overview<'a> {
    /// The rows that the table shows, in its order.
    pub rows: Vec<Row<'a>>,
    /// The fleet in numbers.
    pub summary: Summary,
    /// Everything that needs somebody's eye: fetches first, then APs by name.
    pub alarms: Vec<Alarm>,
    /// The families whose image some AP needs and the controller does not have, as far as a fetch of them failed.
    pub lacking: BTreeSet<&'a ImageFamily>,
}

/// What needs somebody's eye.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alarm {
    /// The AP; none for a fetch.
    pub wtp: Option<WtpId>,
    /// Its name.
    pub name: String,
    /// Why.
    pub why: String,
}

impl Dashboard {
    /// Everything that a frame shows of the fleet, in one pass over it.
    pub fn overview(&self) -> Overview<'_> {
        let filter = Filter::new(&self.ui.filter);
        let mut rows = Vec::with_capacity(self.fold.fleet.wtps.len());
        let mut alarms = Vec::new();
        let mut lacking = BTreeSet::new();
        let mut sum = Summary { total: self.fold.fleet.wtps.len(), ..Summary::default() };
        let (mut to_go, mut known) = (0u64, true);
        for (id, wtp) in &self.fold.fleet.wtps {
            let target = self.target_of(wtp);
            let phase = Phase::of(wtp, target);
            sum.phases[phase as usize] += 1;
            sum.joined += usize::from(wtp.live().is_some());
            sum.share += phase::share(wtp, target);
            if let ImageStatus::Moving { operation, octets, total, .. } = &wtp.image {
                sum.rate += self.rate(*operation).unwrap_or(0.0);
                let total = if *total > 0 { Some(*total) } else { self.image_size(wtp) };
                to_go += total.unwrap_or(0).saturating_sub(*octets);
                known &= total.is_some();
            } else if matches!(wtp.image, ImageStatus::Initiated { .. }) {
                let size = self.image_size(wtp);
                to_go += size.unwrap_or(0);
                known &= size.is_some();
            }
            let fetch = self.fetching(wtp);
            if let (Fetching::Failed(..), Some(family)) = (fetch, &wtp.inventory.family) {
                lacking.insert(family);
            }
            let row = Row { id, wtp, phase, alarm: phase::alarm(wtp, phase, &fetch, self.now) };
            if let Some(why) = &row.alarm {
                let name = words::clean(&wtp.address.name);
                alarms.push(Alarm { wtp: Some(id.clone()), name, why: why.clone() });
            }
            if self.shows(&row) && filter.takes(&row) {
                rows.push(row);
            }
        }
        if known && to_go > 0 && sum.rate >= 1.0 {
            sum.left = Some(Duration::from_secs_f64(to_go as f64 / sum.rate));
        }
        self.sort(&mut rows);
        alarms.extend(self.fetch_alarms(&lacking));
        // Fetches first: many an AP's alarm follows from one.
        alarms.sort_by(|a, b| (a.wtp.is_some(), &a.name).cmp(&(b.wtp.is_some(), &b.name)));
        Overview { rows, summary: sum, alarms, lacking }
    }

    /// How it stands with the image that an AP does not have yet.
    pub fn fetching(&self, wtp: &Wtp) -> Fetching<'_> {
        let wanted = wtp.image.version().or(self.target_of(wtp)).filter(|v| !wtp.runs(*v));
        let (Some(name), Some(version)) = (&wtp.inventory.family, wanted) else { return Fetching::None };
        let Some(family) = self.fold.installs.families.get(name) else { return Fetching::None };
        if matches!(wtp.image, ImageStatus::Complete { .. }) {
            return Fetching::Here;
        }
        let operations = &self.fold.installs.operations;
        // A fetch for another version tells nothing of this one.
        let of_this = |op: &&InstallAdd| op.version.is_none_or(|v| v == version);
        let running = family.running.and_then(|id| operations.get(&id)).filter(of_this);
        let failed = family.last.as_ref().filter(|(_, at)| {
            let mut ended = operations.values().filter(|op| op.family.as_ref() == Some(name));
            let op = ended.find(|op| matches!(&op.outcome, Some(Outcome::Failed(_, failed)) if failed == at));
            op.as_ref().is_none_or(of_this)
        });
        match (running, failed) {
            (None, None) => Fetching::None,
            (Some(_), _) | (None, Some(_)) if self.fold.installs.image(name, version).is_some() => Fetching::Here,
            (Some(op), _) => Fetching::Running(share(op)),
            (None, Some((failure, _))) => Fetching::Failed(failure, family.next_try),
        }
    }

    /// Whether a failure to fetch a family's image still matters: an AP lacks it, or, where no AP is of the family, it is
    /// young.
    pub fn matters(&self, family: &ImageFamily, at: Timestamp, lacking: &BTreeSet<&ImageFamily>) -> bool {
        lacking.contains(family) || (self.now.since(at) < LINGER && self.fold.fleet.of_family(family).next().is_none())
    }

    /// How large the image is that an AP waits for, if it is in the catalogue.
    fn image_size(&self, wtp: &Wtp) -> Option<u64> {
        let family = wtp.inventory.family.as_ref()?;
        self.fold.installs.image(family, wtp.image.version()?).map(|image| image.octets)
    }

    fn fetch_alarms(&self, lacking: &BTreeSet<&ImageFamily>) -> impl Iterator<Item = Alarm> {
        let stalled = self.fold.installs.operations.values().filter(|op| op.outcome.is_none()).filter_map(|op| {
            let d = self.now.since(op.moved_at);
            let name = op.family.as_ref().map_or_else(|| "image".to_owned(), ToString::to_string);
            let why = format!("fetch has not moved for {}", words::span(d));
            (d >= phase::STALL).then_some(Alarm { wtp: None, name, why })
        });
        // A family whose last fetch failed; its next success takes it off the list.
        let failed = self.fold.installs.families.iter().filter_map(|(family, fetch)| {
            let (failure, _) = fetch.last.as_ref().filter(|(_, at)| self.matters(family, *at, lacking))?;
            let why = format!("fetch failed, {}; {}", failure.kind, words::fetch_advice(failure.kind));
            Some(Alarm { wtp: None, name: family.to_string(), why })
        });
        failed.chain(stalled)
    }
}

/// How far a fetch is, from 0 to 1, where its length is known.
fn share(op: &InstallAdd) -> Option<f64> {
    let total = op.total.filter(|n| *n > 0)?;
    Some((op.octets as f64 / total as f64).min(1.0))
}
