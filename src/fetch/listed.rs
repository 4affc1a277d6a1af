//! The digest that a `SHA256SUMS` beside the image lists for it: what tells a flipped bit on the server, or on the way
//! from it, from the vendor's own octets.
//!
//! Only a list that was read can refuse an image. Where there is none, or where the server will not give it, the image
//! is taken on its own word, as it always was.

use std::time::Duration;

use capledger_schema::failure::{FetchFailure, FetchFailureKind};
use capledger_schema::id::Sha256;

use super::report::ServerKey;
use super::tftp::client::ClientConfig;
use super::{Cancel, FetchRequest, FetchUrl, Scheme, Sink, sftp, transfer};
use crate::image::sums::{SUMS_FILE, SUMS_LIMIT, Sums};

/// The server has just answered for the image; one that does not for the list has none.
const PATIENCE: Duration = Duration::from_secs(5);

/// Brings the image into the sink and, from the same server, the digest that is listed for it; none without a list, or
/// if it does not list the file.
pub(super) fn fetch(
    request: &FetchRequest,
    client: &ClientConfig,
    cancel: &Cancel,
    sink: &mut dyn Sink,
) -> Result<Option<Sha256>, FetchFailure> {
    let list = FetchRequest {
        url: request.url.beside(SUMS_FILE),
        family: None,
        version: None,
        max_size: SUMS_LIMIT,
        timeout: request.timeout.min(PATIENCE),
        ..request.clone()
    };
    let mut text = Text(Vec::new());
    let listed = match request.url.scheme() {
        // A second login would cost a round of keys, and one more line in the server's log.
        Scheme::Sftp => sftp::fetch_both((request, sink), (&list, &mut text), cancel)?,
        Scheme::Tftp | Scheme::Http | Scheme::Https | Scheme::File => {
            transfer(request, client, cancel, sink)?;
            if cancel.is_cancelled() { Ok(()) } else { transfer(&list, client, cancel, &mut text) }
        }
    };
    if cancel.is_cancelled() {
        return Err(super::cancelled());
    }
    Ok(digest(&request.url, &list.url, listed.map(|()| text)))
}

/// What the list says of the image.
fn digest(url: &FetchUrl, list: &FetchUrl, text: Result<Text, FetchFailure>) -> Option<Sha256> {
    let name = url.path().rsplit('/').next().unwrap_or_default();
    match text.map(|text| Sums::parse(&String::from_utf8_lossy(&text.0))) {
        Ok(Ok(sums)) => sums.get(name),
        Err(failure) if failure.kind == FetchFailureKind::NotFound => None,
        Err(failure) => {
            tracing::info!("{list}: {failure}; {url} is taken without it");
            None
        }
        // Some servers answer any question with a page of theirs.
        Ok(Err(e)) => {
            tracing::warn!("{list}: {e}; {url} is taken without it");
            None
        }
    }
}

/// A short text in memory.
struct Text(Vec<u8>);

impl Sink for Text {
    fn announce(&mut self, octets: u64) -> Result<(), FetchFailure> {
        if octets <= SUMS_LIMIT { Ok(()) } else { Err(too_large()) }
    }

    fn take(&mut self, octets: &[u8]) -> Result<(), FetchFailure> {
        self.0.extend_from_slice(octets);
        if self.0.len() as u64 <= SUMS_LIMIT { Ok(()) } else { Err(too_large()) }
    }

    /// The image's own connection has shown it already.
    fn server_key(&mut self, _: ServerKey) {}
}

fn too_large() -> FetchFailure {
    FetchFailure::new(FetchFailureKind::TooLarge, format!("a {SUMS_FILE} has {SUMS_LIMIT} octets at most"))
}
