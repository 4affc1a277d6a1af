//! From discovery to Run and back: the session's own requests (RFC 5415 2.3.1, sections 5 to 8).

use std::net::SocketAddr;
use std::time::Duration;

use super::exchange::{Exchange, Request};
use super::image::{CANNOT_START, named_image, offered_by_descriptor};
use super::script::Script;
use super::timer::Timer;
use super::{AfterReset, Quirk, Wtp, WtpEffect, WtpState, message};
use crate::capwap::control::{Message, MessageType};
use crate::capwap::element::{Element, ResultCode};

/// An AC that answered a Discovery Request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate {
    address: SocketAddr,
    active_wtps: u16,
}

/// The Result Code of a response.
pub(super) fn result_code(message: &Message) -> Option<ResultCode> {
    message.elements.iter().find_map(|e| if let Element::ResultCode(code) = e { Some(*code) } else { None })
}

impl Wtp {
    /// Transition 1: the first request goes out after a random delay.
    pub(super) fn start_discovery(&mut self) {
        self.enter(WtpState::Discovery);
        self.discoveries = 0;
        self.candidate = None;
        let wait = self.rng.between(Duration::ZERO, self.config.timers.max_discovery_interval);
        self.timers.set(Timer::State, self.now.mono, wait);
    }

    /// Transition #, ! or %: ask again, give up for a while, or go to the AC that answered.
    pub(super) fn discovery_due(&mut self) {
        if let Some(Candidate { address, .. }) = self.candidate {
            self.connect(address);
            return;
        }
        if self.discoveries >= self.config.timers.max_discoveries {
            self.sulk();
            return;
        }
        self.discoveries += 1;
        self.discovery_seq = self.discovery_seq.wrapping_add(1);
        let request = message::discovery_request(&self.config, &self.flash, self.discovery_seq);
        let to = self.config.ac;
        self.say(|console, at, out| {
            let text = format!("Discovery Request sent to {}, discovery type STATIC_CONFIG(1)", to.ip());
            console.line(at, &text, out);
        });
        self.counters.sent += 1;
        self.out.push(WtpEffect::SendClear { to, bytes: message::clear_packet(&self.config, &request) });
        let timers = &self.config.timers;
        let least = timers.discovery_interval.min(timers.max_discovery_interval / 2);
        let wait = self.rng.between(least, timers.max_discovery_interval);
        self.timers.set(Timer::State, self.now.mono, wait);
    }

    fn sulk(&mut self) {
        self.enter(WtpState::Sulking);
        self.timers.set(Timer::State, self.now.mono, self.config.timers.silent_interval);
    }

    /// A Discovery Response: the AC that serves the fewest WTPs of those that answer is taken.
    pub(super) fn on_clear(&mut self, from: SocketAddr, bytes: &[u8]) {
        if self.state != WtpState::Discovery {
            return;
        }
        self.counters.received += 1;
        let Ok(message) = Message::from_packet(bytes) else {
            self.counters.malformed += 1;
            return;
        };
        if message.message_type != MessageType::DiscoveryResponse || message.seq != self.discovery_seq {
            self.counters.stale += 1;
            return;
        }
        let load = |e: &Element| if let Element::AcDescriptor(ac) = e { Some(ac.active_wtps) } else { None };
        let active_wtps = message.elements.iter().find_map(load).unwrap_or(u16::MAX);
        self.say(|console, at, out| console.line(at, &format!("Discovery Response from {}", from.ip()), out));
        match self.candidate {
            None => self.timers.set(Timer::State, self.now.mono, self.config.timers.discovery_interval),
            Some(best) if active_wtps >= best.active_wtps => return,
            Some(_) => {}
        }
        self.candidate = Some(Candidate { address: from, active_wtps });
    }

    /// Transitions % and 3.
    pub(super) fn connect(&mut self, to: SocketAddr) {
        self.ac = to;
        self.enter(WtpState::DtlsSetup);
        self.timers.set(Timer::State, self.now.mono, self.config.timers.wait_dtls);
        self.out.push(WtpEffect::Connect { to });
    }

    /// Transitions $ and *.
    pub(super) fn on_connect_failed(&mut self) {
        if self.state != WtpState::DtlsSetup {
            return;
        }
        self.failed_dtls += 1;
        self.say(|console, at, out| console.line(at, "DTLS session could not be established.", out));
        if self.failed_dtls >= self.config.timers.max_failed_dtls {
            self.sulk();
        } else {
            self.enter(WtpState::Idle);
            self.timers.set(Timer::State, self.now.mono, self.config.timers.rejoin);
        }
    }

    /// Transition d. WaitDTLS runs on until the Join Response (6.2).
    pub(super) fn on_connected(&mut self) {
        if self.state != WtpState::DtlsSetup {
            return;
        }
        self.failed_dtls = 0;
        self.exchange = Exchange::default();
        self.reassembler = None;
        self.held = None;
        self.session_id = self.rng.session_id();
        self.enter(WtpState::Join);
        let (to, port) = (self.ac.ip(), self.config.local.port());
        self.say(|console, at, out| {
            console.line(at, &format!("Sending Join request to {to} through port {port}"), out);
        });
        self.request(Request::Join);
    }

    /// The octets of a request depend on nothing but the session, so they are made when it can go out.
    pub(super) fn compose(&mut self, request: Request, seq: u8) -> Message {
        match request {
            Request::Join => message::join_request(&self.config, &self.flash, &self.record, self.session_id, seq),
            Request::ImageData => {
                let identifier = self.identifier();
                message::image_data_request(identifier, &self.config.knobs, seq)
            }
            Request::ConfigurationStatus => message::configuration_status_request(&self.ac_name, &self.record, seq),
            Request::ChangeStateEvent => message::change_state_event_request(seq),
            Request::Echo => message::echo_request(seq),
            Request::WtpEvent => message::wtp_event_request(self.counters.runs as u16, seq),
            Request::DataTransfer(from) => {
                let log = self.config.knobs.crash_log.as_deref().unwrap_or_default();
                message::data_transfer_request(log, from, seq)
            }
        }
    }

    /// The AC answered one of our requests.
    pub(super) fn on_answer(&mut self, request: Request, message: &Message) {
        match request {
            Request::Join => self.on_join_response(message),
            Request::ImageData => self.on_image_data_response(message),
            Request::ConfigurationStatus => self.on_configuration_status_response(message),
            Request::ChangeStateEvent => {
                if self.state == WtpState::DataCheck {
                    self.enter_run();
                }
            }
            // Having been answered is all that they want.
            Request::Echo | Request::WtpEvent => {}
            Request::DataTransfer(from) => self.on_data_transfer_response(from, message),
        }
    }

    /// Transitions e, f and g.
    fn on_join_response(&mut self, message: &Message) {
        if self.state != WtpState::Join {
            return;
        }
        let code = result_code(message).unwrap_or(ResultCode::MissingMandatoryElement);
        let from = self.ac.ip();
        self.say(|console, at, out| {
            console.line(at, &format!("Join Response from {from}"), out);
            let verb = if code.is_success() { "accepted" } else { "rejected" };
            console.line(at, &format!("AC {verb} join request with result code: {}", code.code()), out);
        });
        if !code.is_success() {
            self.fail_session("join was rejected");
            return;
        }
        self.counters.joins += 1;
        self.timers.stop(Timer::State);
        self.ac_name.clear();
        for element in &message.elements {
            if let Element::AcName(name) = element {
                self.ac_name.clone_from(name);
            }
        }
        let named = named_image(&message.elements)
            .or_else(|| if self.has(Quirk::BareName) { offered_by_descriptor(&message.elements) } else { None });
        let Some((identifier, wanted)) = named else {
            self.configure();
            return;
        };
        let versions = (self.flash.active(), self.flash.backup());
        if versions.0 == wanted {
            self.say(|console, at, out| console.versions(at, versions, wanted, out));
            self.configure();
        } else if versions.1 == Some(wanted) {
            // Figure 7: it resets into the image by itself.
            self.say(|console, at, out| console.versions(at, versions, wanted, out));
            self.flash.swap();
            self.out.push(WtpEffect::Disconnect);
            self.reboot("Image Swap");
        } else {
            self.enter(WtpState::ImageData);
            self.timers.set(Timer::Echo, self.now.mono, self.echo_interval);
            self.start_download(false, wanted, identifier);
        }
    }

    fn configure(&mut self) {
        self.enter(WtpState::Configure);
        self.request(Request::ConfigurationStatus);
    }

    /// Transitions h and m.
    fn on_configuration_status_response(&mut self, message: &Message) {
        if self.state != WtpState::Configure {
            return;
        }
        if result_code(message).is_some_and(|code| !code.is_success()) {
            self.fail_session("configuration was rejected");
            return;
        }
        self.apply(&message.elements);
        self.enter(WtpState::DataCheck);
        self.request(Request::ChangeStateEvent);
    }

    /// Takes what an AC may set on a WTP as far as a simulated one has it.
    pub(super) fn apply(&mut self, elements: &[Element]) {
        for element in elements {
            if let Element::CapwapTimers(timers) = element
                // A zero would make it send without pause; the RFC gives no meaning to it.
                && timers.echo_request > 0
            {
                self.echo_interval = Duration::from_secs(timers.echo_request.into());
            } else if let Element::WtpName(name) = element
                && !name.is_empty()
            {
                self.config.name.clone_from(name);
            } else if let Element::LocationData(location) = element
                && !location.is_empty()
            {
                self.config.location.clone_from(location);
            }
        }
    }

    /// Transition o.
    fn enter_run(&mut self) {
        self.enter(WtpState::Run);
        self.counters.runs += 1;
        let name = self.ac_name.clone();
        self.say(|console, at, out| console.line(at, &format!("AP has joined controller {name}"), out));
        self.keep_alive_interval = self.config.timers.retransmit_interval;
        self.keep_alive_due();
        self.timers.set(Timer::Echo, self.now.mono, self.echo_interval);
        if self.config.knobs.crash_log.is_some() && !self.crash_log_sent {
            self.request(Request::DataTransfer(0));
        }
    }

    /// Sends a Data Channel Keep-Alive; it is repeated like a request until the AC echoes it (4.4.1).
    pub(super) fn keep_alive_due(&mut self) {
        if self.has(Quirk::NoDataChannel) {
            return;
        }
        let to = SocketAddr::new(self.ac.ip(), self.ac.port().wrapping_add(1));
        self.out.push(WtpEffect::SendData { to, bytes: message::keep_alive(self.session_id) });
        self.timers.set(Timer::KeepAlive, self.now.mono, self.keep_alive_interval);
        self.keep_alive_interval = (self.keep_alive_interval * 2).min(self.echo_interval / 2);
        if !self.timers.running(Timer::DataDead) {
            self.timers.set(Timer::DataDead, self.now.mono, self.config.timers.data_dead);
        }
    }

    pub(super) fn on_data(&mut self, bytes: &[u8]) {
        if self.state != WtpState::Run || !message::is_keep_alive(bytes, self.session_id) {
            return;
        }
        self.timers.stop(Timer::DataDead);
        self.keep_alive_interval = self.config.timers.retransmit_interval;
        self.timers.set(Timer::KeepAlive, self.now.mono, self.config.timers.keep_alive);
    }

    pub(super) fn echo_due(&mut self) {
        if self.has(Quirk::NoEcho) {
            return;
        }
        if self.exchange.busy() {
            // What is outstanding tells as much as an Echo would.
            self.timers.set(Timer::Echo, self.now.mono, self.echo_interval);
        } else {
            self.request(Request::Echo);
        }
    }

    /// The AC closed the session, or DTLS gave it up.
    pub(super) fn on_closed(&mut self) {
        match self.state {
            WtpState::DtlsSetup => self.on_connect_failed(),
            WtpState::Join | WtpState::ImageData | WtpState::Configure | WtpState::DataCheck | WtpState::Run => {
                self.lose_session("DTLS session closed by the AC", false);
            }
            // The machine is busy with its flash, or was waiting for just this.
            WtpState::Reset => {
                self.session_open = false;
                if self.script.is_none() {
                    self.end_reset();
                }
            }
            WtpState::Off
            | WtpState::Booting
            | WtpState::Discovery
            | WtpState::Sulking
            | WtpState::Idle
            | WtpState::DtlsTeardown => {}
        }
    }

    /// The session cannot go on: DTLS is ended and set up again after a while.
    pub(super) fn fail_session(&mut self, why: &str) {
        self.lose_session(why, true);
    }

    pub(super) fn lose_session(&mut self, why: &str, disconnect: bool) {
        self.counters.failures += 1;
        let downloading = self.download.is_some();
        let file = self.file_name();
        let repeated = (why == CANNOT_START).then_some((self.ac.ip(), file.as_str()));
        self.say(|console, at, out| console.restarting(at, why, repeated, out));
        self.finish_script();
        self.drop_download();
        self.timers.clear();
        self.schedule_event();
        if disconnect {
            self.out.push(WtpEffect::Disconnect);
        }
        self.enter(WtpState::DtlsTeardown);
        self.timers.set(Timer::State, self.now.mono, self.config.timers.rejoin);
        if downloading {
            self.run_script(Script::Abort);
        }
    }

    /// Leaves Reset: the machine restarts, or only the session ends.
    pub(super) fn end_reset(&mut self) {
        let open = std::mem::take(&mut self.session_open);
        match self.after_reset {
            AfterReset::Reboot(reason) => {
                if open {
                    self.out.push(WtpEffect::Disconnect);
                }
                self.reboot(reason);
            }
            AfterReset::Rejoin => self.lose_session("image download failed", open),
        }
    }
}
