//! One collector's task: follows the hub and sends a datagram per line.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::sync::watch;

use super::{Place, Shared};
use crate::net::hub::Hub;
use crate::syslog::{Entry, TimeFormat, wire};

/// Datagrams in a row before a short pause: a collector that starts late must not be drowned in its own backlog.
const BURST: u32 = 32;

const PAUSE: Duration = Duration::from_millis(2);

/// Before the second try of a line that could not leave this machine; it doubles up to [`LONGEST_WAIT`].
const FIRST_WAIT: Duration = Duration::from_millis(250);

const LONGEST_WAIT: Duration = Duration::from_secs(30);

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
                    self.send(&mut socket, &entry).await;
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
    async fn send(&self, socket: &mut Option<UdpSocket>, entry: &Entry) {
        let mut wait = FIRST_WAIT;
        loop {
            let sent = self.try_send(socket, entry).await;
            match sent {
                Ok(()) => return self.note(|known| known.status.sent += 1),
                Err(error) => {
                    let lost = is_lost(&error);
                    tracing::debug!(host = %self.host, %error, lost, "a syslog line was not taken");
                    self.note(|known| {
                        known.status.failed += u64::from(lost);
                        known.status.last_error = Some(error.to_string());
                    });
                    *socket = None;
                    if lost {
                        return;
                    }
                    tokio::time::sleep(wait).await;
                    wait = (2 * wait).min(LONGEST_WAIT);
                }
            }
        }
    }

    async fn try_send(&self, socket: &mut Option<UdpSocket>, entry: &Entry) -> io::Result<()> {
        let socket = match socket {
            Some(socket) => socket,
            None => socket.insert(open(self.host).await?),
        };
        let state = self.hub.state();
        let origin = state.config.logging_origin_id.then_some(state.config.hostname.as_str());
        let datagram = wire::ios(entry, origin, &TimeFormat::default());
        // Held over the wait, the state would be copied with every publication.
        drop(state);
        socket.send(datagram.as_bytes()).await.map(|_| ())
    }

    fn note(&self, change: impl FnOnce(&mut super::Known)) {
        if let Some(known) = self.shared.table().get_mut(&self.host) {
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

/// Whether a line is gone: the collector's host refused what came before. Any other error is this machine's own (no
/// route, no buffer, no descriptor) and passes.
fn is_lost(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::ConnectionRefused
}
