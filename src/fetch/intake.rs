//! From a source to the cache: octets go into the ingest, and reports of them to the core, not too often.

use std::time::{Duration, Instant};

use capledger_schema::failure::{FetchFailure, FetchFailureKind};
use capledger_schema::id::{OperationId, Sha256};
use capledger_schema::image::{ImageFacts, ImageFamily, ImageVersion};

use super::report::ServerKey;
use super::{FetchReport, Sink};
use crate::image::cache::Ingest;

/// Progress is reported after this time, or after 1 % of the total.
const REPORTED: Duration = Duration::from_millis(250);

/// How a fetch ended that did not fail.
pub(super) enum Ended {
    /// With an image in the cache.
    Image(ImageFacts),
    /// With a look at its first octets.
    Probed { family: ImageFamily, version: ImageVersion, octets: Option<u64> },
}

/// Tells of one fetch. Dropped without an end it reports a failure, so that nobody waits for ever.
pub(super) struct Reporter {
    operation: OperationId,
    report: Box<dyn Fn(FetchReport) + Send>,
    octets: u64,
    ended: bool,
}

impl Reporter {
    pub(super) fn new(operation: OperationId, report: impl Fn(FetchReport) + Send + 'static) -> Self {
        Reporter { operation, report: Box::new(report), octets: 0, ended: false }
    }

    pub(super) fn end(&mut self, outcome: Result<Ended, FetchFailure>) {
        let operation = self.operation;
        self.ended = true;
        (self.report)(match outcome {
            Ok(Ended::Image(image)) => FetchReport::Done { operation, image },
            Ok(Ended::Probed { family, version, octets }) => FetchReport::Probed { operation, family, version, octets },
            Err(failure) => FetchReport::Failed { operation, failure, octets: self.octets },
        });
    }

    /// Counts octets that came, for the report of a failure.
    pub(super) fn count(&mut self, octets: usize) {
        self.octets += octets as u64;
    }

    pub(super) fn server_key(&self, key: ServerKey) {
        (self.report)(FetchReport::ServerKey { operation: self.operation, key });
    }

    fn progress(&self, total: Option<u64>) {
        (self.report)(FetchReport::Progress { operation: self.operation, octets: self.octets, total });
    }
}

impl Drop for Reporter {
    fn drop(&mut self) {
        if !self.ended {
            let words = "the fetch ended by an error of the program";
            self.end(Err(FetchFailure::new(FetchFailureKind::Local, words)));
        }
    }
}

/// The sink that is the cache.
pub(super) struct Intake<'a> {
    ingest: Ingest,
    reporter: &'a mut Reporter,
    reported: u64,
    reported_at: Instant,
}

impl<'a> Intake<'a> {
    pub(super) fn new(ingest: Ingest, reporter: &'a mut Reporter) -> Self {
        Intake { ingest, reporter, reported: 0, reported_at: now() }
    }

    /// The digest that the image must turn out to have; none: any.
    pub(super) fn must_be(&mut self, listed: Option<Sha256>) {
        self.ingest.must_be(listed);
    }

    pub(super) fn finish(self) -> Result<ImageFacts, FetchFailure> {
        if self.reported < self.reporter.octets {
            self.reporter.progress(self.ingest.announced());
        }
        self.ingest.finish().map_err(|e| e.failure())
    }
}

impl Sink for Intake<'_> {
    fn announce(&mut self, octets: u64) -> Result<(), FetchFailure> {
        self.ingest.announce(octets).map_err(|e| e.failure())?;
        self.reporter.progress(Some(octets));
        Ok(())
    }

    fn take(&mut self, octets: &[u8]) -> Result<(), FetchFailure> {
        self.reporter.count(octets.len());
        self.ingest.write(octets).map_err(|e| e.failure())?;
        let total = self.ingest.announced();
        let came = self.reporter.octets - self.reported;
        let percent = total.is_some_and(|total| came >= (total / 100).max(1));
        if percent || self.reported_at.elapsed() >= REPORTED {
            self.reporter.progress(total);
            self.reported = self.reporter.octets;
            self.reported_at = now();
        }
        Ok(())
    }

    fn server_key(&mut self, key: ServerKey) {
        self.reporter.server_key(key);
    }
}

#[allow(clippy::disallowed_methods, reason = "this shell paces its reports by the clock")]
fn now() -> Instant {
    Instant::now()
}
