//! Requests and responses of one session (RFC 5415 4.5.3): one request outstanding, the last response kept.
//!
//! It keeps no time: the WTP's timer table does, and asks here how long to wait.

use std::cmp::Ordering;
use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;

use super::config::WtpTimers;
use crate::capwap::control::{MessageType, compare_seq};

/// Requests that may wait for the outstanding one; more are dropped and counted.
const WAITING_MAX: usize = 4;

/// A request that a WTP makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Request {
    Join,
    ImageData,
    ConfigurationStatus,
    ChangeStateEvent,
    Echo,
    WtpEvent,
    /// The part of the crash log that begins at this octet.
    DataTransfer(usize),
}

impl Request {
    /// The message type that answers it.
    pub(super) fn answered_by(self) -> MessageType {
        match self {
            Request::Join => MessageType::JoinResponse,
            Request::ImageData => MessageType::ImageDataResponse,
            Request::ConfigurationStatus => MessageType::ConfigurationStatusResponse,
            Request::ChangeStateEvent => MessageType::ChangeStateEventResponse,
            Request::Echo => MessageType::EchoResponse,
            Request::WtpEvent => MessageType::WtpEventResponse,
            Request::DataTransfer(_) => MessageType::DataTransferResponse,
        }
    }
}

/// What a request of the AC is to the WTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arrival {
    /// To be processed.
    New,
    /// Processed before: the kept response is sent again.
    Repeated,
    /// Older than the last one: ignored.
    Old,
}

#[derive(Clone, Debug)]
struct Outstanding {
    request: Request,
    seq: u8,
    bytes: Bytes,
    interval: Duration,
    repetitions: u32,
}

/// Both directions of one session.
#[derive(Clone, Debug, Default)]
pub(super) struct Exchange {
    next_seq: u8,
    outstanding: Option<Outstanding>,
    waiting: VecDeque<Request>,
    peer_seq: Option<u8>,
    response: Option<Bytes>,
}

impl Exchange {
    /// Whether a request of ours waits for its response.
    pub(super) fn busy(&self) -> bool {
        self.outstanding.is_some()
    }

    /// The octets of this request, if it is the outstanding one.
    pub(super) fn outstanding(&self, request: Request) -> Option<Bytes> {
        self.outstanding.as_ref().filter(|o| o.request == request).map(|o| o.bytes.clone())
    }

    /// The sequence number of the next request.
    pub(super) fn next_seq(&self) -> u8 {
        self.next_seq
    }

    /// The request is sent now; how long to wait for its response.
    pub(super) fn begin(&mut self, request: Request, bytes: Bytes, timers: &WtpTimers) -> Duration {
        debug_assert!(!self.busy(), "only one request may be outstanding");
        let interval = timers.retransmit_interval;
        self.outstanding = Some(Outstanding { request, seq: self.next_seq, bytes, interval, repetitions: 0 });
        self.next_seq = self.next_seq.wrapping_add(1);
        interval
    }

    /// The interval has passed without a response: the same octets again and how long to wait now, or none when
    /// MaxRetransmit is reached and the AC is to be taken for dead.
    pub(super) fn repeat(&mut self, timers: &WtpTimers, echo_interval: Duration) -> Option<(Bytes, Duration)> {
        let o = self.outstanding.as_mut()?;
        if o.repetitions >= timers.max_retransmit {
            return None;
        }
        o.repetitions += 1;
        o.interval = (o.interval * 2).min(echo_interval / 2).max(timers.retransmit_interval.min(echo_interval / 2));
        Some((o.bytes.clone(), o.interval))
    }

    /// Takes a response: the request that it answers, or none if it answers nothing that is outstanding.
    pub(super) fn answered(&mut self, message_type: MessageType, seq: u8) -> Option<Request> {
        let o = self.outstanding.take_if(|o| o.seq == seq && o.request.answered_by() == message_type)?;
        Some(o.request)
    }

    /// Puts a request behind the outstanding one; false if too many wait already.
    pub(super) fn wait(&mut self, request: Request) -> bool {
        if self.waiting.len() >= WAITING_MAX {
            return false;
        }
        self.waiting.push_back(request);
        true
    }

    /// The next request that waits.
    pub(super) fn next_waiting(&mut self) -> Option<Request> {
        if self.busy() { None } else { self.waiting.pop_front() }
    }

    /// Neither what is outstanding nor what waits is of use any more; the AC's repetitions still find their answer.
    pub(super) fn hush(&mut self) {
        self.outstanding = None;
        self.waiting.clear();
    }

    /// What a request of the AC with this sequence number is.
    pub(super) fn classify(&self, seq: u8) -> Arrival {
        match self.peer_seq.map(|last| compare_seq(seq, last)) {
            None | Some(Ordering::Greater) => Arrival::New,
            Some(Ordering::Equal) => Arrival::Repeated,
            Some(Ordering::Less) => Arrival::Old,
        }
    }

    /// A request of the AC is being processed; it has no response yet.
    pub(super) fn accept(&mut self, seq: u8) {
        self.peer_seq = Some(seq);
        self.response = None;
    }

    /// Keeps the response to the last request.
    pub(super) fn keep(&mut self, response: Bytes) {
        self.response = Some(response);
    }

    /// The response to the last request, if it is ready.
    pub(super) fn kept(&self) -> Option<Bytes> {
        self.response.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent() -> Exchange {
        let mut exchange = Exchange::default();
        let wait = exchange.begin(Request::Echo, Bytes::from_static(b"x"), &WtpTimers::default());
        assert_eq!(wait, Duration::from_secs(3));
        exchange
    }

    #[test]
    fn the_interval_doubles_up_to_half_the_echo_interval_and_five_repetitions_are_the_last() {
        let (mut exchange, timers) = (sent(), WtpTimers::default());
        let mut waits = Vec::new();
        while let Some((bytes, wait)) = exchange.repeat(&timers, timers.echo_interval) {
            assert_eq!(bytes, Bytes::from_static(b"x"), "a repetition is not altered");
            waits.push(wait.as_secs());
        }
        assert_eq!(waits, [6, 12, 15, 15, 15]);
    }

    #[test]
    fn a_response_counts_once_and_only_with_its_type_and_sequence_number() {
        let mut exchange = sent();
        assert_eq!(exchange.answered(MessageType::EchoResponse, 1), None);
        assert_eq!(exchange.answered(MessageType::JoinResponse, 0), None);
        assert_eq!(exchange.answered(MessageType::EchoResponse, 0), Some(Request::Echo));
        assert_eq!(exchange.answered(MessageType::EchoResponse, 0), None);
        assert_eq!(exchange.next_seq(), 1);
    }

    #[test]
    fn sequence_numbers_are_compared_modulo_256() {
        let mut exchange = Exchange::default();
        assert_eq!(exchange.classify(200), Arrival::New);
        exchange.accept(250);
        assert_eq!(exchange.classify(250), Arrival::Repeated);
        assert_eq!(exchange.classify(251), Arrival::New);
        assert_eq!(exchange.classify(3), Arrival::New);
        assert_eq!(exchange.classify(249), Arrival::Old);
        assert_eq!(exchange.classify(250_u8.wrapping_sub(127)), Arrival::Old);
    }

    #[test]
    fn a_request_whose_response_is_not_ready_has_nothing_to_repeat() {
        let mut exchange = Exchange::default();
        exchange.accept(1);
        exchange.keep(Bytes::from_static(b"one"));
        exchange.accept(2);
        assert_eq!(exchange.kept(), None);
    }

    #[test]
    fn requests_wait_for_the_outstanding_one_up_to_a_limit() {
        let mut exchange = sent();
        assert!((0..WAITING_MAX).all(|_| exchange.wait(Request::WtpEvent)));
        assert!(!exchange.wait(Request::WtpEvent));
        assert_eq!(exchange.next_waiting(), None);
        exchange.answered(MessageType::EchoResponse, 0);
        assert_eq!(exchange.next_waiting(), Some(Request::WtpEvent));
    }
}
