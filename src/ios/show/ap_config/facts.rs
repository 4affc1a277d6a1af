//! What `show ap name NAME config general` tells, before it is put in words.

use std::net::IpAddr;

use capledger_schema::event::{DisjoinReason, SessionDescription};
use capledger_schema::id::{MacAddr, Sha256, WtpId};
use capledger_schema::image::{ImageFamily, ImageVersion};
use capledger_schema::project::fleet::Wtp;
use capledger_schema::setting::{CapwapTimer, DtlsVersions, JoinPolicy};
use capledger_schema::time::Timestamp;
use serde::Serialize;

use crate::ac::Identity;
use crate::ios::View;
use crate::ios::show::ap_joins::Failure;
use crate::ios::show::ap_status::regulatory_domain;
use crate::ios::show::ap_summary::ApState;
use crate::ios::show::{ap_image, predownload, words};

/// What the view tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Facts {
    /// The APs of that name: more than one if they share it.
    pub access_points: Vec<Ap>,
}

/// One AP.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Ap {
    /// AP name, in full; without a name, its identity.
    pub name: String,
    /// Who it is, across sessions.
    pub identifier: String,
    /// The regulatory domain that its model names: `-B`.
    pub regulatory_domain: Option<String>,
    /// Ethernet MAC address.
    pub ethernet_mac: MacAddr,
    /// Base MAC address of its radios.
    pub radio_mac: MacAddr,
    /// Its end of the control channel.
    pub ip_address: IpAddr,
    /// Its end of the control channel.
    pub udp_port: u16,
    /// Location Data: the site; none if it told none.
    pub location: Option<String>,
    /// The controller.
    pub controller: String,
    /// The controller's end of the control channel.
    pub controller_ip_address: IpAddr,
    /// Where it stands.
    pub state: ApState,
    /// As it says.
    pub model: Option<String>,
    /// As it says.
    pub serial: Option<String>,
    /// Hardware version of its WTP Descriptor, as of its last join.
    pub hardware_version: Option<String>,
    /// Radios.
    pub slots: u8,
    /// What it runs, and is given.
    pub image: Image,
    /// How it is known, and what is asked of it.
    pub security: Security,
    /// How its session is kept.
    pub capwap: Capwap,
    /// How it joined and left.
    pub history: History,
}

/// What an AP runs, and is given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Image {
    /// The image of its model.
    pub family: Option<ImageFamily>,
    /// The version that it runs.
    pub version: Option<ImageVersion>,
    /// What it says that it runs, where its words are not the four numbers.
    pub software: Option<String>,
    /// The other one that it holds.
    pub backup_version: Option<ImageVersion>,
    /// Whether that is inferred from what it was sent, and not reported by it yet.
    pub backup_is_inferred: bool,
    /// What it says that it holds beside, where its words are not the four numbers.
    pub backup_software: Option<String>,
    /// Version of its boot loader.
    pub boot_version: Option<String>,
    /// What its next restart starts, where an operator had the two change places.
    pub version_at_next_restart: Option<ImageVersion>,
    /// The version that it is on its way to.
    pub version_to_run: Option<ImageVersion>,
    /// How it stands with the image that it is given.
    pub predownload: predownload::Row,
    /// Why that failed, in the AP's or the server's words.
    pub failure: Option<String>,
    /// Failed tries of it.
    pub retry_count: u32,
    /// The last image that was sent to it whole.
    pub last_download: Option<Download>,
}

/// An image that was sent whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Download {
    /// Which.
    pub version: ImageVersion,
    /// Its size.
    pub octets: u64,
    /// From the first block to the last acknowledgement.
    pub duration_us: u64,
    /// On the average.
    pub octets_per_second: Option<u64>,
    /// Blocks that were sent again.
    pub retransmissions: u64,
    /// When it was there.
    pub completed_at: Timestamp,
}

/// How an AP is known, and what is asked of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Security {
    /// The identity that its pre-shared key proved at its last join, else at its first one.
    pub psk_identity: Option<String>,
    /// SHA-256 of the certificate of its first join.
    pub certificate_sha256: Option<Sha256>,
    /// SHA-256 of the certificate of its last join.
    pub session_certificate_sha256: Option<Sha256>,
    /// The common name of the certificate of its last join.
    pub common_name: Option<String>,
    /// Which APs may join.
    pub join_policy: JoinPolicy,
    /// The version of DTLS of its last session: `DTLSv1.2`.
    pub dtls_version: Option<String>,
    /// The cipher suite of its last session, by its registered name.
    pub dtls_cipher_suite: Option<String>,
    /// Which versions of DTLS are spoken.
    pub dtls_versions: DtlsVersions,
}

/// How a session is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Capwap {
    /// Octets of data per Image Data Request.
    pub block_octets: u16,
    /// `capwap max-retransmit`
    pub max_retransmit: u8,
    /// How often the AP is to send an Echo Request.
    pub echo_interval_us: u64,
    /// After so long without a packet a session is dead.
    pub dead_interval_us: u64,
}

/// How an AP joined and left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct History {
    /// When its session began, while it has one.
    pub up_since: Option<Timestamp>,
    /// When its last session began.
    pub last_join_at: Option<Timestamp>,
    /// Sessions that began.
    pub joins: u64,
    /// Sessions that ended.
    pub disjoins: u64,
    /// Join Requests that were refused.
    pub refused: u64,
    /// DTLS handshakes that failed.
    pub dtls_failures: u64,
    /// Why its last session ended.
    pub last_disconnect_reason: Option<DisjoinReason>,
    /// When.
    pub last_disconnect_at: Option<Timestamp>,
    /// The last thing that went wrong.
    pub last_failure: Option<Failure>,
    /// The last message that was turned away.
    pub rejected_message: Option<String>,
    /// When.
    pub rejected_at: Option<Timestamp>,
}

/// What is known of the APs of that name, or what is told of one that nobody knows.
pub fn facts(name: &str, view: &View) -> Result<Facts, String> {
    let access_points: Vec<Ap> = find(name, view).into_iter().map(|wtp| ap(wtp, view)).collect();
    if access_points.is_empty() {
        return Err(format!("No such AP: {name}; see `show ap summary`"));
    }
    Ok(Facts { access_points })
}

/// The APs of that name, whatever the case of its letters, or of that MAC address.
fn find<'a>(name: &str, view: &View<'a>) -> Vec<&'a Wtp> {
    let all = || view.state.fleet.wtps.values();
    let named: Vec<&Wtp> = all().filter(|w| is_named(w, name)).collect();
    match name.parse::<MacAddr>() {
        Ok(mac) if named.is_empty() => {
            all().filter(|w| w.address.base_mac == mac || w.address.ethernet_mac == mac).collect()
        }
        Ok(_) | Err(_) => named,
    }
}

/// Whether it is called so: by its name, by that as tables print it, or by its identity.
fn is_named(wtp: &Wtp, name: &str) -> bool {
    [wtp.address.name.trim(), &ap_image::name(wtp), &wtp.address.id.to_string()]
        .iter()
        .any(|known| known.eq_ignore_ascii_case(name))
}

fn ap(wtp: &Wtp, view: &View) -> Ap {
    let (address, inventory) = (&wtp.address, &wtp.inventory);
    let name = words::one_line(&address.name);
    Ap {
        name: name.unwrap_or_else(|| address.id.to_string()),
        identifier: address.id.to_string(),
        regulatory_domain: regulatory_domain(&inventory.model),
        ethernet_mac: address.ethernet_mac,
        radio_mac: address.base_mac,
        ip_address: address.wtp.ip(),
        udp_port: address.wtp.port(),
        location: words::one_line(&inventory.location),
        controller: view.state.config.hostname.clone(),
        controller_ip_address: address.ac.ip(),
        state: ApState::of(wtp),
        model: words::one_line(&inventory.model),
        serial: words::one_line(&inventory.serial),
        hardware_version: described(wtp, |d| d.hardware.as_ref()),
        slots: inventory.radios,
        image: image(wtp, view),
        security: security(wtp, view),
        capwap: capwap(view),
        history: history(wtp),
    }
}

fn image(wtp: &Wtp, view: &View) -> Image {
    Image {
        family: wtp.inventory.family.clone(),
        version: wtp.inventory.version,
        software: described(wtp, |d| d.software.as_ref()),
        backup_version: wtp.backup(),
        backup_is_inferred: wtp.inferred_backup.is_some(),
        backup_software: described(wtp, |d| d.other.as_ref()),
        boot_version: described(wtp, |d| d.boot.as_ref()),
        version_at_next_restart: wtp.swapped,
        version_to_run: view.state.version_wanted(wtp),
        predownload: predownload::row(wtp, view),
        failure: predownload::failure(wtp),
        retry_count: wtp.image.tries(),
        last_download: wtp.delivered.as_ref().map(|d| Download {
            version: d.version,
            octets: d.octets,
            duration_us: u64::try_from(d.took.as_micros()).unwrap_or(u64::MAX),
            octets_per_second: predownload::rate(d),
            retransmissions: d.retransmissions,
            completed_at: d.at,
        }),
    }
}

fn security(wtp: &Wtp, view: &View) -> Security {
    let dtls = &view.state.config.dtls;
    let (common_name, own) = match &wtp.address.id {
        WtpId::BaseMac(_) => (None, None),
        WtpId::CommonName(name) => (Some(name.clone()), None),
        WtpId::PskIdentity(identity) => (None, Some(identity)),
    };
    let agreed = wtp.description.as_ref().and_then(|d| d.dtls);
    let told = described(wtp, |d| d.psk_identity.as_ref());
    let first = wtp.certificate.and_then(|shown| {
        let proves = |identity: &&String| of_psk(identity) == Some(shown);
        dtls.psk.keys().chain(own).chain(&told).find(proves).cloned()
    });
    let by_key = if wtp.description.is_some() { told.is_some() } else { first.is_some() };
    Security {
        session_certificate_sha256: wtp.shown.filter(|_| !by_key),
        dtls_version: agreed.map(|d| d.version.to_string()),
        dtls_cipher_suite: agreed.map(|d| d.suite.to_string()),
        certificate_sha256: wtp.certificate.filter(|_| first.is_none()),
        psk_identity: told.or(first),
        common_name: common_name.or_else(|| described(wtp, |d| d.common_name.as_ref())),
        join_policy: dtls.policy,
        dtls_versions: dtls.versions,
    }
}

/// A part of the description of its last session, in one line.
fn described(wtp: &Wtp, part: impl Fn(&SessionDescription) -> Option<&String>) -> Option<String> {
    words::one_line(part(wtp.description.as_ref()?)?)
}

/// The credential of a pre-shared key's identity.
fn of_psk(identity: &str) -> Option<Sha256> {
    let identity = Identity { psk_identity: Some(identity.to_owned()), ..Identity::default() };
    identity.credential().map(Sha256)
}

fn capwap(view: &View) -> Capwap {
    let capwap = &view.state.config.capwap;
    let us = |timer| u64::try_from(capwap.timer(timer).as_micros()).unwrap_or(u64::MAX);
    Capwap {
        block_octets: capwap.block_size,
        max_retransmit: capwap.max_retransmit,
        echo_interval_us: us(CapwapTimer::EchoInterval),
        dead_interval_us: us(CapwapTimer::Dead),
    }
}

fn history(wtp: &Wtp) -> History {
    let stats = &wtp.stats;
    History {
        up_since: stats.joined_at.filter(|_| wtp.live().is_some()),
        last_join_at: stats.joined_at,
        joins: stats.joins,
        disjoins: stats.disjoins,
        refused: stats.refused,
        dtls_failures: stats.handshakes_failed,
        last_disconnect_reason: wtp.last_disjoin.map(|(reason, _)| reason),
        last_disconnect_at: wtp.last_disjoin.map(|(_, at)| at),
        last_failure: Failure::of(stats),
        rejected_message: wtp.rejected.as_ref().and_then(|(message, _)| words::one_line(message)),
        rejected_at: wtp.rejected.as_ref().map(|(_, at)| *at),
    }
}
