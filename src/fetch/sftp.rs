//! The SFTP client (version 3 over SSH, draft-ietf-secsh-filexfer-02): one file, read ahead, from a server whose host
//! key is the one that was pinned.
//!
//! The key is checked before anything secret is sent: a server that shows another one gets neither user nor password.
//! It never writes to a server, and keeps nothing of a login.

mod auth;
mod error;
mod hostkey;

use std::borrow::Cow;
use std::sync::Arc;

use capledger_schema::failure::{FetchFailure, FetchFailureKind};
use russh::client::{Config, Handle, connect_stream};
use russh::{Channel, ChannelMsg, Disconnect, Preferred, cipher, compression};
use russh_sftp::client::error::Error as SftpError;
use russh_sftp::client::fs::File;
use russh_sftp::client::{Config as SftpConfig, SftpSession};
use russh_sftp::protocol::StatusCode;
use tokio::io::AsyncReadExt;

use super::dial::{Patience, dial, goodbye};
use super::{Cancel, FetchRequest, Sink};
use hostkey::{Checked, KeyCheck};

/// Octets that the server may have under way to us.
const WINDOW: u32 = 8 << 20;
/// Requests for octets that are under way at once.
const AHEAD: usize = 32;
/// Octets that are handed on at once.
const PIECE: usize = 256 << 10;

/// A file, and where its octets go.
pub(super) type Wanted<'a> = (&'a FetchRequest, &'a mut dyn Sink);

/// Reads the request's file into the sink.
pub(super) fn fetch(request: &FetchRequest, cancel: &Cancel, sink: &mut dyn Sink) -> Result<(), FetchFailure> {
    super::dial::run(read((request, sink), None, cancel)).map(drop)
}

/// Reads a file, and behind it a second one in the same login: what became of that one is no failure of the first.
pub(super) fn fetch_both(
    first: Wanted<'_>,
    second: Wanted<'_>,
    cancel: &Cancel,
) -> Result<Result<(), FetchFailure>, FetchFailure> {
    super::dial::run(read(first, Some(second), cancel))
}

async fn read(
    (request, sink): Wanted<'_>,
    behind: Option<Wanted<'_>>,
    cancel: &Cancel,
) -> Result<Result<(), FetchFailure>, FetchFailure> {
    let patience = &Patience { cancel, silence: request.timeout };
    let url = &request.url;
    let stream = dial(url.host(), url.port(), patience).await?;
    let check = KeyCheck::new(request.pin.clone());
    let checked = check.checked();
    let config = Arc::new(config(request));
    let connected = patience.wait("the SSH handshake", connect_stream(config, stream, check)).await?;
    let mut session = match connected {
        Ok(session) => session,
        Err(e) => return Err(checked.refusal().unwrap_or_else(|| error::ssh(&e, &checked, false))),
    };
    if let (None, Some(key)) = (&request.pin, checked.seen(url)) {
        sink.server_key(key);
    }
    auth::login(&mut session, request, patience, &checked).await?;
    let mut outcome = transfer(&session, request, patience, sink, &checked).await.map(Ok);
    if let (Ok(second), Some((request, sink))) = (&mut outcome, behind) {
        let patience = Patience { cancel, silence: request.timeout };
        *second = transfer(&session, request, &patience, sink, &checked).await;
    }
    goodbye(session.disconnect(Disconnect::ByApplication, "", "")).await;
    outcome
}

fn config(request: &FetchRequest) -> Config {
    let mut preferred = Preferred {
        // AES-GCM needs no MAC of its own and is the fastest by far; the others are for servers that lack it.
        cipher: Cow::Borrowed(&[
            cipher::AES_128_GCM,
            cipher::AES_256_GCM,
            cipher::CHACHA20_POLY1305,
            cipher::AES_128_CTR,
            cipher::AES_192_CTR,
            cipher::AES_256_CTR,
        ]),
        // Images are compressed.
        compression: Cow::Borrowed(&[compression::NONE]),
        ..Preferred::DEFAULT
    };
    if let Some(pin) = &request.pin {
        // A server with several keys is asked for the one that is known.
        preferred.key = hostkey::first(&pin.algorithm, &preferred.key).into();
    }
    Config { window_size: WINDOW, maximum_packet_size: 65_535, preferred, nodelay: true, ..Config::default() }
}

async fn transfer(
    session: &Handle<KeyCheck>,
    request: &FetchRequest,
    patience: &Patience<'_>,
    sink: &mut dyn Sink,
    checked: &Checked,
) -> Result<(), FetchFailure> {
    let lost = |e: &russh::Error| error::ssh(e, checked, false);
    let channel = patience.wait("opening a channel", session.channel_open_session()).await?.map_err(|e| lost(&e))?;
    let channel = subsystem(channel, patience).await?;
    let config = SftpConfig {
        max_concurrent_reads: AHEAD,
        // Ours is shorter, and says more.
        request_timeout_secs: request.timeout.as_secs() + 60,
        ..SftpConfig::default()
    };
    let opening = SftpSession::new_with_config(channel.into_stream(), config);
    let sftp =
        patience.wait("the SFTP session", opening).await?.map_err(|e| error::sftp(&e, session.is_closed(), checked))?;
    let mut file =
        open(&sftp, request.url.path(), patience).await?.map_err(|e| error::sftp(&e, session.is_closed(), checked))?;
    let attributes = patience.wait("asking for the file's size", file.metadata()).await?;
    let attributes = attributes.map_err(|e| error::sftp(&e, session.is_closed(), checked))?;
    if attributes.permissions.is_some() && attributes.is_dir() {
        return Err(FetchFailure::new(FetchFailureKind::NotAnImage, "it is a directory"));
    }
    if let Some(size) = attributes.size {
        sink.announce(size)?;
    }
    let mut piece = vec![0; PIECE];
    loop {
        let read = patience.wait("reading the file", file.read(&mut piece)).await?;
        match read.map_err(|e| error::read(&e, session.is_closed(), checked))? {
            0 => return Ok(()),
            octets => sink.take(&piece[..octets])?,
        }
    }
}

/// Has the server speak SFTP on a channel.
async fn subsystem(
    mut channel: Channel<russh::client::Msg>,
    patience: &Patience<'_>,
) -> Result<Channel<russh::client::Msg>, FetchFailure> {
    let none = |words: &str| FetchFailure::new(FetchFailureKind::Protocol, words);
    let asked = patience.wait("asking for SFTP", channel.request_subsystem(true, "sftp")).await?;
    asked.map_err(|e| none(&e.to_string()))?;
    loop {
        match patience.wait("asking for SFTP", channel.wait()).await? {
            Some(ChannelMsg::Success) => return Ok(channel),
            Some(ChannelMsg::Failure) => return Err(none("the server offers no SFTP")),
            None => return Err(none("the server closed the channel when it was asked for SFTP")),
            // Its window and the like.
            Some(_) => {}
        }
    }
}

/// Opens a file. A path is looked for from the server's root, and then from the directory where the login begins: both
/// are what people mean by `sftp://HOST/Documents/ap1g6`.
async fn open(
    sftp: &SftpSession,
    path: &str,
    patience: &Patience<'_>,
) -> Result<Result<File, SftpError>, FetchFailure> {
    let from_root = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
    let first = patience.wait("opening the file", sftp.open(from_root)).await?;
    match first {
        Err(SftpError::Status(status)) if status.status_code == StatusCode::NoSuchFile && !path.starts_with('/') => {
            patience.wait("opening the file", sftp.open(path)).await
        }
        other => Ok(other),
    }
}
