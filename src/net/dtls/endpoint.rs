//! One DTLS session with one peer: a handshake, then records, then an end. No socket, no clock of its own.
//!
//! A datagram that does not authenticate changes nothing once the session stands (RFC 6347 section 4.1.2.7). The
//! handshake's retransmission timer is OpenSSL's, which reads the machine's clock: [`Endpoint::timeout`] says how
//! long to wait.

use std::time::Duration;

use capledger_schema::event::{CipherSuite, DtlsSession, DtlsVersion};
use openssl::asn1::Asn1Object;
use openssl::error::ErrorStack;
use openssl::ssl::{self, ErrorCode, SslStream, SslVersion};
use openssl::x509::{X509Ref, X509VerifyResult};

use super::queue::{CAPWAP_DTLS_HEADER, Datagrams};
use super::record::{RECORD_HEADER, record_header};
use super::{MAX_PLAINTEXT, ffi};
use crate::net::peer::{Identity, Trust};
use crate::net::pki;

/// `anyExtendedKeyUsage` (RFC 5280 section 4.2.1.12).
const EKU_ANY: &str = "2.5.29.37.0";

/// Where a session stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// The handshake goes on.
    Handshaking,
    /// Records can be sealed and opened.
    Connected,
    /// Nothing more can be done with it; what it had to say last may still wait to be sent.
    Closed(CloseReason),
}

/// Why a session ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CloseReason {
    /// [`Endpoint::close`] was called.
    Local,
    /// The peer sent a close_notify.
    CloseNotify,
    /// The handshake failed, or the peer sent a fatal alert: OpenSSL's words.
    Failed(String),
}

/// Why a message could not be sealed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The session is not there yet, or no more.
    #[error("the DTLS session does not stand")]
    NotConnected,
    /// The message does not fit into one record.
    #[error("a message of {0} octets exceeds the {MAX_PLAINTEXT} of a DTLS record; fragment it")]
    TooLong(usize),
    /// OpenSSL refused.
    #[error("DTLS cannot seal a message: {0}")]
    OpenSsl(String),
}

/// The role whose extended key usage the peer's certificate needs, where certificates are checked.
#[derive(Debug, Clone, Copy)]
pub(super) enum Expected {
    Ac,
    Wtp,
}

/// The shortest AES-GCM or CCM record: an explicit nonce of 8 octets and a tag of 16 (RFC 5288 section 3).
const SHORTEST_GCM: usize = 24;
/// The shortest record of any suite: ChaCha20-Poly1305's tag, and two blocks of CBC are no less.
const SHORTEST_OTHER: usize = 16;

/// One end of a DTLS session.
#[derive(Debug)]
pub struct Endpoint {
    stream: SslStream<Datagrams>,
    status: Status,
    /// Encrypted records that are shorter than this are forged.
    shortest: usize,
    /// Records of the fed datagram that may still be opened.
    unopened: usize,
    expected: Option<Expected>,
}

impl Endpoint {
    pub(super) fn begin(stream: SslStream<Datagrams>, expected: Option<Expected>) -> Self {
        let mut endpoint = Self { stream, status: Status::Handshaking, shortest: SHORTEST_GCM, unopened: 0, expected };
        endpoint.handshake();
        endpoint
    }

    /// Where the session stands.
    pub fn status(&self) -> &Status {
        &self.status
    }

    /// Whether records can be sealed and opened.
    pub fn is_connected(&self) -> bool {
        self.status == Status::Connected
    }

    /// Takes one UDP payload, the CAPWAP DTLS header included. The handshake goes on at once; afterwards, call
    /// [`Self::open`] until it gives nothing before the next datagram is fed.
    pub fn feed(&mut self, datagram: &[u8]) {
        let Some((header, records)) = datagram.split_at_checked(CAPWAP_DTLS_HEADER.len()) else {
            return;
        };
        // The reserved octets are for the sender to clear and for us to ignore.
        let (records, count) = without_forged(records, self.shortest);
        if header[0] != CAPWAP_DTLS_HEADER[0] || records.is_empty() {
            return;
        }
        self.stream.get_mut().arrived(records);
        self.unopened = count;
        self.handshake();
    }

    /// The next plaintext of the datagram that was fed, in `buf`, which holds at least [`MAX_PLAINTEXT`] octets: one
    /// record is one CAPWAP message or fragment. None when all of the datagram is done.
    pub fn open<'b>(&mut self, buf: &'b mut [u8]) -> Option<&'b [u8]> {
        debug_assert!(buf.len() >= MAX_PLAINTEXT, "a record must fit, or it would come out in two pieces");
        // Asking OpenSSL once more, to hear that there is nothing, costs a third of opening a record.
        let done = self.unopened == 0 && !self.stream.get_ref().is_unread();
        if done || self.status != Status::Connected {
            return None;
        }
        match self.stream.ssl_read(buf) {
            Ok(len) => {
                self.unopened = self.unopened.saturating_sub(1);
                Some(&buf[..len])
            }
            Err(error) => {
                self.unopened = 0;
                self.settle(&error);
                None
            }
        }
    }

    /// Seals one CAPWAP message or fragment and appends it to `out` as one UDP payload. `out` keeps its capacity, so
    /// a buffer that is cleared and used again costs no allocation.
    pub fn seal(&mut self, plaintext: &[u8], out: &mut Vec<u8>) -> Result<(), SealError> {
        if self.status != Status::Connected {
            return Err(SealError::NotConnected);
        }
        if plaintext.len() > MAX_PLAINTEXT {
            return Err(SealError::TooLong(plaintext.len()));
        }
        self.stream.get_mut().set_sink(std::mem::take(out));
        let written = self.stream.ssl_write(plaintext);
        *out = self.stream.get_mut().release_sink();
        written.map(|_| ()).map_err(|error| {
            self.settle(&error);
            SealError::OpenSsl(words(&error))
        })
    }

    /// The next UDP payload that the handshake, a retransmission or [`Self::close`] wants sent.
    pub fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.stream.get_mut().next_transmit()
    }

    /// The time until [`Self::handle_timeout`] wants to be called, by the machine's clock; none while no flight is
    /// unanswered. OpenSSL takes the last 15 ms for run out.
    pub fn timeout(&self) -> Option<Duration> {
        match self.status {
            Status::Handshaking => ffi::time_left(self.stream.ssl()),
            Status::Connected | Status::Closed(_) => None,
        }
    }

    /// Retransmits the last flight if the timer has run out, and gives the handshake up after a dozen times.
    pub fn handle_timeout(&mut self) {
        if self.status == Status::Handshaking && !ffi::handle_timeout(&mut self.stream) {
            drop(ErrorStack::get());
            self.status = Status::Closed(CloseReason::Failed("no answer".to_owned()));
        }
    }

    /// Ends the session: a close_notify waits to be sent if the session stood.
    pub fn close(&mut self) {
        match self.status {
            Status::Connected => {
                // What can fail here is the sending, and the peer's own timer covers that.
                drop(self.stream.shutdown());
            }
            Status::Handshaking => {}
            Status::Closed(_) => return,
        }
        self.status = Status::Closed(CloseReason::Local);
    }

    /// Who the peer is, once connected.
    pub fn identity(&self) -> Option<Identity> {
        if self.status != Status::Connected {
            return None;
        }
        let ssl = self.stream.ssl();
        let certificate = ssl.peer_certificate();
        let certificate = certificate.as_deref();
        Some(Identity {
            common_name: certificate.and_then(pki::common_name),
            fingerprint: certificate.map(pki::fingerprint),
            psk_identity: self.psk_identity(),
            trust: self.trust(certificate),
            dtls: self.agreed(),
        })
    }

    /// Version and cipher suite, e.g. `DTLSv1.2` and `ECDHE-ECDSA-AES128-GCM-SHA256`; none before they are chosen.
    pub fn protocol(&self) -> Option<(&'static str, &'static str)> {
        let ssl = self.stream.ssl();
        ssl.current_cipher().map(|cipher| (ssl.version_str(), cipher.name()))
    }

    /// The same in the ledger's terms; none for a version of DTLS that is not spoken here.
    fn agreed(&self) -> Option<DtlsSession> {
        let ssl = self.stream.ssl();
        let version = match ssl.version2()? {
            SslVersion::DTLS1 => DtlsVersion::V1_0,
            SslVersion::DTLS1_2 => DtlsVersion::V1_2,
            _ => return None,
        };
        let suite = CipherSuite(u16::from_be_bytes(ssl.current_cipher()?.protocol_id()));
        Some(DtlsSession { version, suite })
    }

    /// The identity that the peer gave with a pre-shared key, from the moment it gave it on.
    pub fn psk_identity(&self) -> Option<String> {
        self.stream.ssl().psk_identity().and_then(|identity| String::from_utf8(identity.to_vec()).ok())
    }

    fn trust(&self, certificate: Option<&X509Ref>) -> Trust {
        let Some(role) = self.expected else {
            return Trust::NotChecked;
        };
        let Some(certificate) = certificate else {
            return Trust::Untrusted("no certificate".to_owned());
        };
        let result = self.stream.ssl().verify_result();
        if result != X509VerifyResult::OK {
            return Trust::Untrusted(result.error_string().to_owned());
        }
        if role.allowed_by(certificate) {
            Trust::Trusted
        } else {
            Trust::Untrusted(format!("its extended key usage lacks {} ({})", role.usage(), role.name()))
        }
    }

    fn handshake(&mut self) {
        if self.status != Status::Handshaking {
            return;
        }
        match self.stream.do_handshake() {
            Ok(()) => {
                self.status = Status::Connected;
                self.shortest = match self.protocol() {
                    Some((_, suite)) if suite.contains("GCM") => SHORTEST_GCM,
                    _ => SHORTEST_OTHER,
                };
            }
            Err(error) => self.settle(&error),
        }
    }

    /// Takes note of an error that ends the session; most only say that the queue is empty.
    fn settle(&mut self, error: &ssl::Error) {
        let reason = match error.code() {
            ErrorCode::WANT_READ | ErrorCode::WANT_WRITE => return,
            ErrorCode::ZERO_RETURN => CloseReason::CloseNotify,
            _ => CloseReason::Failed(words(error)),
        };
        self.status = Status::Closed(reason);
    }
}

impl Expected {
    fn usage(self) -> &'static str {
        match self {
            Self::Ac => pki::EKU_AC,
            Self::Wtp => pki::EKU_WTP,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Ac => "CAPWAP AC",
            Self::Wtp => "CAPWAP WTP",
        }
    }

    /// RFC 5415 section 2.4.4.3: where the extension is present, it names the role or any.
    fn allowed_by(self, certificate: &X509Ref) -> bool {
        let Some(usages) = ffi::extended_key_usage(certificate) else {
            return true;
        };
        [self.usage(), EKU_ANY].iter().any(|wanted| {
            Asn1Object::from_str(wanted)
                .is_ok_and(|wanted| usages.iter().any(|usage| usage.to_string() == wanted.to_string()))
        })
    }
}

/// Cuts a datagram before the first encrypted record that is too short to hold a nonce and a tag, and counts the
/// records before it: OpenSSL 3 takes such a record, which anybody can forge, for an internal error and ends the
/// session, against RFC 6347 section 4.1.2.7.
fn without_forged(records: &[u8], shortest: usize) -> (&[u8], usize) {
    let (mut at, mut count) = (0, 0);
    while let Some((sealed, len)) = records.get(at..).and_then(record_header) {
        if sealed && len < shortest {
            return (&records[..at], count);
        }
        at += RECORD_HEADER + len;
        count += 1;
    }
    (records, count)
}

fn words(error: &ssl::Error) -> String {
    let reasons: Vec<&str> = error
        .ssl_error()
        .map(|stack| stack.errors().iter().filter_map(openssl::error::Error::reason).collect())
        .unwrap_or_default();
    if reasons.is_empty() { error.to_string() } else { reasons.join("; ") }
}
