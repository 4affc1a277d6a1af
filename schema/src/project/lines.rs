//! The lines of the command line: who has one over SSH now, and when it was last used.
//!
//! A line is taken by a login and left by a logout; a start leaves them all, since no session outlives its controller.
//! What is typed on the local socket has no line.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::Projection;
use crate::envelope::{Cause, Envelope};
use crate::event::{Event, LoginMethod, OperatorLogin, OperatorLogout};
use crate::time::Timestamp;

/// The lines that are taken, by their number.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lines {
    /// `vty0` is 0.
    pub vty: BTreeMap<u16, Line>,
}

/// A line that is taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// By whom.
    pub user: String,
    /// From where.
    pub from: SocketAddr,
    /// How the user logged in.
    pub method: LoginMethod,
    /// The account's privilege level, 0 to 15.
    pub privilege: u8,
    /// Since when.
    pub since: Timestamp,
    /// When something was last done on it.
    pub used_at: Timestamp,
}

/// The line that a cause names: `vty3 (172.16.5.9)` is 3.
pub fn vty(from: &str) -> Option<u16> {
    let (number, _) = from.strip_prefix("vty")?.split_once(' ')?;
    number.parse().ok()
}

impl Projection for Lines {
    fn apply(&mut self, envelope: &Envelope) {
        if let Cause::Operator { from, .. } = &envelope.cause
            && let Some(line) = vty(from).and_then(|n| self.vty.get_mut(&n))
        {
            line.used_at = envelope.at;
        }
        match &envelope.event {
            Event::OperatorLoggedIn(OperatorLogin { vty, user, from, method, privilege, .. }) => {
                let (since, used_at) = (envelope.at, envelope.at);
                let (user, from, method, privilege) = (user.clone(), *from, *method, *privilege);
                self.vty.insert(*vty, Line { user, from, method, privilege, since, used_at });
            }
            Event::OperatorLoggedOut(OperatorLogout { vty, .. }) => {
                self.vty.remove(vty);
            }
            Event::ControllerStarted { .. } | Event::ControllerStopped { .. } => self.vty.clear(),
            Event::ClockStepped { .. }
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
            | Event::OperatorLoginFailed { .. }
            | Event::OperatorCommandEntered { .. }
            | Event::ConfigurationChanged { .. }
            | Event::ImageServerListening { .. }
            | Event::ImageServerFailed { .. }
            | Event::ImageServeStarted { .. }
            | Event::ImageServeProgressed { .. }
            | Event::ImageServeCompleted { .. }
            | Event::ImageServeFailed { .. }
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
    use crate::envelope::{Source, Subject};
    use crate::id::{ControllerId, Seq};

    fn told(lines: &mut Lines, at: i64, from: &str, event: Event) {
        let cause = Cause::Operator { user: "admin".into(), from: from.into() };
        let (at, seq) = (Timestamp(at), Seq(at as u64));
        let (source, subject) = (Source::Local, Subject::Controller);
        lines.apply(&Envelope { seq, at, cause, source, subject, observed_at: None, event });
    }

    fn login(vty: u16) -> Event {
        let (from, method) = ("172.16.5.9:40000".parse().expect("an address"), LoginMethod::Password);
        Event::OperatorLoggedIn(OperatorLogin {
            vty,
            user: format!("user{vty}"),
            from,
            port: 2222,
            method,
            privilege: 15,
        })
    }

    fn typed() -> Event {
        Event::OperatorCommandEntered { mode: "#".into(), line: "show clock".into() }
    }

    #[test]
    fn a_line_is_taken_by_a_login_and_left_by_a_logout_or_a_start() {
        let mut lines = Lines::default();
        told(&mut lines, 1, "172.16.5.9", login(0));
        told(&mut lines, 2, "172.16.5.9", login(1));
        let (from, reason) = ("172.16.5.9:40000".parse().expect("an address"), "exit".to_owned());
        let out =
            Event::OperatorLoggedOut(OperatorLogout { vty: 0, user: "user0".into(), from, reason, duration_us: 1 });
        told(&mut lines, 3, "172.16.5.9", out);
        assert_eq!(lines.vty.values().map(|l| l.user.as_str()).collect::<Vec<_>>(), ["user1"]);
        told(&mut lines, 4, "console", Event::ControllerStarted { controller: ControllerId(1), software: "1".into() });
        assert_eq!(lines, Lines::default());
    }

    #[test]
    fn what_is_done_on_a_line_and_nothing_else_is_its_use() {
        let mut lines = Lines::default();
        told(&mut lines, 1, "172.16.5.9", login(0));
        told(&mut lines, 2, "172.16.5.9", login(1));
        for (at, from) in [(3, "vty1 (172.16.5.9)"), (4, "console"), (5, "172.16.5.9"), (6, "vty7 (::1)"), (7, "vtyx")]
        {
            told(&mut lines, at, from, typed());
        }
        let used: Vec<i64> = lines.vty.values().map(|l| l.used_at.0).collect();
        assert_eq!(used, [1, 3]);
    }
}
