//! The keys that image servers showed at their first use, which they must show from then on.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Projection;
use crate::envelope::Envelope;
use crate::event::{Event, ServerKeyKind};
use crate::id::Sha256;
use crate::time::Timestamp;

/// Pinned keys.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Servers {
    /// By host, in lower case, port and kind.
    pub pins: BTreeMap<(String, u16, ServerKeyKind), Pin>,
}

/// A pinned key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pin {
    /// `ssh-ed25519`, `x509`, ...
    pub algorithm: String,
    /// SHA-256 of the key or certificate.
    pub fingerprint: Sha256,
    /// Since when.
    pub at: Timestamp,
}

impl Servers {
    /// The key that a server must show; none if it was never seen.
    pub fn pin(&self, host: &str, port: u16, kind: ServerKeyKind) -> Option<&Pin> {
        self.pins.get(&(host.to_lowercase(), port, kind))
    }
}

impl Projection for Servers {
    fn apply(&mut self, envelope: &Envelope) {
        match &envelope.event {
            Event::ServerKeyPinned { host, port, kind, algorithm, fingerprint } => {
                let pin = Pin { algorithm: algorithm.clone(), fingerprint: *fingerprint, at: envelope.at };
                self.pins.insert((host.to_lowercase(), *port, *kind), pin);
            }
            Event::ServerKeyForgotten { host, port, kind } => {
                self.pins.remove(&(host.to_lowercase(), *port, *kind));
            }
            Event::ControllerStarted { .. }
            | Event::ControllerStopped { .. }
            | Event::ClockStepped { .. }
            | Event::ConfigurationChanged { .. }
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
            | Event::ImageServerFailed { .. } => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::envelope::{Cause, Source, Subject};
    use crate::id::Seq;

    fn apply(servers: &mut Servers, event: Event) {
        let subject = Subject::Controller;
        let (cause, source) = (Cause::Start, Source::Local);
        servers.apply(&Envelope { seq: Seq(1), at: Timestamp(5), cause, source, subject, observed_at: None, event });
    }

    #[test]
    fn a_key_is_pinned_per_host_port_and_kind_until_it_is_forgotten() {
        let mut servers = Servers::default();
        let (host, kind) = ("Images.example".to_owned(), ServerKeyKind::Ssh);
        let algorithm = "ssh-ed25519".to_owned();
        let fingerprint = Sha256([7; 32]);
        apply(&mut servers, Event::ServerKeyPinned { host: host.clone(), port: 22, kind, algorithm, fingerprint });
        let pin = servers.pin("images.EXAMPLE", 22, kind).expect("letter case does not count");
        assert_eq!((pin.fingerprint, pin.at), (fingerprint, Timestamp(5)));
        assert_eq!(servers.pin("images.example", 2022, kind), None);
        assert_eq!(servers.pin("images.example", 22, ServerKeyKind::Tls), None);
        apply(&mut servers, Event::ServerKeyForgotten { host, port: 22, kind });
        assert_eq!(servers, Servers::default());
    }
}
