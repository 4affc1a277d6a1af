//! Starting: open, fold, check, bind; append only when nothing can fail any more.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex};

use capledger_schema::id::Seq;
use capledger_schema::project::{Projection, State};
use capledger_schema::setting::Setting;
use tokio::sync::watch;

use super::command_line::{Operators, Startup, startup_name};
use super::{Daemon, DaemonError, Options};
use crate::ac::{Ac, Input, Seed};
use crate::image::cache::{ImageCache, Reconciled};
use crate::ledger::writer::{Writer, Written};
use crate::ledger::{History, Reader, Store};
use crate::net::capture::Capture;
use crate::net::clock::Clock;
use crate::net::control::{self, Channel, Parts};
use crate::net::feed::{CommandLine, Server};
use crate::net::hub::Hub;
use crate::net::pki::Pki;
use crate::net::ssh;
use crate::net::udp::{Binding, UdpConfig};
use crate::secrets::Vault;
use crate::secrets::vault::Eraser;
use crate::syslog::Log;
use crate::syslog::collector::Collectors;

/// Lines that `show logging` keeps.
const LOG_LINES: usize = 4096;

pub(super) fn start(options: &Options) -> Result<Daemon, DaemonError> {
    let dir = &options.data_dir;
    let store = Store::open(dir)?;
    let reader = store.reader();
    let (state, log) = fold(&reader, dir)?;
    let (changes, adopted) = startup_changes(&state, options)?;
    let mut configured = state.config.clone();
    for change in &changes {
        configured.set(change);
    }
    let cache = ImageCache::open(dir)?;
    let known: Vec<_> = state.installs.catalogue.values().map(|e| e.image.clone()).collect();
    let Reconciled { missing, orphans } = cache.reconcile(&known)?;
    for orphan in orphans {
        // A crash came between the image and its event: nobody knows of it, so it is fetched anew when it is needed.
        cache.remove(orphan)?;
    }
    let vault = Arc::new(Vault::open(dir)?);
    let kept = vault.keep(&options.secrets)?;
    let clock = Clock::new();
    let pki = Arc::new(load_keys(dir, &configured.hostname)?);
    let capture = options.capture.as_deref().map(|path| create_capture(path, options.reloads)).transpose()?;
    let listen = configured.capwap.listening();
    let control = Binding::new(&listen, &UdpConfig { discovery_groups: true, ..UdpConfig::default() })?;
    let listening = control.local_addrs();
    let data = Binding::new(&data_ports(&listening), &UdpConfig::default())?;

    let hub = Arc::new(Hub::new(state.clone(), Arc::new(reread(store.reader()))));
    let lines = log.lines();
    let log = Arc::new(Mutex::new(log));
    hub.attach(Arc::clone(&log));
    let eraser = Eraser::new(Arc::clone(&vault), &state)?;
    hub.attach(Arc::new(Mutex::new(eraser)));
    let channel = Channel::new(state.seq).map_err(|source| io("make a wake-up", source))?;
    let handle = channel.handle();
    let (first, started) = sync_channel(1);
    let writer = writer(store, Arc::clone(&hub), handle.clone(), first)?;
    let startup = Arc::new(Startup::new(dir, options.config_file.as_deref()));
    let operators = Operators {
        hub: Arc::clone(&hub),
        log: Arc::clone(&log),
        handle: handle.clone(),
        vault: Arc::clone(&vault),
        startup: Arc::clone(&startup),
        reader,
        clock,
    };
    let operators = Arc::new(operators);
    let (begin, begun) = watch::channel(false);
    let commands = Arc::clone(&operators) as Arc<dyn CommandLine>;
    let feed = Server::start(dir, Arc::clone(&hub), Arc::clone(&commands), begun.clone())?;
    // The host key is made here, before the image servers look for it.
    let ssh = ssh::Server::start(dir, Arc::clone(&hub), Arc::clone(&vault), handle.clone(), commands, begun)?;
    let core = handle.clone();
    let tell = Box::new(move |host, failure| core.input(Input::Collector { host, failure }));
    let collectors = Collectors::start(dir, Arc::clone(&hub), lines, tell)?;
    let parts = Parts {
        ac: Ac::new(Seed(u64::from_be_bytes(entropy()?)), state),
        control,
        data,
        pki,
        vault: Arc::clone(&vault),
        cookie_seed: entropy()?,
        key_log: options.key_log.clone(),
        cache,
        data_dir: dir.clone(),
        writer,
        capture,
        trace: Arc::clone(hub.trace()),
        clock,
        start: Input::Start { software: env!("CARGO_PKG_VERSION").to_owned(), changes, adopted, missing },
    };
    let control = control::start(channel, parts)?;
    // The start is a fact like any other: nobody is told of it before it is durable.
    if started.recv().is_err() {
        let why = control.join().unwrap_or_else(|_| Err("the control thread panicked".to_owned()));
        return Err(io("record the start", std::io::Error::other(why.err().unwrap_or_default())));
    }
    drop(kept);
    begin.send_replace(true);
    Ok(Daemon { hub, log, handle, vault, operators, startup, listening, control, feed, ssh, collectors })
}

fn fold(reader: &Reader, dir: &Path) -> Result<(State, Log), DaemonError> {
    let (mut state, mut log) = (State::default(), Log::new(LOG_LINES));
    for envelope in reader.read(Seq(0)) {
        let envelope = envelope.map_err(|source| DaemonError::Read { dir: dir.to_owned(), source })?;
        state.apply(&envelope);
        log.push(&envelope);
    }
    Ok((state, log))
}

/// What the startup configuration changes, and whether the ledger is to say that it is the running one although nothing
/// changes. It never silently undoes what an operator changed at run time.
fn startup_changes(state: &State, options: &Options) -> Result<(Vec<Setting>, bool), DaemonError> {
    let saved = state.saved.as_deref();
    let Some(wanted) = options.config.as_ref().or(saved.filter(|_| options.replace).map(|saved| &saved.config)) else {
        return Ok((Vec::new(), false));
    };
    let changes = state.config.difference(wanted);
    // Saved in one file, changes are lost to a start with another.
    let here = options.config_file.as_deref().map(startup_name);
    let elsewhere = saved.and_then(|saved| saved.file.as_ref()).is_some_and(|file| here.as_ref() != Some(file));
    if (state.unsaved || elsewhere) && !changes.is_empty() && !options.replace {
        return Err(DaemonError::Unsaved(changes));
    }
    let adopted =
        changes.is_empty() && (state.unsaved || elsewhere || saved.map(|saved| &saved.config) != Some(wanted));
    Ok((changes, adopted))
}

#[expect(clippy::disallowed_methods, reason = "certificates are dated, and this is the shell that does it")]
fn load_keys(dir: &Path, hostname: &str) -> Result<Pki, DaemonError> {
    let now = std::time::SystemTime::now();
    let mut pki = Pki::load_or_create(dir, hostname, now)?;
    if pki.add_rsa(dir, now)? {
        tracing::info!("made the RSA key and certificate for access points that take no other");
    }
    Ok(pki)
}

fn create_capture(path: &Path, goes_on: bool) -> Result<Capture, DaemonError> {
    let capture = if goes_on { Capture::go_on(path) } else { Capture::create(path) };
    capture.map_err(|source| io(&format!("write the capture {}", path.display()), source))
}

/// The data channel is one port above the control channel (RFC 5415 section 3.1).
fn data_ports(control: &[SocketAddr]) -> Vec<SocketAddr> {
    control.iter().map(|a| SocketAddr::new(a.ip(), a.port().saturating_add(1))).collect()
}

fn reread(reader: Reader) -> impl Fn(Seq, usize) -> std::io::Result<Vec<capledger_schema::Envelope>> + Send + Sync {
    move |after, limit| reader.read(after).take(limit).collect()
}

/// The ledger's thread: publishes what is durable, then lets go what waited for it.
fn writer(store: Store, hub: Arc<Hub>, handle: control::Handle, first: SyncSender<()>) -> Result<Writer, DaemonError> {
    let mut first = Some(first);
    let written = move |written| match written {
        Written::Durable(batch) => {
            hub.publish(&batch);
            if let Some(last) = batch.last() {
                handle.durable(last.seq);
            }
            if let Some(first) = first.take() {
                let _ = first.send(());
            }
        }
        Written::Failed(e) => {
            drop(first.take());
            handle.ledger_failed(format!("the ledger takes no more: {e}; free the disk and start again"));
        }
    };
    Writer::start(store, written).map_err(|source| io("start the ledger's thread", source))
}

#[expect(clippy::disallowed_methods, reason = "entropy enters here, once, as seeds")]
fn entropy<const N: usize>() -> Result<[u8; N], DaemonError> {
    let mut seed = [0; N];
    openssl::rand::rand_bytes(&mut seed).map_err(|e| io("draw random octets", std::io::Error::other(e)))?;
    Ok(seed)
}

fn io(what: &str, source: std::io::Error) -> DaemonError {
    DaemonError::Io { what: what.to_owned(), source }
}
