//! The control thread: it owns the CAPWAP sockets, the DTLS sessions and the core, and all else reaches it by a channel.
//!
//! One owner, one loop: datagrams in, [`Ac::handle`], envelopes to the ledger, effects out once they may leave. It waits
//! for no disk: what is durable is told by the ledger's thread through [`Handle::durable`].

mod dtls;
mod images;
mod work;

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use capledger_schema::Event;
use capledger_schema::id::Seq;
use capledger_schema::time::Monotonic;

use super::capture::Capture;
use super::clock::Clock;
use super::dtls::{CookieSecrets, DtlsError};
use super::peers::{Ended, Limit, PeerEvent, PeerTable};
use super::pki::Pki;
use super::trace::Trace;
use super::udp::{self, Binding};
use super::wake::{Poller, Waker};
use crate::ac::{Ac, Accepted, CloseReason, Effect, Input, Mark, Outbox, Peer, Step, Ticket};
use crate::command::{Command, Refusal};
use crate::image::cache::ImageCache;
use crate::ledger::writer::Writer;
use crate::secrets::Vault;
use crate::serve::Servers;
use dtls::{limits, server_context};
use images::Images;
use work::Fetches;

/// How often the loop looks again before it sleeps. A WTP that is sent an image waits for every block: waking this
/// thread each time would cost most of the transfer.
const SPIN: u32 = 400;

/// What the control thread is told.
pub(super) enum Word {
    /// For the core.
    Input(Box<Input>),
    /// A command, and who waits for its reply.
    Command { command: Command, user: String, from: String, reply: SyncSender<Result<Accepted, Refusal>> },
    /// A cached image was verified, or not.
    Opened(images::Opened),
    /// The ledger failed: nothing can be promised any more.
    LedgerFailed(String),
}

/// Every other thread's way in.
#[derive(Clone)]
pub struct Handle {
    words: Sender<Word>,
    waker: Waker,
    durable: Arc<AtomicU64>,
}

impl Handle {
    /// Hands the core an input.
    pub fn input(&self, input: Input) {
        self.tell(Word::Input(Box::new(input)));
    }

    /// Has the core decide a command, and waits until what follows from it is durable.
    ///
    /// # Errors
    /// The core's refusal; [`Refusal::Stopping`] if the control thread is gone.
    pub fn command(&self, command: Command, user: &str, from: &str) -> Result<Accepted, Refusal> {
        let (reply, answer) = std::sync::mpsc::sync_channel(1);
        self.tell(Word::Command { command, user: user.to_owned(), from: from.to_owned(), reply });
        answer.recv().unwrap_or(Err(Refusal::Stopping))
    }

    /// The ledger is durable up to `seq`.
    pub fn durable(&self, seq: Seq) {
        self.durable.fetch_max(seq.0, Ordering::AcqRel);
        self.waker.wake();
    }

    /// The ledger failed.
    pub fn ledger_failed(&self, words: String) {
        self.tell(Word::LedgerFailed(words));
    }

    pub(super) fn tell(&self, word: Word) {
        // A control thread that is gone needs to be told nothing.
        let _ = self.words.send(word);
        self.waker.wake();
    }
}

/// Both ends of the way in, made before anything else so that the ledger's thread can have one.
pub struct Channel {
    handle: Handle,
    words: Receiver<Word>,
    poller: Poller,
}

impl Channel {
    /// A channel whose loop does not run yet.
    pub fn new(durable: Seq) -> std::io::Result<Self> {
        let (tx, words) = channel();
        let poller = Poller::new(SPIN)?;
        let durable = Arc::new(AtomicU64::new(durable.0));
        Ok(Channel { handle: Handle { words: tx, waker: poller.waker(), durable }, words, poller })
    }

    /// The way in.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }
}

/// What the control thread owns.
pub struct Parts {
    /// The core.
    pub ac: Ac,
    /// The control port.
    pub control: Binding,
    /// The data port.
    pub data: Binding,
    /// The controller's keys.
    pub pki: Arc<Pki>,
    /// An unpredictable seed for the DTLS cookies.
    pub cookie_seed: [u8; 32],
    /// The secrets of the configuration.
    pub vault: Arc<Vault>,
    /// NSS key log, if one is wanted.
    pub key_log: Option<std::path::PathBuf>,
    /// Where images are kept.
    pub cache: ImageCache,
    /// The data directory, for the host key of the embedded SFTP server.
    pub data_dir: std::path::PathBuf,
    /// The ledger.
    pub writer: Writer,
    /// Where decrypted control traffic is written, if that is wanted.
    pub capture: Option<Capture>,
    /// Where messages are shown to whoever debugs.
    pub trace: Arc<Trace>,
    /// The clocks.
    pub clock: Clock,
    /// The first input.
    pub start: Input,
}

/// Starts the control thread. It ends after [`Command::Stop`], or when the ledger fails; its result says which.
///
/// # Errors
/// DTLS settings that OpenSSL refuses.
pub fn start(channel: Channel, parts: Parts) -> Result<JoinHandle<Result<(), String>>, StartError> {
    let config = parts.ac.state().config.clone();
    let secrets = CookieSecrets::new(parts.cookie_seed, parts.clock.instant(parts.clock.now().mono));
    let server = server_context(&config, &parts.pki, secrets.clone(), parts.key_log.as_deref(), &parts.vault)?;
    let tell = channel.handle();
    let tell = move |news| tell.input(Input::Serve(news));
    let servers = Servers::new(&parts.data_dir, Arc::clone(&parts.vault), tell).map_err(StartError::Thread)?;
    std::thread::Builder::new()
        .name("control".to_owned())
        .spawn(move || {
            let (control_in, ctl_out) = parts.control.open();
            let (data_in, data_out) = parts.data.open();
            let handle = channel.handle();
            let control = Control {
                outbox: Outbox::new(parts.ac.state().seq),
                ac: parts.ac,
                table: PeerTable::new(server, limits(&config)),
                ctl_out,
                data_out,
                images: Images::new(parts.cache.clone(), handle.clone()),
                fetches: Fetches::new(parts.cache, handle.clone(), Arc::clone(&parts.vault)),
                servers,
                writer: parts.writer,
                capture: parts.capture,
                trace: parts.trace,
                clock: parts.clock,
                pki: parts.pki,
                vault: parts.vault,
                secrets,
                key_log: parts.key_log,
                tickets: BTreeMap::new(),
                next_ticket: 0,
                inputs: VecDeque::from([parts.start]),
                ready: Vec::new(),
                plain: Vec::new(),
                failed: None,
                stopping: false,
            };
            control.run(channel, control_in, data_in)
        })
        .map_err(StartError::Thread)
}

/// Why the control thread did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// OpenSSL refused a setting.
    #[error(transparent)]
    Dtls(#[from] DtlsError),
    /// The system refused a thread.
    #[error("cannot start a thread: {0}")]
    Thread(std::io::Error),
}

struct Control {
    ac: Ac,
    outbox: Outbox,
    table: PeerTable,
    ctl_out: udp::Sender,
    data_out: udp::Sender,
    images: Images,
    fetches: Fetches,
    servers: Servers,
    writer: Writer,
    capture: Option<Capture>,
    trace: Arc<Trace>,
    clock: Clock,
    pki: Arc<Pki>,
    vault: Arc<Vault>,
    secrets: CookieSecrets,
    key_log: Option<std::path::PathBuf>,
    tickets: BTreeMap<Ticket, SyncSender<Result<Accepted, Refusal>>>,
    next_ticket: u64,
    inputs: VecDeque<Input>,
    ready: Vec<Effect>,
    plain: Vec<u8>,
    failed: Option<String>,
    stopping: bool,
}

impl Control {
    fn run(
        mut self,
        mut channel: Channel,
        mut control_in: udp::Receiver,
        mut data_in: udp::Receiver,
    ) -> Result<(), String> {
        loop {
            let now = self.clock.now().mono;
            let instant = self.clock.instant(now);
            let mut arrived = Vec::new();
            let table = &mut self.table;
            let heard = control_in.receive(|a| table.receive(a.from, a.local, a.octets, instant));
            let data = data_in.receive(|a| arrived.push((a.from, a.local, a.octets.to_vec())));
            let mut busy = count(heard, "control")? + count(data, "data")? > 0;
            self.inputs.extend(arrived.into_iter().map(|(from, local, bytes)| Input::Data { from, local, bytes }));
            self.table.handle_timeouts(instant);
            while let Ok(word) = channel.words.try_recv() {
                busy = true;
                self.take(word);
            }
            let durable = Seq(channel.handle.durable.load(Ordering::Acquire));
            self.outbox.durable(durable, &mut self.ready);
            if self.ac.deadline().is_some_and(|due| due <= now) {
                self.inputs.push_back(Input::Tick);
            }
            busy |= self.work();
            if let Some(words) = self.failed.take() {
                return Err(words);
            }
            if self.stopping && self.outbox.is_empty() {
                self.finish();
                return Ok(());
            }
            let timeout = self.sleep(now);
            let sources = self.ctl_out.sources().chain(self.data_out.sources());
            channel.poller.pass(busy, sources, timeout).map_err(|e| format!("poll: {e}"))?;
        }
    }

    /// Until when nothing is due.
    fn sleep(&self, now: Monotonic) -> Option<Duration> {
        let table = self.table.deadline().map(|at| self.clock.mono(at));
        let due = [self.ac.deadline(), table].into_iter().flatten().min()?;
        // A microsecond more than asked for, so that rounding never makes the loop turn for nothing.
        Some(due.since(now) + Duration::from_micros(1))
    }

    fn take(&mut self, word: Word) {
        match word {
            Word::Input(input) => self.inputs.push_back(*input),
            Word::Command { command, user, from, reply } => {
                self.next_ticket += 1;
                let ticket = Ticket(self.next_ticket);
                self.tickets.insert(ticket, reply);
                self.stopping |= matches!(command, Command::Stop { .. });
                self.inputs.push_back(Input::Command { command, user, from, ticket });
            }
            Word::Opened(opened) => {
                let input = self.images.take(opened);
                self.inputs.push_back(input);
            }
            Word::LedgerFailed(words) => self.failed = Some(words),
        }
    }

    /// Works off what is at hand: inputs lead to effects, and effects that were sent to inputs.
    fn work(&mut self) -> bool {
        let mut worked = false;
        loop {
            while let Some(event) = self.table.poll_event() {
                let input = self.input_of(event);
                self.inputs.push_back(input);
            }
            let Some(input) = self.inputs.pop_front() else {
                if self.ready.is_empty() {
                    break;
                }
                self.perform_ready();
                continue;
            };
            worked = true;
            let step = self.ac.handle(self.clock.now(), input);
            self.follow(step);
            self.perform_ready();
        }
        while let Some(t) = self.table.poll_transmit() {
            self.ctl_out.send(t.to, t.local, t.octets);
        }
        self.ctl_out.flush();
        self.data_out.flush();
        worked
    }

    fn follow(&mut self, step: Step) {
        let reconfigured = step.envelopes.iter().any(|e| matches!(e.event, Event::ConfigurationChanged { .. }));
        if !step.envelopes.is_empty()
            && let Err(e) = self.writer.append(step.envelopes)
        {
            // The ledger's own message, which says why, is on its way; this one is for the case that it is not.
            self.failed.get_or_insert(e.to_string());
        }
        self.outbox.push(step.effects, &mut self.ready);
        if reconfigured {
            self.reconfigure();
        }
    }

    /// New handshakes follow the new settings; sessions stay as they are.
    fn reconfigure(&mut self) {
        let config = &self.ac.state().config;
        match server_context(config, &self.pki, self.secrets.clone(), self.key_log.as_deref(), &self.vault) {
            Ok(server) => self.table.reconfigure(server, limits(config)),
            Err(e) => tracing::error!("the DTLS settings stay as they were: {e}"),
        }
    }

    fn input_of(&mut self, event: PeerEvent) -> Input {
        match event {
            PeerEvent::Clear { from, local, bytes } => {
                self.tap(from, false, &bytes);
                self.record(from, local, &bytes);
                Input::Clear { from, local, bytes }
            }
            PeerEvent::Connected { peer, local, identity } => {
                tracing::debug!(%peer, protocol = ?self.table.protocol(peer), "DTLS session is up");
                Input::Connected { peer, local, identity }
            }
            PeerEvent::Message { peer, bytes } => {
                self.tap(peer.addr, false, &bytes);
                if self.capture.is_some()
                    && let Some(local) = self.table.local(peer)
                {
                    self.record(peer.addr, local, &bytes);
                }
                Input::Message { peer, bytes }
            }
            PeerEvent::Closed { peer, why } => {
                let why = match why {
                    Ended::ByPeer => CloseReason::ByPeer,
                    Ended::Replaced => CloseReason::Replaced,
                    Ended::Failed(words) => {
                        tracing::info!(%peer, words, "DTLS session failed");
                        CloseReason::Error
                    }
                };
                Input::Closed { peer, why }
            }
            PeerEvent::HandshakeFailed { from, words } => Input::HandshakeFailed { from, words },
            PeerEvent::LimitReached { limit, value } => {
                let limit = match limit {
                    Limit::HalfOpen => "ap dtls max-half-open",
                    Limit::Sessions => "capwap max-sessions",
                };
                Input::LimitReached { limit, value: value as u64 }
            }
        }
    }

    fn perform_ready(&mut self) {
        let mut ready = std::mem::take(&mut self.ready);
        for effect in ready.drain(..) {
            self.perform(effect);
        }
        // Nothing above adds to `ready`; keep its buffer.
        self.ready = ready;
    }

    fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Send { peer, bytes, mark } => {
                if self.send(peer, &bytes, mark) {
                    self.tap(peer.addr, true, &bytes);
                }
            }
            Effect::SendBlock { peer, prefix, image, offset, len, mark } => {
                let mut plain = std::mem::take(&mut self.plain);
                plain.clear();
                plain.extend_from_slice(&prefix);
                plain.resize(prefix.len() + usize::from(len), 0);
                match self.images.read(image, offset, &mut plain[prefix.len()..]) {
                    Ok(()) => {
                        if self.send(peer, &plain, mark) && self.trace.is_on() {
                            self.trace.block(self.clock.now().wall, peer.addr, len);
                        }
                    }
                    Err(words) => self.inputs.push_back(Input::Damaged { sha256: image, words }),
                }
                self.plain = plain;
            }
            Effect::SendClear { to, local, bytes } => {
                self.tap(to, true, &bytes);
                self.record(local, to, &bytes);
                self.ctl_out.send(to, local, bytes.to_vec());
            }
            Effect::SendData { to, local, bytes } => self.data_out.send(to, local, bytes.to_vec()),
            Effect::Close { peer } => self.table.close(peer),
            Effect::StartFetch(order) => self.fetches.start(*order),
            Effect::CancelFetch { operation } => self.fetches.cancel(operation),
            Effect::AskDisk => self.fetches.ask_disk(),
            Effect::Load { image } => self.images.open(image),
            Effect::Remove { sha256 } => self.images.remove(sha256),
            Effect::ServeImages(serve) => self.servers.follow(serve),
            Effect::Reply { ticket, result } => {
                if let Some(reply) = self.tickets.remove(&ticket) {
                    // Who asked may have left.
                    let _ = reply.send(result);
                }
            }
        }
    }

    /// Whether it was sent.
    fn send(&mut self, peer: Peer, plain: &[u8], mark: Mark) -> bool {
        let mut datagram = self.ctl_out.buffer();
        match self.table.seal(peer, plain, &mut datagram) {
            Ok(local) => {
                self.record(local, peer.addr, plain);
                self.ctl_out.send(peer.addr, local, datagram);
                if mark != Mark::None {
                    self.inputs.push_back(Input::Sent { peer, mark });
                }
                true
            }
            Err(e) => {
                // The end of its session is reported in its own place.
                tracing::debug!("not sent: {e}");
                false
            }
        }
    }

    /// Shows a packet in clear to whoever debugs.
    fn tap(&self, peer: SocketAddr, sent: bool, packet: &[u8]) {
        if self.trace.is_on() {
            self.trace.packet(self.clock.now().wall, peer, sent, packet);
        }
    }

    fn record(&mut self, from: SocketAddr, to: SocketAddr, bytes: &[u8]) {
        let Some(capture) = &mut self.capture else { return };
        if let Err(e) = capture.packet(self.clock.now().wall, from, to, bytes) {
            tracing::error!("the capture ends here: {e}");
            self.capture = None;
        }
    }

    /// Says goodbye to every WTP and waits for the ledger.
    fn finish(mut self) {
        self.fetches.cancel_all();
        self.table.close_all();
        while let Some(t) = self.table.poll_transmit() {
            self.ctl_out.send(t.to, t.local, t.octets);
        }
        self.ctl_out.flush();
        self.writer.finish();
    }
}

fn count(received: std::io::Result<usize>, port: &str) -> Result<usize, String> {
    received.map_err(|e| format!("the {port} port cannot be read: {e}"))
}
