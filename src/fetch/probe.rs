//! Looking at the first octets of a file: enough to say what image it is, and nothing is kept of it.

use capledger_schema::failure::{FetchFailure, FetchFailureKind};

use super::intake::{Ended, Reporter};
use super::report::ServerKey;
use super::{Cancel, Sink};
use crate::image::cache::Expect;
use crate::image::info::{ImageInfo, InfoScan};

/// Octets that are looked at, at most; a real image says what it is in its first thousand.
const LOOKED_AT: u64 = 256 << 10;

/// The sink that only looks. It ends the fetch with a failure as soon as it knows enough; [`Probe::finish`] tells which
/// kind of end that was.
pub(super) struct Probe<'a> {
    expect: Expect,
    scan: InfoScan,
    found: Option<ImageInfo>,
    taken: u64,
    announced: Option<u64>,
    reporter: &'a mut Reporter,
}

impl<'a> Probe<'a> {
    pub(super) fn new(expect: Expect, reporter: &'a mut Reporter) -> Self {
        Probe { expect, scan: InfoScan::new(), found: None, taken: 0, announced: None, reporter }
    }

    /// What came of it, `outcome` being how the source ended.
    pub(super) fn finish(self, outcome: Result<(), FetchFailure>, cancel: &Cancel) -> Result<Ended, FetchFailure> {
        let octets = self.announced;
        if let Some(ImageInfo { family, version }) = self.found {
            return Ok(Ended::Probed { family, version, octets });
        }
        outcome?;
        if cancel.is_cancelled() {
            return Err(super::cancelled());
        }
        let ImageInfo { family, version } = self.scan.finish(octets.is_some()).map_err(|e| e.failure())?;
        Ok(Ended::Probed { family, version, octets })
    }
}

impl Sink for Probe<'_> {
    fn announce(&mut self, octets: u64) -> Result<(), FetchFailure> {
        self.announced = Some(octets);
        self.expect.fits(octets).map_err(|e| e.failure())
    }

    fn take(&mut self, octets: &[u8]) -> Result<(), FetchFailure> {
        self.taken += octets.len() as u64;
        self.reporter.count(octets.len());
        self.scan.push(octets).map_err(|e| e.failure())?;
        if let Some(info) = self.scan.info() {
            self.expect.compare(info).map_err(|e| e.failure())?;
            self.found = Some(info.clone());
            return Err(FetchFailure::new(FetchFailureKind::Cancelled, "its first octets were looked at, no more"));
        }
        if self.taken >= LOOKED_AT {
            let words = format!("no `info` or `info.ver` in the first {LOOKED_AT} octets, so not an AP image");
            return Err(FetchFailure::new(FetchFailureKind::NotAnImage, words));
        }
        Ok(())
    }

    fn server_key(&mut self, key: ServerKey) {
        self.reporter.server_key(key);
    }
}
