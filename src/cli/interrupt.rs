//! Ctrl-C and SIGTERM, for commands that run until they are told to stop.

use std::io;

use tokio::signal::unix::{SignalKind, signal};

/// Waits for SIGINT or SIGTERM. The first call, in whichever thread, takes them from their default of ending the program.
///
/// # Errors
/// The system lets no handler be installed.
pub async fn interrupted() -> io::Result<()> {
    let (mut int, mut term) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    tokio::select! {
        _ = int.recv() => {}
        _ = term.recv() => {}
    }
    Ok(())
}
