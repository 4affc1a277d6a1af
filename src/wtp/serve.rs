//! What a WTP answers to the AC's requests (RFC 5415 sections 8 to 10), and what it tells by itself in Run.

use std::time::Duration;

use super::exchange::Request;
use super::image::{NO_SPACE, named_image};
use super::message::CRASH_LOG_PIECE;
use super::session::result_code;
use super::timer::Timer;
use super::{AfterReset, Wtp, WtpState};
use crate::capwap::control::{Message, MessageType};
use crate::capwap::element::wtp::RebootFailureType;
use crate::capwap::element::{Element, ResultCode};
use crate::capwap::particulars::{self, ReasonKind};

impl Wtp {
    /// A request of the AC that is to be processed. Each is answered.
    pub(super) fn on_request(&mut self, message: &Message) {
        match message.message_type {
            MessageType::ImageDataRequest => self.on_image_data_request(message),
            MessageType::ConfigurationUpdateRequest if self.state == WtpState::Run => {
                self.on_configuration_update(message);
            }
            MessageType::ResetRequest if self.state == WtpState::Run => self.on_reset_request(message),
            MessageType::DataTransferRequest if self.state == WtpState::Run => self.on_data_transfer_request(message),
            MessageType::ClearConfigurationRequest if self.state == WtpState::Run => {
                self.respond_code(message, ResultCode::Success);
            }
            // It has no radio on the air: stations and WLANs cannot be served, and it goes on without.
            MessageType::StationConfigurationRequest | MessageType::WlanConfigurationRequest
                if self.state == WtpState::Run =>
            {
                self.respond_code(message, ResultCode::ConfigurationServiceProvided);
            }
            MessageType::Unknown(_) => {
                // 4.5.1.1: answered with the next number.
                self.counters.unexpected += 1;
                self.respond_code(message, ResultCode::UnrecognizedRequest);
            }
            MessageType::DiscoveryRequest
            | MessageType::DiscoveryResponse
            | MessageType::JoinRequest
            | MessageType::JoinResponse
            | MessageType::ConfigurationStatusRequest
            | MessageType::ConfigurationStatusResponse
            | MessageType::ConfigurationUpdateRequest
            | MessageType::ConfigurationUpdateResponse
            | MessageType::WtpEventRequest
            | MessageType::WtpEventResponse
            | MessageType::ChangeStateEventRequest
            | MessageType::ChangeStateEventResponse
            | MessageType::EchoRequest
            | MessageType::EchoResponse
            | MessageType::ImageDataResponse
            | MessageType::ResetRequest
            | MessageType::ResetResponse
            | MessageType::PrimaryDiscoveryRequest
            | MessageType::PrimaryDiscoveryResponse
            | MessageType::DataTransferRequest
            | MessageType::DataTransferResponse
            | MessageType::ClearConfigurationRequest
            | MessageType::ClearConfigurationResponse
            | MessageType::StationConfigurationRequest
            | MessageType::StationConfigurationResponse
            | MessageType::WlanConfigurationRequest
            | MessageType::WlanConfigurationResponse => self.refuse(message),
        }
    }

    /// Answers that the named image will not be fetched, and why.
    fn respond_with_reason(&mut self, request: &Message, kind: ReasonKind, why: &str) {
        let code = ResultCode::ImageOtherError;
        if let Some(response) = request.response(vec![Element::ResultCode(code), particulars::reason(kind, why)]) {
            self.respond(&response);
        }
    }

    /// A request that is wrong in this state.
    pub(super) fn refuse(&mut self, message: &Message) {
        self.counters.unexpected += 1;
        self.respond_code(message, ResultCode::UnexpectedInState);
    }

    /// Configuration Update Request (8.4): with an Image Identifier it asks for a predownload (figures 8 and 9).
    fn on_configuration_update(&mut self, message: &Message) {
        self.apply(&message.elements);
        let names_image = message.elements.iter().any(|e| matches!(e, Element::ImageIdentifier(_)));
        let Some((identifier, wanted)) = named_image(&message.elements) else {
            if names_image {
                let why = "the Image Identifier names no version";
                self.respond_with_reason(message, ReasonKind::Other, why);
            } else {
                self.respond_code(message, ResultCode::Success);
            }
            return;
        };
        let held = [Some(self.flash.active()), self.flash.backup()].contains(&Some(wanted));
        if held {
            self.respond_code(message, ResultCode::ImageAlreadyPresent);
        } else if self.config.knobs.flash_full {
            self.respond_with_reason(message, ReasonKind::NoSpace, NO_SPACE);
        } else if self.download.as_ref().is_some_and(|d| d.wanted == wanted) {
            self.respond_code(message, ResultCode::Success);
        } else {
            self.respond_code(message, ResultCode::Success);
            self.start_download(true, wanted, identifier);
        }
    }

    /// Reset Request (9.2): answered, then the machine restarts into the named image if it holds it.
    fn on_reset_request(&mut self, message: &Message) {
        let named = named_image(&message.elements).map(|(_, version)| version);
        let code = match named {
            Some(version) if version != self.flash.active() && self.flash.backup() != Some(version) => {
                ResultCode::ResetFirmwareWriteError
            }
            Some(_) | None => ResultCode::Success,
        };
        if named.is_some() && named == self.flash.backup() {
            self.flash.swap();
        }
        self.respond_code(message, code);
        self.record.ac_initiated = self.record.ac_initiated.saturating_add(1);
        self.record.last = RebootFailureType::AcInitiated;
        self.drop_download();
        self.finish_script();
        self.begin_reset(AfterReset::Reboot("Reset Request from the controller"));
    }

    /// Data Transfer Request (9.6): the crash log, if there is one.
    fn on_data_transfer_request(&mut self, message: &Message) {
        if self.config.knobs.crash_log.is_some() {
            self.respond_code(message, ResultCode::Success);
            self.request(Request::DataTransfer(0));
        } else {
            self.respond_code(message, ResultCode::NoInformationToTransfer);
        }
    }

    /// The AC took a piece of the crash log, or did not.
    pub(super) fn on_data_transfer_response(&mut self, from: usize, message: &Message) {
        let next = from + CRASH_LOG_PIECE;
        let length = self.config.knobs.crash_log.as_ref().map_or(0, Vec::len);
        if result_code(message).is_none_or(ResultCode::is_success) && next < length {
            self.request(Request::DataTransfer(next));
        } else {
            self.crash_log_sent = true;
        }
    }

    /// Something happened that is worth a WTP Event Request (9.4), which only exists in Run.
    pub(super) fn on_event(&mut self) {
        match self.state {
            WtpState::Run => self.request(Request::WtpEvent),
            WtpState::Off | WtpState::Booting => {}
            WtpState::Discovery
            | WtpState::Sulking
            | WtpState::Idle
            | WtpState::DtlsSetup
            | WtpState::Join
            | WtpState::ImageData
            | WtpState::Configure
            | WtpState::DataCheck
            | WtpState::Reset
            | WtpState::DtlsTeardown => {
                self.counters.events_dropped += 1;
                let state = self.state;
                self.say(|console, at, out| console.discarding_event(at, state, out));
            }
        }
    }

    pub(super) fn event_due(&mut self) {
        self.on_event();
        self.schedule_event();
    }

    /// Sets the time of the next event of its own: irregular, as the reference's are.
    pub(super) fn schedule_event(&mut self) {
        if let Some(mean) = self.config.knobs.events
            && !self.timers.running(Timer::Event)
        {
            let wait = self.rng.between(mean / 10, mean * 19 / 10).max(Duration::from_millis(1));
            self.timers.set(Timer::Event, self.now.mono, wait);
        }
    }
}
