//! What must hold of any ledger that one controller wrote, read from its beginning: a checker that is no fold of the
//! product's, so that it does not share its mistakes.

use std::collections::{BTreeMap, BTreeSet};

use capledger_schema::id::{OperationId, Seq, SessionId, WtpId};
use capledger_schema::image::ImageFamily;
use capledger_schema::time::Timestamp;
use capledger_schema::{Envelope, Event};

/// An operation that has begun and not ended.
#[derive(Clone, Debug)]
struct Open {
    of: Option<WtpId>,
    octets: u64,
    repeats: u64,
}

/// The durable ledger, envelope by envelope.
#[derive(Clone, Debug, Default)]
pub(crate) struct Story {
    last: Seq,
    at: Timestamp,
    live: BTreeMap<WtpId, SessionId>,
    running: BTreeSet<SessionId>,
    fetches: BTreeMap<OperationId, Open>,
    fetching: BTreeMap<ImageFamily, OperationId>,
    downloads: BTreeMap<OperationId, Open>,
    /// Ever.
    joined: BTreeSet<SessionId>,
    described: BTreeSet<SessionId>,
    asked: BTreeSet<SessionId>,
    reset: BTreeSet<SessionId>,
    chosen: BTreeSet<WtpId>,
    started: BTreeSet<OperationId>,
    /// What has happened how often.
    pub(crate) kinds: BTreeMap<String, u64>,
}

/// The name of an event's variant.
pub(crate) fn kind(event: &Event) -> String {
    let text = format!("{event:?}");
    let end = text.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(text.len());
    text[..end].to_owned()
}

impl Story {
    /// Whether the session's join is in the ledger.
    pub(crate) fn has_join(&self, session: SessionId) -> bool {
        self.joined.contains(&session)
    }

    /// Whether a download in this session is.
    pub(crate) fn has_download(&self, session: SessionId) -> bool {
        self.asked.contains(&session)
    }

    /// Whether it says that the session's WTP was to be reset.
    pub(crate) fn has_reset(&self, session: SessionId) -> bool {
        self.reset.contains(&session)
    }

    /// Whether it says that this WTP was to be given an image while it serves.
    pub(crate) fn has_choice(&self, wtp: &WtpId) -> bool {
        self.chosen.contains(wtp)
    }

    /// Whether it says that this fetch began.
    pub(crate) fn has_fetch(&self, operation: OperationId) -> bool {
        self.started.contains(&operation)
    }

    /// The last number in the ledger.
    pub(crate) fn last(&self) -> Seq {
        self.last
    }

    /// Operations that have not ended.
    pub(crate) fn open(&self) -> usize {
        self.fetches.len() + self.downloads.len()
    }

    /// How often something has happened.
    pub(crate) fn count(&self, kind: &str) -> u64 {
        self.kinds.get(kind).copied().unwrap_or(0)
    }

    /// One more envelope is durable.
    pub(crate) fn take(&mut self, envelope: &Envelope) {
        assert_eq!(envelope.seq, self.last.next(), "a gap in the ledger");
        assert!(envelope.at >= self.at, "{}: time goes back from {} to {}", envelope.seq, self.at, envelope.at);
        (self.last, self.at) = (envelope.seq, envelope.at);
        *self.kinds.entry(kind(&envelope.event)).or_default() += 1;
        self.sessions(envelope);
        self.fetches(envelope);
        self.downloads(envelope);
    }

    fn sessions(&mut self, envelope: &Envelope) {
        if let Event::ControllerStarted { .. } = &envelope.event {
            // What was open is cut off by the crash.
            self.live.clear();
            self.running.clear();
            self.fetches.clear();
            self.fetching.clear();
            self.downloads.clear();
        } else if let Event::WtpJoined { session, wtp, .. } = &envelope.event {
            let before = self.live.insert(wtp.id.clone(), *session);
            assert_eq!(before, None, "{envelope:?}: a second live session of one WTP");
            assert!(self.joined.insert(*session), "{envelope:?}: a session's number is used twice");
        } else if let Event::WtpSessionDescribed(description) = &envelope.event {
            let session = description.session;
            assert_eq!(self.last, Seq(session.0 + 1), "{envelope:?}: not right behind its join");
            assert!(self.live.values().any(|live| *live == session), "{envelope:?}: of no live session");
            self.described.insert(session);
        } else if let Event::WtpEnteredRun { session, wtp } = &envelope.event {
            assert!(self.described.contains(session), "{envelope:?}: not described");
            assert_eq!(self.live.get(&wtp.id), Some(session), "{envelope:?}: of no live session");
            assert!(self.running.insert(*session), "{envelope:?}: twice");
        } else if let Event::WtpDisjoined { session, wtp, .. } = &envelope.event {
            assert_eq!(self.live.remove(&wtp.id), Some(*session), "{envelope:?}: of no live session");
            let open = self.downloads.values().find(|d| d.of.as_ref() == Some(&wtp.id));
            assert!(open.is_none(), "{envelope:?}: its download has not ended");
        } else if let Event::WtpResetRequested { session, wtp, .. } = &envelope.event {
            assert_eq!(self.live.get(&wtp.id), Some(session), "{envelope:?}: of no live session");
            assert!(self.running.contains(session), "{envelope:?}: outside Run");
            self.reset.insert(*session);
        } else if let Event::PredownloadRequested { wtp, .. } = &envelope.event {
            self.chosen.insert(wtp.id.clone());
        }
    }

    fn fetches(&mut self, envelope: &Envelope) {
        if let Event::InstallAddStarted { operation, family, .. } = &envelope.event {
            self.begins(*operation, envelope);
            self.fetches.insert(*operation, Open { of: None, octets: 0, repeats: 0 });
            if let Some(family) = family {
                let before = self.fetching.insert(family.clone(), *operation);
                assert_eq!(before, None, "{envelope:?}: a second fetch of one family");
            }
        } else if let Event::InstallAddProgressed { operation, octets, total } = &envelope.event {
            let fetch = self.fetches.get_mut(operation).unwrap_or_else(|| panic!("{envelope:?}: not begun, or over"));
            assert!(*octets > fetch.octets && total.is_none_or(|t| *octets <= t), "{envelope:?} after {fetch:?}");
            fetch.octets = *octets;
        } else if let Event::InstallAddCompleted { operation, .. } | Event::InstallAddFailed { operation, .. } =
            &envelope.event
        {
            assert!(self.fetches.remove(operation).is_some(), "{envelope:?}: not begun, or over");
            self.fetching.retain(|_, running| running != operation);
        }
    }

    fn downloads(&mut self, envelope: &Envelope) {
        if let Event::ImageDownloadStarted { operation, session, wtp, .. } = &envelope.event {
            self.begins(*operation, envelope);
            assert_eq!(self.live.get(&wtp.id), Some(session), "{envelope:?}: of no live session");
            let other = self.downloads.values().find(|d| d.of.as_ref() == Some(&wtp.id));
            assert!(other.is_none(), "{envelope:?}: a second download of one WTP");
            self.asked.insert(*session);
            self.downloads.insert(*operation, Open { of: Some(wtp.id.clone()), octets: 0, repeats: 0 });
        } else if let Event::ImageDownloadProgressed { operation, octets, total } = &envelope.event {
            let download = self.downloads.get_mut(operation).unwrap_or_else(|| panic!("{envelope:?}: not begun"));
            assert!(*octets > download.octets && octets <= total, "{envelope:?} after {download:?}");
            download.octets = *octets;
        } else if let Event::ImageDownloadRetransmitted { operation, retransmissions } = &envelope.event {
            let download = self.downloads.get_mut(operation).unwrap_or_else(|| panic!("{envelope:?}: not begun"));
            assert!(*retransmissions > download.repeats, "{envelope:?} after {download:?}");
            download.repeats = *retransmissions;
        } else if let Event::ImageDownloadCompleted { operation, image, messages, last, retransmissions, .. } =
            &envelope.event
        {
            let download = self.downloads.remove(operation).unwrap_or_else(|| panic!("{envelope:?}: not begun"));
            assert!(*retransmissions >= download.repeats, "{envelope:?} after {download:?}");
            assert!(*messages > 0 && u64::from(*last) <= image.octets, "{envelope:?}");
        } else if let Event::ImageDownloadFailed { operation, .. } | Event::ImageDownloadAborted { operation, .. } =
            &envelope.event
        {
            assert!(self.downloads.remove(operation).is_some(), "{envelope:?}: not begun, or over");
        }
    }

    fn begins(&mut self, operation: OperationId, envelope: &Envelope) {
        assert!(self.started.insert(operation), "{envelope:?}: an operation's number is used twice");
    }
}
