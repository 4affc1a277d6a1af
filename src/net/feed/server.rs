//! The daemon's end of the feed: one thread, one current-thread runtime, one task per connection.
//!
//! A subscriber is served at its own pace from the hub; a command line has its session and a thread of the blocking
//! pool while it runs. A client that is slow, silent or wrong loses its connection and disturbs nobody else.

mod connection;

use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixStream as StdUnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::net::UnixListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::{CONNECTION_LIMIT, CommandLine, PathTooLong, socket_path};
use crate::net::hub::Hub;

/// How long the end of the daemon waits for commands that still run.
const STOP_GRACE: Duration = Duration::from_secs(2);

/// The local socket of a running daemon. Dropping it ends every connection and removes the socket.
pub struct Server {
    path: PathBuf,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

/// Why the local socket cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The data directory's path is too long.
    #[error(transparent)]
    Path(#[from] PathTooLong),
    /// Another daemon answers on it.
    #[error("a controller already answers on {}; stop it first, or choose another --data-dir", .0.display())]
    Taken(PathBuf),
    /// Something else has its name.
    #[error("{} is not a socket; move it away", .0.display())]
    NotASocket(PathBuf),
    /// The system's own words.
    #[error("cannot listen on {}: {source}; the data directory must be writable", .path.display())]
    Listen {
        /// The socket.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl Server {
    /// Listens in the data directory and serves until it is stopped. Whoever connects before `begun` waits: nobody is
    /// to find the controller as it was before its startup configuration.
    pub fn start(
        dir: &Path,
        hub: Arc<Hub>,
        commands: Arc<dyn CommandLine>,
        begun: watch::Receiver<bool>,
    ) -> Result<Server, ServerError> {
        let path = socket_path(dir)?;
        let failed = |source| ServerError::Listen { path: path.clone(), source };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(2 * CONNECTION_LIMIT)
            .thread_name("feed-command")
            .build()
            .map_err(failed)?;
        let listener = {
            let _inside = runtime.enter();
            listen(&path)?
        };
        let (stop, stopped) = watch::channel(false);
        let thread = std::thread::Builder::new()
            .name("feed".to_owned())
            .spawn(move || {
                runtime.block_on(accept(listener, &hub, &commands, begun, stopped));
                runtime.shutdown_timeout(STOP_GRACE);
            })
            .map_err(failed)?;
        Ok(Server { path, stop, thread: Some(thread) })
    }

    /// Where it listens.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the feed's thread panicked");
        }
        if let Err(error) = std::fs::remove_file(&self.path) {
            tracing::debug!(path = %self.path.display(), %error, "the socket was gone already");
        }
    }
}

/// Binds under another name, sets the mode, then takes the socket's name: nobody else can connect in between.
fn listen(path: &Path) -> Result<UnixListener, ServerError> {
    let failed = |source| ServerError::Listen { path: path.to_owned(), source };
    match std::fs::symlink_metadata(path) {
        Ok(meta) if !meta.file_type().is_socket() => return Err(ServerError::NotASocket(path.to_owned())),
        // Nobody answers on what a killed daemon left; the rename below replaces it.
        Ok(_) => match StdUnixStream::connect(path) {
            Ok(_) => return Err(ServerError::Taken(path.to_owned())),
            Err(e) if e.kind() == io::ErrorKind::ConnectionRefused => {}
            Err(e) => return Err(failed(e)),
        },
        Err(e) if e.kind() == io::ErrorKind::NotFound => {}
        Err(e) => return Err(failed(e)),
    }
    let new = path.with_file_name("socket.new");
    match std::fs::remove_file(&new) {
        Ok(()) => {}
        Err(e) if e.kind() == io::ErrorKind::NotFound => {}
        Err(e) => return Err(failed(e)),
    }
    let listener = UnixListener::bind(&new).map_err(failed)?;
    std::fs::set_permissions(&new, std::fs::Permissions::from_mode(0o600)).map_err(failed)?;
    std::fs::rename(&new, path).map_err(failed)?;
    Ok(listener)
}

async fn accept(
    listener: UnixListener,
    hub: &Arc<Hub>,
    commands: &Arc<dyn CommandLine>,
    mut begun: watch::Receiver<bool>,
    mut stop: watch::Receiver<bool>,
) {
    tokio::select! {
        begun = begun.wait_for(|begun| *begun) => if begun.is_err() { return },
        _ = stop.changed() => return,
    }
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) if connections.len() < CONNECTION_LIMIT => {
                    connections.spawn(connection::serve(stream, Arc::clone(hub), Arc::clone(commands), stop.clone()));
                }
                Ok((stream, _)) => connection::turn_away(&stream),
                Err(error) => {
                    // Out of descriptors, most likely: the connection waits, and so do we.
                    tracing::warn!(%error, "the local socket accepts nobody for now");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            },
            _ = stop.changed() => break,
        }
    }
    drop(listener);
    let ended = tokio::time::timeout(STOP_GRACE, async { while connections.join_next().await.is_some() {} }).await;
    if ended.is_err() {
        tracing::warn!(left = connections.len(), "clients of the feed did not take their goodbye");
    }
}
