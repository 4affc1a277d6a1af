//! `capledger console`: the command line of a running controller at this terminal, over its local socket.
//!
//! The daemon edits the line and pages the output, as over SSH; this end moves octets and tells the terminal's size.
//! Exit codes: 0 the session ended; 2 no controller answers.

use std::io::{self, IsTerminal, Read, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use clap::Args;
use crossterm::terminal;

use crate::net::feed::{Client, ClientError, Keys};

const UNREACHABLE: u8 = 2;

/// `capledger console ...`
#[derive(Debug, Args)]
#[command(after_help = "Ends with `exit`, with Ctrl-D on an empty line, or when the controller stops.")]
pub struct ConsoleArgs {
    /// The data directory of the controller
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
}

/// Runs a session until it ends.
pub fn run(args: &ConsoleArgs) -> ExitCode {
    let ended = attend(args);
    if let Err(words) = ended {
        eprintln!("capledger: {words}");
        return ExitCode::from(UNREACHABLE);
    }
    ExitCode::SUCCESS
}

fn attend(args: &ConsoleArgs) -> Result<(), String> {
    let words = |e: ClientError| e.to_string();
    let client = Client::connect(&args.data_dir).map_err(words)?;
    let is_terminal = io::stdin().is_terminal() && io::stdout().is_terminal();
    // Raw mode is left in order, whatever happens.
    let _raw =
        if is_terminal { Some(Raw::enter().map_err(|e| format!("cannot set the terminal: {e}"))?) } else { None };
    let (columns, rows) = if is_terminal { size() } else { (0, 0) };
    let (keys, screen) = client.terminal(columns, rows).map_err(words)?;
    let keys = Arc::new(Mutex::new(keys));
    let typing = Arc::clone(&keys);
    // Both threads end with the process: nothing else ends a read from a terminal.
    std::thread::spawn(move || forward(&typing));
    if is_terminal {
        std::thread::spawn(move || follow_size(&keys));
    }
    let mut out = io::stdout().lock();
    for octets in screen {
        match octets {
            Ok(octets) => out.write_all(&octets).and_then(|()| out.flush()).map_err(|e| e.to_string())?,
            Err(ClientError::Bye(words)) => return Err(words),
            Err(error) => return Err(error.to_string()),
        }
    }
    Ok(())
}

/// The terminal's columns and rows. One that does not know its size, as that of a script, is still a terminal.
fn size() -> (u16, u16) {
    let known = terminal::size().ok().filter(|(columns, rows)| *columns > 0 && *rows > 0);
    known.unwrap_or((80, 24))
}

/// Standard input, as it is typed.
fn forward(keys: &Mutex<Keys>) {
    let mut piece = [0; 4_096];
    let mut input = io::stdin().lock();
    loop {
        let n = input.read(&mut piece).unwrap_or(0);
        let mut keys = keys.lock().unwrap_or_else(PoisonError::into_inner);
        // A daemon that is gone is noticed where its output is read.
        let sent = if n == 0 { keys.all() } else { keys.typed(&piece[..n]) };
        if n == 0 || sent.is_err() {
            return;
        }
    }
}

/// Tells every change of the terminal's size.
fn follow_size(keys: &Mutex<Keys>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let Ok(runtime) = runtime else { return };
    runtime.block_on(async {
        let changes = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::window_change());
        let Ok(mut changes) = changes else { return };
        while changes.recv().await.is_some() {
            let (columns, rows) = size();
            let mut keys = keys.lock().unwrap_or_else(PoisonError::into_inner);
            if keys.resized(columns, rows).is_err() {
                return;
            }
        }
    });
}

/// The terminal hands over every key while this lives.
struct Raw;

impl Raw {
    fn enter() -> io::Result<Raw> {
        terminal::enable_raw_mode()?;
        Ok(Raw)
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        // There is nobody left to tell.
        let _ = terminal::disable_raw_mode();
    }
}
