//! The task of a collector over UDP: follows the hub and sends a datagram per line.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use capledger_schema::setting::LogHost;
use tokio::net::UdpSocket;
use tokio::sync::watch;

use super::{Place, Shared};
use crate::net::hub::Hub;
use crate::syslog::{Entry, wire};

/// Datagrams in a row before a short pause: a collector that starts late must not be drowned in its own backlog.
const BURST: u32 = 32;

const PAUSE: Duration = Duration::from_millis(2);

/// Before the second try of a line that could not leave this machine; it doubles up to [`LONGEST_WAIT`].
const FIRST_WAIT: Duration = Duration::from_millis(250);

const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// Without an error for so long, a collector counts as well again.
const CALM: Duration = Duration::from_secs(1);

pub(super) struct Sender {
    host: SocketAddr,
    shared: Arc<Shared>,
    hub: Arc<Hub>,
}

impl Sender {
    pub(super) fn new(host: SocketAddr, shared: Arc<Shared>, hub: Arc<Hub>) -> Sender {
        Sender { host, shared, hub }
    }

    /// Until it is aborted, or has sent what was published when it is stopped.
    pub(super) async fn run(self, mut place: Place, mut stop: watch::Receiver<bool>) {
        let mut follower = self.hub.follow(place.seq);
        let mut socket = None;
        let mut burst = 0;
        let mut health = Health { host: self.host, failing_since: None };
        loop {
            let stopped = *stop.borrow();
            if stopped && follower.after() >= self.hub.seq() {
                return;
            }
            let batch = tokio::select! {
                batch = follower.next() => batch,
                _ = stop.changed(), if !stopped => continue,
            };
            let batch = match batch {
                Ok(batch) => batch,
                Err(error) => {
                    tracing::error!(host = %self.host, %error, "the ledger cannot be read; this collector is not served");
                    self.note(|known| known.status.last_error = Some(error.to_string()));
                    return;
                }
            };
            for envelope in &batch {
                if let Some(entry) = place.pass(envelope) {
                    self.send(&mut socket, &mut health, &entry).await;
                    burst += 1;
                    if burst % BURST == 0 {
                        tokio::time::sleep(PAUSE).await;
                    }
                }
                self.note(|known| known.place = place);
            }
            self.shared.moved.notify_one();
        }
    }

    /// Sends one line, and waits for as long as it cannot leave this machine.
    async fn send(&self, socket: &mut Option<UdpSocket>, health: &mut Health, entry: &Entry) {
        let mut wait = FIRST_WAIT;
        loop {
            match self.try_send(socket, entry).await {
                Ok(Sent { refused }) => {
                    match &refused {
                        Some(error) => health.bad(error),
                        None => health.good(),
                    }
                    return self.note(|known| {
                        known.status.sent += 1;
                        if let Some(error) = refused {
                            known.status.failed += 1;
                            known.status.last_error = Some(error.to_string());
                        }
                    });
                }
                Err(error) => {
                    health.bad(&error);
                    self.note(|known| known.status.last_error = Some(error.to_string()));
                    *socket = None;
                    tokio::time::sleep(wait).await;
                    wait = (2 * wait).min(LONGEST_WAIT);
                }
            }
        }
    }

    async fn try_send(&self, socket: &mut Option<UdpSocket>, entry: &Entry) -> io::Result<Sent> {
        let socket = match socket {
            Some(socket) => socket,
            None => socket.insert(open(self.host).await?),
        };
        let state = self.hub.state();
        let delivery = state.config.logging.hosts.get(&LogHost::udp(self.host));
        let datagram = wire::line(entry, delivery.map(|d| d.form).unwrap_or_default(), &state);
        // Held over the wait, the state would be copied with every publication.
        drop(state);
        match socket.send(datagram.as_bytes()).await {
            Ok(_) => Ok(Sent { refused: None }),
            // The host refused what came before, and this line has not left yet.
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                match socket.send(datagram.as_bytes()).await {
                    // Refused as well, which counts with the next one.
                    Ok(_) => Ok(Sent { refused: Some(error) }),
                    Err(again) if again.kind() == io::ErrorKind::ConnectionRefused => Ok(Sent { refused: Some(again) }),
                    Err(other) => Err(other),
                }
            }
            Err(error) => Err(error),
        }
    }

    fn note(&self, change: impl FnOnce(&mut super::Known)) {
        if let Some(known) = self.shared.table().get_mut(&LogHost::udp(self.host)) {
            change(known);
        }
    }
}

/// Connected, so that the system tells when nobody listens there.
async fn open(host: SocketAddr) -> io::Result<UdpSocket> {
    let any = if host.is_ipv4() { IpAddr::V4(Ipv4Addr::UNSPECIFIED) } else { IpAddr::V6(Ipv6Addr::UNSPECIFIED) };
    let socket = UdpSocket::bind((any, 0)).await?;
    socket.connect(host).await?;
    Ok(socket)
}

/// A line has left.
struct Sent {
    /// What became of the one before it, if nobody took that.
    refused: Option<io::Error>,
}

/// Whether lines get through: traced when it changes, not with every line.
struct Health {
    host: SocketAddr,
    failing_since: Option<Instant>,
}

impl Health {
    fn bad(&mut self, error: &io::Error) {
        if self.failing_since.replace(now()).is_none() {
            tracing::warn!(host = %self.host, %error, "the syslog collector does not take its lines");
        }
    }

    /// Refusals come late: one good line among bad ones is no change yet.
    fn good(&mut self) {
        if self.failing_since.is_some_and(|at| now().duration_since(at) >= CALM) {
            self.failing_since = None;
            tracing::info!(host = %self.host, "the syslog collector takes its lines again");
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a shell's own pace, of which no fact depends")]
fn now() -> Instant {
    Instant::now()
}
