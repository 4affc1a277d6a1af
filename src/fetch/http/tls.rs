//! TLS to an image server: its certificate is checked against an authority and the server's name, or pinned at first
//! use. Either way that is done before the first octet of the request is sent.

use std::pin::Pin;

use capledger_schema::event::ServerKeyKind;
use capledger_schema::failure::{FetchFailure, FetchFailureKind};
use capledger_schema::id::Sha256;
use capledger_schema::setting::HttpsTrust;
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::ssl::{SslConnector, SslMethod, SslRef, SslVerifyMode, SslVersion};
use openssl::x509::X509VerifyResult;
use tokio::net::TcpStream;
use tokio_openssl::SslStream;

use crate::fetch::authority::{self, AuthorityError};
use crate::fetch::dial::Patience;
use crate::fetch::{FetchRequest, ServerKey, ServerPin, Sink};

/// What a certificate is called where SSH says `ssh-ed25519`.
const X509: &str = "x509";

pub(super) async fn connect(
    stream: TcpStream,
    request: &FetchRequest,
    patience: &Patience<'_>,
    sink: &mut dyn Sink,
) -> Result<SslStream<TcpStream>, FetchFailure> {
    let (host, port) = (request.url.host(), request.url.port());
    let mut stream = prepared(stream, request)?;
    let shaken = patience.wait("the TLS handshake", Pin::new(&mut stream).connect()).await?;
    shaken.map_err(|e| {
        let verdict = stream.ssl().verify_result();
        if verdict == X509VerifyResult::OK {
            let cut = e.ssl_error().is_none();
            let kind = if cut { FetchFailureKind::CutShort } else { FetchFailureKind::Protocol };
            return FetchFailure::new(kind, format!("TLS: {e}"));
        }
        FetchFailure::new(FetchFailureKind::CertificateUntrusted, verdict.error_string())
    })?;
    if request.trust == HttpsTrust::Pin {
        let seen = shown(stream.ssl())?;
        match &request.pin {
            Some(pin) if pin.fingerprint != seen.fingerprint => {
                let words = format!("the server shows the certificate {seen}, pinned is {pin}; nothing was sent to it");
                return Err(FetchFailure::new(FetchFailureKind::HostKeyChanged, words));
            }
            Some(_) => {}
            None => {
                let ServerPin { algorithm, fingerprint } = seen;
                let kind = ServerKeyKind::Tls;
                sink.server_key(ServerKey { host: host.to_owned(), port, kind, algorithm, fingerprint });
            }
        }
    }
    Ok(stream)
}

/// The certificate that the server showed.
fn shown(ssl: &SslRef) -> Result<ServerPin, FetchFailure> {
    let none = || FetchFailure::new(FetchFailureKind::Protocol, "the server showed no certificate");
    let certificate = ssl.peer_certificate().ok_or_else(none)?;
    let digest = certificate.digest(MessageDigest::sha256()).map_err(|e| local(&e))?;
    let fingerprint = Sha256(digest.as_ref().try_into().map_err(|_| none())?);
    Ok(ServerPin { algorithm: X509.to_owned(), fingerprint })
}

fn prepared(stream: TcpStream, request: &FetchRequest) -> Result<SslStream<TcpStream>, FetchFailure> {
    let mut builder = SslConnector::builder(SslMethod::tls_client()).map_err(|e| local(&e))?;
    builder.set_min_proto_version(Some(SslVersion::TLS1_2)).map_err(|e| local(&e))?;
    match (request.trust, &request.authority) {
        // Whoever it is at first use; from then on the same, which is looked at after the handshake.
        (HttpsTrust::Pin, _) => builder.set_verify(SslVerifyMode::NONE),
        (HttpsTrust::Check, file) => authority::trust(&mut builder, file.as_deref()).map_err(|e| untrusted(&e))?,
    }
    let mut configuration = builder.build().configure().map_err(|e| local(&e))?;
    configuration.set_verify_hostname(request.trust == HttpsTrust::Check);
    let ssl = configuration.into_ssl(request.url.host()).map_err(|e| local(&e))?;
    SslStream::new(ssl, stream).map_err(|e| local(&e))
}

fn untrusted(e: &AuthorityError) -> FetchFailure {
    let kind = match e {
        AuthorityError::Unreadable { .. } => FetchFailureKind::CertificateUntrusted,
        AuthorityError::Local(_) => FetchFailureKind::Local,
    };
    FetchFailure::new(kind, e.to_string())
}

fn local(e: &ErrorStack) -> FetchFailure {
    FetchFailure::new(FetchFailureKind::Local, format!("TLS: {e}"))
}
