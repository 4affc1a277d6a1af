//! What a collector gets: a line with a priority and a header. Facility is local7, as IOS has it.
//!
//! The default is IOS's own form, with the message count first; RFC 5424 and an RFC 3164 header are for collectors
//! that read standards only. In a stream, a line is framed as RFC 6587 has it.

use capledger_schema::project::State;
use capledger_schema::setting::{LogForm, LogFraming};
use capledger_schema::time::Timestamp;

use super::{Entry, Severity, TimeFormat};

/// local7, RFC 5424 6.2.1.
const FACILITY: u8 = 23;

/// PRI: facility times 8 plus severity.
pub fn priority(severity: Severity) -> u8 {
    FACILITY * 8 + severity.number()
}

/// A line as the configuration of the moment has it.
pub fn line(entry: &Entry, form: LogForm, state: &State) -> String {
    let (name, time) = (state.config.hostname.as_str(), TimeFormat::of(&state.config));
    let started = state.controller.started_at.filter(|at| *at <= entry.at);
    let entry = &Entry { started, ..entry.clone() };
    match form {
        LogForm::Ios => ios(entry, state.config.logging.origin_id.then_some(name), &time),
        LogForm::Rfc3164 => rfc3164(entry, name, &time),
        LogForm::Rfc5424 => rfc5424(entry, name, &state.controller.software),
    }
}

/// Puts a line into a stream: RFC 6587 section 3.4.1 or 3.4.2. A line holds no line feed.
pub fn frame(out: &mut Vec<u8>, line: &str, framing: LogFraming) {
    match framing {
        LogFraming::OctetCounting => {
            out.extend_from_slice(line.len().to_string().as_bytes());
            out.push(b' ');
            out.extend_from_slice(line.as_bytes());
        }
        LogFraming::Newline => {
            out.extend_from_slice(line.as_bytes());
            out.push(b'\n');
        }
    }
}

/// IOS's own: `<189>42: *Feb  1 17:05:37.108: %INSTALL-5-...`; with `logging origin-id hostname` it is
/// `<189>42: NAME: *Feb ...`. Some collectors take a NAME only if it begins with a letter.
pub fn ios(entry: &Entry, origin: Option<&str>, time: &TimeFormat) -> String {
    let origin = origin.map(|name| format!("{name}: ")).unwrap_or_default();
    format!("<{}>{}: {origin}{}", priority(entry.line.severity), entry.ordinal, entry.bare(time))
}

/// IOS's own behind an RFC 3164 header (4.1.2): `<189>Feb  1 17:05:37 NAME 42: *Feb ...`. The header's moment is in
/// `time`'s zone, without year or decimals, as the RFC has it.
pub fn rfc3164(entry: &Entry, hostname: &str, time: &TimeFormat) -> String {
    let header = TimeFormat {
        mark: super::ClockMark::Synchronised,
        milliseconds: false,
        year: false,
        show_timezone: false,
        ..time.clone()
    };
    format!(
        "<{}>{} {} {}: {}",
        priority(entry.line.severity),
        header.format(entry.at),
        name(hostname, 255),
        entry.ordinal,
        entry.bare(time),
    )
}

/// RFC 5424: the count is `meta sequenceId` (7.3.1), the mnemonic is MSGID, and the message is the whole `%...` part.
pub fn rfc5424(entry: &Entry, hostname: &str, software: &str) -> String {
    format!(
        "<{}>1 {} {} capledger - {} [meta sequenceId=\"{}\"][origin software=\"capledger\" swVersion=\"{}\"] {}",
        priority(entry.line.severity),
        rfc3339(entry.at),
        name(hostname, 255),
        name(entry.line.mnemonic, 32),
        sequence_id(entry.ordinal),
        param(software, 32),
        entry.line,
    )
}

/// TIMESTAMP (6.2.3): microseconds, UTC; NILVALUE for a moment that four digits of a year cannot tell.
fn rfc3339(at: Timestamp) -> String {
    let year = at.civil().year();
    if (0..=9999).contains(&year) { at.to_string() } else { "-".to_owned() }
}

/// sequenceId runs from 1 to 2147483647 and starts anew at 1.
fn sequence_id(ordinal: u64) -> u64 {
    const LAST: u64 = 2_147_483_647;
    (ordinal.max(1) - 1) % LAST + 1
}

/// A header field: printable ASCII without spaces, NILVALUE if nothing is left.
fn name(text: &str, limit: usize) -> String {
    let field: String = text.chars().filter(char::is_ascii_graphic).take(limit).collect();
    if field.is_empty() { "-".to_owned() } else { field }
}

/// PARAM-VALUE (6.3.3): `"`, `\` and `]` are escaped.
fn param(text: &str, limit: usize) -> String {
    let mut out = String::new();
    for c in text.chars().filter(|c| !c.is_control()).take(limit) {
        if matches!(c, '"' | '\\' | ']') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}
