//! Octets of an image from a URL: TFTP, SFTP, HTTP and HTTPS servers and local files, with progress, limits and typed
//! errors.
//!
//! A fetch runs on a thread of its own, streams into the image cache, and tells the core by [`FetchReport`]s. It
//! appends nothing to the ledger and decides nothing about retries.

pub mod advice;
pub(crate) mod authority;
mod dial;
pub mod file;
mod http;
mod intake;
mod listed;
mod probe;
pub mod report;
mod sftp;
pub mod tftp;
pub mod url;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use capledger_schema::failure::{FetchFailure, FetchFailureKind};
use capledger_schema::id::OperationId;
use capledger_schema::image::{ImageFamily, ImageVersion};
use capledger_schema::setting::HttpsTrust;

pub use advice::next_action;
use intake::{Ended, Intake, Reporter};
use probe::Probe;
pub use report::{FetchReport, ServerKey, ServerPin};
pub use url::{FetchUrl, Scheme};

use crate::image::cache::{Expect, ImageCache};
use crate::secrets::Plain;
use tftp::client::ClientConfig;

/// What to fetch, and what it must turn out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchRequest {
    /// Stands in every report.
    pub operation: OperationId,
    /// Where from.
    pub url: FetchUrl,
    /// The family asked for; none: any.
    pub family: Option<ImageFamily>,
    /// The version wanted; none: any.
    pub version: Option<ImageVersion>,
    /// The longest file that is taken, in octets.
    pub max_size: u64,
    /// How long a silent server is asked again; 40 s is what IOS takes.
    pub timeout: Duration,
    /// Whether only its first octets are looked at, and nothing is kept.
    pub probe: bool,
    /// Who asks, where the URL does not say it.
    pub login: Option<Login>,
    /// The key or certificate that the server must show; none: any, which is reported.
    pub pin: Option<ServerPin>,
    /// How an HTTPS server's certificate is judged.
    pub trust: HttpsTrust,
    /// The authority to judge it by instead of the system's: a PEM file.
    pub authority: Option<PathBuf>,
}

/// Who asks a server for a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// The user.
    pub user: String,
    /// The user's password.
    pub password: Option<Plain>,
    /// The user's private key: a file on the controller.
    pub key: Option<PathBuf>,
}

impl FetchRequest {
    /// A whole file of any family and version, of up to 1 GiB, from a server that needs no login.
    pub fn new(operation: OperationId, url: FetchUrl) -> Self {
        FetchRequest {
            operation,
            url,
            family: None,
            version: None,
            max_size: 1 << 30,
            timeout: Duration::from_secs(40),
            probe: false,
            login: None,
            pin: None,
            trust: HttpsTrust::Check,
            authority: None,
        }
    }
}

/// Ends fetches from outside. Clones are handles to the same wish; a fetch notices it within 200 ms.
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// A token that nobody has cancelled yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Ends every fetch that was given this token.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether it was cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Where fetched octets go. An error ends the fetch and is its failure.
pub trait Sink {
    /// The source says how many octets will come.
    fn announce(&mut self, octets: u64) -> Result<(), FetchFailure>;
    /// The next octets.
    fn take(&mut self, octets: &[u8]) -> Result<(), FetchFailure>;
    /// The server showed its key, and none was pinned.
    fn server_key(&mut self, key: ServerKey);
}

/// Starts a fetch on a thread of its own, and calls `report` there. Exactly one `Done` or `Failed` ends the reports,
/// whatever happens, even where no thread could be had; the error returned then says nothing more.
pub fn spawn(
    request: FetchRequest,
    cache: ImageCache,
    client: ClientConfig,
    cancel: Cancel,
    report: impl Fn(FetchReport) + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    let reporter = Reporter::new(request.operation, report);
    let name = format!("fetch-{}", request.operation);
    thread::Builder::new().name(name).spawn(move || {
        let mut reporter = reporter;
        let outcome = fetch(&request, &cache, &client, &cancel, &mut reporter);
        reporter.end(outcome);
    })
}

fn fetch(
    request: &FetchRequest,
    cache: &ImageCache,
    client: &ClientConfig,
    cancel: &Cancel,
    reporter: &mut Reporter,
) -> Result<Ended, FetchFailure> {
    let expect = Expect { family: request.family.clone(), version: request.version, max_size: request.max_size };
    if request.probe {
        let mut probe = Probe::new(expect, reporter);
        let outcome = transfer(request, client, cancel, &mut probe);
        return probe.finish(outcome, cancel);
    }
    let ingest = cache.ingest(expect).map_err(|e| e.failure())?;
    let mut intake = Intake::new(ingest, reporter);
    let listed = listed::fetch(request, client, cancel, &mut intake)?;
    intake.must_be(listed);
    intake.finish().map(Ended::Image)
}

/// Brings the octets from the source to the sink. Reports nothing by itself and keeps nothing.
pub fn transfer(
    request: &FetchRequest,
    client: &ClientConfig,
    cancel: &Cancel,
    sink: &mut dyn Sink,
) -> Result<(), FetchFailure> {
    let url = &request.url;
    match url.scheme() {
        Scheme::Tftp => {
            let client = ClientConfig { silence: request.timeout, ..client.clone() };
            tftp::client::fetch(url.host(), url.port(), url.path(), &client, cancel, sink).map(drop)
        }
        Scheme::Sftp => sftp::fetch(request, cancel, sink),
        Scheme::Http | Scheme::Https => http::fetch(request, cancel, sink),
        Scheme::File => file::fetch(url.path(), cancel, sink),
    }
}

fn cancelled() -> FetchFailure {
    FetchFailure::new(FetchFailureKind::Cancelled, "the fetch was cancelled")
}

#[cfg(test)]
mod tests;
