//! The OpenSSL calls that the safe crate lacks: stateless listening, the handshake timers, a certificate's purposes.
//!
//! The one place of the program with unsafe code. Each function takes and gives safe types and says why it is sound.

#![allow(unsafe_code)] // the `openssl` crate wraps neither DTLSv1_listen nor the DTLS timers

use std::ffi::CStr;
use std::os::raw::{c_char, c_int, c_long, c_uint, c_void};
use std::ptr;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use foreign_types::{ForeignType, ForeignTypeRef};
use openssl::asn1::Asn1Object;
use openssl::error::ErrorStack;
use openssl::ex_data::Index;
use openssl::ssl::{Ssl, SslContextBuilder, SslRef, SslStream};
use openssl::stack::Stack;
use openssl::x509::X509Ref;

use super::cookie::Cookies;

// From openssl/ssl.h: macros there, so openssl-sys has no functions for them.
const DTLS_CTRL_GET_TIMEOUT: c_int = 73;
const DTLS_CTRL_HANDLE_TIMEOUT: c_int = 74;

/// RFC 6347 section 4.2.4.1: the retransmission timer doubles up to 60 s.
const LONGEST_TIMEOUT_US: c_uint = 60_000_000;

/// `BIO_ADDR` of openssl/bio.h.
enum BioAddr {}

unsafe extern "C" {
    fn DTLSv1_listen(ssl: *mut openssl_sys::SSL, peer: *mut BioAddr) -> c_int;
    fn DTLS_set_timer_cb(ssl: *mut openssl_sys::SSL, callback: extern "C" fn(*mut openssl_sys::SSL, c_uint) -> c_uint);
    fn SSL_CTX_use_psk_identity_hint(context: *mut openssl_sys::SSL_CTX, hint: *const c_char) -> c_int;
    fn BIO_ADDR_new() -> *mut BioAddr;
    fn BIO_ADDR_free(addr: *mut BioAddr);
}

/// What the callbacks of one `Ssl` need to know about its peer.
pub(super) struct PerPeer {
    /// The cookies that its address may show; a server's listening endpoint sets them before each datagram.
    pub(super) cookies: Mutex<Cookies>,
    /// The first interval of the handshake's retransmission timer.
    pub(super) retransmit: Duration,
}

/// Attaches `per_peer` to a new `Ssl` and makes its timer start at the interval that it names.
pub(super) fn attach(ssl: &mut Ssl, per_peer: Arc<PerPeer>) -> Result<(), ErrorStack> {
    ssl.set_ex_data(index()?, per_peer);
    // SAFETY: `ssl` is a live SSL object, and the callback reads nothing but what was attached to it just now.
    unsafe { DTLS_set_timer_cb(ssl.as_ptr(), next_timeout) };
    Ok(())
}

/// What was attached to an `Ssl`.
pub(super) fn per_peer(ssl: &SslRef) -> Option<&PerPeer> {
    Some(ssl.ex_data(index().ok()?)?.as_ref())
}

fn index() -> Result<Index<Ssl, Arc<PerPeer>>, ErrorStack> {
    static INDEX: OnceLock<Index<Ssl, Arc<PerPeer>>> = OnceLock::new();
    if let Some(index) = INDEX.get() {
        return Ok(*index);
    }
    let index = Ssl::new_ex_index()?;
    Ok(*INDEX.get_or_init(|| index))
}

/// OpenSSL asks for the first interval with 0 and for the next one with the last.
extern "C" fn next_timeout(ssl: *mut openssl_sys::SSL, last_us: c_uint) -> c_uint {
    if last_us > 0 {
        return last_us.saturating_mul(2).min(LONGEST_TIMEOUT_US);
    }
    // SAFETY: OpenSSL passes the SSL object whose timer it is setting, which lives for the whole call.
    let ssl = unsafe { SslRef::from_ptr(ssl) };
    per_peer(ssl).map_or(1_000_000, |peer| {
        c_uint::try_from(peer.retransmit.as_micros()).unwrap_or(LONGEST_TIMEOUT_US).clamp(1, LONGEST_TIMEOUT_US)
    })
}

/// Lets OpenSSL choose the parameters of DHE suites: a group of a published standard, as strong as the certificate's key.
pub(super) fn choose_dh_parameters(context: &mut SslContextBuilder) {
    // SAFETY: the context is live and borrowed mutably; this control takes a number and no pointer.
    unsafe { openssl_sys::SSL_CTX_set_dh_auto(context.as_ptr(), 1) };
}

/// Tells clients with several pre-shared keys whom they talk to. At most 128 octets, by OpenSSL's rule.
pub(super) fn set_psk_hint(context: &mut SslContextBuilder, hint: &CStr) -> Result<(), ErrorStack> {
    // SAFETY: the context is live and borrowed mutably; OpenSSL copies the text, which ends with a zero.
    let set = unsafe { SSL_CTX_use_psk_identity_hint(context.as_ptr(), hint.as_ptr()) };
    if set == 1 { Ok(()) } else { Err(ErrorStack::get()) }
}

/// What [`listen`] made of a datagram.
pub(super) enum Listened {
    /// Nothing, or a HelloVerifyRequest that waits in the stream's queue.
    Nothing,
    /// A ClientHello with a valid cookie: the handshake can go on with this stream.
    Verified,
    /// The stream can listen no more.
    Broken,
}

/// Runs `DTLSv1_listen` over the datagram that waits in the stream's queue.
pub(super) fn listen<S>(stream: &mut SslStream<S>) -> Listened {
    // SAFETY: the SSL object and its BIOs belong to `stream`, which is borrowed for the call. The address is made
    // here, checked, and freed here; our BIO knows no addresses, so OpenSSL only clears it.
    let result = unsafe {
        let unused = BIO_ADDR_new();
        if unused.is_null() {
            return Listened::Broken;
        }
        let result = DTLSv1_listen(stream.ssl().as_ptr(), unused);
        BIO_ADDR_free(unused);
        result
    };
    // Refused datagrams leave entries in the thread's error queue that later calls would take for their own.
    drop(ErrorStack::get());
    match result {
        1.. => Listened::Verified,
        0 => Listened::Nothing,
        _ => Listened::Broken,
    }
}

/// The time until the handshake's retransmission timer runs out; none while it is not set. OpenSSL uses its own
/// (wall) clock for it.
pub(super) fn time_left(ssl: &SslRef) -> Option<Duration> {
    let mut left = libc::timeval { tv_sec: 0, tv_usec: 0 };
    // SAFETY: this control writes one `struct timeval` through the pointer and reads nothing.
    let set = unsafe {
        openssl_sys::SSL_ctrl(ssl.as_ptr(), DTLS_CTRL_GET_TIMEOUT, 0, ptr::from_mut(&mut left).cast::<c_void>())
    };
    (set == 1).then(|| Duration::new(left.tv_sec.max(0).cast_unsigned(), (left.tv_usec.max(0) as u32) * 1_000))
}

/// Retransmits the last flight if the timer has run out. False once OpenSSL has given the handshake up.
pub(super) fn handle_timeout<S>(stream: &mut SslStream<S>) -> bool {
    // SAFETY: this control takes no argument; the stream is borrowed mutably for the call, which may write to it.
    let result: c_long =
        unsafe { openssl_sys::SSL_ctrl(stream.ssl().as_ptr(), DTLS_CTRL_HANDLE_TIMEOUT, 0, ptr::null_mut()) };
    result >= 0
}

/// The extended key usages of a certificate; none where it has no such extension.
pub(super) fn extended_key_usage(certificate: &X509Ref) -> Option<Stack<Asn1Object>> {
    // SAFETY: for this NID the result is null or a new STACK_OF(ASN1_OBJECT) that the caller owns; `Stack` frees it.
    unsafe {
        let stack = openssl_sys::X509_get_ext_d2i(
            certificate.as_ptr(),
            openssl_sys::NID_ext_key_usage,
            ptr::null_mut(),
            ptr::null_mut(),
        );
        (!stack.is_null()).then(|| Stack::from_ptr(stack.cast()))
    }
}
