//! `show ap name NAME config general`: everything that is known of one AP, joined or not, in IOS's manner.

mod facts;

use std::fmt::Write as _;
use std::time::Duration;

use capledger_schema::image::ImageVersion;
use capledger_schema::setting::{DtlsVersions, JoinPolicy};

use super::{ap_image, ap_joins, words};
use crate::ios::View;
use crate::syslog::disjoin_words;

pub use facts::{Ap, Capwap, Download, Facts, History, Image, Security, facts};

/// The whole view.
pub fn show(name: &str, view: &View) -> String {
    let facts = match facts(name, view) {
        Ok(facts) => facts,
        Err(words) => return format!("% {words}\n"),
    };
    let told: Vec<String> = facts.access_points.iter().map(|ap| text(ap, view)).collect();
    told.join("\n")
}

fn text(ap: &Ap, view: &View) -> String {
    // A certificate's name and a refusal's particulars are a stranger's words.
    let clean = |text: &str| text.replace(char::is_control, " ");
    let mut out = format!("Cisco AP Name   : {}\n{}\n\n", clean(&ap.name), "=".repeat(49));
    let mut line = |label: &str, value: String| {
        let _ = writeln!(out, "{label:<48}: {}", clean(&value));
    };
    identity(ap, &mut line);
    image(&ap.image, view, &mut line);
    security(&ap.security, &mut line);
    capwap(&ap.capwap, &mut line);
    history(&ap.history, view, &mut line);
    out
}

fn identity(ap: &Ap, line: &mut impl FnMut(&str, String)) {
    line("Cisco AP Identifier", ap.identifier.clone());
    if let Some(domain) = &ap.regulatory_domain {
        line("AP Regulatory Domain", domain.clone());
    }
    line("MAC Address", ap.ethernet_mac.to_string());
    line("Radio MAC Address", ap.radio_mac.to_string());
    line("IP Address", ap.ip_address.to_string());
    line("CAPWAP Control UDP Port", ap.udp_port.to_string());
    line("Cisco AP Location", told(ap.location.as_ref()));
    line("Cisco Controller Name", ap.controller.clone());
    line("Cisco Controller IP Address", ap.controller_ip_address.to_string());
    line("Operation State", ap.state.word().to_owned());
    line("AP Model", told(ap.model.as_ref()));
    line("AP Serial Number", told(ap.serial.as_ref()));
    line("Hardware Version", ap.hardware_version.clone().unwrap_or_else(unknown));
    line("Number Of Slots", ap.slots.to_string());
}

fn image(image: &Image, view: &View, line: &mut impl FnMut(&str, String)) {
    let version = |v: Option<ImageVersion>, words: Option<&String>| match (v, words) {
        (Some(v), Some(words)) => format!("{v} ({words})"),
        (Some(v), None) => v.to_string(),
        (None, words) => words.cloned().unwrap_or_else(unknown),
    };
    let family = image.family.as_ref().map(ToString::to_string);
    line("AP Image Type", family.unwrap_or_else(|| "unknown; name it with `ap image map`".to_owned()));
    line("Software Version", version(image.version, image.software.as_ref()));
    let inferred = if image.backup_is_inferred { " (sent to it, not reported by it yet)" } else { "" };
    let backup = image.backup_software.as_ref().filter(|_| !image.backup_is_inferred);
    line("Backup Software Version", version(image.backup_version, backup) + inferred);
    line("Boot Version", image.boot_version.clone().unwrap_or_else(unknown));
    if let Some(next) = image.version_at_next_restart {
        line("Version At Next Restart", next.to_string());
    }
    let wanted = image.version_to_run.map_or_else(|| "any; none is configured".to_owned(), |v| v.to_string());
    line("Version To Run", wanted);
    line("Predownload Status", image.predownload.predownload_status.word().to_owned());
    if let Some(version) = image.predownload.predownload_version {
        line("Predownload Version", version.to_string());
    }
    if image.predownload.predownload_status == ap_image::Status::Predownloading
        || image.predownload.predownload_status == ap_image::Status::Downloading
    {
        let row = &image.predownload;
        line("Predownload Progress", words::progress(row.octets.unwrap_or(0), row.total_octets));
        let eta = row.eta_seconds.map(|s| words::clock(Duration::from_secs(s)));
        line("Predownload ETA", eta.unwrap_or_else(|| "N/A".to_owned()));
        line("Predownload Retransmissions", row.retransmissions.map_or_else(unknown, |n| n.to_string()));
    }
    if let Some(failure) = &image.failure {
        line("Predownload Failure", format!("try {}: {failure}", image.retry_count));
    }
    if let Some(d) = &image.last_download {
        line("Last Image Download Version", d.version.to_string());
        line("Last Image Download Size (octets)", d.octets.to_string());
        line("Last Image Download Duration", words::clock(Duration::from_micros(d.duration_us)));
        line("Last Image Download Retransmissions", d.retransmissions.to_string());
        line("Last Image Download Date and Time", view.time.date(d.completed_at));
    }
}

fn security(security: &Security, line: &mut impl FnMut(&str, String)) {
    if let Some(identity) = &security.psk_identity {
        line("AP PSK Identity", identity.clone());
    }
    match security.certificate_sha256 {
        Some(digest) => line("AP Certificate SHA-256", digest.to_string()),
        None if security.psk_identity.is_some() => {}
        None => line("AP Certificate SHA-256", "none was shown".to_owned()),
    }
    if security.session_certificate_sha256 != security.certificate_sha256
        && let Some(digest) = security.session_certificate_sha256
    {
        line("AP Certificate SHA-256 Of Last Join", digest.to_string());
    }
    if let Some(name) = &security.common_name {
        line("AP Certificate Common Name", name.clone());
    }
    line("AP DTLS Version", security.dtls_version.clone().unwrap_or_else(unknown));
    line("AP DTLS Ciphersuite", security.dtls_cipher_suite.clone().unwrap_or_else(unknown));
    let policy = match security.join_policy {
        JoinPolicy::Pin => "pin: with what it showed at its first join",
        JoinPolicy::Ca => "ca: with a certificate that the authority signed",
        JoinPolicy::Open => "open: with any certificate or key",
    };
    line("AP Join Policy", policy.to_owned());
    let versions = match security.dtls_versions {
        DtlsVersions::V1_2 => "1.2",
        DtlsVersions::V1_0 => "1.0",
        DtlsVersions::All => "1.0, 1.2",
    };
    line("DTLS Versions Accepted", versions.to_owned());
}

fn capwap(capwap: &Capwap, line: &mut impl FnMut(&str, String)) {
    line("CAPWAP Image Block Size (octets)", capwap.block_octets.to_string());
    line("CAPWAP Max Retransmit", capwap.max_retransmit.to_string());
    line("CAPWAP Echo Interval (seconds)", seconds(capwap.echo_interval_us));
    line("CAPWAP Dead Interval (seconds)", seconds(capwap.dead_interval_us));
}

fn history(history: &History, view: &View, line: &mut impl FnMut(&str, String)) {
    if let Some(since) = history.up_since {
        line("AP CAPWAP Up Time", uptime(view.now.since(since)));
    }
    if let Some(at) = history.last_join_at {
        line("Join Date and Time", view.time.date(at));
    }
    line("Joins", history.joins.to_string());
    line("Disjoins", history.disjoins.to_string());
    line("Joins Refused", history.refused.to_string());
    line("DTLS Failures", history.dtls_failures.to_string());
    if let Some((reason, at)) = history.last_disconnect_reason.zip(history.last_disconnect_at) {
        line("Last Disconnect Reason", disjoin_words(reason).to_owned());
        line("Last Disconnect Date and Time", view.time.date(at));
    }
    if let Some(failure) = &history.last_failure {
        line("Last Failure Phase", ap_joins::phase(failure.phase).to_owned());
        line("Last Failure Reason", failure.told());
        line("Last Failure Date and Time", view.time.date(failure.failed_at));
    }
    if let Some((message, at)) = history.rejected_message.as_ref().zip(history.rejected_at) {
        line("Last Message Turned Away", message.clone());
        line("Last Message Turned Away Date and Time", view.time.date(at));
    }
}

fn unknown() -> String {
    "unknown".to_owned()
}

fn told(text: Option<&String>) -> String {
    text.cloned().unwrap_or_else(|| "none".to_owned())
}

/// Seconds, with thousandths only where there are any.
fn seconds(us: u64) -> String {
    match us / 1_000 % 1_000 {
        0 => (us / 1_000_000).to_string(),
        ms => format!("{}.{ms:03}", us / 1_000_000),
    }
}

/// An uptime, in seconds while it is short.
fn uptime(span: Duration) -> String {
    if span < Duration::from_secs(60) { words::plural(span.as_secs(), "second") } else { words::uptime(span) }
}
