//! How a TFTP transfer fails, and what an event says of it.

use std::net::SocketAddr;
use std::time::Duration;

use capledger_schema::failure::{FetchFailure, FetchFailureKind};

use super::packet::ErrorCode;

/// Why a file could not be read from a TFTP server.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TftpError {
    /// The server said so.
    #[error("{}", said(*code, words))]
    Server {
        /// Its number.
        code: ErrorCode,
        /// Its words, maybe none.
        words: String,
    },
    /// Nothing listens at the port.
    #[error("{server}: Connection refused{}", after(*octets))]
    Refused {
        /// The address that was asked.
        server: SocketAddr,
        /// Octets that had come.
        octets: u64,
    },
    /// No answer, or no further block, within the limit.
    #[error("{server}: no answer for {} s{}", (silence.as_secs_f64() * 10.0).round() / 10.0, after(*octets))]
    Silent {
        /// The address that was asked.
        server: SocketAddr,
        /// The limit.
        silence: Duration,
        /// Octets that had come.
        octets: u64,
    },
    /// The server broke the protocol.
    #[error("the TFTP server broke the protocol: {0}")]
    Protocol(String),
}

impl TftpError {
    pub(super) fn protocol(what: impl Into<String>) -> Self {
        TftpError::Protocol(what.into())
    }

    /// What an event says of it.
    pub fn failure(&self) -> FetchFailure {
        let kind = match self {
            TftpError::Server { code, words } => kind(*code, words),
            TftpError::Refused { .. } => FetchFailureKind::Refused,
            TftpError::Silent { .. } => FetchFailureKind::TimedOut,
            TftpError::Protocol(_) => FetchFailureKind::Protocol,
        };
        FetchFailure::new(kind, self.to_string())
    }
}

/// Servers agree on the numbers 1 and 2 and put everything else into words under 0.
fn kind(code: ErrorCode, words: &str) -> FetchFailureKind {
    let words = words.to_ascii_lowercase();
    let says = |phrases: &[&str]| phrases.iter().any(|phrase| words.contains(phrase));
    match code {
        ErrorCode::NOT_FOUND => FetchFailureKind::NotFound,
        ErrorCode::ACCESS => FetchFailureKind::Permission,
        ErrorCode::ILLEGAL | ErrorCode::UNKNOWN_ID | ErrorCode::OPTIONS => FetchFailureKind::Protocol,
        _ if says(&["no such file", "not found", "not exist", "cannot find"]) => FetchFailureKind::NotFound,
        _ if says(&["permission", "access", "denied", "not allowed"]) => FetchFailureKind::Permission,
        _ => FetchFailureKind::Refused,
    }
}

/// The server's words, or those of RFC 1350 and 2347 for its number.
fn said(code: ErrorCode, words: &str) -> String {
    const USUAL: [&str; 9] = [
        "an error without words",
        "File not found",
        "Access violation",
        "Disk full or allocation exceeded",
        "Illegal TFTP operation",
        "Unknown transfer ID",
        "File already exists",
        "No such user",
        "Option negotiation failed",
    ];
    if words.is_empty() {
        USUAL.get(usize::from(code.0)).map_or_else(|| format!("TFTP error {}", code.0), |usual| (*usual).to_owned())
    } else {
        words.to_owned()
    }
}

fn after(octets: u64) -> String {
    if octets == 0 { String::new() } else { format!(" after {octets} octets") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_decide_where_the_number_says_nothing() {
        for (code, words, kind) in [
            (1, "File not found", FetchFailureKind::NotFound),
            (2, "Access violation", FetchFailureKind::Permission),
            (0, "Permission denied", FetchFailureKind::Permission),
            (0, "No such file or directory", FetchFailureKind::NotFound),
            (0, "The system cannot find the file specified.", FetchFailureKind::NotFound),
            (3, "", FetchFailureKind::Refused),
            (0, "server busy", FetchFailureKind::Refused),
            (8, "", FetchFailureKind::Protocol),
            (4, "Illegal TFTP operation", FetchFailureKind::Protocol),
        ] {
            let failure = TftpError::Server { code: ErrorCode(code), words: words.to_owned() }.failure();
            assert_eq!(failure.kind, kind, "{code} {words}");
            assert!(!failure.words.is_empty());
            assert!(words.is_empty() || failure.words == words, "{failure}");
        }
    }

    #[test]
    fn silence_says_who_was_silent_for_how_long() {
        let silent = |octets| TftpError::Silent {
            server: SocketAddr::from(([10, 0, 0, 5], 69)),
            silence: Duration::from_secs(40),
            octets,
        };
        assert_eq!(silent(0).to_string(), "10.0.0.5:69: no answer for 40 s");
        assert_eq!(silent(7).to_string(), "10.0.0.5:69: no answer for 40 s after 7 octets");
    }
}
