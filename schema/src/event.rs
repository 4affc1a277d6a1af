//! Everything that can have happened, in the past tense and in RFC 5415's terms.
//!
//! An event carries what a reader needs to understand it later, without any other. The order of the variants and of
//! their fields is the ledger's format: add variants at the end, never reorder, and add a golden sample for each.

mod kind;
mod operator;
mod session;
mod upgrade;
mod wtp;

use std::net::SocketAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::failure::{DownloadFailureKind, FetchFailure};
use crate::id::{CampaignId, ControllerId, MacAddr, OperationId, SessionId, Sha256, WtpId};
use crate::image::{ImageFacts, ImageFamily, ImageVersion};
use crate::setting::{LogHost, ServeProtocol, Setting};
use crate::time::Timestamp;

pub use operator::{LoginFailure, LoginMethod, OperatorLogin, OperatorLogout};
pub use session::{CipherSuite, DtlsSession, DtlsVersion, SessionDescription};
pub use upgrade::*;
pub use wtp::{
    DisjoinReason, DownloadMethod, DownloadMode, RefusalReason, RejectedMessage, TransferredData, WtpAddress,
    WtpInventory,
};

/// A fact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// The controller started and holds its ledger. Sessions of an earlier run are gone.
    ControllerStarted {
        /// Drawn at the ledger's first start.
        controller: ControllerId,
        /// Capledger's own version.
        software: String,
    },
    /// The controller stopped in order.
    ControllerStopped {
        /// Why, in words: `signal`, `reload`, ...
        reason: String,
    },
    /// The wall clock was stepped by more than a second.
    ClockStepped {
        /// What it would have read.
        from: Timestamp,
        /// What it reads now.
        to: Timestamp,
    },
    /// Settings were changed, all at once.
    ConfigurationChanged {
        /// In the order in which they were given.
        changes: Vec<Setting>,
        /// Whether the startup configuration did it, or a command.
        startup: bool,
    },
    /// A WTP that is not known asked for a controller. Once per WTP; repeated requests are counted, not recorded.
    WtpDiscovered {
        /// From where.
        address: SocketAddr,
        /// RFC 5415 4.6.21: 0 unknown, 1 static, 2 DHCP, 3 DNS, 4 AC referral.
        discovery_type: u8,
        /// From the WTP Board Data, if it was there.
        model: Option<String>,
        /// From the WTP Board Data, if it was there.
        base_mac: Option<MacAddr>,
    },
    /// A Join Request was accepted.
    WtpJoined {
        /// The new session.
        session: SessionId,
        /// Who.
        wtp: WtpAddress,
        /// What it is and runs.
        inventory: WtpInventory,
        /// SHA-256 of the certificate that it showed, or of `PSK identity ` and the identity that its key proved.
        certificate: Option<Sha256>,
        /// Mandatory elements that its Join Request lacked, by RFC 5415's names.
        missing: Vec<String>,
        /// The image that the Join Response named.
        offered: Option<ImageVersion>,
    },
    /// A WTP was turned away.
    WtpRefused {
        /// From where.
        address: SocketAddr,
        /// Its name, if it gave one.
        name: Option<String>,
        /// Why.
        reason: RefusalReason,
        /// The particulars, for people.
        detail: String,
    },
    /// The data channel is up: the WTP serves.
    WtpEnteredRun {
        /// Its session.
        session: SessionId,
        /// Who.
        wtp: WtpAddress,
    },
    /// A session ended.
    WtpDisjoined {
        /// Which.
        session: SessionId,
        /// Who.
        wtp: WtpAddress,
        /// Why.
        reason: DisjoinReason,
    },
    /// A WTP sent a message that this controller does not serve, or one that is wrong in its state. Recorded once per
    /// session and message type.
    WtpMessageRejected(RejectedMessage),
    /// A WTP handed over a crash log or memory dump (Data Transfer, RFC 5415 9.6).
    WtpDataTransferred(TransferredData),
    /// A fetch from an image server began.
    InstallAddStarted {
        /// This fetch.
        operation: OperationId,
        /// Where from, with credentials masked.
        url: String,
        /// The family asked for; none if the operator named a file.
        family: Option<ImageFamily>,
        /// The version wanted; none if any will do.
        version: Option<ImageVersion>,
    },
    /// Octets came: once per 5 % (at most one per second), and once per 10 s.
    InstallAddProgressed {
        /// This fetch.
        operation: OperationId,
        /// So far.
        octets: u64,
        /// Of how many, if the server said so.
        total: Option<u64>,
    },
    /// The image is checked and in the catalogue.
    InstallAddCompleted {
        /// This fetch.
        operation: OperationId,
        /// Where from, with credentials masked.
        url: String,
        /// What it is.
        image: ImageFacts,
        /// How long it took, in microseconds.
        duration_us: u64,
    },
    /// The fetch failed.
    InstallAddFailed {
        /// This fetch.
        operation: OperationId,
        /// Where from, with credentials masked.
        url: String,
        /// The family asked for.
        family: Option<ImageFamily>,
        /// Why.
        failure: FetchFailure,
        /// How many octets had come.
        octets: u64,
        /// When the controller will try again by itself, or on the next demand.
        next_try: Option<Timestamp>,
    },
    /// An image left the catalogue.
    ImageRemoved {
        /// Which.
        image: ImageFacts,
        /// Why, in words.
        reason: String,
    },
    /// A version became the running one: WTPs that join with another are given it.
    VersionActivated {
        /// Which.
        version: ImageVersion,
    },
    /// An image download to a WTP began: the WTP asked for it.
    ImageDownloadStarted {
        /// This download.
        operation: OperationId,
        /// Its session.
        session: SessionId,
        /// Who.
        wtp: WtpAddress,
        /// At join, or ahead of the reset.
        mode: DownloadMode,
        /// How the octets go.
        method: DownloadMethod,
        /// Which family.
        family: ImageFamily,
        /// What the WTP ran.
        from: Option<ImageVersion>,
        /// What it is sent.
        to: ImageVersion,
        /// How many octets that is, once known.
        octets: Option<u64>,
    },
    /// Blocks were acknowledged: once per 5 % (at most one per second), and once per 10 s.
    ImageDownloadProgressed {
        /// This download.
        operation: OperationId,
        /// Acknowledged so far.
        octets: u64,
        /// Of how many.
        total: u64,
    },
    /// The last block was acknowledged.
    ImageDownloadCompleted {
        /// This download.
        operation: OperationId,
        /// Who.
        wtp: WtpAddress,
        /// What it holds from now on, as far as the controller can infer.
        image: ImageFacts,
        /// Image Data Requests that carried octets, retransmissions not counted.
        messages: u64,
        /// Octets in the last of them.
        last: u16,
        /// From the first block to the last acknowledgement, in microseconds.
        duration_us: u64,
        /// Blocks sent again.
        retransmissions: u64,
    },
    /// A download failed.
    ImageDownloadFailed {
        /// This download.
        operation: OperationId,
        /// Who.
        wtp: WtpAddress,
        /// Why.
        kind: DownloadFailureKind,
        /// The other side's words, or the particulars.
        words: String,
        /// How many octets were acknowledged.
        octets: u64,
        /// Failed tries of this version at this WTP, this one included.
        tries: u32,
        /// When the controller will try again by itself.
        next_retry: Option<Timestamp>,
    },
    /// A download was ended on purpose.
    ImageDownloadAborted {
        /// This download.
        operation: OperationId,
        /// Who.
        wtp: WtpAddress,
        /// Why, in words.
        reason: String,
        /// How many octets were acknowledged.
        octets: u64,
    },
    /// A WTP in Run was chosen to be given an image ahead of its reset.
    PredownloadRequested {
        /// Who.
        wtp: WtpAddress,
        /// Which family.
        family: ImageFamily,
        /// Which version.
        version: ImageVersion,
        /// Whether the controller resets the WTP into it as soon as it holds it.
        reset: bool,
    },
    /// A WTP answered that it has the image already (RFC 5415 9.1 figure 9, result code 17).
    PredownloadAlreadyPresent {
        /// Who.
        wtp: WtpAddress,
        /// Which version.
        version: ImageVersion,
    },
    /// A WTP was sent a Reset Request.
    WtpResetRequested {
        /// Its session.
        session: SessionId,
        /// Who.
        wtp: WtpAddress,
        /// The image that it was told to start.
        version: Option<ImageVersion>,
    },
    /// A limit was reached: once, until the count has fallen below it again.
    LimitReached {
        /// Which: the configuration's word for it.
        limit: String,
        /// Its value.
        value: u64,
    },
    /// A WTP that waited for its predownload no longer does.
    PredownloadWithdrawn {
        /// Who.
        wtp: WtpAddress,
        /// Why, in words.
        reason: String,
    },
    /// An image server's key was seen for the first time: from now on it must show the same.
    ServerKeyPinned {
        /// As configured.
        host: String,
        /// The port.
        port: u16,
        /// Of SSH or of TLS.
        kind: ServerKeyKind,
        /// `ssh-ed25519`, `x509`, ...
        algorithm: String,
        /// SHA-256 of the key (SSH) or of the certificate (TLS).
        fingerprint: Sha256,
    },
    /// An operator accepted that an image server's key has changed: the next one seen is pinned.
    ServerKeyForgotten {
        /// As configured.
        host: String,
        /// The port.
        port: u16,
        /// Of SSH or of TLS.
        kind: ServerKeyKind,
    },
    /// A client asked an embedded image server for a file.
    ImageServeStarted {
        /// This transfer.
        operation: OperationId,
        /// Which server.
        protocol: ServeProtocol,
        /// Who asks.
        client: SocketAddr,
        /// As whom, where the protocol has users.
        user: Option<String>,
        /// The file, below the server's root.
        file: String,
        /// How long it is; none if it cannot be served.
        octets: Option<u64>,
    },
    /// Octets left an embedded image server: once per 5 % (at most one per second), and once per 10 s.
    ImageServeProgressed {
        /// This transfer.
        operation: OperationId,
        /// So far.
        octets: u64,
    },
    /// An embedded image server sent the whole file.
    ImageServeCompleted {
        /// This transfer.
        operation: OperationId,
        /// How many octets.
        octets: u64,
        /// How long it took, in microseconds.
        duration_us: u64,
    },
    /// An embedded image server could not send a file, or not all of it.
    ImageServeFailed {
        /// This transfer.
        operation: OperationId,
        /// Why, in words.
        words: String,
        /// How many octets had gone.
        octets: u64,
    },
    /// Every family that the fleet needs is in the catalogue in this version: it can be activated.
    VersionStaged {
        /// Which.
        version: ImageVersion,
    },
    /// The activated version is to stay: no timer takes it back.
    VersionCommitted {
        /// Which.
        version: ImageVersion,
    },
    /// A version was activated for a time: unless it is committed by then, the controller goes back.
    AutoAbortArmed {
        /// The activated version.
        version: ImageVersion,
        /// The committed one.
        back_to: ImageVersion,
        /// When.
        due: Timestamp,
    },
    /// The running version went back.
    VersionRolledBack {
        /// From which.
        from: ImageVersion,
        /// To which.
        to: ImageVersion,
        /// What led to it.
        reason: RollbackReason,
    },
    /// Primary and backup image of a WTP changed places for its next reset (`ap image swap`).
    WtpImageSwapped {
        /// Who.
        wtp: WtpAddress,
        /// What its next reset starts.
        next: ImageVersion,
    },
    /// A WTP was reset into an image and came back with another version, or with the same as before.
    ImageNotTaken {
        /// Who.
        wtp: WtpAddress,
        /// What it was to run.
        expected: ImageVersion,
        /// What it says that it runs.
        reports: Option<ImageVersion>,
        /// Failed tries of this version at this WTP, this one included.
        tries: u32,
        /// When the controller will try again by itself.
        next_retry: Option<Timestamp>,
    },
    /// A check of everything that an upgrade needs began; no WTP is touched.
    PreflightStarted {
        /// This check.
        operation: OperationId,
        /// For which version.
        version: Option<ImageVersion>,
        /// Of which families.
        families: Vec<ImageFamily>,
    },
    /// The check is over.
    PreflightCompleted {
        /// This check.
        operation: OperationId,
        /// What was found, one line each.
        findings: Vec<Finding>,
    },
    /// A fleet-wide upgrade began.
    CampaignStarted {
        /// This campaign.
        campaign: CampaignId,
        /// To which version.
        version: ImageVersion,
        /// How.
        plan: CampaignPlan,
        /// How many WTPs it is about.
        wtps: u32,
    },
    /// A WTP belongs to an iteration of a campaign.
    CampaignWtpChosen {
        /// Of which campaign.
        campaign: CampaignId,
        /// Who.
        wtp: WtpId,
        /// 0 for the canaries, then from 1.
        iteration: u32,
    },
    /// A campaign went on to its next phase.
    CampaignPhaseChanged {
        /// Which campaign.
        campaign: CampaignId,
        /// Which phase begins.
        phase: CampaignPhase,
        /// Of which iteration: 0 for the canaries, then from 1.
        iteration: u32,
    },
    /// A WTP of a campaign did not come back with the target in time.
    CampaignWtpMissing {
        /// Of which campaign.
        campaign: CampaignId,
        /// Who.
        wtp: WtpAddress,
        /// What is known of it, in words.
        words: String,
    },
    /// A campaign touches no further WTP until it is resumed.
    CampaignPaused {
        /// Which campaign.
        campaign: CampaignId,
        /// Why, in words.
        reason: String,
    },
    /// A paused campaign goes on.
    CampaignResumed {
        /// Which campaign.
        campaign: CampaignId,
    },
    /// A campaign is over.
    CampaignEnded {
        /// Which campaign.
        campaign: CampaignId,
        /// How it ended.
        outcome: CampaignOutcome,
        /// The particulars, in words.
        words: String,
    },
    /// The staged version is no longer to be activated.
    VersionUnstaged {
        /// Which.
        version: ImageVersion,
    },
    /// An operator had the install family do something; what it led to follows.
    InstallActionStarted {
        /// What.
        action: InstallAction,
        /// With which version.
        version: Option<ImageVersion>,
    },
    /// An action of the install family was refused, or did not come to its end.
    InstallActionFailed {
        /// What.
        action: InstallAction,
        /// With which version.
        version: Option<ImageVersion>,
        /// Why, in words, and what to do about it.
        words: String,
    },
    /// An embedded image server began to listen.
    ImageServerListening {
        /// Which.
        protocol: ServeProtocol,
        /// Where.
        listen: SocketAddr,
    },
    /// An embedded image server is configured and cannot listen, or no longer does.
    ImageServerFailed {
        /// Which.
        protocol: ServeProtocol,
        /// Where.
        listen: SocketAddr,
        /// Why, in words, and what to do about it.
        words: String,
    },
    /// Somebody logged in to the command line over SSH.
    OperatorLoggedIn(OperatorLogin),
    /// Somebody was not let in. Not more often than once a second: the failures between are counted.
    OperatorLoginFailed(LoginFailure),
    /// A session of the command line over SSH ended.
    OperatorLoggedOut(OperatorLogout),
    /// A line of the command line, before it was run. Who and from where is the envelope's cause.
    OperatorCommandEntered {
        /// The mode in which it was typed, as its prompt shows it: `#`, `(config)#`, ...
        mode: String,
        /// As typed, with secrets as `******`; what was not understood is left out, since it may be one.
        line: String,
    },
    /// The running configuration was saved, whole, as the startup configuration.
    ConfigurationSaved {
        /// Where: the file that the controller was started with, or `startup-config` in the data directory.
        file: String,
        /// Its length.
        octets: u64,
        /// Of its text.
        sha256: Sha256,
    },
    /// `show logging` begins anew; what it showed before stays in the ledger.
    LogCleared {},
    /// Somebody's session of the command line over SSH is to end, because an operator says so.
    LineCleared {
        /// The line that it has.
        vty: u16,
        /// Whose.
        user: String,
        /// From where.
        from: SocketAddr,
    },
    /// What a session's handshake agreed on, and what its Join Request said of the WTP beside the inventory. Right behind
    /// its `WtpJoined`.
    WtpSessionDescribed(SessionDescription),
    /// Blocks of a download were sent again: told ahead of its progress, and of an end that does not tell it, where there
    /// are more of them than were told before.
    ImageDownloadRetransmitted {
        /// This download.
        operation: OperationId,
        /// Blocks sent again so far.
        retransmissions: u64,
    },
    /// A collector over TCP or TLS was reached, and has the log from here on.
    LoggingHostStarted {
        /// Which.
        host: LogHost,
    },
    /// A collector over TCP or TLS cannot be reached, or was lost. It is tried again until it is there.
    LoggingHostFailed {
        /// Which.
        host: LogHost,
        /// Why, in words.
        words: String,
        /// The last line of the log, by its number, that it is sure to have; the others wait.
        lines: u64,
    },
}
