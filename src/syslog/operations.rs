//! The stories of operations as a fold: which events each is made of, in time order, for `show operation`.
//!
//! Bounded like the log: the last operations, and of a long one its beginning and its end. The ledger has it all.

use std::collections::{BTreeMap, VecDeque};

use capledger_schema::{Cause, Envelope, Event, Subject};

/// Operations that are kept.
const KEPT: usize = 512;
/// Events of one operation that are kept of its beginning, and of its end.
const FIRST: usize = 16;
const LAST: usize = 48;

/// The events of one operation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    first: Vec<Envelope>,
    last: VecDeque<Envelope>,
    /// Events between the first and the last ones that are not kept.
    pub left_out: u64,
}

impl Told {
    fn push(&mut self, envelope: &Envelope) {
        if self.first.len() < FIRST {
            return self.first.push(envelope.clone());
        }
        if self.last.len() == LAST {
            self.last.pop_front();
            self.left_out += 1;
        }
        self.last.push_back(envelope.clone());
    }

    /// The events of its beginning, at least one.
    pub fn first(&self) -> &[Envelope] {
        &self.first
    }

    /// The events after those that were left out.
    pub fn last(&self) -> impl DoubleEndedIterator<Item = &Envelope> {
        self.last.iter()
    }

    /// The newest event.
    pub fn newest(&self) -> Option<&Envelope> {
        self.last.back().or(self.first.last())
    }
}

/// The last operations, by number: fetches, downloads, checks, transfers of embedded servers, and campaigns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Operations {
    told: BTreeMap<u64, Told>,
    /// When the controller was started last.
    started: u64,
}

impl Operations {
    /// Takes an event in.
    pub(super) fn push(&mut self, envelope: &Envelope) {
        if let Event::ControllerStarted { .. } = &envelope.event {
            self.started = envelope.seq.0;
        }
        if own(&envelope.event) == Some(envelope.seq.0) {
            self.told.insert(envelope.seq.0, Told::default());
            if self.told.len() > KEPT {
                self.told.pop_first();
            }
        }
        for number in told_by(envelope) {
            self.tell(number, envelope);
        }
    }

    fn tell(&mut self, number: u64, envelope: &Envelope) {
        if let Some(told) = self.told.get_mut(&number) {
            told.push(envelope);
        }
    }

    /// One operation's story, if it is kept.
    pub fn story(&self, number: u64) -> Option<&Told> {
        self.told.get(&number)
    }

    /// Whether an operation of this number began in an earlier life of the controller; what ran then was cut off.
    pub fn is_of_earlier_life(&self, number: u64) -> bool {
        number < self.started
    }

    /// All that are kept, oldest first.
    pub fn all(&self) -> impl DoubleEndedIterator<Item = (u64, &Told)> {
        self.told.iter().map(|(number, told)| (*number, told))
    }
}

/// The operations and campaigns whose story an event is part of, each once: its own, and those that led to it.
pub fn told_by(envelope: &Envelope) -> impl Iterator<Item = u64> {
    let number = own(&envelope.event);
    let cause = match &envelope.cause {
        Cause::Operation(operation) => Some(operation.0),
        Cause::Campaign(campaign) => Some(campaign.0),
        Cause::Wtp(_) | Cause::Peer(_) | Cause::Operator { .. } | Cause::Timer | Cause::Start => None,
    };
    let subject = match &envelope.subject {
        Subject::Operation(operation) => Some(operation.0),
        Subject::Campaign(campaign) => Some(campaign.0),
        Subject::Controller | Subject::Wtp(_) | Subject::Config => None,
    };
    let subject = subject.filter(|s| Some(*s) != number);
    let cause = cause.filter(|c| Some(*c) != number && Some(*c) != subject);
    [number, subject, cause].into_iter().flatten()
}

/// The operation or campaign that an event is of.
fn own(event: &Event) -> Option<u64> {
    if let Event::InstallAddStarted { operation, .. }
    | Event::InstallAddProgressed { operation, .. }
    | Event::InstallAddCompleted { operation, .. }
    | Event::InstallAddFailed { operation, .. }
    | Event::ImageDownloadStarted { operation, .. }
    | Event::ImageDownloadProgressed { operation, .. }
    | Event::ImageDownloadCompleted { operation, .. }
    | Event::ImageDownloadFailed { operation, .. }
    | Event::ImageDownloadAborted { operation, .. }
    | Event::ImageServeStarted { operation, .. }
    | Event::ImageServeProgressed { operation, .. }
    | Event::ImageServeCompleted { operation, .. }
    | Event::ImageServeFailed { operation, .. }
    | Event::PreflightStarted { operation, .. }
    | Event::PreflightCompleted { operation, .. } = event
    {
        return Some(operation.0);
    }
    if let Event::CampaignStarted { campaign, .. }
    | Event::CampaignWtpChosen { campaign, .. }
    | Event::CampaignPhaseChanged { campaign, .. }
    | Event::CampaignWtpMissing { campaign, .. }
    | Event::CampaignPaused { campaign, .. }
    | Event::CampaignResumed { campaign }
    | Event::CampaignEnded { campaign, .. } = event
    {
        return Some(campaign.0);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::story::{Story, image};

    #[test]
    fn a_long_story_keeps_its_beginning_and_its_end_and_says_what_it_left_out() {
        let mut told = Told::default();
        let mut story = Story::begin("2024-02-01T17:00:00Z");
        for _ in 0..100 {
            story.configured(Vec::new());
        }
        for envelope in &story.envelopes[..100] {
            told.push(envelope);
        }
        assert_eq!((told.first().len(), told.last().count(), told.left_out), (FIRST, LAST, 100 - 64));
        assert_eq!(told.newest(), story.envelopes[..100].last());
    }

    #[test]
    fn only_the_last_operations_are_kept() {
        let mut story = Story::begin("2024-02-01T17:00:00Z");
        let mut operations = Operations::default();
        for n in 0..KEPT as u64 + 10 {
            let mut envelope = story.envelopes[0].clone();
            let operation = capledger_schema::id::OperationId(n + 1);
            envelope.seq = capledger_schema::id::Seq(n + 1);
            let url = "tftp://10.0.0.5/ap1g8".to_owned();
            envelope.event = Event::InstallAddStarted { operation, url, family: None, version: None };
            operations.push(&envelope);
        }
        assert_eq!(operations.all().count(), KEPT);
        assert!(operations.story(10).is_none() && operations.story(11).is_some());
        let fetch = story.add_started("tftp://10.0.0.5/ap1g8", "ap1g8");
        story.add_completed(fetch, "tftp://10.0.0.5/ap1g8", image("ap1g8", "17.9.4.27"));
    }
}
