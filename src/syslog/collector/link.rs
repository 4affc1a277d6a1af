//! A connection to a collector: TCP, or TLS with the collector's certificate checked before the first line is sent.
//!
//! A collector that is gone without a word, or takes nothing any more, breaks the connection after
//! [`UNACKNOWLEDGED`]: the system does that, so that no line counts which nobody acknowledged.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::time::Duration;

use capledger_schema::project::State;
use capledger_schema::setting::{LogHost, LogTransport};
use nix::sys::socket::{setsockopt, sockopt};
use openssl::error::ErrorStack;
use openssl::ssl::{SslConnector, SslMethod, SslVersion};
use openssl::x509::X509VerifyResult;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_openssl::SslStream;

use crate::fetch::authority;

/// How long the system waits for the collector to acknowledge what it was sent.
pub(super) const UNACKNOWLEDGED: Duration = Duration::from_secs(30);

/// A collector that does not answer in this time is tried again later.
const PATIENCE: Duration = Duration::from_secs(10);

/// Octets that the system may hold for a collector; Linux doubles it. What is in there is no more than
/// [`super::window::SETTLED_BEHIND`] lines.
const BUFFER: usize = 64 * 1024;

/// Either kind of stream.
pub(super) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Duplex for S {}

/// What of the configuration a connection is made by: if it changes, the connection is made anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Needs {
    name: Option<String>,
    authority: Option<PathBuf>,
}

impl Needs {
    pub(super) fn of(state: &State, host: &LogHost) -> Needs {
        let logging = &state.config.logging;
        let name = logging.hosts.get(host).and_then(|delivery| delivery.name.clone());
        let authority = logging.authority.as_ref().map(PathBuf::from);
        match host.transport {
            LogTransport::Udp | LogTransport::Tcp => Needs { name: None, authority: None },
            LogTransport::Tls => Needs { name, authority },
        }
    }
}

/// Connects.
///
/// # Errors
/// Why not, in words for the log and for `show logging`.
pub(super) async fn connect(host: &LogHost, needs: &Needs) -> Result<Box<dyn Duplex>, String> {
    let connected = timeout(PATIENCE, TcpStream::connect(host.address)).await;
    let stream = connected.map_err(|_| format!("no answer for {} s", PATIENCE.as_secs()))?.map_err(|e| words(&e))?;
    if stream.local_addr().ok() == Some(host.address) {
        // A port that the system hands out may be its own other end, if nobody listens there.
        return Err(words(&io::ErrorKind::ConnectionRefused.into()));
    }
    prepare(&stream).map_err(|e| words(&e))?;
    match host.transport {
        LogTransport::Udp | LogTransport::Tcp => Ok(Box::new(stream)),
        LogTransport::Tls => {
            let shaken = timeout(PATIENCE, shake(stream, host.address, needs)).await;
            let stream =
                shaken.map_err(|_| format!("no answer to the TLS handshake for {} s", PATIENCE.as_secs()))??;
            Ok(Box::new(stream))
        }
    }
}

fn prepare(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    setsockopt(stream, sockopt::SndBuf, &BUFFER)?;
    setsockopt(stream, sockopt::TcpUserTimeout, &(UNACKNOWLEDGED.as_millis() as u32))?;
    setsockopt(stream, sockopt::KeepAlive, &true)?;
    setsockopt(stream, sockopt::TcpKeepIdle, &15)?;
    setsockopt(stream, sockopt::TcpKeepInterval, &5)?;
    Ok(())
}

async fn shake(stream: TcpStream, address: SocketAddr, needs: &Needs) -> Result<SslStream<TcpStream>, String> {
    let name = needs.name.clone().unwrap_or_else(|| address.ip().to_string());
    let mut stream = prepared(stream, &name, needs)?;
    match Pin::new(&mut stream).connect().await {
        Ok(()) => Ok(stream),
        Err(error) => Err(match stream.ssl().verify_result() {
            X509VerifyResult::OK => format!("TLS: {error}"),
            verdict => distrust(verdict, &name, needs),
        }),
    }
}

fn prepared(stream: TcpStream, name: &str, needs: &Needs) -> Result<SslStream<TcpStream>, String> {
    let local = |e: ErrorStack| format!("TLS: {e}");
    let mut builder = SslConnector::builder(SslMethod::tls_client()).map_err(local)?;
    builder.set_min_proto_version(Some(SslVersion::TLS1_2)).map_err(local)?;
    authority::trust(&mut builder, needs.authority.as_deref()).map_err(|e| e.to_string())?;
    let ssl = builder.build().configure().and_then(|c| c.into_ssl(name)).map_err(local)?;
    SslStream::new(ssl, stream).map_err(local)
}

/// Why a certificate is not good enough, and what helps.
fn distrust(verdict: X509VerifyResult, name: &str, needs: &Needs) -> String {
    const HOSTNAME_MISMATCH: i32 = openssl_sys::X509_V_ERR_HOSTNAME_MISMATCH;
    const ADDRESS_MISMATCH: i32 = openssl_sys::X509_V_ERR_IP_ADDRESS_MISMATCH;
    let cause = verdict.error_string();
    match verdict.as_raw() {
        HOSTNAME_MISMATCH | ADDRESS_MISMATCH => {
            format!("its certificate is not for {name} ({cause}); `name NAME` says what it is for")
        }
        _ => {
            let action = match &needs.authority {
                Some(file) => format!("{} did not sign it", file.display()),
                None => "`logging tls ca FILE` names who signed it".to_owned(),
            };
            format!("its certificate is not trusted: {cause}; {action}")
        }
    }
}

/// The system's words without the number that Rust adds.
pub(super) fn words(e: &io::Error) -> String {
    let text = e.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_owned()
}
