//! The SSH server: the command line for operators and their automation (RFC 4251 to 4254).
//!
//! One thread, one task per connection and one per session. It listens while the configuration names an account, at
//! `ip ssh listen` and `ip ssh port`, and follows both as they change. It decides nothing: a line goes to a [`Session`]
//! of the command line, as from the local socket.
//!
//! [`Session`]: crate::net::feed::Session

mod connection;
mod gate;
mod login;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::Duration;

use capledger_schema::project::Projection;
use capledger_schema::project::config::AccessConfig;
use capledger_schema::{Envelope, Event};
use russh::server::Config;
use russh::{MethodSet, Preferred, SshId, compression};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::control::Handle;
use super::feed::CommandLine;
use super::hub::Hub;
use crate::command::{AccessFact, Command};
use crate::secrets::Vault;
use crate::serve::host_key::{self, HostKeyError};
use connection::{Connection, METHODS, Visit};
use gate::{Cutter, Gate, HALF_OPEN};
use login::Logins;

pub use gate::LINES;

/// A connection that is logged in and has no channel ends after this.
const UNUSED: Duration = Duration::from_secs(60);

/// How often connections are looked at.
const LOOK: Duration = Duration::from_secs(5);

/// After this, a port that could not be listened on is tried again.
const RETRY: Duration = Duration::from_secs(5);

/// How long the end of the daemon waits for sessions that still run.
const STOP_GRACE: Duration = Duration::from_secs(2);

/// Rejections of any kind before a connection ends: a client may offer many keys before it asks for a password.
const REJECTIONS: usize = 24;

/// What every connection shares.
pub(super) struct Shared {
    hub: Arc<Hub>,
    handle: Handle,
    commands: Arc<dyn CommandLine>,
    logins: Logins,
    gate: Mutex<Gate>,
    /// Who has which line.
    guests: Mutex<BTreeMap<u16, Arc<Visit>>>,
    stop: watch::Receiver<bool>,
}

impl Shared {
    fn gate(&self) -> MutexGuard<'_, Gate> {
        self.gate.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn guests(&self) -> MutexGuard<'_, BTreeMap<u16, Arc<Visit>>> {
        self.guests.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has a fact recorded, and waits until it is.
    async fn record(&self, fact: AccessFact, user: &str, from: IpAddr) {
        let (handle, user, from) = (self.handle.clone(), user.to_owned(), from.to_string());
        let recorded = tokio::task::spawn_blocking(move || handle.command(Command::Record(fact), &user, &from)).await;
        if !matches!(recorded, Ok(Ok(_))) {
            tracing::debug!("the controller stops and records no more of SSH");
        }
    }
}

/// Ends the sessions of which an event says that they are to end. The hub outlives the server, and holds it by nothing.
struct Clearing(Weak<Shared>);

impl Projection for Clearing {
    fn apply(&mut self, envelope: &Envelope) {
        if let Event::LineCleared { vty, from, .. } = &envelope.event
            && let Some(shared) = self.0.upgrade()
            && let Some(visit) = shared.guests().get(vty).filter(|visit| visit.from == *from)
        {
            visit.clear();
        }
    }
}

/// A running SSH server. Dropping it ends every connection.
pub struct Server {
    stop: watch::Sender<bool>,
    bound: watch::Receiver<Option<SocketAddr>>,
    thread: Option<JoinHandle<()>>,
}

/// Why there is no SSH server.
#[derive(Debug, thiserror::Error)]
pub enum SshError {
    /// Its key.
    #[error(transparent)]
    HostKey(#[from] HostKeyError),
    /// Its thread.
    #[error("cannot start the SSH server: {0}")]
    Thread(io::Error),
}

impl Server {
    /// Serves the accounts of the configuration once it has `begun` to be in force; the host key lies in the data
    /// directory.
    pub fn start(
        dir: &Path,
        hub: Arc<Hub>,
        vault: Arc<Vault>,
        handle: Handle,
        commands: Arc<dyn CommandLine>,
        mut begun: watch::Receiver<bool>,
    ) -> Result<Server, SshError> {
        let config = Arc::new(config(host_key::load_or_make(dir)?));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(8 * LINES)
            .thread_name("ssh-command")
            .build()
            .map_err(SshError::Thread)?;
        let (stop, stopped) = watch::channel(false);
        let (tell, bound) = watch::channel(None);
        let logins = Logins::new(Arc::clone(&hub), vault);
        let shared = Arc::new(Shared {
            hub,
            handle,
            commands,
            logins,
            gate: Mutex::default(),
            guests: Mutex::default(),
            stop: stopped,
        });
        shared.hub.attach(Arc::new(Mutex::new(Clearing(Arc::downgrade(&shared)))));
        let thread = std::thread::Builder::new()
            .name("ssh".to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    let mut stop = shared.stop.clone();
                    let begun = tokio::select! {
                        begun = begun.wait_for(|begun| *begun) => begun.is_ok(),
                        _ = stop.changed() => false,
                    };
                    if begun {
                        serve(config, shared, &tell).await;
                    }
                });
                runtime.shutdown_timeout(STOP_GRACE);
            })
            .map_err(SshError::Thread)?;
        Ok(Server { stop, bound, thread: Some(thread) })
    }

    /// Where it listens now; none while there is no account, or while the port cannot be had.
    pub fn listening(&self) -> Option<SocketAddr> {
        *self.bound.borrow()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread of SSH panicked");
        }
    }
}

fn config(key: russh::keys::PrivateKey) -> Config {
    Config {
        server_id: SshId::Standard(Cow::Borrowed("SSH-2.0-Capledger")),
        methods: MethodSet::from(METHODS),
        // Wrong passwords are delayed where they are checked; a key that is not known costs nothing.
        auth_rejection_time: Duration::ZERO,
        keys: vec![key],
        window_size: 256 << 10,
        channel_buffer_size: 4,
        event_buffer_size: 4,
        max_auth_attempts: REJECTIONS,
        inactivity_timeout: None,
        keepalive_interval: Some(Duration::from_secs(30)),
        keepalive_max: 3,
        // A few octets inflate to any number of them.
        preferred: Preferred { compression: Cow::Borrowed(&[compression::NONE]), ..Preferred::DEFAULT },
        ..Config::default()
    }
}

/// Where the configuration wants it to listen.
fn wanted(access: &AccessConfig) -> Option<(Option<IpAddr>, u16)> {
    (!access.users.is_empty()).then_some((access.listen, access.port))
}

async fn serve(config: Arc<Config>, shared: Arc<Shared>, tell: &watch::Sender<Option<SocketAddr>>) {
    let mut connections = JoinSet::new();
    let (mut head, mut stop) = (shared.hub.head(), shared.stop.clone());
    let mut listener: Option<TcpListener> = None;
    let mut at = None;
    loop {
        let wants = wanted(&shared.hub.state().config.access);
        if wants != at || (wants.is_some() && listener.is_none()) {
            // The old one first: the new one may be on the same port.
            drop(listener.take());
            at = wants;
            listener = match wants {
                Some((address, port)) => listen(address, port).await,
                None => None,
            };
            tell.send_replace(listener.as_ref().and_then(|l| l.local_addr().ok()));
        }
        while connections.try_join_next().is_some() {}
        tokio::select! {
            accepted = accept(listener.as_ref()) => match accepted {
                Ok((socket, from)) => {
                    connections.spawn(attend(Arc::clone(&config), Arc::clone(&shared), socket, from));
                }
                Err(error) => {
                    // Out of descriptors, most likely: the connection waits, and so do we.
                    tracing::warn!(%error, "SSH accepts nobody for now");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            },
            changed = head.changed() => if changed.is_err() { break },
            () = tokio::time::sleep(RETRY), if at.is_some() && listener.is_none() => {}
            _ = stop.changed() => break,
        }
    }
    drop(listener);
    let ended = tokio::time::timeout(STOP_GRACE, async { while connections.join_next().await.is_some() {} }).await;
    if ended.is_err() {
        tracing::debug!(left = connections.len(), "clients of SSH did not take their goodbye");
    }
}

async fn accept(listener: Option<&TcpListener>) -> io::Result<(TcpStream, SocketAddr)> {
    match listener {
        Some(listener) => listener.accept().await,
        None => std::future::pending().await,
    }
}

/// Every address is `::`, which takes IPv4 as well, where there is IPv6.
async fn listen(address: Option<IpAddr>, port: u16) -> Option<TcpListener> {
    let bound = match address {
        Some(address) => TcpListener::bind((address, port)).await,
        None => match TcpListener::bind((Ipv6Addr::UNSPECIFIED, port)).await {
            Ok(listener) => Ok(listener),
            Err(_) => TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).await,
        },
    };
    bound
        .inspect_err(|error| {
            let address = address.map_or_else(|| "every address".to_owned(), |a| a.to_string());
            tracing::error!(%error, %address, port, "SSH cannot listen; see `ip ssh port` and `ip ssh listen`");
        })
        .ok()
}

/// An IPv4 client of an IPv6 socket is an IPv4 client, in the ledger and in the log.
fn plain(from: SocketAddr) -> SocketAddr {
    SocketAddr::new(from.ip().to_canonical(), from.port())
}

/// Attends to one connection, from its first octet to the record of its end.
async fn attend(config: Arc<Config>, shared: Arc<Shared>, socket: TcpStream, from: SocketAddr) {
    let Ok((socket, cutter)) = cuttable(socket) else { return };
    let from = plain(from);
    let port = socket.local_addr().map_or(0, |a| a.port());
    let (number, reached) = shared.gate().arrive(cutter.0);
    let visit = Arc::new(Visit::new(from, port, number, cutter.1));
    if reached {
        let limit = "ssh connections without login".to_owned();
        let fact = AccessFact::LimitReached { limit, value: HALF_OPEN as u64 };
        shared.record(fact, "", visit.address()).await;
    }
    let handler = Connection::new(Arc::clone(&shared), Arc::clone(&visit));
    let mut stop = shared.stop.clone();
    let talk = async {
        match russh::server::run_stream(config, socket, handler).await {
            Ok(session) => session.await.map_err(|e| e.to_string()),
            Err(e) => Err(e.to_string()),
        }
    };
    let watch = async {
        let grace = Duration::from_secs(shared.hub.state().config.access.time_out.into());
        if tokio::time::timeout(grace, visit.logged_in.notified()).await.is_err() {
            return;
        }
        let mut used = Instant::now();
        while used.elapsed() < UNUSED {
            tokio::time::sleep(LOOK).await;
            if visit.channels.load(Ordering::Relaxed) > 0 {
                used = Instant::now();
            }
        }
    };
    tokio::pin!(talk);
    let ended = tokio::select! {
        ended = &mut talk => Some(ended),
        () = watch => None,
        () = stopped(&mut stop) => None,
    };
    let ended = if let Some(ended) = ended {
        ended
    } else {
        visit.cutter.cut();
        talk.await
    };
    if let Err(why) = ended {
        tracing::debug!(%from, %why, "a connection of SSH ended");
    }
    visit.cutter.cut();
    shared.gate().leave(number);
    if let Some(guest) = visit.guest() {
        shared.guests().remove(&guest.vty);
        shared.gate().stand(guest.vty);
        let duration_us = u64::try_from(guest.since.elapsed().as_micros()).unwrap_or(u64::MAX);
        let reason = visit.over().words().to_owned();
        let fact = AccessFact::LoggedOut { vty: guest.vty, user: guest.user.clone(), from, reason, duration_us };
        shared.record(fact, &guest.user, visit.address()).await;
    }
}

/// Sessions say goodbye first.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An end without a word is an end as well.
    let _ = stop.changed().await;
    tokio::time::sleep(Duration::from_millis(200)).await;
}

/// The socket, and two handles that end it.
fn cuttable(socket: TcpStream) -> io::Result<(TcpStream, (Cutter, Cutter))> {
    let socket = socket.into_std()?;
    socket.set_nodelay(true)?;
    let cutters = (Cutter::new(socket.try_clone()?), Cutter::new(socket.try_clone()?));
    Ok((TcpStream::from_std(socket)?, cutters))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_by_ipv4_is_told_by_its_ipv4_address() {
        for (seen, told) in [
            ("[::ffff:192.0.2.7]:40000", "192.0.2.7:40000"),
            ("192.0.2.7:40000", "192.0.2.7:40000"),
            ("[2001:db8::7]:40000", "[2001:db8::7]:40000"),
        ] {
            let seen: SocketAddr = seen.parse().expect("an address");
            assert_eq!(plain(seen).to_string(), told);
        }
    }
}
