//! Fetches that run, each on a thread of its own.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread::JoinHandle;

use capledger_schema::failure::{FetchFailure, FetchFailureKind};
use capledger_schema::id::OperationId;

use super::Handle;
use crate::ac::{FetchOrder, Input, Login};
use crate::fetch::tftp::client::ClientConfig;
use crate::fetch::{self, Cancel, FetchReport, FetchRequest, FetchUrl};
use crate::image::cache::ImageCache;
use crate::secrets::{SecretError, Vault};

pub(super) struct Fetches {
    cache: ImageCache,
    handle: Handle,
    vault: Arc<Vault>,
    running: BTreeMap<OperationId, (Cancel, JoinHandle<()>)>,
}

impl Fetches {
    pub(super) fn new(cache: ImageCache, handle: Handle, vault: Arc<Vault>) -> Self {
        Fetches { cache, handle, vault, running: BTreeMap::new() }
    }

    pub(super) fn start(&mut self, order: FetchOrder) {
        self.running.retain(|_, (_, thread)| !thread.is_finished());
        let operation = order.operation;
        let handle = self.handle.clone();
        let failed = |kind, words: String| {
            let failure = FetchFailure::new(kind, words);
            handle.input(Input::Fetch(FetchReport::Failed { operation, failure, octets: 0 }));
        };
        let url = match order.url.parse::<FetchUrl>() {
            Ok(url) => url,
            Err(e) => return failed(FetchFailureKind::NoSource, e.to_string()),
        };
        let login = match order.login.map(|login| reveal(login, &self.vault)).transpose() {
            Ok(login) => login,
            Err(e) => return failed(FetchFailureKind::Local, e.to_string()),
        };
        let request = FetchRequest {
            operation,
            url,
            family: order.family,
            version: order.version,
            max_size: order.max_size,
            timeout: order.timeout,
            probe: order.probe,
            login,
            pin: order.pin,
            trust: order.trust,
            authority: order.authority.map(Into::into),
        };
        let cancel = Cancel::new();
        let report = move |report| handle.input(Input::Fetch(report));
        // Where no thread can be had, the report says so.
        if let Ok(thread) = fetch::spawn(request, self.cache.clone(), ClientConfig::default(), cancel.clone(), report) {
            self.running.insert(operation, (cancel, thread));
        }
    }

    /// Tells the core how much room there is. Asking takes the file system no time worth a thread.
    pub(super) fn ask_disk(&self) {
        self.handle.input(Input::DiskFree { octets: self.cache.free().ok() });
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

/// A login with its password in clear: it goes to the fetch's own thread and to the server, and nowhere else.
fn reveal(login: Login, vault: &Vault) -> Result<fetch::Login, SecretError> {
    let password = login.password.map(|id| vault.reveal(id)).transpose()?;
    Ok(fetch::Login { user: login.user, password, key: login.key.map(Into::into) })
}
