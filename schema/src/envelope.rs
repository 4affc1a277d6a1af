//! The envelope of an event: its place, its moment, and who or what caused it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::event::Event;
use crate::id::{CampaignId, ControllerId, ImportId, OperationId, Seq, SessionId, WtpId};
use crate::time::Timestamp;

/// One fact in the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Envelope {
    /// Its place: 1 for the first, without gaps.
    pub seq: Seq,
    /// When it was recorded. Never earlier than the envelope before it.
    pub at: Timestamp,
    /// Who or what caused it.
    pub cause: Cause,
    /// Whose fact it is.
    pub source: Source,
    /// What it is about.
    pub subject: Subject,
    /// When it happened, if that was told and is not `at`.
    pub observed_at: Option<Timestamp>,
    /// What happened.
    pub event: Event,
}

/// Who or what caused an event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// A message of a WTP, or the end of its session.
    Wtp(SessionId),
    /// A datagram of a WTP that has no session yet.
    Peer(std::net::SocketAddr),
    /// A command.
    Operator {
        /// The user's name.
        user: String,
        /// Where from: the session's line and address, as in `vty3 (172.16.5.9)`; an address alone where no session has
        /// begun, and in older ledgers; or `console`.
        from: String,
    },
    /// A deadline passed.
    Timer,
    /// The daemon's start or stop.
    Start,
    /// A fetch or a download that the controller runs.
    Operation(OperationId),
    /// A campaign that the controller runs.
    Campaign(CampaignId),
}

/// Whose fact it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// This controller's own.
    #[default]
    Local,
    /// Seen at another controller.
    Observed(ControllerId),
    /// Read from foreign records.
    Imported(ImportId),
}

/// What an event is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// The controller itself.
    Controller,
    /// One WTP.
    Wtp(WtpId),
    /// One install add.
    Operation(OperationId),
    /// One fleet-wide upgrade.
    Campaign(CampaignId),
    /// The configuration.
    Config,
}
