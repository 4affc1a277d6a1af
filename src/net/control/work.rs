//! Fetches that run, each on a thread of its own.

use std::collections::BTreeMap;
use std::thread::JoinHandle;

use capledger_schema::failure::{FetchFailure, FetchFailureKind};
use capledger_schema::id::OperationId;

use super::Handle;
use crate::ac::{FetchOrder, Input};
use crate::fetch::tftp::client::ClientConfig;
use crate::fetch::{self, Cancel, FetchReport, FetchRequest, FetchUrl};
use crate::image::cache::ImageCache;

pub(super) struct Fetches {
    cache: ImageCache,
    handle: Handle,
    running: BTreeMap<OperationId, (Cancel, JoinHandle<()>)>,
}

impl Fetches {
    pub(super) fn new(cache: ImageCache, handle: Handle) -> Self {
        Fetches { cache, handle, running: BTreeMap::new() }
    }

    pub(super) fn start(&mut self, order: FetchOrder) {
        self.running.retain(|_, (_, thread)| !thread.is_finished());
        let operation = order.operation;
        let handle = self.handle.clone();
        let url = match order.url.parse::<FetchUrl>() {
            Ok(url) => url,
            Err(e) => {
                let failure = FetchFailure::new(FetchFailureKind::NoSource, e.to_string());
                handle.input(Input::Fetch(FetchReport::Failed { operation, failure, octets: 0 }));
                return;
            }
        };
        let request = FetchRequest {
            operation,
            url,
            family: order.family,
            version: order.version,
            max_size: order.max_size,
            timeout: order.timeout,
        };
        let cancel = Cancel::new();
        let report = move |report| handle.input(Input::Fetch(report));
        // Where no thread can be had, the report says so.
        if let Ok(thread) = fetch::spawn(request, self.cache.clone(), ClientConfig::default(), cancel.clone(), report) {
            self.running.insert(operation, (cancel, thread));
        }
    }

    pub(super) fn cancel(&mut self, operation: OperationId) {
        if let Some((cancel, _)) = self.running.get(&operation) {
            cancel.cancel();
        }
    }

    /// Ends every fetch and waits for its thread: within a fraction of a second each.
    pub(super) fn cancel_all(&mut self) {
        for (cancel, _) in self.running.values() {
            cancel.cancel();
        }
        for (_, (_, thread)) in std::mem::take(&mut self.running) {
            if thread.join().is_err() {
                tracing::error!("a fetch panicked");
            }
        }
    }
}
