//! The embedded image servers: which of them listen, and the transfers that run or ran last, as a TFTP server's window
//! shows them.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::Projection;
use crate::envelope::Envelope;
use crate::event::Event;
use crate::id::OperationId;
use crate::setting::{ServeProtocol, Setting};
use crate::time::Timestamp;

/// How many transfers are kept in the fold, running ones first; the ledger keeps them all.
pub const TRANSFERS_KEPT: usize = 64;

/// The embedded image servers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Serves {
    /// What became of those that are configured, since the controller last started.
    pub servers: BTreeMap<(ServeProtocol, SocketAddr), ServerState>,
    /// Transfers by the event that began them.
    pub transfers: BTreeMap<OperationId, ServeTransfer>,
    /// Files that were sent whole, ever.
    pub completed: u64,
    /// Transfers that were not, ever.
    pub failed: u64,
}

/// Whether a configured server listens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ServerState {
    /// Since when.
    Listening(Timestamp),
    /// Not, and why.
    Failed {
        /// Since when.
        at: Timestamp,
        /// Why, in words, and what to do about it.
        words: String,
    },
}

/// One file to one client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServeTransfer {
    /// Which server.
    pub protocol: ServeProtocol,
    /// Who asks.
    pub client: SocketAddr,
    /// As whom, where the protocol has users.
    pub user: Option<String>,
    /// The file, below the server's root.
    pub file: String,
    /// Its length; none if it could not be served.
    pub total: Option<u64>,
    /// So far.
    pub octets: u64,
    /// When it began.
    pub started_at: Timestamp,
    /// When octets last moved.
    pub moved_at: Timestamp,
    /// How it ended; none while it runs.
    pub end: Option<ServeEnd>,
}

/// How a transfer ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ServeEnd {
    /// The client has it all.
    Completed {
        /// How long it took, in microseconds.
        duration_us: u64,
    },
    /// It has not.
    Failed {
        /// Why, in words.
        words: String,
    },
    /// The controller stopped in the midst of it.
    Lost,
}

impl Serves {
    fn end(&mut self, operation: OperationId, at: Timestamp, octets: u64, end: ServeEnd) {
        match end {
            ServeEnd::Completed { .. } => self.completed += 1,
            ServeEnd::Failed { .. } | ServeEnd::Lost => self.failed += 1,
        }
        if let Some(transfer) = self.transfers.get_mut(&operation) {
            (transfer.octets, transfer.moved_at, transfer.end) = (octets, at, Some(end));
        }
    }

    /// Makes room: the oldest that has ended goes first, and the oldest of all if none has.
    fn make_room(&mut self) {
        while self.transfers.len() >= TRANSFERS_KEPT {
            let ended = self.transfers.iter().find(|(_, t)| t.end.is_some()).map(|(id, _)| *id);
            match ended.or_else(|| self.transfers.keys().next().copied()) {
                Some(oldest) => self.transfers.remove(&oldest),
                None => return,
            };
        }
    }
}

impl Projection for Serves {
    fn apply(&mut self, envelope: &Envelope) {
        let at = envelope.at;
        match &envelope.event {
            Event::ControllerStarted { .. } => {
                self.servers.clear();
                let running: Vec<_> = self
                    .transfers
                    .iter()
                    .filter(|(_, t)| t.end.is_none())
                    .map(|(id, t)| (*id, t.moved_at, t.octets))
                    .collect();
                for (id, moved_at, octets) in running {
                    self.end(id, moved_at, octets, ServeEnd::Lost);
                }
            }
            Event::ConfigurationChanged { changes, .. } => {
                for change in changes {
                    if let Setting::NoImageServe(protocol, listen) = change {
                        self.servers.remove(&(*protocol, *listen));
                    }
                }
            }
            Event::ImageServerListening { protocol, listen } => {
                self.servers.insert((*protocol, *listen), ServerState::Listening(at));
            }
            Event::ImageServerFailed { protocol, listen, words } => {
                self.servers.insert((*protocol, *listen), ServerState::Failed { at, words: words.clone() });
            }
            Event::ImageServeStarted { operation, protocol, client, user, file, octets } => {
                self.make_room();
                let transfer = ServeTransfer {
                    protocol: *protocol,
                    client: *client,
                    user: user.clone(),
                    file: file.clone(),
                    total: *octets,
                    octets: 0,
                    started_at: at,
                    moved_at: at,
                    end: None,
                };
                self.transfers.insert(*operation, transfer);
            }
            Event::ImageServeProgressed { operation, octets } => {
                if let Some(transfer) = self.transfers.get_mut(operation) {
                    (transfer.octets, transfer.moved_at) = (*octets, at);
                }
            }
            Event::ImageServeCompleted { operation, octets, duration_us } => {
                self.end(*operation, at, *octets, ServeEnd::Completed { duration_us: *duration_us });
            }
            Event::ImageServeFailed { operation, words, octets } => {
                self.end(*operation, at, *octets, ServeEnd::Failed { words: words.clone() });
            }
            Event::ControllerStopped { .. }
            | Event::ClockStepped { .. }
            | Event::WtpDiscovered { .. }
            | Event::WtpJoined { .. }
            | Event::WtpRefused { .. }
            | Event::WtpEnteredRun { .. }
            | Event::WtpDisjoined { .. }
            | Event::WtpMessageRejected { .. }
            | Event::WtpDataTransferred { .. }
            | Event::InstallAddStarted { .. }
            | Event::InstallAddProgressed { .. }
            | Event::InstallAddCompleted { .. }
            | Event::InstallAddFailed { .. }
            | Event::ImageRemoved { .. }
            | Event::VersionActivated { .. }
            | Event::ImageDownloadStarted { .. }
            | Event::ImageDownloadProgressed { .. }
            | Event::ImageDownloadCompleted { .. }
            | Event::ImageDownloadFailed { .. }
            | Event::ImageDownloadAborted { .. }
            | Event::PredownloadRequested { .. }
            | Event::PredownloadAlreadyPresent { .. }
            | Event::WtpResetRequested { .. }
            | Event::LimitReached { .. }
            | Event::PredownloadWithdrawn { .. }
            | Event::ServerKeyPinned { .. }
            | Event::ServerKeyForgotten { .. }
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
            | Event::LoggingHostFailed { .. } => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::envelope::{Cause, Source, Subject};
    use crate::id::{ControllerId, Seq};

    fn apply(serves: &mut Serves, seq: u64, event: Event) {
        let (cause, source, subject) = (Cause::Start, Source::Local, Subject::Controller);
        let at = Timestamp(seq as i64 * 1_000_000);
        serves.apply(&Envelope { seq: Seq(seq), at, cause, source, subject, observed_at: None, event });
    }

    fn start(serves: &mut Serves, seq: u64) {
        let event = Event::ImageServeStarted {
            operation: OperationId(seq),
            protocol: ServeProtocol::Tftp,
            client: "10.0.0.9:5000".parse().expect("an address"),
            user: None,
            file: "ap1g8".into(),
            octets: Some(1_000),
        };
        apply(serves, seq, event);
    }

    #[test]
    fn a_transfer_is_followed_from_its_start_to_its_end() {
        let mut serves = Serves::default();
        start(&mut serves, 1);
        apply(&mut serves, 2, Event::ImageServeProgressed { operation: OperationId(1), octets: 500 });
        let running = &serves.transfers[&OperationId(1)];
        assert_eq!((running.octets, running.moved_at, &running.end), (500, Timestamp(2_000_000), &None));
        apply(&mut serves, 3, Event::ImageServeCompleted { operation: OperationId(1), octets: 1_000, duration_us: 9 });
        let done = &serves.transfers[&OperationId(1)];
        assert_eq!((done.octets, &done.end), (1_000, &Some(ServeEnd::Completed { duration_us: 9 })));
        assert_eq!((serves.completed, serves.failed), (1, 0));
    }

    #[test]
    fn so_many_transfers_are_kept_and_a_running_one_outlives_older_ends() {
        let mut serves = Serves::default();
        start(&mut serves, 1);
        for n in 2..400 {
            start(&mut serves, 2 * n);
            let (operation, words) = (OperationId(2 * n), "no such file".to_owned());
            apply(&mut serves, 2 * n + 1, Event::ImageServeFailed { operation, words, octets: 0 });
        }
        assert_eq!((serves.transfers.len(), serves.failed), (TRANSFERS_KEPT, 398));
        assert!(serves.transfers[&OperationId(1)].end.is_none());
    }

    #[test]
    fn a_restart_ends_what_ran_and_what_listened() {
        let mut serves = Serves::default();
        let listen = "10.0.0.2:69".parse().expect("an address");
        apply(&mut serves, 1, Event::ImageServerListening { protocol: ServeProtocol::Tftp, listen });
        start(&mut serves, 2);
        let software = "0.1.0".to_owned();
        apply(&mut serves, 3, Event::ControllerStarted { controller: ControllerId(1), software });
        assert_eq!(serves.transfers[&OperationId(2)].end, Some(ServeEnd::Lost));
        assert!(serves.servers.is_empty());
    }

    #[test]
    fn a_server_that_is_taken_out_of_the_configuration_is_forgotten() {
        let mut serves = Serves::default();
        let listen = "10.0.0.2:69".parse().expect("an address");
        let words = "Address already in use".to_owned();
        apply(&mut serves, 1, Event::ImageServerFailed { protocol: ServeProtocol::Tftp, listen, words });
        assert!(matches!(serves.servers[&(ServeProtocol::Tftp, listen)], ServerState::Failed { .. }));
        let changes = vec![Setting::NoImageServe(ServeProtocol::Tftp, listen)];
        apply(&mut serves, 2, Event::ConfigurationChanged { changes, startup: false });
        assert!(serves.servers.is_empty());
    }
}
