//! What went wrong, told apart: the kinds that an operator acts on, with the server's own words.

use std::io;

use capledger_schema::failure::{FetchFailure, FetchFailureKind};
use russh_sftp::client::error::Error as SftpError;
use russh_sftp::protocol::StatusCode;

use super::hostkey::Checked;
use crate::fetch::dial::words;

/// An error of the SSH session. `login`: whether it came while logging in.
pub(super) fn ssh(e: &russh::Error, checked: &Checked, login: bool) -> FetchFailure {
    // A server that ends the session says why, if it is polite.
    if let Some(told) = checked.goodbye() {
        let kind = if login { FetchFailureKind::AuthenticationFailed } else { FetchFailureKind::Refused };
        return FetchFailure::new(kind, told);
    }
    if let russh::Error::IO(e) = e {
        return FetchFailure::new(io_kind(e), words(e));
    }
    let late =
        matches!(e, russh::Error::ConnectionTimeout | russh::Error::KeepaliveTimeout | russh::Error::InactivityTimeout);
    let gone =
        matches!(e, russh::Error::HUP | russh::Error::Disconnect | russh::Error::SendError | russh::Error::RecvError);
    if late {
        FetchFailure::new(FetchFailureKind::TimedOut, e.to_string())
    } else if gone {
        FetchFailure::new(FetchFailureKind::CutShort, "the server closed the connection")
    } else {
        FetchFailure::new(FetchFailureKind::Protocol, format!("SSH: {e}"))
    }
}

/// An error of the SFTP session.
pub(super) fn sftp(e: &SftpError, closed: bool, checked: &Checked) -> FetchFailure {
    match e {
        SftpError::Status(status) => {
            let said = Some(status.error_message.as_str()).filter(|words| !words.is_empty());
            let failure = |kind, ours: &str| FetchFailure::new(kind, said.unwrap_or(ours));
            match status.status_code {
                // The words that every system has for it.
                StatusCode::NoSuchFile => {
                    let words = match said {
                        Some(said) if !"No such file or directory".contains(said) => said,
                        Some(_) | None => "No such file or directory",
                    };
                    FetchFailure::new(FetchFailureKind::NotFound, words)
                }
                StatusCode::PermissionDenied => failure(FetchFailureKind::Permission, "Permission denied"),
                StatusCode::NoConnection | StatusCode::ConnectionLost => {
                    failure(FetchFailureKind::CutShort, "connection lost")
                }
                StatusCode::Ok | StatusCode::Eof | StatusCode::BadMessage | StatusCode::OpUnsupported => {
                    failure(FetchFailureKind::Protocol, "an answer that does not fit")
                }
                StatusCode::Failure => failure(FetchFailureKind::Refused, "Failure"),
            }
        }
        _ if closed => cut_short(checked),
        SftpError::Timeout => FetchFailure::new(FetchFailureKind::TimedOut, "no answer"),
        // What a session says whose connection is gone.
        SftpError::IO(_) | SftpError::UnexpectedBehavior(_) => cut_short(checked),
        SftpError::Limited(words) => FetchFailure::new(FetchFailureKind::Protocol, words.clone()),
        SftpError::UnexpectedPacket => FetchFailure::new(FetchFailureKind::Protocol, e.to_string()),
    }
}

/// An error while the file was read.
pub(super) fn read(e: &io::Error, closed: bool, checked: &Checked) -> FetchFailure {
    match e.get_ref().and_then(|inner| inner.downcast_ref::<SftpError>()) {
        Some(inner) => sftp(inner, closed, checked),
        None if closed => cut_short(checked),
        // A status in words alone.
        None => FetchFailure::new(FetchFailureKind::Refused, words(e)),
    }
}

fn cut_short(checked: &Checked) -> FetchFailure {
    let words = checked.goodbye().unwrap_or_else(|| "the server closed the connection".to_owned());
    FetchFailure::new(FetchFailureKind::CutShort, words)
}

fn io_kind(e: &io::Error) -> FetchFailureKind {
    const CUT: [io::ErrorKind; 4] = [
        io::ErrorKind::ConnectionReset,
        io::ErrorKind::ConnectionAborted,
        io::ErrorKind::BrokenPipe,
        io::ErrorKind::UnexpectedEof,
    ];
    if e.kind() == io::ErrorKind::TimedOut {
        FetchFailureKind::TimedOut
    } else if CUT.contains(&e.kind()) {
        FetchFailureKind::CutShort
    } else {
        FetchFailureKind::Local
    }
}
