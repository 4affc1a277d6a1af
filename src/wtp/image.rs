//! The image download, at join and in Run (RFC 5415 section 9.1), and the upgrade script around it.

use capledger_schema::image::ImageVersion;

use super::config::{Digests, FlashMoment};
use super::download::{Announced, Bad, Download, Identifier};
use super::exchange::Request;
use super::script::{Run, Script, ScriptFacts};
use super::session::result_code;
use super::timer::Timer;
use super::{AfterReset, Bytes, Quirk, Wtp, WtpEffect, WtpState, message};
use crate::capwap::block;
use crate::capwap::control::Message;
use crate::capwap::element::{Element, ImageDataOpcode, ImageIdentifier, ResultCode};
use crate::capwap::particulars::ReasonKind;
use crate::capwap::{dialect, digest};

/// The reference's words for an image whose first block does not come.
pub(super) const CANNOT_START: &str = "image download cannot start";
/// What a WTP without room says of it.
pub(super) const NO_SPACE: &str = "no space for the image";

/// The Image Identifier among these elements, and the version in its name: its first four dotted numbers. One that
/// names no version cannot be compared with what the WTP holds, so it is taken for no wish.
pub(super) fn named_image(elements: &[Element]) -> Option<(Identifier, ImageVersion)> {
    elements.iter().find_map(|element| {
        let Element::ImageIdentifier(identifier) = element else { return None };
        let mut parts = identifier.name.split(|c: char| !(c.is_ascii_digit() || c == '.'));
        let version = parts.find_map(|part| part.parse().ok())?;
        Some((Identifier { vendor: identifier.vendor, name: identifier.name.clone() }, version))
    })
}

/// The version that the AC runs, as its AC Descriptor says: what older WTPs compare theirs with.
pub(super) fn offered_by_descriptor(elements: &[Element]) -> Option<(Identifier, ImageVersion)> {
    elements.iter().find_map(|element| {
        let Element::AcDescriptor(ac) = element else { return None };
        Some((Identifier::default(), ac.software()?.parse().ok()?))
    })
}

/// What an Image Data message says of the image to come.
fn announced(elements: &[Element]) -> Announced {
    let mut said = Announced::default();
    for element in elements {
        if let Element::ImageInformation(information) = element {
            said.octets = Some(information.size.into());
            said.md5 = Some(information.hash);
        }
    }
    if let Some(digest) = digest::find(elements) {
        said.octets = Some(digest.size);
        said.md5 = Some(digest.md5);
        said.sha256 = Some(digest.sha256);
    }
    said
}

/// The path that an older platform asks by: an AIR-AP1131AG by `/c1130`.
fn platform_path(model: &str) -> String {
    let digits: Vec<&str> = model.split(|c: char| !c.is_ascii_digit()).filter(|run| run.len() == 4).collect();
    match digits.first() {
        Some(series) => format!("/c{}0", &series[..3]),
        None => format!("/{}", model.to_ascii_lowercase()),
    }
}

impl Wtp {
    /// The name under which the console knows the image: its family.
    pub(super) fn file_name(&self) -> String {
        self.family.as_ref().map_or_else(|| self.config.model.clone(), ToString::to_string)
    }

    /// What it asks for an image by: the AC's own words, or its platform's name.
    pub(super) fn identifier(&self) -> Element {
        if !self.has(Quirk::BareName) {
            let Identifier { vendor, name } = self.download.as_ref().map(|d| d.identifier.clone()).unwrap_or_default();
            return Element::ImageIdentifier(ImageIdentifier { vendor, name });
        }
        let name = self.family.as_ref().map_or_else(|| platform_path(&self.config.model), ToString::to_string);
        dialect::bare_image_identifier(&name)
    }

    /// The AC named an image that neither partition holds.
    pub(super) fn start_download(&mut self, predownload: bool, wanted: ImageVersion, identifier: Identifier) {
        self.drop_download();
        let versions = (self.flash.active(), self.flash.backup());
        self.say(|console, at, out| {
            console.versions(at, versions, wanted, out);
            console.close_file(at, out);
        });
        self.download = Some(Box::new(Download::new(predownload, wanted, identifier)));
        self.run_script(Script::Precheck);
    }

    /// The script has looked for room: the image is asked for. Without room too, so that the AC learns of it from the
    /// answer to the first block.
    fn ask_for_image(&mut self) {
        let Some(download) = &mut self.download else { return };
        download.requested = true;
        let (ac, file, fd) = (self.ac.ip(), self.file_name(), (self.rng.next() >> 40) as u32);
        self.say(|console, at, out| console.image_requested(at, ac, &file, fd, out));
        self.timers.set(Timer::ImageDataStart, self.now.mono, self.config.timers.image_data_start);
        self.request(Request::ImageData);
    }

    pub(super) fn on_image_data_response(&mut self, message: &Message) {
        let Some(download) = &mut self.download else { return };
        let code = result_code(message).unwrap_or(ResultCode::Success);
        download.announce(&announced(&message.elements), self.config.knobs.digests);
        let last = download.awaiting_announcement.take();
        let ac = self.ac.ip();
        self.say(|console, at, out| console.image_response(at, ac, code.code(), out));
        if !code.is_success() {
            self.give_up("image data request was rejected");
        } else if let Some(seq) = last {
            self.conclude(seq);
        }
    }

    /// An Image Data Request without a block. Our AC sends one to tell digests that it did not have before.
    pub(super) fn on_image_data_request(&mut self, message: &Message) {
        match &mut self.download {
            Some(download) if download.requested => {
                download.announce(&announced(&message.elements), self.config.knobs.digests);
                self.timers.set(Timer::ImageDataStart, self.now.mono, self.config.timers.image_data_start);
                self.respond_code(message, ResultCode::Success);
            }
            Some(_) | None => self.refuse(message),
        }
    }

    /// A block, its last one, or an abort.
    pub(super) fn on_image_data(&mut self, seq: u8, opcode: ImageDataOpcode, data: &[u8]) {
        let serving = matches!(self.state, WtpState::ImageData | WtpState::Run);
        let Some(download) = self.download.as_mut().filter(|d| serving && d.requested) else {
            self.counters.unexpected += 1;
            self.answer_block(seq, ResultCode::UnexpectedInState);
            return;
        };
        self.timers.set(Timer::ImageDataStart, self.now.mono, self.config.timers.image_data_start);
        match opcode {
            ImageDataOpcode::Data | ImageDataOpcode::Last => {}
            ImageDataOpcode::Abort => {
                self.answer_block(seq, ResultCode::Success);
                self.give_up("image download aborted by the AC");
                return;
            }
            // The older dialect's block with a checksum is not ours to understand.
            ImageDataOpcode::Unknown(_) => {
                self.reject_image(seq, ReasonKind::Other, "image data of an unknown type");
                return;
            }
        }
        if self.config.knobs.flash_full {
            self.reject_image(seq, ReasonKind::NoSpace, NO_SPACE);
            return;
        }
        let offset = download.octets();
        let damage = self.config.knobs.flash_damage.filter(|d| d.when == FlashMoment::Written && !self.damage_done);
        self.damage_done |= download.push(data, damage);
        let (octets, messages) = (download.octets(), download.messages());
        if self.config.knobs.hand_out_octets {
            self.out.push(WtpEffect::Store { offset, bytes: Bytes::copy_from_slice(data) });
        }
        if let Some(cut) = self.config.knobs.power_cut.filter(|cut| octets >= cut.at_octet && !self.power_cut_done) {
            self.power_cut_done = true;
            self.power_off();
            self.timers.set(Timer::State, self.now.mono, cut.lasts);
            return;
        }
        if let Some(console) = &mut self.console {
            console.block(self.now.wall, messages, &mut self.out);
        }
        match opcode {
            ImageDataOpcode::Last => self.conclude(seq),
            ImageDataOpcode::Data | ImageDataOpcode::Abort | ImageDataOpcode::Unknown(_) => {
                if messages == 1 {
                    self.nudge();
                }
                self.answer_block(seq, ResultCode::Success);
            }
        }
    }

    /// The AC sends blocks, so it has answered our Image Data Request; but the answer, which tells the digests, has not
    /// come. The request is repeated at once rather than at the end of its interval: the image may be here before.
    fn nudge(&mut self) {
        if let Some(bytes) = self.exchange.outstanding(Request::ImageData) {
            self.counters.retransmitted += 1;
            self.send(bytes);
        }
    }

    /// The last block came again and has no answer yet.
    pub(super) fn nudge_for_announcement(&mut self) {
        if self.download.as_ref().is_some_and(|d| d.awaiting_announcement.is_some()) {
            self.nudge();
        }
    }

    /// Answers a block, after the time that a slow flash takes.
    fn answer_block(&mut self, seq: u8, code: ResultCode) {
        let bytes = Bytes::copy_from_slice(&block::image_ack(seq, code));
        match self.config.knobs.slow_flash {
            Some(delay) if code == ResultCode::Success => {
                self.held = Some(bytes);
                self.timers.set(Timer::Flash, self.now.mono, delay);
            }
            Some(_) | None => self.respond_with(bytes),
        }
    }

    pub(super) fn flash_written(&mut self) {
        if let Some(bytes) = self.held.take() {
            self.respond_with(bytes);
        }
    }

    /// All octets are here: the image is verified before the last block is answered.
    fn conclude(&mut self, seq: u8) {
        let Some(mut download) = self.download.take() else { return };
        if self.exchange.outstanding(Request::ImageData).is_some() && self.config.knobs.digests != Digests::None {
            // Without the AC's answer there is nothing to verify against: the last block is answered after it.
            download.awaiting_announcement = Some(seq);
            self.download = Some(download);
            self.nudge();
            return;
        }
        self.timers.stop(Timer::ImageDataStart);
        let (totals, predownload, file) = (download.totals(), download.predownload, self.file_name());
        self.say(|console, at, out| console.transfer_done(at, totals, out));
        let verdict = download.finish(self.family.as_ref()).and_then(|image| {
            if self.config.knobs.bad_signature {
                let words = "Image signing verify failed.".to_owned();
                return Err(Bad { code: ResultCode::ImageOtherError, kind: ReasonKind::Verification, words });
            }
            Ok(image)
        });
        let hand_out = self.config.knobs.hand_out_octets;
        match verdict {
            Ok(image) => {
                self.flash.store(image);
                if self.config.knobs.flash_damage.is_some_and(|d| d.when == FlashMoment::AtRest) && !self.damage_done {
                    self.damage_done = true;
                    self.flash.damage();
                }
                self.counters.images_stored += 1;
                self.say(|console, at, out| console.image_stored(at, &file, predownload, out));
                if hand_out {
                    self.out.push(WtpEffect::StoreDone);
                }
                self.answer_block(seq, ResultCode::Success);
                if !predownload {
                    self.flash.swap();
                    self.begin_reset(AfterReset::Reboot("Image Upgrade"));
                }
                self.run_script(Script::Store);
            }
            Err(Bad { code, kind, words }) => {
                self.counters.images_failed += 1;
                if hand_out {
                    self.out.push(WtpEffect::StoreAborted);
                }
                self.answer_bad_image(seq, code, kind, &words);
                if !predownload {
                    self.begin_reset(AfterReset::Rejoin);
                }
                if self.config.knobs.bad_signature {
                    self.say(|console, at, out| console.image_stored(at, &file, predownload, out));
                    self.run_script(Script::Store);
                } else {
                    self.say(|console, at, out| console.line(at, &format!("Image verify failed: {words}"), out));
                }
            }
        }
    }

    fn answer_bad_image(&mut self, seq: u8, code: ResultCode, kind: ReasonKind, words: &str) {
        let response = message::image_data_response(seq, code, kind, words);
        self.respond(&response);
    }

    /// A block is answered with an error: at join the session is over, in Run only the download.
    fn reject_image(&mut self, seq: u8, kind: ReasonKind, why: &str) {
        self.answer_bad_image(seq, ResultCode::ImageOtherError, kind, why);
        self.say(|console, at, out| console.line(at, &format!("Image download failed: {why}"), out));
        let predownload = self.download.as_ref().is_some_and(|d| d.predownload);
        self.drop_download();
        if !predownload {
            self.begin_reset(AfterReset::Rejoin);
        }
    }

    /// The machine restarts, or rejoins, when the script is done, the AC has ended the session, or after
    /// DTLSSessionDelete. Until then a repeated request finds its answer.
    pub(super) fn begin_reset(&mut self, after: AfterReset) {
        self.state = WtpState::Reset;
        self.after_reset = after;
        self.session_open = true;
        self.exchange.hush();
        for timer in [Timer::Retransmit, Timer::Echo, Timer::KeepAlive, Timer::DataDead, Timer::ImageDataStart] {
            self.timers.stop(timer);
        }
        self.timers.set(Timer::State, self.now.mono, self.config.timers.session_delete);
    }

    /// The next block, or the first one, did not come.
    pub(super) fn image_data_overdue(&mut self) {
        match self.download.as_ref().map(|d| d.octets()) {
            Some(0) => self.give_up(CANNOT_START),
            Some(_) => self.give_up("image download stalled"),
            None => {}
        }
    }

    /// The download cannot go on: at join the session neither (2.3.1 k), in Run it can.
    fn give_up(&mut self, why: &str) {
        if self.state == WtpState::ImageData {
            self.fail_session(why);
        } else {
            self.say(|console, at, out| console.line(at, &format!("Aborting image download: {why}"), out));
            self.drop_download();
            self.run_script(Script::Abort);
        }
    }

    /// Forgets a download that has not ended.
    pub(super) fn drop_download(&mut self) {
        if self.download.take().is_none() {
            return;
        }
        self.counters.images_failed += 1;
        if self.config.knobs.hand_out_octets {
            self.out.push(WtpEffect::StoreAborted);
        }
        self.held = None;
        for timer in [Timer::ImageDataStart, Timer::Flash] {
            self.timers.stop(timer);
        }
    }

    /// Starts the upgrade script; what an earlier run has still to print is printed now.
    pub(super) fn run_script(&mut self, script: Script) {
        self.finish_script();
        let mut run = Run::new(script, self.now.mono, self.facts());
        let due = run.begin(self.console.is_some().then_some(self.dialect()), &self.config.timers);
        self.script = Some(Box::new(run));
        self.timers.set(Timer::Script, self.now.mono, due);
        if script == Script::Store && self.state == WtpState::Reset {
            // The flash takes its time; DTLSSessionDelete does not limit it.
            self.timers.stop(Timer::State);
        }
    }

    fn facts(&self) -> ScriptFacts {
        let room = !self.config.knobs.flash_full;
        ScriptFacts {
            active_part: self.flash.active_part(),
            free: if room { 96_064 } else { 1_204 },
            room,
            signed: !self.config.knobs.bad_signature,
            file: self.file_name(),
        }
    }

    fn dialect(&self) -> super::Dialect {
        self.config.console.unwrap_or(super::Dialect::Replica)
    }

    /// The script's next line is due.
    pub(super) fn script_step(&mut self) {
        let Some(mut run) = self.script.take() else { return };
        self.print_step(&run);
        match run.next(self.dialect(), &self.config.timers) {
            Some(due) => {
                self.timers.set(Timer::Script, run.began, due);
                self.script = Some(run);
            }
            None => self.script_done(run.script),
        }
    }

    fn print_step(&mut self, run: &Run) {
        if let Some(console) = &mut self.console {
            console.script(self.now.wall, run, &mut self.out);
        }
    }

    fn script_done(&mut self, script: Script) {
        match script {
            Script::Precheck => self.ask_for_image(),
            Script::Store if self.state == WtpState::Reset => self.end_reset(),
            Script::Store | Script::Abort => {}
        }
    }

    /// Prints what a run has still to print, without what follows from its end.
    pub(super) fn finish_script(&mut self) {
        self.timers.stop(Timer::Script);
        let Some(mut run) = self.script.take() else { return };
        loop {
            self.print_step(&run);
            if run.next(self.dialect(), &self.config.timers).is_none() {
                break;
            }
        }
    }
}
