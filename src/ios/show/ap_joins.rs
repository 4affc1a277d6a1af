//! `show wireless stats ap join summary`: how every AP joined, left and was turned away, and who came and never joined.

use std::net::IpAddr;

use capledger_schema::event::{DisjoinReason, RefusalReason};
use capledger_schema::id::MacAddr;
use capledger_schema::project::fleet::{JoinFailure, JoinFailureCause, JoinPhase, JoinStats, Stranger, Wtp};
use capledger_schema::time::Timestamp;
use serde::Serialize;

use super::table::fixed;
use super::{ap_image, words};
use crate::ios::View;
use crate::syslog::{disjoin_words, refusal_words};

/// What the view tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Facts {
    /// How many came.
    pub total: usize,
    /// How many of them have a session.
    pub joined: usize,
    /// By identity, then those that never joined.
    pub access_points: Vec<Row>,
}

/// One AP, or one that would be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    /// Base MAC, if it told one.
    pub base_mac: Option<MacAddr>,
    /// Ethernet MAC, if it told one.
    pub ethernet_mac: Option<MacAddr>,
    /// AP name, one word of at most 32 characters, if it told one.
    pub name: Option<String>,
    /// From where it came last.
    pub ip_address: IpAddr,
    /// Whether it has a session.
    pub joined: bool,
    /// The last thing that went wrong.
    pub last_failure: Option<Failure>,
    /// Why its last session ended.
    pub last_disconnect_reason: Option<DisjoinReason>,
    /// Sessions that began.
    pub joins: u64,
    /// Sessions that ended.
    pub disjoins: u64,
    /// Join Requests that were refused.
    pub refused: u64,
    /// DTLS handshakes that failed.
    pub dtls_failures: u64,
    /// When the last session began.
    pub last_join_at: Option<Timestamp>,
}

/// What went wrong, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// How far the AP had come.
    pub phase: JoinPhase,
    /// What it was.
    pub reason: FailureReason,
    /// The particulars, for people, where there are any.
    pub detail: Option<String>,
    /// When.
    pub failed_at: Timestamp,
}

/// What went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum FailureReason {
    /// It was turned away.
    Refused(RefusalReason),
    /// Its session ended.
    Lost(DisjoinReason),
}

impl FailureReason {
    fn words(self) -> &'static str {
        match self {
            FailureReason::Refused(reason) => refusal_words(reason),
            FailureReason::Lost(reason) => disjoin_words(reason),
        }
    }
}

impl Failure {
    /// The last one of these.
    pub fn of(stats: &JoinStats) -> Option<Failure> {
        let JoinFailure { phase, cause, at } = stats.last_failure.as_ref()?;
        let (reason, detail) = match cause {
            JoinFailureCause::Refused(reason, detail) => (FailureReason::Refused(*reason), Some(detail.clone())),
            JoinFailureCause::Lost(reason) => (FailureReason::Lost(*reason), None),
        };
        Some(Failure { phase: *phase, reason, detail, failed_at: *at })
    }

    /// What went wrong, with its particulars: `DTLS handshake failed: no shared cipher`.
    pub fn told(&self) -> String {
        let detail = self.detail.as_ref().map(|d| format!(": {d}")).unwrap_or_default();
        words::capital(self.reason.words()) + &detail
    }
}

/// What the view tells.
pub fn facts(view: &View) -> Facts {
    let fleet = &view.state.fleet;
    let access_points: Vec<Row> =
        fleet.wtps.values().map(of_wtp).chain(fleet.strangers.iter().map(of_stranger)).collect();
    let joined = access_points.iter().filter(|r| r.joined).count();
    Facts { total: access_points.len(), joined, access_points }
}

/// The whole view.
pub fn show(view: &View) -> String {
    let Facts { total, joined, access_points } = facts(view);
    let na = || "N/A".to_owned();
    let cells: Vec<[String; 13]> = access_points
        .iter()
        .map(|r| {
            [
                r.base_mac.map_or_else(na, |m| m.to_string()),
                r.ethernet_mac.map_or_else(na, |m| m.to_string()),
                r.name.clone().unwrap_or_else(na),
                r.ip_address.to_string(),
                if r.joined { "Joined" } else { "Not Joined" }.to_owned(),
                r.last_failure.as_ref().map_or_else(na, |f| phase(f.phase).to_owned()),
                r.last_failure.as_ref().map_or_else(na, |f| words::capital(f.reason.words())),
                r.last_disconnect_reason.map_or_else(na, |reason| disjoin_words(reason).to_owned()),
                r.joins.to_string(),
                r.disjoins.to_string(),
                r.refused.to_string(),
                r.dtls_failures.to_string(),
                r.last_join_at.map_or_else(na, |at| view.time.format(at)),
            ]
        })
        .collect();
    let columns = [
        ("Base MAC", 14),
        ("Ethernet MAC", 14),
        ("AP Name", 32),
        ("IP Address", 15),
        ("Status", 10),
        ("Last Failure Phase", 18),
        ("Last Failure Type", 23),
        ("Last Disconnect Reason", 27),
        ("Joins", 6),
        ("Disjoins", 8),
        ("Refused", 7),
        ("DTLS Failures", 13),
        ("Last Join", 20),
    ];
    format!("Number of APs: {total}\nNumber of joined APs: {joined}\n\n{}", fixed(columns, &cells))
}

fn known(mac: MacAddr) -> Option<MacAddr> {
    (mac != MacAddr::default()).then_some(mac)
}

fn of_wtp(wtp: &Wtp) -> Row {
    Row {
        base_mac: known(wtp.address.base_mac),
        ethernet_mac: known(wtp.address.ethernet_mac),
        name: Some(ap_image::name(wtp)),
        joined: wtp.live().is_some(),
        last_disconnect_reason: wtp.last_disjoin.map(|(reason, _)| reason),
        ..counted(&wtp.stats, wtp.address.wtp.ip())
    }
}

fn of_stranger(stranger: &Stranger) -> Row {
    Row {
        base_mac: stranger.base_mac,
        name: stranger.name.as_deref().map(ap_image::one_word).filter(|name| !name.is_empty()),
        ..counted(&stranger.stats, stranger.address.ip())
    }
}

/// A row of somebody of whom no more is known than what is counted.
fn counted(stats: &JoinStats, ip_address: IpAddr) -> Row {
    Row {
        base_mac: None,
        ethernet_mac: None,
        name: None,
        ip_address,
        joined: false,
        last_failure: Failure::of(stats),
        last_disconnect_reason: None,
        joins: stats.joins,
        disjoins: stats.disjoins,
        refused: stats.refused,
        dtls_failures: stats.handshakes_failed,
        last_join_at: stats.joined_at,
    }
}

/// How far an AP had come.
pub(super) fn phase(phase: JoinPhase) -> &'static str {
    match phase {
        JoinPhase::Dtls => "DTLS-Handshake",
        JoinPhase::Join => "Join",
        JoinPhase::ImageDownload => "Image-Download",
        JoinPhase::Run => "Run",
    }
}
