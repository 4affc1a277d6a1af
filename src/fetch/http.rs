//! The HTTP client (RFC 9110, 9112): one GET, over TCP or TLS, from a server whose certificate is checked or pinned.
//!
//! It follows no redirect: where one points is told, and the operator decides. It sends no more of a login than the URL
//! holds, and only to a server whose certificate was found good.

mod tls;

use std::fmt::Write as _;

use capledger_schema::failure::{FetchFailure, FetchFailureKind};
use http_body_util::{BodyExt, Empty};
use hyper::body::{Body, Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{ACCEPT_ENCODING, AUTHORIZATION, HOST, LOCATION, USER_AGENT};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use super::dial::{Patience, dial};
use super::url::{FetchUrl, Scheme, mask_credentials};
use super::{Cancel, FetchRequest, Sink};

/// Reads the request's file into the sink.
pub(super) fn fetch(request: &FetchRequest, cancel: &Cancel, sink: &mut dyn Sink) -> Result<(), FetchFailure> {
    super::dial::run(connect(request, &Patience { cancel, silence: request.timeout }, sink))
}

async fn connect(request: &FetchRequest, patience: &Patience<'_>, sink: &mut dyn Sink) -> Result<(), FetchFailure> {
    let url = &request.url;
    let stream = dial(url.host(), url.port(), patience).await?;
    if url.scheme() == Scheme::Https {
        let stream = tls::connect(stream, request, patience, sink).await?;
        return get(stream, url, patience, sink).await;
    }
    get(stream, url, patience, sink).await
}

async fn get<S>(stream: S, url: &FetchUrl, patience: &Patience<'_>, sink: &mut dyn Sink) -> Result<(), FetchFailure>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let greeting = http1::handshake::<_, Empty<Bytes>>(TokioIo::new(stream));
    let (mut sender, connection) = patience.wait("the HTTP connection", greeting).await?.map_err(|e| broken(&e))?;
    // Its errors are told to whoever waits for the response; it ends with this fetch's runtime.
    tokio::spawn(connection);
    let answer = patience.wait("asking for the file", sender.send_request(question(url)?)).await?;
    let answer = answer.map_err(|e| broken(&e))?;
    if answer.status() != StatusCode::OK {
        return Err(refused(&answer));
    }
    let mut body = answer.into_body();
    if let Some(octets) = body.size_hint().exact() {
        sink.announce(octets)?;
    }
    while let Some(frame) = patience.wait("reading the file", body.frame()).await? {
        if let Ok(octets) = frame.map_err(|e| broken(&e))?.into_data() {
            sink.take(&octets)?;
        }
    }
    Ok(())
}

fn question(url: &FetchUrl) -> Result<Request<Empty<Bytes>>, FetchFailure> {
    let host = if url.host().contains(':') { format!("[{}]", url.host()) } else { url.host().to_owned() };
    let host = if Some(url.port()) == url.scheme().port() { host } else { format!("{host}:{}", url.port()) };
    let mut request = Request::get(target(url.path()))
        .header(HOST, host)
        .header(USER_AGENT, concat!("capledger/", env!("CARGO_PKG_VERSION")))
        .header(ACCEPT_ENCODING, "identity");
    if let Some(credentials) = url.credentials() {
        // RFC 7617.
        let basic = openssl::base64::encode_block(credentials.as_bytes());
        request = request.header(AUTHORIZATION, format!("Basic {basic}"));
    }
    request.body(Empty::new()).map_err(|e| FetchFailure::new(FetchFailureKind::NoSource, e.to_string()))
}

/// A path as a request names it: what is no plain character is encoded, for a path is taken letter by letter.
fn target(path: &str) -> String {
    let mut out = String::from("/");
    for octet in path.trim_start_matches('/').bytes() {
        if octet.is_ascii_alphanumeric() || b"-._~/!$&'()*+,;=:@".contains(&octet) {
            out.push(char::from(octet));
        } else {
            let _ = write!(out, "%{octet:02X}");
        }
    }
    out
}

/// What a status other than 200 means (RFC 9110 section 15).
fn refused(answer: &Response<Incoming>) -> FetchFailure {
    let status = answer.status();
    let kind = match status {
        StatusCode::NOT_FOUND | StatusCode::GONE => FetchFailureKind::NotFound,
        StatusCode::FORBIDDEN => FetchFailureKind::Permission,
        StatusCode::UNAUTHORIZED | StatusCode::PROXY_AUTHENTICATION_REQUIRED => FetchFailureKind::AuthenticationFailed,
        StatusCode::REQUEST_TIMEOUT | StatusCode::GATEWAY_TIMEOUT => FetchFailureKind::TimedOut,
        _ if status.is_redirection() || status.is_client_error() || status.is_server_error() => {
            FetchFailureKind::Refused
        }
        _ => FetchFailureKind::Protocol,
    };
    let to = answer.headers().get(LOCATION).filter(|_| status.is_redirection()).and_then(|to| to.to_str().ok());
    let words = match to {
        Some(to) => format!("{status}: it points to {}, and redirects are not followed", mask_credentials(to)),
        None => status.to_string(),
    };
    FetchFailure::new(kind, words)
}

fn broken(e: &hyper::Error) -> FetchFailure {
    let kind = if e.is_incomplete_message() || e.is_closed() || e.is_body_write_aborted() || e.is_canceled() {
        FetchFailureKind::CutShort
    } else if e.is_parse() {
        FetchFailureKind::Protocol
    } else if e.is_timeout() {
        FetchFailureKind::TimedOut
    } else {
        // The connection broke: reset, or closed without the end of TLS.
        FetchFailureKind::CutShort
    };
    let mut words = e.to_string();
    let mut cause = std::error::Error::source(e);
    while let Some(inner) = cause {
        words = format!("{words}: {inner}");
        cause = inner.source();
    }
    FetchFailure::new(kind, words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_asked_for_letter_by_letter() {
        assert_eq!(target("EWC/17_9_4a/ap1g6"), "/EWC/17_9_4a/ap1g6");
        assert_eq!(target("a b/50%/é?#"), "/a%20b/50%25/%C3%A9%3F%23");
    }
}
