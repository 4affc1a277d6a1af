//! The rows of the AP table: which, in what order, and the one that is selected.

use std::cmp::Ordering;

use capledger_schema::id::WtpId;
use capledger_schema::project::fleet::Wtp;

use super::Dashboard;
use super::phase::{self, Phase};

/// What the table is sorted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sort {
    /// The most urgent first, then by name.
    #[default]
    State,
    /// By name.
    Name,
    /// By model, then by name.
    Model,
    /// By site, then by name.
    Site,
    /// By the version that runs, oldest first.
    Version,
    /// Least progress first.
    Progress,
}

impl Sort {
    /// The next one round.
    #[must_use]
    pub fn next(self) -> Sort {
        match self {
            Sort::State => Sort::Name,
            Sort::Name => Sort::Model,
            Sort::Model => Sort::Site,
            Sort::Site => Sort::Version,
            Sort::Version => Sort::Progress,
            Sort::Progress => Sort::State,
        }
    }

    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Sort::State => "state",
            Sort::Name => "name",
            Sort::Model => "model",
            Sort::Site => "site",
            Sort::Version => "version",
            Sort::Progress => "progress",
        }
    }
}

/// Which APs the table shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Show {
    /// All of them.
    #[default]
    All,
    /// Those with an alarm.
    Alarms,
    /// Those that are on their way.
    Moving,
}

impl Show {
    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Show::All => "all",
            Show::Alarms => "alarms",
            Show::Moving => "moving",
        }
    }

    pub(super) fn next(self) -> Show {
        match self {
            Show::All => Show::Alarms,
            Show::Alarms => Show::Moving,
            Show::Moving => Show::All,
        }
    }
}

/// One row.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    /// Who.
    pub id: &'a WtpId,
    /// What the fold says of it.
    pub wtp: &'a Wtp,
    /// Where it stands.
    pub phase: Phase,
    /// Whether it needs somebody's eye.
    pub alarmed: bool,
}

impl Dashboard {
    /// Whether the table shows it.
    pub(super) fn shows(&self, row: &Row<'_>) -> bool {
        let shown = match self.ui.show {
            Show::All => true,
            Show::Alarms => row.alarmed,
            Show::Moving => moving(row.phase),
        };
        shown && (self.ui.filter.is_empty() || matches(row, &self.ui.filter.to_lowercase()))
    }

    /// Puts rows into the table's order.
    pub(super) fn sort(&self, rows: &mut [Row<'_>]) {
        rows.sort_unstable_by(|a, b| {
            let first = match self.ui.sort {
                Sort::State => a.phase.cmp(&b.phase),
                Sort::Name => Ordering::Equal,
                Sort::Model => a.wtp.inventory.model.cmp(&b.wtp.inventory.model),
                Sort::Site => a.wtp.inventory.location.cmp(&b.wtp.inventory.location),
                Sort::Version => a.wtp.inventory.version.cmp(&b.wtp.inventory.version),
                Sort::Progress => {
                    phase::share(a.wtp, self.target_of(a.wtp)).total_cmp(&phase::share(b.wtp, self.target_of(b.wtp)))
                }
            };
            // Two APs may have one name.
            first.then_with(|| a.wtp.address.name.cmp(&b.wtp.address.name)).then_with(|| a.id.cmp(b.id))
        });
        if self.ui.reverse {
            rows.reverse();
        }
    }

    /// Where the selected AP is among the rows: it stays selected wherever it moves to. The first row if it is gone.
    pub fn selected(&self, rows: &[Row<'_>]) -> usize {
        self.ui.selected.as_ref().and_then(|id| rows.iter().position(|row| row.id == id)).unwrap_or(0)
    }

    /// Moves the selection by so many rows.
    pub(super) fn select_by(&mut self, by: isize) {
        let rows = self.overview().rows;
        let Some(last) = rows.len().checked_sub(1) else { return };
        let at = self.selected(&rows).saturating_add_signed(by).min(last);
        self.ui.selected = Some(rows[at].id.clone());
    }
}

fn moving(phase: Phase) -> bool {
    match phase {
        Phase::Downloading
        | Phase::Predownloading
        | Phase::Waiting
        | Phase::Restarting
        | Phase::Joining
        | Phase::Holds => true,
        Phase::Failed | Phase::Away | Phase::Serving | Phase::AtTarget => false,
    }
}

fn matches(row: &Row<'_>, needle: &str) -> bool {
    let i = &row.wtp.inventory;
    let has = |text: &str| text.to_lowercase().contains(needle);
    has(&row.wtp.address.name)
        || has(&i.model)
        || has(&i.location)
        || has(row.phase.word())
        || i.family.as_ref().is_some_and(|f| has(f.as_str()))
        || i.version.is_some_and(|v| has(&v.to_string()))
        || has(&row.id.to_string())
}
