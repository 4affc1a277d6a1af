//! `capledger serve`: the controller, until it is told to stop.
//!
//! SIGINT and SIGTERM stop it in order; a second one ends it at once, which costs nothing that was acknowledged. Facts go
//! to the ledger; what stands on standard error is the program's own diagnostics.
//! Exit codes: 0 stopped in order; 1 something ended it, or it was forced; 2 it did not start.

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use clap::{Args, ValueEnum};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing_subscriber::EnvFilter;

use crate::command::Command;
use crate::daemon::{Daemon, DaemonError, End, Options, read_config};
use crate::ios::config_file;
use crate::ios::setting::transport_word;
use crate::ledger::LedgerError;
use crate::net::control::Handle;
use crate::secrets::{Key, Vault};

const ENDED: u8 = 1;
const NOT_STARTED: u8 = 2;

/// How long a reload waits for what still uses the ledger, and how often it looks.
const LET_GO: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(100);

/// `capledger serve ...`
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ServeArgs {
    /// Where the ledger, the keys and the images are; made if it is missing
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
    /// The startup configuration, as `show running-config` prints it; without it the ledger's goes on
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Lets the startup configuration undo what was changed at run time and is not in it
    #[arg(long, requires = "config")]
    replace: bool,
    /// Writes the decrypted control traffic to this file, for Wireshark
    #[arg(long, value_name = "FILE.pcapng")]
    capture: Option<PathBuf>,
    /// Writes the keys of the DTLS sessions to this file (NSS form), to decrypt captures made elsewhere
    #[arg(long, value_name = "FILE")]
    dtls_keylog: Option<PathBuf>,
    /// How much the program says of itself: error, warn, info, debug, trace, or filters such as
    /// capledger::net=debug,info
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    log: String,
    /// How it says it
    #[arg(long, value_name = "FORM", value_enum, default_value_t = LogFormat::Human)]
    log_format: LogFormat,
}

const EXAMPLES: &str = "\
Examples:
  capledger serve --data-dir DIR --config startup.cfg
  capledger serve --data-dir DIR --config startup.cfg --replace --capture control.pcapng --log debug

A startup configuration in five lines:
  hostname 9120-EWC
  capwap listen 192.0.2.1
  logging host 192.0.2.9
  ap image local ap1g8 images/ap1g8
  software version 17.9.4.27

Exits with 0 after SIGINT or SIGTERM, with 1 if something else ended it or it was forced, or with 2 if it did
not start.";

/// The form of the diagnostics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum LogFormat {
    /// Lines for people
    Human,
    /// JSON, an object per line
    Json,
}

/// Serves until it is stopped.
pub fn run(args: &ServeArgs) -> ExitCode {
    let (daemon, target) = match start(args) {
        Ok(started) => started,
        Err(words) => {
            eprintln!("capledger: {words}");
            return ExitCode::from(NOT_STARTED);
        }
    };
    match serve(args, daemon, &target) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("capledger: {why}");
            ExitCode::from(ENDED)
        }
    }
}

/// Waits for the controller's end, and begins anew after a `reload`.
fn serve(args: &ServeArgs, mut daemon: Daemon, target: &Target) -> Result<(), String> {
    loop {
        // Nobody may be there to read it.
        let _ = io::stdout().write_all(greeting(&args.data_dir, &daemon).as_bytes());
        let discard = match daemon.wait()? {
            End::Stopped => return Ok(()),
            // Whoever wants it to stop wants it not to come back.
            End::Reload { .. } if target.is_told() => return Ok(()),
            End::Reload { discard } => discard,
        };
        tracing::info!(discard, "reloading");
        let options = Options { replace: discard, reloads: true, ..options(args)? };
        let mut waited = Duration::ZERO;
        daemon = loop {
            match Daemon::start(&options) {
                Ok(daemon) => break daemon,
                // A command that still ran when its session ended lets go of the ledger in a moment.
                Err(DaemonError::Ledger(LedgerError::Busy { .. })) if waited < LET_GO => {
                    std::thread::sleep(LOOK);
                    waited += LOOK;
                }
                Err(e) => return Err(format!("reload: {e}")),
            }
        };
        target.set(daemon.handle().clone());
    }
}

fn start(args: &ServeArgs) -> Result<(Daemon, Arc<Target>), String> {
    diagnostics(&args.log, args.log_format)?;
    let options = options(args)?;
    // Taken before anything is opened, so that a signal which comes early stops in order too.
    let signals = Signals::new().map_err(|e| format!("cannot take signals: {e}"))?;
    let daemon = Daemon::start(&options).map_err(|e| e.to_string())?;
    let target = Arc::new(Target::default());
    target.set(daemon.handle().clone());
    signals.stop(Arc::clone(&target)).map_err(|e| format!("cannot take signals: {e}"))?;
    Ok((daemon, target))
}

/// What the arguments and the startup configuration say, as it is now.
fn options(args: &ServeArgs) -> Result<Options, String> {
    let file = args.config.as_deref().map(|path| read(path, &args.data_dir)).transpose()?;
    let (config, secrets) = file.map(|file| (file.config(), file.secrets)).unzip();
    Ok(Options {
        data_dir: args.data_dir.clone(),
        config,
        config_file: args.config.clone(),
        secrets: secrets.unwrap_or_default(),
        replace: args.replace,
        reloads: false,
        capture: args.capture.clone(),
        key_log: args.dtls_keylog.clone(),
    })
}

fn diagnostics(level: &str, format: LogFormat) -> Result<(), String> {
    let filter = EnvFilter::builder()
        .parse(level)
        .map_err(|e| format!("--log {level}: {e}; write error, warn, info, debug or trace, or filters"))?;
    // At their lower levels these libraries print what they send, passwords too.
    let filter = ["russh", "russh_sftp", "hyper"].iter().fold(filter, |filter, library| {
        let directive = format!("{library}=info").parse().expect("a library and a level are a directive");
        filter.add_directive(directive)
    });
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    let set = match format {
        LogFormat::Human => lines.with_ansi(io::stderr().is_terminal()).try_init(),
        LogFormat::Json => lines.json().try_init(),
    };
    set.map_err(|e| format!("cannot set up the diagnostics: {e}"))
}

/// Reads the startup configuration; secrets in it are sealed with the data directory's key.
fn read(path: &Path, data_dir: &Path) -> Result<config_file::File, String> {
    if !data_dir.exists() {
        // A wrong line is told before anything is made.
        let vault = Vault::in_memory(Key::new(&[0; 32]).map_err(|e| e.to_string())?);
        read_config(path, &vault)?;
    }
    let vault = Vault::open(data_dir).map_err(|e| e.to_string())?;
    read_config(path, &vault)
}

/// What an operator needs to know first.
fn greeting(dir: &Path, daemon: &Daemon) -> String {
    let state = daemon.hub().state();
    let mut text = format!("Capledger {} is {}\n", env!("CARGO_PKG_VERSION"), state.config.hostname);
    for at in daemon.listening() {
        let _ = writeln!(text, "  CAPWAP on {at} (control) and {} (data)", at.port().saturating_add(1));
    }
    let access = &state.config.access;
    if let Some(user) = access.users.keys().next() {
        let host = access.listen.map_or_else(|| "HOST".to_owned(), |address| address.to_string());
        let _ = writeln!(text, "  SSH on port {}: ssh -p {} {user}@{host}", access.port, access.port);
    }
    for host in state.config.logging.hosts.keys() {
        let _ = writeln!(text, "  syslog to {} by {}", host.address, transport_word(host.transport).to_uppercase());
    }
    let dir = dir.display();
    let _ = write!(
        text,
        "  look at it:  capledger top --data-dir {dir}\n  command it:  capledger exec --data-dir {dir} \"show ap \
         image\"\n  stop it:     Ctrl-C\n"
    );
    text
}

/// SIGINT and SIGTERM, taken from their default of ending the program.
struct Signals {
    runtime: tokio::runtime::Runtime,
    int: Signal,
    term: Signal,
}

impl Signals {
    fn new() -> io::Result<Signals> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (int, term) = {
            let _inside = runtime.enter();
            (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?)
        };
        Ok(Signals { runtime, int, term })
    }

    /// From now on the first stops the controller and the second ends the program.
    fn stop(mut self, target: Arc<Target>) -> io::Result<()> {
        std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
            let reason = self.next();
            tracing::info!(reason, "stopping; a second signal ends it at once");
            target.stop(reason);
            let reason = self.next();
            tracing::warn!(reason, "ending at once");
            std::process::exit(i32::from(ENDED));
        })?;
        Ok(())
    }

    fn next(&mut self) -> &'static str {
        let (int, term) = (&mut self.int, &mut self.term);
        self.runtime.block_on(async {
            tokio::select! {
                _ = int.recv() => "SIGINT",
                _ = term.recv() => "SIGTERM",
            }
        })
    }
}

/// The controller that a signal stops: after a `reload` it is another one.
#[derive(Default)]
struct Target(Mutex<Aim>);

#[derive(Default)]
struct Aim {
    handle: Option<Handle>,
    /// The signal that came.
    told: Option<&'static str>,
}

impl Target {
    fn aim(&self) -> MutexGuard<'_, Aim> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A signal stops this controller from now on, and one that has come already.
    fn set(&self, handle: Handle) {
        let mut aim = self.aim();
        if let Some(reason) = aim.told {
            stop(handle.clone(), reason);
        }
        aim.handle = Some(handle);
    }

    fn stop(&self, reason: &'static str) {
        let mut aim = self.aim();
        aim.told = Some(reason);
        if let Some(handle) = aim.handle.clone() {
            stop(handle, reason);
        }
    }

    fn is_told(&self) -> bool {
        self.aim().told.is_some()
    }
}

/// Has a controller stop, in a thread of its own: it waits for what a second signal must not wait for.
fn stop(handle: Handle, reason: &'static str) {
    let command = Command::Stop { reason: reason.to_owned() };
    let stopping = std::thread::Builder::new().name("stop".to_owned()).spawn(move || {
        // A refusal says that it stops already.
        let _ = handle.command(command, "system", "console");
    });
    if let Err(error) = stopping {
        tracing::error!(%error, "cannot stop in order");
    }
}
