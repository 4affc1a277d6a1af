//! A read-only SFTP server (version 3, draft-ietf-secsh-filexfer-02, over SSH) for one directory and one user.
//!
//! It opens, reads and lists what lies below its root; every request that would change something is denied. Logins are
//! by password, compared in constant time, limited and delayed; connections, handles and idle time have limits.

mod attempts;
mod files;
mod session;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use capledger_schema::id::SecretId;
use russh::keys::PrivateKey;
use russh::server::Config;
use russh::{Disconnect, MethodKind, MethodSet, SshId};
use tokio::sync::oneshot;

use super::files::Root;
use super::servers::Tell;
use crate::secrets::Vault;
use attempts::Attempts;
use session::Session;

/// Connections at once.
const CONNECTIONS: usize = 32;
/// A client that has not logged in after this is disconnected.
const GRACE: Duration = Duration::from_secs(60);
/// A client that says nothing for this long is disconnected.
const IDLE: Duration = Duration::from_secs(300);
/// How long a wrong login waits for its answer.
const REJECTED_AFTER: Duration = Duration::from_secs(2);
/// Logins that a connection may try.
const TRIES: usize = 4;

/// Who may log in.
#[derive(Clone, Debug)]
pub struct Login {
    /// The user's name.
    pub user: String,
    /// The user's password.
    pub password: SecretId,
    /// Where the password is kept; it is looked up at each login.
    pub vault: Arc<Vault>,
}

/// What every connection shares.
struct Shared {
    root: Root,
    login: Login,
    tell: Tell,
    attempts: Attempts,
    connections: AtomicUsize,
}

/// A server that runs. Dropping it stops it and cuts its transfers off.
#[derive(Debug)]
pub struct SftpServer {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl SftpServer {
    /// Serves on this address; port 0 takes a free one. News come on the server's thread.
    pub(super) fn start(
        listen: SocketAddr,
        root: &Path,
        key: PrivateKey,
        login: Login,
        tell: Tell,
    ) -> io::Result<SftpServer> {
        let root = Root::open(root)?;
        let listener = TcpListener::bind(listen)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let config = Arc::new(Config {
            server_id: SshId::Standard("SSH-2.0-Capledger".into()),
            methods: MethodSet::from(&[MethodKind::Password][..]),
            auth_rejection_time: REJECTED_AFTER,
            // Clients ask without a password first, to learn what there is.
            auth_rejection_time_initial: Some(Duration::ZERO),
            keys: vec![key],
            max_auth_attempts: TRIES,
            inactivity_timeout: Some(IDLE),
            nodelay: true,
            ..Config::default()
        });
        let attempts = Attempts::default();
        let shared = Arc::new(Shared { root, login, tell, attempts, connections: AtomicUsize::new(0) });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::Builder::new().name("sftp-server".into()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = accept(listener, config, shared) => {}
                    // Dropped or told: both mean the end.
                    _ = stopped => {}
                }
            });
            // Connections end with the runtime; their transfers say so as they are dropped.
        })?;
        Ok(SftpServer { address, stop: Some(stop), thread: Some(thread) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for SftpServer {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // A server that panicked has nothing left to stop.
            let _ = thread.join();
        }
    }
}

async fn accept(listener: TcpListener, config: Arc<Config>, shared: Arc<Shared>) {
    let listener = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(e) => return tracing::error!("SFTP server: {e}"),
    };
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                if shared.attempts.is_barred(peer.ip()) || shared.connections.load(Ordering::Relaxed) >= CONNECTIONS {
                    tracing::warn!(%peer, "SFTP connection turned away: too many connections or failed logins");
                    continue;
                }
                let place = Place::take(&shared);
                tokio::spawn(connection(stream, peer, Arc::clone(&config), Arc::clone(&shared), place));
            }
            Err(e) => {
                // Out of descriptors, most likely: others may end meanwhile.
                tracing::warn!("SFTP server: {e}");
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
    }
}

async fn connection(
    stream: tokio::net::TcpStream,
    peer: SocketAddr,
    config: Arc<Config>,
    shared: Arc<Shared>,
    _place: Place,
) {
    let _ = stream.set_nodelay(true);
    let entered = Arc::new(AtomicBool::new(false));
    let session = Session::new(peer, shared, Arc::clone(&entered));
    let begun = tokio::time::timeout(GRACE, russh::server::run_stream(config, stream, session)).await;
    let mut running = match begun {
        Ok(Ok(running)) => running,
        Ok(Err(e)) => return tracing::debug!(%peer, "SFTP: {e}"),
        Err(_) => return tracing::debug!(%peer, "SFTP: the client said nothing"),
    };
    let handle = running.handle();
    let ended = tokio::select! {
        ended = &mut running => Some(ended),
        () = tokio::time::sleep(GRACE) => None,
    };
    let ended = match ended {
        Some(ended) => ended,
        None if entered.load(Ordering::Relaxed) => running.await,
        None => {
            let words = "no login within a minute".to_owned();
            // A session that is gone needs to be told nothing.
            let _ = handle.disconnect(Disconnect::ByApplication, words, String::new()).await;
            running.await
        }
    };
    if let Err(e) = ended {
        tracing::debug!(%peer, "SFTP: {e}");
    }
}

/// A connection's place among those that are allowed.
struct Place(Arc<Shared>);

impl Place {
    fn take(shared: &Arc<Shared>) -> Self {
        shared.connections.fetch_add(1, Ordering::Relaxed);
        Place(Arc::clone(shared))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::Relaxed);
    }
}
