//! What the clients over TCP share: a runtime on the fetch's own thread, connecting, and a patience that ends with the
//! operator's cancel or the server's silence.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use capledger_schema::failure::{FetchFailure, FetchFailureKind};
use tokio::net::TcpStream;
use tokio::runtime;
use tokio::time::{interval, timeout};

use super::{Cancel, cancelled};

/// How often a fetch that waits looks whether it is still wanted.
const CANCEL_CHECKED: Duration = Duration::from_millis(100);
/// How long the goodbye to a server may take.
const GOODBYE: Duration = Duration::from_millis(200);

/// How long one waits for a server, and who may end it.
pub(super) struct Patience<'a> {
    pub(super) cancel: &'a Cancel,
    /// The server may bring nothing new for so long.
    pub(super) silence: Duration,
}

impl Patience<'_> {
    /// Waits for something that the server does.
    pub(super) async fn wait<T>(&self, what: &str, work: impl Future<Output = T>) -> Result<T, FetchFailure> {
        let given_up = async {
            let mut look = interval(CANCEL_CHECKED);
            while !self.cancel.is_cancelled() {
                look.tick().await;
            }
        };
        tokio::select! {
            biased;
            done = timeout(self.silence, work) => done.map_err(|_| {
                let words = format!("{what}: nothing for {} s", self.silence.as_secs_f32());
                FetchFailure::new(FetchFailureKind::TimedOut, words)
            }),
            () = given_up => Err(cancelled()),
        }
    }
}

/// Runs a client on this thread, until it is done; what it leaves running ends with it.
pub(super) fn run<T>(client: impl Future<Output = Result<T, FetchFailure>>) -> Result<T, FetchFailure> {
    let runtime = runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|e| FetchFailure::new(FetchFailureKind::Local, format!("no runtime: {e}")))?;
    let outcome = runtime.block_on(client);
    // A name that is still being looked up must not keep the fetch from ending.
    runtime.shutdown_timeout(GOODBYE);
    outcome
}

/// Says goodbye, if the server lets us in time.
pub(super) async fn goodbye(work: impl Future) {
    let _ = timeout(GOODBYE, work).await;
}

/// A connection to the first of the host's addresses that takes one.
pub(super) async fn dial(host: &str, port: u16, patience: &Patience<'_>) -> Result<TcpStream, FetchFailure> {
    let connect = async {
        let found = tokio::net::lookup_host((host, port)).await;
        let addresses: Vec<SocketAddr> =
            found.map_err(|e| FetchFailure::new(FetchFailureKind::Local, format!("{host}: {e}")))?.collect();
        let mut last = FetchFailure::new(FetchFailureKind::Local, format!("{host}: has no address"));
        for address in addresses {
            match TcpStream::connect(address).await {
                Ok(stream) => {
                    let _ = stream.set_nodelay(true); // it would only be slower
                    return Ok(stream);
                }
                Err(e) => last = FetchFailure::new(connect_kind(&e), format!("{address}: {}", words(&e))),
            }
        }
        Err(last)
    };
    patience.wait(&format!("connecting to {host} port {port}"), connect).await?
}

fn connect_kind(e: &io::Error) -> FetchFailureKind {
    if e.kind() == io::ErrorKind::ConnectionRefused {
        FetchFailureKind::Refused
    } else if matches!(
        e.kind(),
        io::ErrorKind::TimedOut | io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable
    ) {
        FetchFailureKind::TimedOut
    } else {
        FetchFailureKind::Local
    }
}

/// The system's words without the number that Rust adds.
pub(super) fn words(e: &io::Error) -> String {
    let text = e.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_owned()
}
