//! `show wireless dtls connections`: what the sessions that stand agreed on, one line for each, in IOS's columns.

use std::net::SocketAddr;

use capledger_schema::event::DtlsSession;
use capledger_schema::project::fleet::Wtp;
use serde::Serialize;

use super::ap_image;
use super::table::fixed;
use crate::ios::View;

/// What the view tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Facts {
    /// By the access points' identity.
    pub connections: Vec<Row>,
}

/// A session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    /// AP name, one word of at most 32 characters.
    pub name: String,
    /// The AP's end of the control channel.
    pub peer: SocketAddr,
    /// `DTLSv1.2`
    pub version: Option<String>,
    /// The cipher suite, by its registered name.
    pub cipher_suite: Option<String>,
}

/// What the view tells.
pub fn facts(view: &View) -> Facts {
    let live = view.state.fleet.wtps.values().filter(|wtp| wtp.live().is_some());
    Facts { connections: live.map(row).collect() }
}

fn row(wtp: &Wtp) -> Row {
    let agreed: Option<DtlsSession> = wtp.description.as_ref().and_then(|d| d.dtls);
    Row {
        name: ap_image::name(wtp),
        peer: wtp.address.wtp,
        version: agreed.map(|dtls| dtls.version.to_string()),
        cipher_suite: agreed.map(|dtls| dtls.suite.to_string()),
    }
}

/// The whole view. The data channel is in clear, so every port is that of the control channel.
pub fn show(view: &View) -> String {
    let unknown = |told: &Option<String>| told.clone().unwrap_or_else(|| "unknown".to_owned());
    let cells: Vec<[String; 6]> = facts(view)
        .connections
        .iter()
        .map(|r| {
            let (ip, port) = (r.peer.ip().to_string(), r.peer.port().to_string());
            [r.name.clone(), "Capwap_Ctrl".to_owned(), ip, port, unknown(&r.version), unknown(&r.cipher_suite)]
        })
        .collect();
    let columns =
        [("AP Name", 32), ("Local Port", 11), ("Peer IP", 15), ("Peer Port", 9), ("Version", 8), ("Ciphersuite", 39)];
    fixed(columns, &cells)
}
