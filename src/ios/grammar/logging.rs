//! Where the log goes and how its lines read: `logging host ...`, `service ...`, `clock timezone`.

use std::net::SocketAddr;

use capledger_schema::setting::{LogForm, LogStamp, LogTransport, Setting, Timezone};

use super::config::{config, set};
use super::{Arg, Args, Entry, Token, arg, kw};
use crate::ios::action::Action;
use crate::ios::setting::syslog_port;

pub(super) const LOGGING: Token = kw("logging", "Message logging");
pub(super) const HOST: Token = kw("host", "A collector");
pub(super) const ADDRESS: Token = arg(Arg::Address, "Address of the collector");
pub(super) const TRANSPORT: Token = kw("transport", "How lines are carried");
pub(super) const UDP: Token = kw("udp", "User Datagram Protocol");
const PORT: Token = kw("port", "UDP port");
pub(super) const PORT_NUMBER: Token = arg(Arg::Number(1, 65_535), "Port number");
pub(super) const FORMAT: Token = kw("format", "How lines look there, if not as IOS sends them");
pub(super) const FORM: Token = arg(
    Arg::Choice(&[
        ("rfc3164", "IOS's line behind a header of RFC 3164"),
        ("rfc5424", "RFC 5424, with structured data"),
    ]),
    "Form",
);

pub(super) const SERVICE: Token = kw("service", "Modify use of network based services");
pub(super) const TIMESTAMPS: Token = kw("timestamps", "What stands before messages");
const LOG: Token = kw("log", "Before the lines of the log");
const DATETIME: Token = kw("datetime", "Their moment");
const OPTION: Token = arg(
    Arg::Choice(&[
        ("localtime", "In the zone of `clock timezone`"),
        ("msec", "With milliseconds"),
        ("show-timezone", "With the zone's name"),
        ("year", "With the year"),
    ]),
    "More of it",
);

const CLOCK: Token = kw("clock", "The system clock");
const TIMEZONE: Token = kw("timezone", "The zone that moments are told in");
const ZONE: Token = arg(Arg::Zone, "Name of the zone, as CET");
const HOURS: Token = arg(Arg::Hours, "Hours east of UTC");

fn host(a: &Args, port: u16) -> SocketAddr {
    SocketAddr::new(a.address(0), port)
}

pub(super) fn form(word: &str) -> LogForm {
    if word == "rfc5424" { LogForm::Rfc5424 } else { LogForm::Rfc3164 }
}

fn datetime(a: &Args) -> Action {
    let has = |word: &str| (0..a.0.len()).any(|i| a.choice(i) == word);
    let (msec, localtime) = (has("msec"), has("localtime"));
    let (show_timezone, year) = (has("show-timezone"), has("year"));
    set(Setting::LogTimestamps(Some(LogStamp::Datetime { msec, localtime, show_timezone, year })))
}

const fn stamp(tokens: &'static [Token], action: fn(&Args) -> Action) -> Entry {
    config(tokens, action, 3, |_| set(Setting::LogTimestamps(None)))
}

fn timezone(a: &Args, minutes: u64) -> Action {
    let hours: i16 = a.text(1).parse().expect("the argument is a number of hours");
    let minutes = i16::try_from(minutes).expect("the entry's range fits");
    if hours == 0 {
        return set(Setting::ClockTimezone(Some(Timezone { name: a.text(0), minutes })));
    }
    let minutes = hours * 60 + hours.signum() * minutes;
    set(Setting::ClockTimezone(Some(Timezone { name: a.text(0), minutes })))
}

pub(super) static TABLE: &[Entry] = &[
    config(
        &[LOGGING, HOST, ADDRESS],
        |a| set(Setting::LoggingHost(host(a, syslog_port(LogTransport::Udp)))),
        3,
        |a| set(Setting::NoLoggingHost(host(a, syslog_port(LogTransport::Udp)))),
    ),
    config(
        &[LOGGING, HOST, ADDRESS, FORMAT, FORM],
        |a| set(Setting::LoggingHostForm(host(a, syslog_port(LogTransport::Udp)), form(a.choice(1)))),
        4,
        |a| set(Setting::NoLoggingHost(host(a, syslog_port(LogTransport::Udp)))),
    ),
    config(
        &[LOGGING, HOST, ADDRESS, TRANSPORT, UDP, PORT, PORT_NUMBER],
        |a| set(Setting::LoggingHost(host(a, a.fit(1)))),
        7,
        |a| set(Setting::NoLoggingHost(host(a, a.fit(1)))),
    ),
    config(
        &[LOGGING, HOST, ADDRESS, TRANSPORT, UDP, PORT, PORT_NUMBER, FORMAT, FORM],
        |a| set(Setting::LoggingHostForm(host(a, a.fit(1)), form(a.choice(2)))),
        8,
        |a| set(Setting::NoLoggingHost(host(a, a.fit(1)))),
    ),
    config(
        &[LOGGING, kw("origin-id", "Name the origin in lines to collectors"), kw("hostname", "By the hostname")],
        |_| set(Setting::LoggingOriginId(true)),
        2,
        |_| set(Setting::LoggingOriginId(false)),
    ),
    stamp(&[SERVICE, TIMESTAMPS, LOG, kw("uptime", "The time since the controller's start")], |_| {
        set(Setting::LogTimestamps(Some(LogStamp::Uptime)))
    }),
    stamp(&[SERVICE, TIMESTAMPS, LOG, DATETIME], datetime),
    stamp(&[SERVICE, TIMESTAMPS, LOG, DATETIME, OPTION], datetime),
    stamp(&[SERVICE, TIMESTAMPS, LOG, DATETIME, OPTION, OPTION], datetime),
    stamp(&[SERVICE, TIMESTAMPS, LOG, DATETIME, OPTION, OPTION, OPTION], datetime),
    stamp(&[SERVICE, TIMESTAMPS, LOG, DATETIME, OPTION, OPTION, OPTION, OPTION], datetime),
    config(
        &[SERVICE, kw("sequence-numbers", "Number the lines of the log")],
        |_| set(Setting::LogSequenceNumbers(true)),
        2,
        |_| set(Setting::LogSequenceNumbers(false)),
    ),
    config(&[CLOCK, TIMEZONE, ZONE, HOURS], |a| timezone(a, 0), 2, |_| set(Setting::ClockTimezone(None))),
    config(
        &[CLOCK, TIMEZONE, ZONE, HOURS, arg(Arg::Number(0, 59), "Minutes beside the hours")],
        |a| timezone(a, a.number(2)),
        2,
        |_| set(Setting::ClockTimezone(None)),
    ),
];
