//! `capledger docs`: documents that the program writes of itself, on standard output.
//!
//! What is told of the command line comes from the table that it is read by, so that no command is missing and none is
//! told that does not exist. Exit codes: 0 written; 2 the output cannot be written.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Args, Subcommand};

use crate::ios::grammar;

const UNWRITABLE: u8 = 2;

/// `capledger docs ...`
#[derive(Debug, Args)]
pub struct DocsArgs {
    #[command(subcommand)]
    what: Document,
}

#[derive(Debug, Subcommand)]
enum Document {
    /// The reference of the IOS-style command line, as Markdown
    ///
    /// Every command with its mode and privilege level, its arguments with their ranges and defaults, and its `no` form.
    #[command(after_help = EXAMPLES)]
    Cli,
}

const EXAMPLES: &str = "\
Examples:
  capledger docs cli | less
  capledger docs cli | grep -A4 predownload
  capledger docs cli > commands.md";

/// Writes the document.
pub fn run(args: &DocsArgs) -> ExitCode {
    let text = match args.what {
        Document::Cli => grammar::reference(),
    };
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever read it has seen enough.
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("capledger: cannot write the output: {e}");
            ExitCode::from(UNWRITABLE)
        }
    }
}
