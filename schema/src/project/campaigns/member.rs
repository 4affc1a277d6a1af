//! One WTP of a campaign, and how many of them stand where.

use std::iter::Sum;

use serde::{Deserialize, Serialize};

use crate::failure::DownloadFailureKind;
use crate::image::ImageVersion;
use crate::time::Timestamp;

/// A WTP of a campaign.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Its name, as of when it was chosen.
    pub name: String,
    /// Its site, as of when it was chosen.
    pub site: String,
    /// 0 for a canary, then from 1.
    pub iteration: u32,
    /// Where it stands.
    pub state: MemberState,
    /// Since when.
    pub since: Timestamp,
    /// The version that it said it runs when it joined last.
    pub reports: Option<ImageVersion>,
}

/// Where a WTP of a campaign stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MemberState {
    /// It does not hold the image yet.
    Waiting,
    /// It holds the image.
    Predownloaded,
    /// It was reset into the image.
    Reloaded,
    /// It serves, on the target.
    Back,
    /// It did not come back in time; what is known of it, in words.
    Missing(String),
    /// It will not run the target.
    Failed {
        /// Why; none if the WTP only would not ask for the image.
        kind: Option<DownloadFailureKind>,
        /// In its own words.
        words: String,
    },
}

impl MemberState {
    /// Whether its turn to be reset has still to come.
    pub fn is_before_reset(&self) -> bool {
        match self {
            MemberState::Waiting | MemberState::Predownloaded => true,
            MemberState::Reloaded | MemberState::Back | MemberState::Missing(_) | MemberState::Failed { .. } => false,
        }
    }
}

/// How many WTPs stand where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// [`MemberState::Waiting`]
    pub waiting: u32,
    /// [`MemberState::Predownloaded`]
    pub predownloaded: u32,
    /// [`MemberState::Reloaded`]
    pub reloaded: u32,
    /// [`MemberState::Back`]
    pub back: u32,
    /// [`MemberState::Missing`]
    pub missing: u32,
    /// [`MemberState::Failed`]
    pub failed: u32,
}

impl Tally {
    /// All of them.
    pub fn total(&self) -> u32 {
        self.waiting + self.predownloaded + self.reloaded + self.errors() + self.back
    }

    /// Those that are missing or have failed.
    pub fn errors(&self) -> u32 {
        self.missing + self.failed
    }

    fn of(&mut self, state: &MemberState) -> &mut u32 {
        match state {
            MemberState::Waiting => &mut self.waiting,
            MemberState::Predownloaded => &mut self.predownloaded,
            MemberState::Reloaded => &mut self.reloaded,
            MemberState::Back => &mut self.back,
            MemberState::Missing(_) => &mut self.missing,
            MemberState::Failed { .. } => &mut self.failed,
        }
    }

    pub(super) fn add(&mut self, state: &MemberState) {
        *self.of(state) += 1;
    }

    pub(super) fn remove(&mut self, state: &MemberState) {
        let count = self.of(state);
        *count = count.saturating_sub(1);
    }
}

impl Sum for Tally {
    fn sum<I: Iterator<Item = Tally>>(all: I) -> Tally {
        all.fold(Tally::default(), |a, b| Tally {
            waiting: a.waiting + b.waiting,
            predownloaded: a.predownloaded + b.predownloaded,
            reloaded: a.reloaded + b.reloaded,
            back: a.back + b.back,
            missing: a.missing + b.missing,
            failed: a.failed + b.failed,
        })
    }
}
