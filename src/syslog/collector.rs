//! Sends the log to every `logging host`, each line as soon as it is durable: one per datagram over UDP (RFC 5426), as
//! frames of a stream over TCP (RFC 6587) and TLS (RFC 5425).
//!
//! This is a shell: one thread, one task per collector, each following the hub from its own cursor, which outlives the
//! process. UDP tells nobody whether a line arrived: what a collector refuses is counted, what cannot even leave this
//! machine is kept back and tried again. A stream tells when it broke, and is begun again somewhat before the break.
//! Nothing here waits for a collector but its own task.

mod cursors;
mod link;
mod sender;
mod stream;
#[cfg(test)]
mod tests;
mod window;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use capledger_schema::id::Seq;
use capledger_schema::project::collectors::CollectorFailure;
use capledger_schema::setting::{LogHost, LogTransport, Setting};
use capledger_schema::{Envelope, Event};
use tokio::sync::{Notify, watch};
use tokio::task::{AbortHandle, JoinSet};

use crate::net::hub::{Follower, Hub};
use cursors::Cursors;

/// Collectors that are served at most.
pub const COLLECTOR_LIMIT: usize = 16;

/// The cursors are written at most so often: what was sent in between may be sent again after a crash.
const SAVE_EVERY: Duration = Duration::from_millis(100);

/// How long the end of the daemon waits for lines that are still to be sent.
const STOP_GRACE: Duration = Duration::from_secs(1);

/// How it goes with one collector.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Status {
    /// Lines handed to the network since the start.
    pub sent: u64,
    /// Lines that the network or the collector refused since the start.
    pub failed: u64,
    /// What it said last.
    pub last_error: Option<String>,
}

/// Why the log cannot be sent.
#[derive(Debug, thiserror::Error)]
pub enum CollectorError {
    /// The cursors cannot be read or written.
    #[error("{}: {source}; the data directory must be readable and writable", .path.display())]
    Cursors {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The cursors make no sense.
    #[error("{}: `{line}` is not a collector's place in the log; remove the file to begin with the next line", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The line, cut at 80 characters.
        line: String,
    },
    /// No thread, or no runtime.
    #[error("cannot start the syslog sender: {0}")]
    Start(io::Error),
}

impl From<CollectorError> for io::Error {
    fn from(error: CollectorError) -> io::Error {
        let kind = match &error {
            CollectorError::Cursors { source, .. } | CollectorError::Start(source) => source.kind(),
            CollectorError::Damaged { .. } => io::ErrorKind::InvalidData,
        };
        io::Error::new(kind, error)
    }
}

/// A place in the log: which envelope, and how many lines there are up to it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Place {
    seq: Seq,
    lines: u64,
}

impl Place {
    /// Goes past an envelope; its line, if it is one.
    fn pass(&mut self, envelope: &Envelope) -> Option<super::Entry> {
        self.seq = envelope.seq;
        let line = super::format(envelope)?;
        self.lines += 1;
        Some(super::Entry { ordinal: self.lines, seq: envelope.seq, at: envelope.at, started: None, line })
    }
}

/// The sender of the log. Dropping it sends what is published by then, within a second, and keeps the cursors.
pub struct Collectors {
    shared: Arc<Shared>,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    table: Mutex<BTreeMap<LogHost, Known>>,
    moved: Notify,
    /// Counts the changes of the configuration, for those who wait with a connection.
    changed: watch::Sender<u64>,
    tell: Box<Tell>,
}

/// Takes news of a collector over a stream: none if it has the log, else why it does not.
pub type Tell = dyn Fn(LogHost, Option<CollectorFailure>) + Send + Sync;

#[derive(Debug, Clone, Default)]
struct Known {
    place: Place,
    status: Status,
}

impl Shared {
    fn table(&self) -> MutexGuard<'_, BTreeMap<LogHost, Known>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Collectors {
    /// Serves the collectors that the hub's state names, and those that are configured later.
    ///
    /// `lines` is how many lines the log has up to `hub.seq()` ([`super::Log::lines`]): call it once the ledger is
    /// folded and before anything new is published. A collector that was served before goes on where it was left; a
    /// new one begins with the line of the change that configured it. `tell` hears of those over streams.
    pub fn start(dir: &Path, hub: Arc<Hub>, lines: u64, tell: Box<Tell>) -> Result<Collectors, CollectorError> {
        let mut cursors = Cursors::open(dir)?;
        let state = hub.state();
        let here = Place { seq: state.seq, lines };
        let mut table = BTreeMap::new();
        for host in state.config.logging.hosts.keys() {
            // A place beyond the ledger belongs to another one.
            let place = cursors.place(host).filter(|p| p.seq <= here.seq && p.lines <= here.lines).unwrap_or(here);
            table.insert(*host, Known { place, status: Status::default() });
        }
        cursors.save(&table)?;
        let shared =
            Arc::new(Shared { table: Mutex::new(table), moved: Notify::new(), changed: watch::Sender::new(0), tell });
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(CollectorError::Start)?;
        let (stop, stopped) = watch::channel(false);
        let supervisor = Supervisor {
            shared: Arc::clone(&shared),
            hub,
            cursors,
            here,
            stop: stopped,
            tasks: JoinSet::new(),
            running: BTreeMap::new(),
        };
        let thread = std::thread::Builder::new()
            .name("syslog".to_owned())
            .spawn(move || {
                runtime.block_on(supervisor.run());
                runtime.shutdown_timeout(STOP_GRACE);
            })
            .map_err(CollectorError::Start)?;
        Ok(Collectors { shared, stop, thread: Some(thread) })
    }

    /// Sends what is published by now, for a second at most, keeps the cursors and ends.
    pub fn finish(self) {
        drop(self);
    }

    /// How it goes with each collector.
    pub fn status(&self) -> BTreeMap<LogHost, Status> {
        self.shared.table().iter().map(|(host, known)| (*host, known.status.clone())).collect()
    }
}

impl Drop for Collectors {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the syslog sender's thread panicked");
        }
    }
}

/// Starts and ends the collectors' tasks as the configuration says, and keeps their cursors.
struct Supervisor {
    shared: Arc<Shared>,
    hub: Arc<Hub>,
    cursors: Cursors,
    here: Place,
    stop: watch::Receiver<bool>,
    tasks: JoinSet<()>,
    running: BTreeMap<LogHost, AbortHandle>,
}

impl Supervisor {
    async fn run(mut self) {
        let known: Vec<_> = self.shared.table().iter().map(|(host, known)| (*host, known.place)).collect();
        for (host, place) in known {
            self.serve(host, place);
        }
        let mut follower = self.hub.follow(self.here.seq);
        let shared = Arc::clone(&self.shared);
        loop {
            tokio::select! {
                batch = follower.next() => match batch {
                    Ok(batch) => batch.iter().for_each(|e| self.look(e)),
                    Err(error) => {
                        tracing::error!(%error, "the syslog sender cannot read the ledger; collectors stay as they are");
                        break;
                    }
                },
                () = shared.moved.notified() => {
                    self.save();
                    tokio::time::sleep(SAVE_EVERY).await;
                }
                _ = self.stop.changed() => break,
            }
        }
        // After an error the running collectors are still served.
        if !*self.stop.borrow() && self.stop.changed().await.is_err() {
            tracing::debug!("the syslog sender is dropped");
        }
        self.drain(&mut follower).await;
    }

    /// Serves everything that is published by now, the end of the controller included.
    async fn drain(&mut self, follower: &mut Follower) {
        let until = self.hub.seq();
        let all = async {
            while follower.after() < until {
                match follower.next().await {
                    Ok(batch) => batch.iter().for_each(|e| self.look(e)),
                    Err(error) => {
                        tracing::error!(%error, "the syslog sender cannot read the ledger");
                        break;
                    }
                }
            }
            while self.tasks.join_next().await.is_some() {}
        };
        if tokio::time::timeout(STOP_GRACE, all).await.is_err() {
            tracing::warn!("some collectors are behind; they are served after the next start");
        }
        self.save();
    }

    fn save(&mut self) {
        let table = self.shared.table().clone();
        if let Err(error) = self.cursors.save(&table) {
            tracing::error!(%error, "the collectors' places are not kept; lines may be sent again after a restart");
        }
    }

    /// Follows the configuration.
    fn look(&mut self, envelope: &Envelope) {
        let before = self.here;
        self.here.pass(envelope);
        let Event::ConfigurationChanged { changes, .. } = &envelope.event else { return };
        for change in changes {
            if let Setting::LoggingHost(address) | Setting::LoggingHostForm(address, _) = change {
                self.serve(LogHost::udp(*address), before);
            } else if let Setting::LoggingHostOver(host, _) = change {
                self.serve(*host, before);
            } else if let Setting::NoLoggingHost(address) = change {
                self.leave(&LogHost::udp(*address));
            } else if let Setting::NoLoggingHostOver(host) = change {
                self.leave(host);
            }
        }
        self.shared.changed.send_modify(|count| *count += 1);
        self.save();
    }

    fn serve(&mut self, host: LogHost, from: Place) {
        if self.running.contains_key(&host) {
            return;
        }
        if self.running.len() >= COLLECTOR_LIMIT {
            tracing::error!(host = %host.address, limit = COLLECTOR_LIMIT, "too many collectors: this one is not served");
            return;
        }
        self.shared.table().entry(host).or_default().place = from;
        let (shared, hub, stop) = (Arc::clone(&self.shared), Arc::clone(&self.hub), self.stop.clone());
        let task = match host.transport {
            LogTransport::Udp => self.tasks.spawn(sender::Sender::new(host.address, shared, hub).run(from, stop)),
            LogTransport::Tcp | LogTransport::Tls => {
                self.tasks.spawn(stream::Streamer::new(host, shared, hub, stop).run(from))
            }
        };
        self.running.insert(host, task);
    }

    fn leave(&mut self, host: &LogHost) {
        if let Some(task) = self.running.remove(host) {
            task.abort();
        }
        self.shared.table().remove(host);
    }
}
