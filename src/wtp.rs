//! The WTP's side of CAPWAP (RFC 5415): the simulated access point, without I/O.
//!
//! One [`Wtp`] is an access point with two image partitions, a console and a session with one AC: it takes inputs with
//! their time and gives effects and its next deadline. It opens no socket, reads no clock and keeps no image octets,
//! so that thousands run in one process, on virtual time in tests or on real sockets and real DTLS.

mod board;
mod config;
mod console;
mod counters;
mod download;
mod exchange;
mod flash;
mod image;
mod io;
mod message;
mod rng;
mod script;
mod serve;
mod session;
mod state;
mod timer;

use std::borrow::Cow;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use capledger_schema::image::{ImageFamily, ImageVersion};
use capledger_schema::time::{Monotonic, Now};

use crate::capwap::block;
use crate::capwap::control::Message;
use crate::capwap::element::{Element, ResultCode};
use crate::capwap::fragment::{Limits, Reassembler};
use crate::capwap::header::Header;
use crate::image::family::family_of;
pub use config::{
    BadDialect, Dialect, Digests, FlashDamage, FlashMoment, Knobs, PowerCut, Quirk, WtpConfig, WtpTimers,
};
use console::Console;
use counters::RebootRecord;
pub use counters::WtpCounters;
use download::Download;
use exchange::{Arrival, Exchange, Request};
use flash::Flash;
pub use flash::StoredImage;
pub use io::{WtpEffect, WtpInput};
use rng::Rng;
use script::Run;
use session::Candidate;
pub use state::WtpState;
use timer::{Timer, TimerTable};

/// What comes after [`WtpState::Reset`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum AfterReset {
    /// The machine restarts, for this reason.
    Reboot(&'static str),
    /// Only the session ends: the image was of no use.
    Rejoin,
}

/// An access point.
#[derive(Debug)]
pub struct Wtp {
    config: WtpConfig,
    family: Option<ImageFamily>,
    rng: Rng,
    now: Now,
    out: Vec<WtpEffect>,
    state: WtpState,
    after_reset: AfterReset,
    /// In Reset: the AC has not ended the session yet.
    session_open: bool,
    timers: TimerTable,
    flash: Flash,
    record: RebootRecord,
    counters: WtpCounters,
    console: Option<Box<Console>>,
    script: Option<Box<Run>>,

    /// Discovery Requests sent in this round.
    discoveries: u32,
    /// The best AC that answered in this round.
    candidate: Option<Candidate>,
    discovery_seq: u8,
    failed_dtls: u32,

    ac: SocketAddr,
    ac_name: String,
    session_id: [u8; 16],
    echo_interval: Duration,
    keep_alive_interval: Duration,
    exchange: Exchange,
    reassembler: Option<Box<Reassembler<()>>>,
    download: Option<Box<Download>>,
    /// A response that waits for the slow flash.
    held: Option<Bytes>,
    power_cut_done: bool,
    damage_done: bool,
    crash_log_sent: bool,
}

impl Wtp {
    /// An access point without power: [`WtpInput::PowerOn`] starts it.
    pub fn new(mut config: WtpConfig) -> Self {
        config.settle();
        Wtp {
            family: family_of(&config.model),
            rng: Rng::new(config.seed),
            now: Now::default(),
            out: Vec::new(),
            state: WtpState::Off,
            after_reset: AfterReset::Rejoin,
            session_open: false,
            timers: TimerTable::new(),
            flash: Flash::new(config.version, config.backup),
            record: RebootRecord::new(),
            counters: WtpCounters::default(),
            console: config.console.map(|dialect| Box::new(Console::new(dialect))),
            script: None,
            discoveries: 0,
            candidate: None,
            discovery_seq: 0,
            failed_dtls: 0,
            ac: config.ac,
            ac_name: String::new(),
            session_id: [0; 16],
            echo_interval: config.timers.echo_interval,
            keep_alive_interval: config.timers.retransmit_interval,
            exchange: Exchange::default(),
            reassembler: None,
            download: None,
            held: None,
            power_cut_done: false,
            damage_done: false,
            crash_log_sent: false,
            config,
        }
    }

    /// Takes an input and gives what follows from it, in order. Never fails: what makes no sense is counted.
    pub fn handle(&mut self, now: Now, input: WtpInput<'_>) -> Vec<WtpEffect> {
        let mut out = Vec::new();
        self.handle_into(now, input, &mut out);
        out
    }

    /// As [`Wtp::handle`], appending to `out`: for callers that keep the vector.
    pub fn handle_into(&mut self, now: Now, input: WtpInput<'_>, out: &mut Vec<WtpEffect>) {
        std::mem::swap(&mut self.out, out);
        self.now = now;
        match input {
            WtpInput::Clear { from, bytes } => self.on_clear(from, bytes),
            WtpInput::Connected => self.on_connected(),
            WtpInput::ConnectFailed => self.on_connect_failed(),
            WtpInput::Message { bytes } => self.on_packet(bytes),
            WtpInput::Data { bytes } => self.on_data(bytes),
            WtpInput::Closed => self.on_closed(),
            WtpInput::Event => self.on_event(),
            WtpInput::PowerCut => self.power_off(),
            WtpInput::PowerOn => self.power_on(),
            WtpInput::Tick => {}
        }
        while let Some(timer) = self.timers.pop_due(now.mono) {
            self.on_timer(timer);
        }
        std::mem::swap(&mut self.out, out);
    }

    /// When it wants to be called at the latest, with [`WtpInput::Tick`]; none while nothing runs.
    pub fn deadline(&self) -> Option<Monotonic> {
        self.timers.next()
    }

    /// Where it stands.
    pub fn state(&self) -> WtpState {
        self.state
    }

    /// As it was made, with the name, location and timers that the AC has set since.
    pub fn config(&self) -> &WtpConfig {
        &self.config
    }

    /// The image family of its model; none for a model that is not in the table. Such a WTP takes any image.
    pub fn family(&self) -> Option<&ImageFamily> {
        self.family.as_ref()
    }

    /// The version that runs.
    pub fn active_version(&self) -> ImageVersion {
        self.flash.active()
    }

    /// The version in the backup partition.
    pub fn backup_version(&self) -> Option<ImageVersion> {
        self.flash.backup()
    }

    /// The image that runs, if it was received and not there from the factory.
    pub fn active_image(&self) -> Option<&StoredImage> {
        self.flash.active_image()
    }

    /// The image in the backup partition, if it was received.
    pub fn backup_image(&self) -> Option<&StoredImage> {
        self.flash.backup_image()
    }

    /// Octets and messages of the image that is being received.
    pub fn progress(&self) -> Option<(u64, u64)> {
        self.download.as_ref().map(|d| (d.octets(), d.messages()))
    }

    /// What it has counted.
    pub fn counters(&self) -> WtpCounters {
        self.counters
    }

    /// The AC of the session, or the one to be asked first.
    pub fn ac(&self) -> SocketAddr {
        self.ac
    }

    fn on_timer(&mut self, timer: Timer) {
        match timer {
            Timer::State => self.on_state_timer(),
            Timer::Retransmit => self.retransmit(),
            Timer::Echo => self.echo_due(),
            Timer::KeepAlive => self.keep_alive_due(),
            Timer::DataDead => self.fail_session("data channel is dead"),
            Timer::ImageDataStart => self.image_data_overdue(),
            Timer::Script => self.script_step(),
            Timer::Flash => self.flash_written(),
            Timer::Event => self.event_due(),
        }
    }

    fn on_state_timer(&mut self) {
        match self.state {
            WtpState::Off => self.power_on(),
            WtpState::Booting => self.start_discovery(),
            WtpState::Discovery => self.discovery_due(),
            WtpState::Sulking => {
                self.failed_dtls = 0;
                self.start_discovery();
            }
            WtpState::Idle => self.start_discovery(),
            WtpState::DtlsSetup => {
                self.out.push(WtpEffect::Disconnect);
                self.on_connect_failed();
            }
            WtpState::Join => self.fail_session("no answer to the Join Request"),
            WtpState::Reset => self.end_reset(),
            WtpState::DtlsTeardown => self.connect(self.ac),
            // No such timer is set in these states.
            WtpState::ImageData | WtpState::Configure | WtpState::DataCheck | WtpState::Run => {}
        }
    }

    /// A control packet in clear text, from a DTLS session.
    fn on_packet(&mut self, bytes: &[u8]) {
        if !self.state.has_session() {
            return;
        }
        self.counters.received += 1;
        if let Some(block) = block::parse_image_block(bytes) {
            if self.is_new_request(block.seq) {
                self.on_image_data(block.seq, block.opcode, block.data);
            }
            return;
        }
        let whole = match Header::parse(bytes) {
            Ok((header, payload)) if header.fragment => self.reassemble(&header, payload),
            Ok((_, payload)) => Some(Cow::Borrowed(payload)),
            Err(_) => {
                self.counters.malformed += 1;
                return;
            }
        };
        let Some(whole) = whole else { return };
        match Message::parse(&whole) {
            Ok(message) => self.on_message(&message),
            Err(_) => self.counters.malformed += 1,
        }
    }

    fn reassemble<'a>(&mut self, header: &Header, payload: &'a [u8]) -> Option<Cow<'a, [u8]>> {
        let reassembler = self.reassembler.get_or_insert_with(|| Box::new(Reassembler::new(Limits::default())));
        if let Ok(whole) = reassembler.push(&(), header, payload, self.now.mono) {
            return whole;
        }
        self.counters.malformed += 1;
        None
    }

    fn on_message(&mut self, message: &Message) {
        if message.is_request() {
            if self.is_new_request(message.seq) {
                self.on_request(message);
            }
        } else {
            self.on_response(message);
        }
    }

    /// RFC 5415 4.5.3: whether a request of the AC is to be processed. A repetition is answered from memory.
    fn is_new_request(&mut self, seq: u8) -> bool {
        match self.exchange.classify(seq) {
            Arrival::New => {
                self.exchange.accept(seq);
                true
            }
            Arrival::Repeated => {
                if let Some(bytes) = self.exchange.kept() {
                    self.counters.repeated += 1;
                    self.send(bytes);
                } else {
                    // Not ready: the block is still being written, or cannot be verified yet.
                    self.nudge_for_announcement();
                }
                false
            }
            Arrival::Old => {
                self.counters.stale += 1;
                false
            }
        }
    }

    fn has(&self, quirk: Quirk) -> bool {
        self.config.knobs.quirks.contains(&quirk)
    }

    fn send(&mut self, bytes: Bytes) {
        self.counters.sent += 1;
        self.out.push(WtpEffect::Send { bytes });
    }

    /// Answers the AC's request and keeps the answer.
    fn respond(&mut self, response: &Message) {
        self.respond_with(message::packet(response));
    }

    fn respond_with(&mut self, bytes: Bytes) {
        self.exchange.keep(bytes.clone());
        self.send(bytes);
    }

    /// Answers with a Result Code and nothing else.
    fn respond_code(&mut self, request: &Message, code: ResultCode) {
        if let Some(response) = request.response(vec![Element::ResultCode(code)]) {
            self.respond(&response);
        }
    }

    /// Sends a request, now or after the outstanding one.
    fn request(&mut self, request: Request) {
        if self.exchange.busy() {
            if !self.exchange.wait(request) {
                self.counters.events_dropped += 1;
            }
            return;
        }
        let seq = self.exchange.next_seq();
        let message = self.compose(request, seq);
        let bytes = message::packet(&message);
        let wait = self.exchange.begin(request, bytes.clone(), &self.config.timers);
        self.timers.set(Timer::Retransmit, self.now.mono, wait);
        if matches!(self.state, WtpState::ImageData | WtpState::Run) {
            // 2.3.1 q: the EchoInterval begins anew with every request.
            self.timers.set(Timer::Echo, self.now.mono, self.echo_interval);
        }
        self.send(bytes);
    }

    fn retransmit(&mut self) {
        if let Some((bytes, wait)) = self.exchange.repeat(&self.config.timers, self.echo_interval) {
            self.counters.retransmitted += 1;
            self.timers.set(Timer::Retransmit, self.now.mono, wait);
            self.send(bytes);
        } else {
            self.record.link_failures = self.record.link_failures.saturating_add(1);
            self.fail_session("max retransmission reached");
        }
    }

    fn on_response(&mut self, message: &Message) {
        let Some(request) = self.exchange.answered(message.message_type, message.seq) else {
            self.counters.stale += 1;
            return;
        };
        self.timers.stop(Timer::Retransmit);
        self.on_answer(request, message);
        if let Some(next) = self.exchange.next_waiting() {
            self.request(next);
        }
    }

    fn power_off(&mut self) {
        if self.state == WtpState::Off {
            return;
        }
        if self.state.has_session() || self.state == WtpState::DtlsSetup {
            self.out.push(WtpEffect::Vanish);
        }
        self.drop_download();
        self.timers.clear();
        self.script = None;
        self.state = WtpState::Off;
    }

    fn power_on(&mut self) {
        if self.state != WtpState::Off {
            return;
        }
        self.counters.boots += 1;
        if self.counters.boots == 1 {
            // The first power of all: nothing to wait for but discovery's own random delay.
            self.schedule_event();
            self.start_discovery();
        } else {
            self.record.crashes = self.record.crashes.saturating_add(1);
            self.boot();
        }
    }

    /// The machine restarts by itself.
    fn reboot(&mut self, reason: &str) {
        self.drop_download();
        self.counters.boots += 1;
        self.say(|console, at, out| console.line(at, &format!("AP Rebooting: Reset Reason - {reason}"), out));
        self.boot();
    }

    fn boot(&mut self) {
        self.timers.clear();
        self.script = None;
        if self.config.knobs.stubborn {
            self.flash.stay();
        }
        if let Some(refused) = self.flash.boot() {
            let active = self.flash.active();
            let words = format!("Image verify failed at boot: {refused} is damaged; starting {active}");
            self.say(|console, at, out| console.line(at, &words, out));
        }
        self.crash_log_sent = false;
        self.ac = self.config.ac;
        self.echo_interval = self.config.timers.echo_interval;
        self.state = WtpState::Booting;
        self.timers.set(Timer::State, self.now.mono, self.config.timers.reboot);
        self.schedule_event();
    }

    /// Prints on the console, if there is one.
    fn say(&mut self, print: impl FnOnce(&mut Console, capledger_schema::time::Timestamp, &mut Vec<WtpEffect>)) {
        if let Some(console) = &mut self.console {
            print(console, self.now.wall, &mut self.out);
        }
    }

    fn enter(&mut self, state: WtpState) {
        self.state = state;
        self.say(|console, at, out| console.state(at, state, out));
    }
}

#[cfg(test)]
mod tests;
