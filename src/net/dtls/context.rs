//! Both ways to an endpoint: a server that listens without keeping state, and a client that begins.

use std::ffi::CString;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use openssl::error::ErrorStack;
use openssl::ssl::{Ssl, SslContext, SslContextRef, SslMethod, SslStream};

use super::config::{DtlsConfig, DtlsError};
use super::cookie::{COOKIE_LEN, CookieSecrets, Cookies};
use super::endpoint::{Endpoint, Expected};
use super::ffi::{self, Listened, PerPeer};
use super::queue::{CAPWAP_DTLS_HEADER, Datagrams};
use super::record::{First, first_record, record_number};
use crate::net::pki::Credentials;

/// The server's side: the AC.
pub struct ServerContext {
    context: SslContext,
    settings: Settings,
    secrets: CookieSecrets,
    /// The stream that listens. A valid cookie turns it into an endpoint and another takes its place.
    listener: Option<SslStream<Datagrams>>,
}

/// The client's side: any number of WTPs, each with its own certificate.
pub struct ClientContext {
    context: SslContext,
    settings: Settings,
}

/// What became of a datagram that belongs to no session.
#[derive(Debug)]
pub enum Listen {
    /// No ClientHello that can be answered.
    Ignored,
    /// A HelloVerifyRequest to send to where the datagram came from. Nothing is kept, and it is shorter than what
    /// it answers.
    Reply(Vec<u8>),
    /// The sender receives at its address: a handshake has begun, and its first flight waits in the endpoint.
    Accepted(Endpoint),
}

#[derive(Debug, Clone, Copy)]
struct Settings {
    record_mtu: u32,
    retransmit: Duration,
    checked: bool,
}

impl Settings {
    fn of(config: &DtlsConfig) -> Self {
        Self { record_mtu: config.record_mtu(), retransmit: config.retransmit, checked: config.authority.is_some() }
    }

    fn expected(self, role: Expected) -> Option<Expected> {
        self.checked.then_some(role)
    }
}

impl ServerContext {
    /// `credentials` has one certificate per kind of key: ECDSA, and RSA for access points that know nothing else.
    pub fn new(config: &DtlsConfig, credentials: &[&Credentials], secrets: CookieSecrets) -> Result<Self, DtlsError> {
        let mut builder = config.context(SslMethod::dtls_server())?;
        for own in credentials {
            builder.set_certificate(own.certificate())?;
            builder.set_private_key(own.key())?;
        }
        // The parameters of DHE suites follow the strength of the certificate's key.
        ffi::choose_dh_parameters(&mut builder);
        if !config.psk.is_empty() {
            let keys = config.psk.clone();
            builder.set_psk_server_callback(move |_, identity, out| {
                Ok(identity.and_then(|identity| keys.key(identity)).map_or(0, |key| fill(out, key)))
            });
            if let Some(hint) = config.psk_hint.as_deref().and_then(|hint| CString::new(hint).ok()) {
                ffi::set_psk_hint(&mut builder, &hint)?;
            }
        }
        builder.set_cookie_generate_cb(|ssl, out| {
            let cookies = cookies(ssl).ok_or_else(ErrorStack::get)?;
            out[..COOKIE_LEN].copy_from_slice(&cookies.current);
            Ok(COOKIE_LEN)
        });
        builder.set_cookie_verify_cb(|ssl, shown| cookies(ssl).is_some_and(|cookies| cookies.accept(shown)));
        let mut server = Self { context: builder.build(), settings: Settings::of(config), secrets, listener: None };
        // Here, so that a setting that no stream can live with is an error now and not a silent server.
        server.listener = Some(server.new_listener()?);
        Ok(server)
    }

    /// Takes a datagram from an address that has no session, or a ClientHello from one that has.
    pub fn listen(&mut self, from: SocketAddr, datagram: &[u8], now: Instant) -> Listen {
        if !matches!(first_record(datagram), Some(First::ClientHello { .. })) {
            return Listen::Ignored;
        }
        let Some(mut stream) = self.listener.take().or_else(|| self.new_listener().ok()) else {
            return Listen::Ignored;
        };
        if let Some(mut expected) = ffi::per_peer(stream.ssl()).and_then(|peer| peer.cookies.lock().ok()) {
            *expected = self.secrets.cookies(from, now);
        }
        let records = &datagram[CAPWAP_DTLS_HEADER.len()..];
        stream.get_mut().arrived(records);
        match ffi::listen(&mut stream) {
            Listened::Verified => {
                stream.get_mut().number_from(record_number(records));
                Listen::Accepted(Endpoint::begin(stream, self.settings.expected(Expected::Wtp)))
            }
            Listened::Nothing => {
                let reply = stream.get_mut().next_transmit();
                self.listener = Some(stream);
                reply.map_or(Listen::Ignored, Listen::Reply)
            }
            Listened::Broken => Listen::Ignored,
        }
    }

    fn new_listener(&self) -> Result<SslStream<Datagrams>, ErrorStack> {
        let mut ssl = new_ssl(&self.context, self.settings)?;
        ssl.set_accept_state();
        SslStream::new(ssl, Datagrams::default())
    }
}

impl ClientContext {
    /// A context for access points that all follow `config`.
    pub fn new(config: &DtlsConfig) -> Result<Self, DtlsError> {
        let mut builder = config.context(SslMethod::dtls_client())?;
        if !config.psk.is_empty() {
            let keys = config.psk.clone();
            builder.set_psk_client_callback(move |_, _, identity_out, key_out| {
                Ok(keys.first().map_or(0, |(identity, key)| {
                    // OpenSSL reads the identity up to a zero.
                    let terminated = [identity.as_bytes(), &[0]].concat();
                    if fill(identity_out, &terminated) == 0 { 0 } else { fill(key_out, key) }
                }))
            });
        }
        Ok(Self { context: builder.build(), settings: Settings::of(config) })
    }

    /// Begins a handshake as the owner of `credentials`; the ClientHello waits in the endpoint.
    pub fn connect(&self, credentials: &Credentials) -> Result<Endpoint, DtlsError> {
        let mut ssl = new_ssl(&self.context, self.settings)?;
        ssl.set_certificate(credentials.certificate())?;
        ssl.set_private_key(credentials.key())?;
        self.begin(ssl)
    }

    /// Begins a handshake with no certificate to show.
    #[cfg(test)]
    pub(super) fn connect_anonymous(&self) -> Result<Endpoint, DtlsError> {
        self.begin(new_ssl(&self.context, self.settings)?)
    }

    fn begin(&self, mut ssl: Ssl) -> Result<Endpoint, DtlsError> {
        ssl.set_connect_state();
        let stream = SslStream::new(ssl, Datagrams::default())?;
        Ok(Endpoint::begin(stream, self.settings.expected(Expected::Ac)))
    }
}

/// Copies octets to the front of a buffer: how many; none of them where they do not fit.
fn fill(out: &mut [u8], octets: &[u8]) -> usize {
    let Some(place) = out.get_mut(..octets.len()) else { return 0 };
    place.copy_from_slice(octets);
    octets.len()
}

fn new_ssl(context: &SslContextRef, settings: Settings) -> Result<Ssl, ErrorStack> {
    let mut ssl = Ssl::new(context)?;
    ssl.set_mtu(settings.record_mtu)?;
    let per_peer = PerPeer { cookies: Mutex::new(Cookies::default()), retransmit: settings.retransmit };
    ffi::attach(&mut ssl, Arc::new(per_peer))?;
    Ok(ssl)
}

fn cookies(ssl: &openssl::ssl::SslRef) -> Option<Cookies> {
    ffi::per_peer(ssl)?.cookies.lock().ok().map(|cookies| *cookies)
}
