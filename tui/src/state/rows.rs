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
#[derive(Clone, Debug)]
pub struct Row<'a> {
    /// Who.
    pub id: &'a WtpId,
    /// What the fold says of it.
    pub wtp: &'a Wtp,
    /// Where it stands.
    pub phase: Phase,
    /// Why it needs somebody's eye; none if it does not.
    pub alarm: Option<String>,
}

impl Dashboard {
    /// Whether it is among those that are shown, the filter aside.
    pub(super) fn shows(&self, row: &Row<'_>) -> bool {
        match self.ui.show {
            Show::All => true,
            Show::Alarms => row.alarm.is_some(),
            Show::Moving => moving(row.phase),
        }
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

/// What a row must hold: every word of the filter, anywhere or in the column that it names; a word with `!` is one that
/// it must not hold.
pub(super) struct Filter {
    terms: Vec<Term>,
}

struct Term {
    holds: bool,
    column: Option<Column>,
    needle: String,
}

/// The columns that a filter may name.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Column {
    Name,
    Model,
    Site,
    State,
    Version,
    Family,
}

const COLUMNS: [(&str, Column); 6] = [
    ("name:", Column::Name),
    ("model:", Column::Model),
    ("site:", Column::Site),
    ("state:", Column::State),
    ("version:", Column::Version),
    ("family:", Column::Family),
];

impl Filter {
    pub(super) fn new(typed: &str) -> Filter {
        let term = |word: &str| {
            let (holds, word) = word.strip_prefix('!').map_or((true, word), |rest| (false, rest));
            let named = COLUMNS.iter().find_map(|(name, column)| Some((*column, word.strip_prefix(name)?)));
            let (column, needle) = named.map_or((None, word), |(column, rest)| (Some(column), rest));
            // A word that is not typed to its end asks for nothing yet.
            (!needle.is_empty()).then(|| Term { holds, column, needle: needle.to_owned() })
        };
        Filter { terms: typed.to_lowercase().split_whitespace().filter_map(term).collect() }
    }

    pub(super) fn takes(&self, row: &Row<'_>) -> bool {
        self.terms.iter().all(|term| term.found_in(row) == term.holds)
    }

    /// Whether a text without columns is taken.
    pub(super) fn takes_text(&self, texts: &[&str]) -> bool {
        self.terms.iter().all(|term| texts.iter().any(|text| term.is_in(text)) == term.holds)
    }
}

impl Term {
    fn is_in(&self, text: &str) -> bool {
        text.to_lowercase().contains(&self.needle)
    }

    fn found_in(&self, row: &Row<'_>) -> bool {
        let i = &row.wtp.inventory;
        let asked = |column| self.column.is_none_or(|c| c == column);
        (asked(Column::Name) && (self.is_in(&row.wtp.address.name) || self.is_in(&row.id.to_string())))
            || (asked(Column::Model) && self.is_in(&i.model))
            || (asked(Column::Site) && self.is_in(&i.location))
            || (asked(Column::State) && self.is_in(row.phase.word()))
            || (asked(Column::Family) && i.family.as_ref().is_some_and(|f| self.is_in(f.as_str())))
            || (asked(Column::Version) && i.version.is_some_and(|v| self.is_in(&v.to_string())))
    }
}
