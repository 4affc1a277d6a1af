//! How fast octets move, from the marks that events leave.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use capledger_schema::id::OperationId;
use capledger_schema::time::Timestamp;
use capledger_schema::{Envelope, Event};

/// Marks that a rate is taken over.
const MARKS: usize = 5;

/// Marks come at least every 10 s while octets move; without one for so long, nothing moves.
const STALE: Duration = Duration::from_secs(12);

/// The rates of running operations.
#[derive(Clone, Debug, Default)]
pub(super) struct Rates {
    marks: BTreeMap<OperationId, VecDeque<(Timestamp, u64)>>,
}

impl Rates {
    /// Takes a fact in.
    pub(super) fn apply(&mut self, envelope: &Envelope) {
        match &envelope.event {
            Event::InstallAddStarted { operation, .. } | Event::ImageDownloadStarted { operation, .. } => {
                self.marks.insert(*operation, VecDeque::from([(envelope.at, 0)]));
            }
            Event::InstallAddProgressed { operation, octets, .. }
            | Event::ImageDownloadProgressed { operation, octets, .. } => self.mark(*operation, envelope.at, *octets),
            Event::InstallAddCompleted { operation, .. }
            | Event::InstallAddFailed { operation, .. }
            | Event::ImageDownloadCompleted { operation, .. }
            | Event::ImageDownloadFailed { operation, .. }
            | Event::ImageDownloadAborted { operation, .. } => {
                self.marks.remove(operation);
            }
            Event::ControllerStarted { .. } | Event::ControllerStopped { .. } => self.marks.clear(),
            Event::ClockStepped { .. }
            | Event::ConfigurationChanged { .. }
            | Event::WtpDiscovered { .. }
            | Event::WtpJoined { .. }
            | Event::WtpRefused { .. }
            | Event::WtpEnteredRun { .. }
            | Event::WtpDisjoined { .. }
            | Event::WtpMessageRejected { .. }
            | Event::WtpDataTransferred { .. }
            | Event::ImageRemoved { .. }
            | Event::VersionActivated { .. }
            | Event::PredownloadRequested { .. }
            | Event::PredownloadAlreadyPresent { .. }
            | Event::PredownloadWithdrawn { .. }
            | Event::ServerKeyPinned { .. }
            | Event::ServerKeyForgotten { .. }
            | Event::ImageServeStarted { .. }
            | Event::ImageServeProgressed { .. }
            | Event::ImageServeCompleted { .. }
            | Event::ImageServeFailed { .. }
            | Event::VersionStaged { .. }
            | Event::VersionCommitted { .. }
            | Event::AutoAbortArmed { .. }
            | Event::VersionRolledBack { .. }
            | Event::WtpImageSwapped { .. }
            | Event::ImageNotTaken { .. }
            | Event::PreflightStarted { .. }
            | Event::PreflightCompleted { .. }
            | Event::CampaignStarted { .. }
            | Event::CampaignWtpChosen { .. }
            | Event::CampaignPhaseChanged { .. }
            | Event::CampaignWtpMissing { .. }
            | Event::CampaignPaused { .. }
            | Event::CampaignResumed { .. }
            | Event::CampaignEnded { .. }
            | Event::VersionUnstaged { .. }
            | Event::InstallActionStarted { .. }
            | Event::InstallActionFailed { .. }
            | Event::ImageServerListening { .. }
            | Event::ImageServerFailed { .. }
            | Event::OperatorLoggedIn { .. }
            | Event::OperatorLoginFailed { .. }
            | Event::OperatorLoggedOut { .. }
            | Event::OperatorCommandEntered { .. }
            | Event::ConfigurationSaved { .. }
            | Event::LogCleared {}
            | Event::LineCleared { .. }
            | Event::WtpSessionDescribed(_)
            | Event::ImageDownloadRetransmitted { .. }
            | Event::LoggingHostStarted { .. }
            | Event::LoggingHostFailed { .. }
            | Event::WtpResetRequested { .. }
            | Event::LimitReached { .. } => {}
        }
    }

    /// Notes how far an operation was at a moment.
    pub(super) fn mark(&mut self, operation: OperationId, at: Timestamp, octets: u64) {
        let marks = self.marks.entry(operation).or_default();
        if marks.len() == MARKS {
            marks.pop_front();
        }
        marks.push_back((at, octets));
    }

    /// Octets per second as of `now`; none while that cannot be told.
    pub(super) fn of(&self, operation: OperationId, now: Timestamp) -> Option<f64> {
        let marks = self.marks.get(&operation)?;
        let ((from, first), (to, last)) = (*marks.front()?, *marks.back()?);
        let elapsed = to.since(from);
        if marks.len() < 2 || elapsed < Duration::from_millis(1) {
            return None;
        }
        if now.since(to) > STALE {
            return Some(0.0);
        }
        Some(last.saturating_sub(first) as f64 / elapsed.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OP: OperationId = OperationId(1);

    fn seconds(s: i64) -> Timestamp {
        Timestamp(s * 1_000_000)
    }

    #[test]
    fn a_rate_is_taken_over_the_last_marks_only() {
        let mut rates = Rates::default();
        for s in 0..20 {
            // 100 octets a second for ten seconds, then 1,000.
            rates.mark(OP, seconds(s), if s < 10 { s as u64 * 100 } else { 1_000 + (s as u64 - 10) * 1_000 });
        }
        assert_eq!(rates.of(OP, seconds(19)), Some(1_000.0));
    }

    #[test]
    fn there_is_no_rate_before_a_second_mark_and_it_is_zero_once_marks_stay_away() {
        let mut rates = Rates::default();
        assert_eq!(rates.of(OP, seconds(0)), None);
        rates.mark(OP, seconds(0), 0);
        assert_eq!(rates.of(OP, seconds(1)), None);
        rates.mark(OP, seconds(2), 100);
        assert_eq!(rates.of(OP, seconds(5)), Some(50.0));
        assert_eq!(rates.of(OP, seconds(15)), Some(0.0));
    }
}
