//! Group commit: a thread that owns the ledger and makes one batch of whatever gathered while the last one was synced.
//!
//! Nobody who appends waits for the disk. What is durable is told to a callback, in order; so is a failure, once, and
//! then the thread is gone: the daemon stops, and opening the ledger anew tells what is in it.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{Builder, JoinHandle};

use capledger_schema::Envelope;

use super::{Ledger, LedgerError};

/// Appends that may wait: beyond that, an append waits for a sync.
const QUEUE: usize = 4096;

/// Envelopes after which a batch is closed though more are waiting, so that the first need not wait for ever more.
const BATCH: usize = 8192;

/// What became of appends.
#[derive(Debug)]
pub enum Written {
    /// These are on the disk: they follow those of the call before.
    Durable(Arc<[Envelope]>),
    /// These, and all after them, are not known to be. There is no further call.
    Failed(io::Error),
}

/// The writing end of a ledger.
#[derive(Debug)]
pub struct Writer {
    queue: Option<SyncSender<Vec<Envelope>>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Gives the ledger to a thread of its own. `on_written` is called there; it must not append.
    pub fn start<L, F>(ledger: L, on_written: F) -> io::Result<Writer>
    where
        L: Ledger + Send + 'static,
        F: FnMut(Written) + Send + 'static,
    {
        let (queue, waiting) = sync_channel(QUEUE);
        let thread = Builder::new().name("ledger".to_owned()).spawn(move || write(ledger, &waiting, on_written))?;
        Ok(Writer { queue: Some(queue), thread: Some(thread) })
    }

    /// Hands envelopes over, which follow those handed over before. Waits only if 4,096 appends wait already.
    ///
    /// Fails if an earlier append did.
    pub fn append(&self, batch: Vec<Envelope>) -> Result<(), LedgerError> {
        let queue = self.queue.as_ref().ok_or(LedgerError::Stopped)?;
        queue.send(batch).map_err(|_| LedgerError::Stopped)
    }

    /// Waits until all that was handed over is durable (or has failed) and the ledger is closed.
    pub fn finish(mut self) {
        self.stop();
    }

    fn stop(&mut self) {
        drop(self.queue.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the ledger's thread panicked");
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.stop();
    }
}

fn write<L: Ledger, F: FnMut(Written)>(mut ledger: L, waiting: &Receiver<Vec<Envelope>>, mut on_written: F) {
    while let Ok(mut batch) = waiting.recv() {
        while batch.len() < BATCH {
            let Ok(more) = waiting.try_recv() else { break };
            batch.extend(more);
        }
        match ledger.append(&batch) {
            Ok(()) => on_written(Written::Durable(batch.into())),
            Err(e) => return on_written(Written::Failed(e)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::mpsc::channel;

    use super::super::memory::Memory;
    use super::super::tests::{all, envelopes};
    use super::super::{History, Store};
    use super::*;

    /// Appends wait at a gate, as they would at a disk.
    struct Slow {
        inner: Arc<Mutex<Memory>>,
        gate: Receiver<()>,
        batches: Arc<Mutex<Vec<usize>>>,
    }

    impl Ledger for Slow {
        fn append(&mut self, batch: &[Envelope]) -> io::Result<()> {
            self.gate.recv().expect("the test opens the gate");
            self.batches.lock().expect("no panic").push(batch.len());
            self.inner.lock().expect("no panic").append(batch)
        }
    }

    #[test]
    fn what_gathers_during_a_sync_is_the_next_batch() {
        let inner = Arc::new(Mutex::new(Memory::new()));
        let batches = Arc::new(Mutex::new(Vec::new()));
        let (open, gate) = channel();
        let (told, durable) = channel();
        let ledger = Slow { inner: Arc::clone(&inner), gate, batches: Arc::clone(&batches) };
        let writer =
            Writer::start(ledger, move |written| told.send(written).expect("the test listens")).expect("starts");
        for envelope in envelopes(1, 50) {
            writer.append(vec![envelope]).expect("takes");
        }
        for _ in 0..50 {
            open.send(()).ok();
        }
        writer.finish();
        let told: Vec<Envelope> = durable
            .iter()
            .flat_map(|written| match written {
                Written::Durable(batch) => batch.to_vec(),
                Written::Failed(e) => panic!("{e}"),
            })
            .collect();
        assert_eq!(told, envelopes(1, 50));
        assert_eq!(all(&*inner.lock().expect("no panic")), envelopes(1, 50));
        // The first append had the gate to itself, or took along what came before it ran: at most a few batches.
        let batches = batches.lock().expect("no panic").clone();
        assert!(batches.len() <= 3, "{batches:?}");
    }

    #[test]
    fn a_failed_append_is_told_once_and_nothing_more_is_taken() {
        let mut ledger = Memory::new();
        ledger.set_full(true);
        let (told, failed) = channel();
        let writer =
            Writer::start(ledger, move |written| told.send(written).expect("the test listens")).expect("starts");
        writer.append(envelopes(1, 1)).expect("takes");
        let Written::Failed(e) = failed.recv().expect("told") else { panic!("it cannot be durable") };
        assert_eq!(e.kind(), io::ErrorKind::StorageFull);
        // The thread is on its way out.
        while writer.append(envelopes(2, 2)).is_ok() {
            std::thread::yield_now();
        }
        writer.finish();
        assert!(failed.recv().is_err(), "there is no further word");
    }

    #[test]
    fn finishing_writes_what_was_handed_over_and_lets_go_of_the_directory() {
        let dir = tempfile::tempdir().expect("a directory");
        let writer = Writer::start(Store::open(dir.path()).expect("opens"), |_| {}).expect("starts");
        for batch in envelopes(1, 500).chunks(7) {
            writer.append(batch.to_vec()).expect("takes");
        }
        writer.finish();
        let store = Store::open_existing(dir.path()).expect("opens");
        assert_eq!(store.read(capledger_schema::id::Seq(0)).count(), 500);
    }
}
