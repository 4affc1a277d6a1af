//! Which events are about one access point: told by its name, or by an address of its own.

use std::collections::BTreeSet;

use capledger_schema::event::WtpAddress;
use capledger_schema::id::{MacAddr, OperationId, SessionId, WtpId};
use capledger_schema::project::State;
use capledger_schema::{Cause, Envelope, Event, Subject};

/// One access point, as an operator names it. Letter case does not count.
#[derive(Clone, Debug)]
pub struct Ap {
    text: String,
    mac: Option<MacAddr>,
    ids: BTreeSet<WtpId>,
    sessions: BTreeSet<SessionId>,
    operations: BTreeSet<OperationId>,
}

impl Ap {
    /// The one that has this name or address now, or had it when an event told of it.
    pub fn named(text: &str, state: &State) -> Ap {
        let mac = text.parse::<MacAddr>().ok();
        let mut ap = Ap {
            text: text.to_owned(),
            mac,
            ids: mac.map(WtpId::BaseMac).into_iter().collect(),
            sessions: BTreeSet::new(),
            operations: BTreeSet::new(),
        };
        let ids: Vec<_> =
            state.fleet.wtps.iter().filter(|(_, w)| ap.is(&w.address)).map(|(id, _)| id.clone()).collect();
        ap.ids.extend(ids);
        ap
    }

    /// Whether this is the one, as an event tells it.
    pub fn is(&self, wtp: &WtpAddress) -> bool {
        self.ids.contains(&wtp.id) || self.is_called(&wtp.name) || self.is_called(&wtp.id.to_string()) || {
            let macs = [wtp.base_mac, wtp.ethernet_mac];
            self.mac.is_some_and(|mac| mac != MacAddr::default() && macs.contains(&mac))
        }
    }

    fn is_called(&self, name: &str) -> bool {
        name.eq_ignore_ascii_case(&self.text)
    }

    /// Whether an event is about it, or was caused by it. The events are to be handed in in order.
    pub fn is_meant(&mut self, envelope: &Envelope) -> bool {
        let event = &envelope.event;
        if wtp_of(event).is_some_and(|wtp| self.is(wtp)) {
            if let Event::WtpJoined { session, .. } = event {
                self.sessions.insert(*session);
            }
            if let Event::ImageDownloadStarted { operation, .. } = event {
                self.operations.insert(*operation);
            }
            return true;
        }
        self.is_subject(envelope) || self.is_stranger(event) || self.is_cause(&envelope.cause)
    }

    fn is_subject(&self, envelope: &Envelope) -> bool {
        let chosen = if let Event::CampaignWtpChosen { wtp, .. } = &envelope.event { Some(wtp) } else { None };
        let subject = if let Subject::Wtp(id) = &envelope.subject { Some(id) } else { None };
        [chosen, subject].into_iter().flatten().any(|id| self.ids.contains(id))
    }

    /// What came to nothing before it had an identity.
    fn is_stranger(&self, event: &Event) -> bool {
        if let Event::WtpDiscovered { base_mac: Some(mac), .. } = event {
            self.ids.contains(&WtpId::BaseMac(*mac))
        } else if let Event::WtpRefused { name: Some(name), .. } = event {
            self.is_called(name)
        } else {
            false
        }
    }

    fn is_cause(&self, cause: &Cause) -> bool {
        match cause {
            Cause::Wtp(session) => self.sessions.contains(session),
            Cause::Operation(operation) => self.operations.contains(operation),
            Cause::Peer(_) | Cause::Operator { .. } | Cause::Timer | Cause::Start | Cause::Campaign(_) => false,
        }
    }
}

/// The access point that an event names in full.
pub fn wtp_of(event: &Event) -> Option<&WtpAddress> {
    if let Event::WtpJoined { wtp, .. }
    | Event::WtpEnteredRun { wtp, .. }
    | Event::WtpDisjoined { wtp, .. }
    | Event::ImageDownloadStarted { wtp, .. }
    | Event::ImageDownloadCompleted { wtp, .. }
    | Event::ImageDownloadFailed { wtp, .. }
    | Event::ImageDownloadAborted { wtp, .. }
    | Event::PredownloadRequested { wtp, .. }
    | Event::PredownloadAlreadyPresent { wtp, .. }
    | Event::PredownloadWithdrawn { wtp, .. }
    | Event::WtpResetRequested { wtp, .. }
    | Event::WtpImageSwapped { wtp, .. }
    | Event::ImageNotTaken { wtp, .. }
    | Event::CampaignWtpMissing { wtp, .. } = event
    {
        Some(wtp)
    } else {
        None
    }
}
