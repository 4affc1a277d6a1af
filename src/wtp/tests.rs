//! Transcripts of a WTP with hand-written AC messages, on virtual time.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use capledger_schema::id::{MacAddr, Md5};
use capledger_schema::image::ImageVersion;
use capledger_schema::time::{Monotonic, Now, Timestamp};
use md5::Digest as _;

use super::{Knobs, Wtp, WtpConfig, WtpEffect, WtpInput, WtpState};
use crate::capwap::block::image_block_prefix;
use crate::capwap::control::{Message, MessageType};
use crate::capwap::element::ac::{AcDescriptor, RMacField};
use crate::capwap::element::{CapwapTimers, Element, ImageDataOpcode, ImageIdentifier, ImageInformation, ResultCode};
use crate::image::bundle::ImageSpec;

mod console;
mod image;
mod join;
mod noise;
mod quirks;
mod run;

const AC: &str = "172.16.4.26:5246";
const OLD: &str = "17.3.3.26";
const NEW: &str = "17.9.4.27";
const OLDER: &str = "8.10.130.0";

fn version(text: &str) -> ImageVersion {
    text.parse().expect("a version")
}

fn ac() -> SocketAddr {
    AC.parse().expect("an address")
}

fn config() -> WtpConfig {
    let mac = MacAddr([0x2c, 0x5a, 0x0f, 0x40, 0x69, 0x20]);
    WtpConfig { backup: Some(version(OLDER)), ..WtpConfig::new("C9105AXI-B", "AP-POD-2-2", mac, version(OLD), ac()) }
}

fn with(knobs: Knobs) -> WtpConfig {
    WtpConfig { knobs, ..config() }
}

/// An image of a family and version, as a server would hold it.
fn image(family: &str, of: &str, octets: u64) -> Vec<u8> {
    let spec = ImageSpec { family: family.parse().expect("a family"), version: version(of), octets, seed: 1 };
    spec.to_vec().expect("an image in memory")
}

fn md5(octets: &[u8]) -> Md5 {
    Md5(md5::Md5::digest(octets).into())
}

fn information(image: &[u8]) -> Element {
    Element::ImageInformation(ImageInformation { size: image.len() as u32, hash: md5(image) })
}

fn identifier(name: &str) -> Element {
    Element::ImageIdentifier(ImageIdentifier { vendor: 0, name: name.to_owned() })
}

fn success() -> Element {
    Element::ResultCode(ResultCode::Success)
}

/// What a WTP in Run tells the AC.
enum Told {
    Message(Message),
    KeepAlive(Bytes),
    Goodbye,
}

/// A WTP, its clock, and what it has done that nobody has looked at yet.
struct Stage {
    wtp: Wtp,
    now: Now,
    effects: VecDeque<WtpEffect>,
    console: Vec<String>,
    seq: u8,
}

impl Stage {
    /// A WTP that was just switched on.
    fn new(config: WtpConfig) -> Self {
        let wall = "2024-01-30T21:41:00Z".parse().expect("a moment");
        let now = Now { mono: Monotonic(1_000_000), wall };
        let mut stage = Stage { wtp: Wtp::new(config), now, effects: VecDeque::new(), console: Vec::new(), seq: 0 };
        stage.give(WtpInput::PowerOn);
        stage
    }

    /// One that has joined an AC which names no image, or this one.
    fn joined(config: WtpConfig, named: Option<&str>) -> Self {
        let mut stage = Stage::new(config);
        stage.discover();
        stage.join(named);
        stage
    }

    /// One in Run.
    fn running(config: WtpConfig) -> Self {
        let mut stage = Stage::joined(config, None);
        stage.configure();
        stage
    }

    fn give(&mut self, input: WtpInput<'_>) {
        for effect in self.wtp.handle(self.now, input) {
            match effect {
                WtpEffect::Console(line) => self.console.push(line),
                effect @ (WtpEffect::SendClear { .. }
                | WtpEffect::Connect { .. }
                | WtpEffect::Send { .. }
                | WtpEffect::SendData { .. }
                | WtpEffect::Disconnect
                | WtpEffect::Vanish
                | WtpEffect::Store { .. }
                | WtpEffect::StoreDone
                | WtpEffect::StoreAborted) => self.effects.push_back(effect),
            }
        }
    }

    fn wait(&mut self, time: Duration) {
        let end = self.now.mono + time;
        while let Some(due) = self.wtp.deadline().filter(|due| *due <= end) {
            self.step_to(due);
        }
        self.step_to(end);
    }

    fn step_to(&mut self, at: Monotonic) {
        let by = at.since(self.now.mono);
        self.now = Now { mono: self.now.mono + by, wall: self.now.wall + by };
        self.give(WtpInput::Tick);
    }

    /// The next effect, now or when the WTP's deadlines bring one.
    fn next(&mut self) -> WtpEffect {
        for _ in 0..1_000 {
            if let Some(effect) = self.effects.pop_front() {
                return effect;
            }
            let due = self.wtp.deadline().expect("something is due: an effect is expected");
            self.step_to(due);
        }
        panic!("no effect after 1,000 deadlines, state {:?}", self.wtp.state());
    }

    /// What it tells next.
    fn told(&mut self) -> Told {
        let effect = self.next();
        if let WtpEffect::Send { bytes } = &effect {
            Told::Message(Message::from_packet(bytes).expect("a control message"))
        } else if let WtpEffect::SendData { bytes, .. } = effect {
            Told::KeepAlive(bytes)
        } else {
            assert_eq!(effect, WtpEffect::Disconnect);
            Told::Goodbye
        }
    }

    /// The next message that it sends in its session.
    fn recv(&mut self, expected: MessageType) -> Message {
        let effect = self.next();
        let WtpEffect::Send { bytes } = effect else { panic!("{expected} expected, it does {effect:?}") };
        let message = Message::from_packet(&bytes).expect("a control message");
        assert_eq!(message.message_type, expected, "{message:?}");
        assert!(message.missing().is_empty(), "{expected} lacks {:?}", message.missing());
        message
    }

    /// Its answer to the AC's last request, and the result that it tells.
    fn recv_result(&mut self, expected: MessageType) -> ResultCode {
        let message = self.recv(expected);
        assert_eq!(message.seq, self.seq.wrapping_sub(1), "a response has the request's number");
        message.result_code().expect("a result code")
    }

    fn expect(&mut self, expected: &WtpEffect) {
        assert_eq!(self.next(), *expected);
    }

    /// The AC answers.
    fn answer(&mut self, request: &Message, elements: Vec<Element>) {
        let response = request.response(elements).expect("a request");
        self.give(WtpInput::Message { bytes: &response.to_packet() });
    }

    /// The AC asks.
    fn ask(&mut self, message_type: MessageType, elements: Vec<Element>) -> Vec<u8> {
        let packet = Message::new(message_type, self.seq, elements).to_packet();
        self.seq = self.seq.wrapping_add(1);
        self.give(WtpInput::Message { bytes: &packet });
        packet
    }

    /// The AC sends a block.
    fn block(&mut self, opcode: ImageDataOpcode, data: &[u8]) -> Vec<u8> {
        let mut packet = image_block_prefix(self.seq, opcode, data.len() as u16).to_vec();
        packet.extend_from_slice(data);
        self.seq = self.seq.wrapping_add(1);
        self.give(WtpInput::Message { bytes: &packet });
        packet
    }

    /// Sends an image in blocks; what the WTP says of the last.
    fn send_image(&mut self, image: &[u8], size: usize) -> ResultCode {
        let count = image.len().div_ceil(size);
        for (n, data) in image.chunks(size).enumerate() {
            let last = n + 1 == count;
            self.block(if last { ImageDataOpcode::Last } else { ImageDataOpcode::Data }, data);
            let result = self.recv_result(MessageType::ImageDataResponse);
            if last {
                return result;
            }
            assert_eq!(result, ResultCode::Success, "block {n}");
        }
        panic!("an image has a last block");
    }

    fn discover(&mut self) {
        let effect = self.next();
        let WtpEffect::SendClear { to, bytes } = effect else { panic!("a Discovery Request expected: {effect:?}") };
        assert_eq!(to, ac());
        let request = Message::from_packet(&bytes).expect("a control message");
        assert_eq!(request.message_type, MessageType::DiscoveryRequest);
        assert!(request.missing().is_empty(), "lacks {:?}", request.missing());
        self.discovery_response(&request, ac(), 3);
        self.expect(&WtpEffect::Connect { to: ac() });
    }

    fn discovery_response(&mut self, request: &Message, from: SocketAddr, active_wtps: u16) {
        let descriptor = AcDescriptor {
            stations: 0,
            limit: 0,
            active_wtps,
            max_wtps: 100,
            security: 2,
            r_mac: RMacField::NotSupported,
            reserved: 0,
            dtls_policy: 2,
            information: Vec::new(),
        };
        let elements = vec![Element::AcDescriptor(descriptor), Element::AcName("9120-EWC".to_owned())];
        let response = request.response(elements).expect("a request").to_packet();
        self.give(WtpInput::Clear { from, bytes: &response });
    }

    fn join(&mut self, named: Option<&str>) {
        self.seq = 0;
        self.give(WtpInput::Connected);
        let request = self.recv(MessageType::JoinRequest);
        let mut elements = vec![success(), Element::AcName("9120-EWC".to_owned())];
        elements.extend(named.map(identifier));
        self.answer(&request, elements);
    }

    fn configure(&mut self) {
        let request = self.recv(MessageType::ConfigurationStatusRequest);
        let timers = CapwapTimers { discovery: 20, echo_request: 30 };
        self.answer(&request, vec![Element::CapwapTimers(timers)]);
        let request = self.recv(MessageType::ChangeStateEventRequest);
        self.answer(&request, Vec::new());
        self.keep_alive();
        assert_eq!(self.wtp.state(), WtpState::Run);
    }

    /// Takes a Keep-Alive and echoes it.
    fn keep_alive(&mut self) {
        let bytes = self.recv_keep_alive();
        self.give(WtpInput::Data { bytes: &bytes });
    }

    fn recv_keep_alive(&mut self) -> Bytes {
        let effect = self.next();
        let WtpEffect::SendData { to, bytes } = effect else { panic!("a Keep-Alive expected: {effect:?}") };
        assert_eq!(to.port(), 5247, "the data channel is one port above");
        bytes
    }

    /// Takes its Image Data Request and answers with what the AC knows of the image.
    fn accept_image_request(&mut self, said: Vec<Element>) -> Message {
        let request = self.recv(MessageType::ImageDataRequest);
        let mut elements = vec![success()];
        elements.extend(said);
        self.answer(&request, elements);
        request
    }

    fn nothing_happens(&mut self) {
        assert!(self.effects.is_empty(), "{:?}", self.effects);
    }

    fn elapsed_since(&self, at: Timestamp) -> Duration {
        self.now.wall.since(at)
    }
}

#[test]
fn a_wtp_is_small_enough_for_thousands_in_one_process() {
    let own = size_of::<Wtp>();
    let download = size_of::<super::download::Download>();
    assert!(own + download <= 2_048, "{own} octets, {download} more during a download");
}
