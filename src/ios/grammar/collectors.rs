//! `logging host A transport tcp|tls ...` and `logging tls ca FILE`: collectors over streams. What may follow the
//! transport comes in one order, and each part of it may be left out.

use std::net::SocketAddr;

use capledger_schema::setting::{LogDelivery, LogFraming, LogHost, LogTransport, Setting};

use super::config::{config, set};
use super::logging::{ADDRESS, FORM, FORMAT, HOST, LOGGING, PORT_NUMBER, TRANSPORT, UDP, form};
use super::{Arg, Args, Entry, Token, Value, arg, kw};
use crate::ios::action::Action;
use crate::ios::setting::syslog_port;

const TCP: Token = kw("tcp", "Transmission Control Protocol");
const TCP_PORT: Token = kw("port", "TCP port (601)");
const FRAMING: Token = kw("framing", "How lines are told apart");
const FRAME: Token = arg(
    Arg::Choice(&[
        ("newline", "Each ends with a line feed"),
        ("octet-counting", "Before each stands its length (default)"),
    ]),
    "Framing",
);

const TLS: Token = kw("tls", "Transport Layer Security, the collector's certificate being checked");
const TLS_PORT: Token = kw("port", "TCP port (6514)");
const NAME: Token = kw("name", "The name that its certificate is for, if not the address");
const NAME_WORD: Token = arg(Arg::Host, "Name in the certificate");

/// The collector that a line is about. The only number in it is the port.
fn host(a: &Args, transport: LogTransport) -> LogHost {
    let port = a.0.iter().find_map(|value| if let Value::Number(n) = value { u16::try_from(*n).ok() } else { None });
    LogHost { address: SocketAddr::new(a.address(0), port.unwrap_or_else(|| syslog_port(transport))), transport }
}

/// What else a line says: each word has its meaning wherever it stands.
fn delivery(a: &Args) -> LogDelivery {
    let mut delivery = LogDelivery::default();
    for value in &a.0 {
        if let Value::Choice("newline") = value {
            delivery.framing = LogFraming::Newline;
        } else if let Value::Choice(word @ ("rfc3164" | "rfc5424")) = value {
            delivery.form = form(word);
        } else if let Value::Text(name) = value {
            delivery.name = Some(name.clone());
        }
    }
    delivery
}

fn set_tcp(a: &Args) -> Action {
    set(Setting::LoggingHostOver(host(a, LogTransport::Tcp), delivery(a)))
}

fn no_tcp(a: &Args) -> Action {
    set(Setting::NoLoggingHostOver(host(a, LogTransport::Tcp)))
}

const fn tcp(tokens: &'static [Token], keep: usize) -> Entry {
    config(tokens, set_tcp, keep, no_tcp)
}

fn set_tls(a: &Args) -> Action {
    set(Setting::LoggingHostOver(host(a, LogTransport::Tls), delivery(a)))
}

fn no_tls(a: &Args) -> Action {
    set(Setting::NoLoggingHostOver(host(a, LogTransport::Tls)))
}

const fn tls(tokens: &'static [Token], keep: usize) -> Entry {
    config(tokens, set_tls, keep, no_tls)
}

fn set_udp(a: &Args) -> Action {
    let address = host(a, LogTransport::Udp).address;
    let given = delivery(a);
    let plain = given == LogDelivery::default();
    set(if plain { Setting::LoggingHost(address) } else { Setting::LoggingHostForm(address, given.form) })
}

fn no_udp(a: &Args) -> Action {
    set(Setting::NoLoggingHost(host(a, LogTransport::Udp).address))
}

pub(super) static TABLE: &[Entry] = &[
    config(&[LOGGING, HOST, ADDRESS, TRANSPORT, UDP], set_udp, 5, no_udp),
    config(&[LOGGING, HOST, ADDRESS, TRANSPORT, UDP, FORMAT, FORM], set_udp, 6, no_udp),
    tcp(&[LOGGING, HOST, ADDRESS, TRANSPORT, TCP], 5),
    tcp(&[LOGGING, HOST, ADDRESS, TRANSPORT, TCP, FORMAT, FORM], 6),
    tcp(&[LOGGING, HOST, ADDRESS, TRANSPORT, TCP, FRAMING, FRAME], 6),
    tcp(&[LOGGING, HOST, ADDRESS, TRANSPORT, TCP, FRAMING, FRAME, FORMAT, FORM], 6),
    tcp(&[LOGGING, HOST, ADDRESS, TRANSPORT, TCP, TCP_PORT, PORT_NUMBER], 7),
    tcp(&[LOGGING, HOST, ADDRESS, TRANSPORT, TCP, TCP_PORT, PORT_NUMBER, FORMAT, FORM], 8),
    tcp(&[LOGGING, HOST, ADDRESS, TRANSPORT, TCP, TCP_PORT, PORT_NUMBER, FRAMING, FRAME], 8),
    tcp(&[LOGGING, HOST, ADDRESS, TRANSPORT, TCP, TCP_PORT, PORT_NUMBER, FRAMING, FRAME, FORMAT, FORM], 8),
    tls(&[LOGGING, HOST, ADDRESS, TRANSPORT, TLS], 5),
    tls(&[LOGGING, HOST, ADDRESS, TRANSPORT, TLS, FORMAT, FORM], 6),
    tls(&[LOGGING, HOST, ADDRESS, TRANSPORT, TLS, NAME, NAME_WORD], 6),
    tls(&[LOGGING, HOST, ADDRESS, TRANSPORT, TLS, NAME, NAME_WORD, FORMAT, FORM], 6),
    tls(&[LOGGING, HOST, ADDRESS, TRANSPORT, TLS, TLS_PORT, PORT_NUMBER], 7),
    tls(&[LOGGING, HOST, ADDRESS, TRANSPORT, TLS, TLS_PORT, PORT_NUMBER, FORMAT, FORM], 8),
    tls(&[LOGGING, HOST, ADDRESS, TRANSPORT, TLS, TLS_PORT, PORT_NUMBER, NAME, NAME_WORD], 8),
    tls(&[LOGGING, HOST, ADDRESS, TRANSPORT, TLS, TLS_PORT, PORT_NUMBER, NAME, NAME_WORD, FORMAT, FORM], 8),
    config(
        &[
            LOGGING,
            kw("tls", "Collectors over TLS"),
            kw("ca", "The authority that signed their certificates, instead of the system's"),
            arg(Arg::Line, "File on the controller, PEM"),
        ],
        |a| set(Setting::LoggingTlsAuthority(Some(a.text(0)))),
        3,
        |_| set(Setting::LoggingTlsAuthority(None)),
    ),
];
