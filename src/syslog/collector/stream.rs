//! The task of a collector over TCP or TLS: keeps a connection, sends the log through it, and after a break goes back
//! to where the collector is sure to be. Lines may come twice, with the same number, and are not lost.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use capledger_schema::Envelope;
use capledger_schema::project::collectors::CollectorFailure;
use capledger_schema::setting::{LogFraming, LogHost, LogTransport};
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf};
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};

use super::link::{Duplex, Needs, connect, words};
use super::window::{SETTLED_AFTER, Window};
use super::{Known, Place, Shared};
use crate::net::hub::Hub;
use crate::syslog::wire;

/// Before the second try; it doubles up to [`LONGEST_WAIT`], and begins anew after a connection that lasted.
const FIRST_WAIT: Duration = Duration::from_millis(250);

const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// A connection that lives so long is told as one: some collectors accept what they close at once.
const CALM: Duration = Duration::from_secs(1);

/// How long the collector may take to read the end of the stream when the controller stops.
const GOODBYE: Duration = Duration::from_millis(500);

/// The words for a collector that ended the stream in order.
const CLOSED: &str = "it closed the connection";

pub(super) struct Streamer {
    host: LogHost,
    shared: Arc<Shared>,
    hub: Arc<Hub>,
    stop: watch::Receiver<bool>,
    changed: watch::Receiver<u64>,
}

/// How a connection ended.
enum End {
    /// The controller stops.
    Stopped,
    /// It must be made in another way.
    Changed,
    /// It broke, and why.
    Lost(String),
    /// The ledger cannot be read.
    Unreadable(io::Error),
}

impl Streamer {
    pub(super) fn new(host: LogHost, shared: Arc<Shared>, hub: Arc<Hub>, stop: watch::Receiver<bool>) -> Streamer {
        let changed = shared.changed.subscribe();
        Streamer { host, shared, hub, stop, changed }
    }

    /// Until it is aborted, or has sent what was published when it is stopped.
    pub(super) async fn run(mut self, from: Place) {
        let (mut sure, mut wait) = (from, FIRST_WAIT);
        loop {
            let (needs, begun) = (Needs::of(&self.hub.state(), &self.host), now());
            let end = match connect(&self.host, &needs).await {
                Ok(link) => self.feed(link, &needs, &mut sure).await,
                Err(words) => End::Lost(words),
            };
            let words = match end {
                End::Stopped => return,
                End::Changed => continue,
                End::Lost(words) => words,
                End::Unreadable(error) => {
                    let host = self.host.address;
                    tracing::error!(%host, %error, "the ledger cannot be read; this collector is not served");
                    return self.note(|known| known.status.last_error = Some(error.to_string()));
                }
            };
            if *self.stop.borrow() {
                return;
            }
            if begun.elapsed() >= SETTLED_AFTER {
                wait = FIRST_WAIT;
            }
            self.failed(words, sure);
            tokio::select! {
                () = sleep(wait) => wait = (2 * wait).min(LONGEST_WAIT),
                () = other_needs(&self.hub, &self.host, &needs, &mut self.changed) => wait = FIRST_WAIT,
                _ = self.stop.changed() => return,
            }
        }
    }

    /// Sends the log after `sure`, which moves as the collector is known to have it.
    async fn feed(&self, link: Box<dyn Duplex>, needs: &Needs, sure: &mut Place) -> End {
        let (begun, mut stop, mut changed) = (now(), self.stop.clone(), self.changed.clone());
        let (read, mut write) = tokio::io::split(link);
        let mut closed = pin!(closed(read));
        let (mut follower, mut window) = (self.hub.follow(sure.seq), Window::new(*sure));
        let (mut place, mut told, mut frames) = (*sure, false, Vec::new());
        let mut look = interval(CALM);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let stopped = *stop.borrow();
            if stopped && follower.after() >= self.hub.seq() {
                let goodbye = async { (write.shutdown().await, closed.await) };
                if let Ok((Ok(()), None)) = timeout(GOODBYE, goodbye).await {
                    *sure = window.confirm();
                    self.keep(*sure);
                }
                return End::Stopped;
            }
            tokio::select! {
                biased;
                why = &mut closed => return End::Lost(why.unwrap_or_else(|| CLOSED.to_owned())),
                _ = stop.changed(), if !stopped => {}
                () = other_needs(&self.hub, &self.host, needs, &mut changed) => return End::Changed,
                batch = follower.next() => {
                    let batch = match batch {
                        Ok(batch) => batch,
                        Err(error) => return End::Unreadable(error),
                    };
                    frames.clear();
                    let before = place.lines;
                    self.dress(&batch, &mut place, &mut frames);
                    let write = async {
                        write.write_all(&frames).await?;
                        write.flush().await
                    };
                    tokio::select! {
                        biased;
                        why = &mut closed => return End::Lost(why.unwrap_or_else(|| CLOSED.to_owned())),
                        written = write => if let Err(error) = written {
                            return End::Lost(words(&error));
                        }
                    }
                    window.sent(place, now());
                    self.note(|known| known.status.sent += place.lines - before);
                }
                _ = look.tick() => {}
            }
            *sure = window.settle(now());
            self.keep(*sure);
            if !told && begun.elapsed() >= CALM {
                told = true;
                self.note(|known| known.status.last_error = None);
                (self.shared.tell)(self.host, None);
            }
        }
    }

    /// Makes frames of what is a line, in the form and framing of this moment.
    fn dress(&self, batch: &[Envelope], place: &mut Place, frames: &mut Vec<u8>) {
        let state = self.hub.state();
        let delivery = state.config.logging.hosts.get(&self.host).cloned().unwrap_or_default();
        for envelope in batch {
            if let Some(entry) = place.pass(envelope) {
                let framing = match self.host.transport {
                    LogTransport::Udp | LogTransport::Tcp => delivery.framing,
                    // RFC 5425 section 4.3 knows no other.
                    LogTransport::Tls => LogFraming::OctetCounting,
                };
                wire::frame(frames, &wire::line(&entry, delivery.form, &state), framing);
            }
        }
    }

    fn failed(&self, words: String, sure: Place) {
        self.note(|known| {
            known.status.failed += 1;
            known.status.last_error = Some(words.clone());
        });
        (self.shared.tell)(self.host, Some(CollectorFailure { words, lines: sure.lines }));
    }

    fn keep(&self, sure: Place) {
        let mut moved = false;
        self.note(|known| moved = std::mem::replace(&mut known.place, sure) != sure);
        if moved {
            self.shared.moved.notify_one();
        }
    }

    fn note(&self, change: impl FnOnce(&mut Known)) {
        if let Some(known) = self.shared.table().get_mut(&self.host) {
            change(known);
        }
    }
}

/// Waits until the configuration asks for another connection.
async fn other_needs(hub: &Hub, host: &LogHost, needs: &Needs, changed: &mut watch::Receiver<u64>) {
    while Needs::of(&hub.state(), host) == *needs {
        // The supervisor outlives its tasks.
        if changed.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// Waits for the collector's end of the stream. It has nothing to say: what it sends is not looked at. None if it ended
/// in order, else why.
async fn closed(mut read: ReadHalf<Box<dyn Duplex>>) -> Option<String> {
    let mut nothing = [0; 512];
    loop {
        match read.read(&mut nothing).await {
            Ok(0) => return None,
            Ok(_) => {}
            Err(error) => return Some(words(&error)),
        }
    }
}

fn now() -> Instant {
    Instant::now()
}
