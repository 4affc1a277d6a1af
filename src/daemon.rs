//! The daemon: the ledger, the core's thread, the hub and the local socket, put together in one process.
//!
//! It reads the ledger, folds it, appends what the startup configuration changes, and listens. Everything that it knows
//! afterwards is in the ledger; everything that is shown comes out of the hub.

mod command_line;
mod config;
pub(crate) mod history;
mod start;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use capledger_schema::project::Config;
use capledger_schema::setting::Setting;

use crate::command::{Command, RELOAD};
use crate::ledger::LedgerError;
use crate::net::control::{Handle, StartError};
use crate::net::feed::{CommandLine, Server, ServerError};
use crate::net::hub::Hub;
use crate::net::pki::PkiError;
use crate::net::ssh::{self, SshError};
use crate::net::udp::UdpError;
use crate::secrets::{Sealed, SecretError, Vault};
use crate::syslog::Log;
use crate::syslog::collector::{CollectorError, Collectors};

pub use config::read_config;

/// How a daemon is started.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Where the ledger, the keys and the images are.
    pub data_dir: PathBuf,
    /// The startup configuration; none: the ledger's.
    pub config: Option<Config>,
    /// The file that it was read from, where `write memory` saves it; none: `startup-config` in the data directory, which
    /// is a copy for people and other controllers.
    pub config_file: Option<PathBuf>,
    /// The secrets that the startup configuration names.
    pub secrets: Vec<Sealed>,
    /// Whether the startup configuration (without one: what was saved last) wins over runtime changes that were not saved.
    pub replace: bool,
    /// Whether it starts again in the same process, so that a capture goes on where it was.
    pub reloads: bool,
    /// Where decrypted control traffic is written.
    pub capture: Option<PathBuf>,
    /// Where the DTLS sessions' keys are written, in NSS form.
    pub key_log: Option<PathBuf>,
}

/// Why a daemon did not start. Nothing was appended to the ledger.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The ledger could not be read.
    #[error("the ledger in {} cannot be read: {source}; see `capledger audit verify --data-dir {}`", dir.display(), dir.display())]
    Read {
        /// The data directory.
        dir: PathBuf,
        /// What is wrong.
        source: std::io::Error,
    },
    /// The startup configuration would undo changes made at run time.
    #[error(
        "the startup configuration differs from the running one, which was changed at run time ({} setting(s) would \
         be lost); start without --config and put what `show running-config` prints into the file, or start with \
         --replace",
        .0.len()
    )]
    Unsaved(Vec<Setting>),
    /// The cache of images.
    #[error(transparent)]
    Images(#[from] crate::image::cache::ImageError),
    /// The keys.
    #[error(transparent)]
    Pki(#[from] PkiError),
    /// The secrets of the configuration.
    #[error(transparent)]
    Secrets(#[from] SecretError),
    /// A port.
    #[error(transparent)]
    Udp(#[from] UdpError),
    /// The local socket.
    #[error(transparent)]
    Feed(#[from] ServerError),
    /// The SSH server.
    #[error(transparent)]
    Ssh(#[from] SshError),
    /// The syslog senders.
    #[error(transparent)]
    Collectors(#[from] CollectorError),
    /// The control thread.
    #[error(transparent)]
    Control(#[from] StartError),
    /// Anything else that the system refused.
    #[error("cannot {what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// Why it did not work.
        source: std::io::Error,
    },
}

/// How a daemon ended, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It was told to stop.
    Stopped,
    /// It is to be started again: `reload`.
    Reload {
        /// Whether the operator gave up what was changed and not saved.
        discard: bool,
    },
}

/// A daemon that runs.
pub struct Daemon {
    hub: Arc<Hub>,
    log: Arc<Mutex<Log>>,
    handle: Handle,
    vault: Arc<Vault>,
    operators: Arc<command_line::Operators>,
    startup: Arc<command_line::Startup>,
    listening: Vec<SocketAddr>,
    control: JoinHandle<Result<(), String>>,
    feed: Server,
    ssh: ssh::Server,
    collectors: Collectors,
}

impl Daemon {
    /// Starts a daemon.
    ///
    /// # Errors
    /// [`DaemonError`], before anything is appended to the ledger.
    pub fn start(options: &Options) -> Result<Daemon, DaemonError> {
        start::start(options)
    }

    /// Where durable envelopes come out.
    pub fn hub(&self) -> &Arc<Hub> {
        &self.hub
    }

    /// The log, as `show logging` has it.
    pub fn log(&self) -> &Arc<Mutex<Log>> {
        &self.log
    }

    /// The way into the core.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// The command line, as operators have it.
    pub fn command_line(&self) -> &dyn CommandLine {
        &*self.operators
    }

    /// The secrets of the configuration.
    pub fn vault(&self) -> &Arc<Vault> {
        &self.vault
    }

    /// The control ports that it listens on.
    pub fn listening(&self) -> &[SocketAddr] {
        &self.listening
    }

    /// Where SSH is served, while it is.
    pub fn ssh_listening(&self) -> Option<SocketAddr> {
        self.ssh.listening()
    }

    /// Whether it runs on.
    pub fn is_running(&self) -> bool {
        !self.control.is_finished()
    }

    /// Stops in order: the WTPs are told, the ledger is closed, what collectors are owed is sent.
    ///
    /// # Errors
    /// What ended the control thread before it was asked to.
    pub fn stop(self, reason: &str) -> Result<(), String> {
        // A refusal says that it stops already.
        let _ = self.handle.command(Command::Stop { reason: reason.to_owned() }, "system", "console");
        self.wait().map(drop)
    }

    /// Waits until it ends: through a signal, `reload`, or by itself.
    ///
    /// # Errors
    /// What ended the control thread.
    pub fn wait(self) -> Result<End, String> {
        let ended = self.control.join().unwrap_or_else(|_| Err("the control thread panicked".to_owned()));
        drop(self.collectors);
        drop(self.feed);
        drop(self.ssh);
        ended?;
        let reloads = self.hub.state().controller.stopped_for.as_deref() == Some(RELOAD);
        Ok(if reloads { End::Reload { discard: self.startup.discards() } } else { End::Stopped })
    }
}
