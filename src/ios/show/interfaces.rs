//! `show ip interface brief`: the addresses where the controller listens, one row for each service and address.
//!
//! The host's own interfaces are not told: nothing here looks at the machine.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr};

use capledger_schema::project::serves::ServerState;
use capledger_schema::setting::ServeProtocol;
use serde::Serialize;

use crate::ios::View;

/// What the view tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Facts {
    /// By service, then by address.
    pub interfaces: Vec<Row>,
}

/// A service at an address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    /// The service and its number there: `Capwap0`.
    pub name: String,
    /// Where it listens; `0.0.0.0` for every address.
    pub ip_address: IpAddr,
    /// UDP for CAPWAP and TFTP, TCP for SSH and SFTP.
    pub port: u16,
    /// Whether the address was configured.
    pub configured: bool,
    /// Whether it is wanted.
    pub enabled: bool,
    /// Whether it answers, as far as the ledger knows.
    pub up: bool,
}

/// What the view tells.
pub fn facts(view: &View) -> Facts {
    let (state, config) = (view.state, &view.state.config);
    let runs = state.controller.started_at.is_some() && state.controller.stopped_at.is_none();
    let mut rows = Vec::new();
    for (n, at) in config.capwap.listening().into_iter().enumerate() {
        let configured = !config.capwap.listen.is_empty();
        let name = format!("Capwap{n}");
        rows.push(Row { name, ip_address: at.ip(), port: at.port(), configured, enabled: true, up: runs });
    }
    let access = &config.access;
    let enabled = !access.users.is_empty();
    rows.push(Row {
        name: "Ssh0".to_owned(),
        ip_address: access.listen.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
        port: access.port,
        configured: access.listen.is_some(),
        enabled,
        up: enabled && runs,
    });
    for (protocol, word) in [(ServeProtocol::Tftp, "Tftp"), (ServeProtocol::Sftp, "Sftp")] {
        let of = config.serve.listen.keys().filter(|(p, _)| *p == protocol);
        for (n, (_, at)) in of.enumerate() {
            let listens = matches!(state.serves.servers.get(&(protocol, *at)), Some(ServerState::Listening(_)));
            let (name, up) = (format!("{word}{n}"), listens && runs);
            rows.push(Row { name, ip_address: at.ip(), port: at.port(), configured: true, enabled: true, up });
        }
    }
    Facts { interfaces: rows }
}

/// The whole view.
pub fn show(view: &View) -> String {
    let mut out = "Interface              IP-Address      OK? Method Status                Protocol\n".to_owned();
    for r in facts(view).interfaces {
        let method = if r.configured { "manual" } else { "unset" };
        let protocol = if r.up { "up" } else { "down" };
        let status = if r.enabled { protocol } else { "administratively down" };
        let ip = r.ip_address.to_string();
        let _ = writeln!(out, "{:<22} {ip:<15} YES {method:<6} {status:<21} {protocol}", r.name);
    }
    out
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use capledger_schema::setting::{Setting, UserChange};
    use capledger_schema::{Cause, Event, Subject};

    use super::*;
    use crate::secrets::NoSecrets;
    use crate::story::{Story, assert_golden};
    use crate::syslog::TimeFormat;

    #[test]
    fn every_service_is_told_at_each_of_its_addresses_and_up_where_it_answers() {
        let at = |text: &str| text.parse::<SocketAddr>().expect("an address");
        let (tftp, sftp) = (at("172.16.4.26:69"), at("172.16.4.26:2022"));
        let mut story = Story::begin("2024-02-01T16:00:00Z");
        story.configured(vec![
            Setting::CapwapListen(at("172.16.4.26:5246")),
            Setting::CapwapListen(at("[2001:db8::26]:5246")),
            Setting::SshListen(Some(at("172.16.5.26:2222").ip())),
            Setting::User("admin".into(), UserChange { privilege: Some(15), secret: None }),
            Setting::ImageServe(ServeProtocol::Tftp, tftp, "/images".into()),
            Setting::ImageServe(ServeProtocol::Sftp, sftp, "/images".into()),
        ]);
        let listening = Event::ImageServerListening { protocol: ServeProtocol::Tftp, listen: tftp };
        story.tell(Cause::Timer, Subject::Controller, listening);
        let words = "Address already in use".to_owned();
        let failed = Event::ImageServerFailed { protocol: ServeProtocol::Sftp, listen: sftp, words };
        story.tell(Cause::Timer, Subject::Controller, failed);
        let time = TimeFormat::default();
        let view = View {
            state: &story.state,
            log: &story.log,
            now: story.at,
            time: &time,
            secrets: &NoSecrets,
            history: &story.envelopes,
        };
        assert_golden("show_ip_interface_brief_every_service.txt", &show(&view));
    }
}
