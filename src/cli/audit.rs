//! `capledger audit`: whether the ledger is whole, and the ledger as JSON lines. Reads the store while no daemon holds it.
//!
//! Exit codes: 0 whole, or exported; 1 damaged; 2 it cannot be read.

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use capledger_schema::id::Seq;
use clap::{Args, Subcommand, ValueEnum};

use crate::ledger::{History, LedgerError, Store, export, verify};

const DAMAGED: u8 = 1;
const UNREADABLE: u8 = 2;

/// `capledger audit ...`
#[derive(Debug, Args)]
pub struct AuditArgs {
    #[command(subcommand)]
    command: AuditCommand,
}

#[derive(Debug, Subcommand)]
enum AuditCommand {
    /// Says whether every event that was written is still there, as it was written
    ///
    /// Exits with 0 if the ledger is whole, 1 if it is damaged, 2 if it cannot be read. Changes nothing; needs as much
    /// room for temporary files (TMPDIR) as the ledger takes.
    Verify {
        /// The data directory
        #[arg(long, value_name = "DIR")]
        data_dir: PathBuf,
    },
    /// Writes the events to standard output, one per line
    ///
    /// Exits with 0, with 1 if it came upon damage (what comes before it is written), or with 2 if the ledger cannot be
    /// read.
    Export {
        /// The data directory
        #[arg(long, value_name = "DIR")]
        data_dir: PathBuf,
        /// What a line looks like
        #[arg(long, value_enum, default_value_t = Format::Jsonl)]
        format: Format,
        /// Only what follows this sequence number
        #[arg(long, value_name = "SEQ", default_value_t = 0)]
        after: u64,
    },
}

/// What an exported line looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// JSON, as schema/event.schema.json describes it
    Jsonl,
}

/// Does what was asked and says how it went.
pub fn run(args: &AuditArgs) -> ExitCode {
    let code = match &args.command {
        AuditCommand::Verify { data_dir } => run_verify(data_dir, &mut io::stdout().lock()),
        AuditCommand::Export { data_dir, format: Format::Jsonl, after } => {
            run_export(data_dir, Seq(*after), &mut BufWriter::with_capacity(1 << 16, io::stdout().lock()))
        }
    };
    ExitCode::from(code)
}

fn run_verify(dir: &Path, out: &mut impl Write) -> u8 {
    // sled panics on some damage. That becomes part of the verdict; the panic's own words are for its authors.
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let verdict = verify(dir);
    std::panic::set_hook(hook);
    match verdict {
        Ok(verdict) => {
            let code = if verdict.is_whole() { 0 } else { DAMAGED };
            if writeln!(out, "{verdict}").is_err() { UNREADABLE } else { code }
        }
        Err(e) => failed(&e),
    }
}

fn run_export(dir: &Path, after: Seq, out: &mut impl Write) -> u8 {
    let store = match Store::open_existing(dir) {
        Ok(store) => store,
        Err(e) => return failed(&e),
    };
    match export::jsonl(store.read(after), out) {
        Ok(_) => 0,
        // Whoever read along has seen enough.
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => 0,
        Err(e) => {
            eprintln!("capledger: {e}");
            if e.kind() == io::ErrorKind::InvalidData { DAMAGED } else { UNREADABLE }
        }
    }
}

fn failed(e: &LedgerError) -> u8 {
    eprintln!("capledger: {e}");
    match e {
        LedgerError::Damaged { .. } | LedgerError::TailCut { .. } | LedgerError::Store { .. } => DAMAGED,
        LedgerError::Busy { .. }
        | LedgerError::Missing { .. }
        | LedgerError::Io { .. }
        | LedgerError::OutOfOrder { .. }
        | LedgerError::Codec(_)
        | LedgerError::Stopped => UNREADABLE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Ledger;

    fn ledger() -> tempfile::TempDir {
        use capledger_schema::{Cause, Envelope, Event, Source, Subject, time::Timestamp};
        let dir = tempfile::tempdir().expect("a directory");
        let batch: Vec<_> = (1..=30)
            .map(|seq| Envelope {
                seq: Seq(seq),
                at: Timestamp(seq as i64),
                cause: Cause::Timer,
                source: Source::Local,
                subject: Subject::Controller,
                observed_at: None,
                event: Event::LimitReached { limit: "capwap max-sessions".to_owned(), value: seq },
            })
            .collect();
        Store::open(dir.path()).expect("opens").append(&batch).expect("appends");
        dir
    }

    #[test]
    fn a_whole_ledger_exits_with_0_and_a_damaged_one_with_1_and_none_with_2() {
        let dir = ledger();
        let mut out = Vec::new();
        assert_eq!(run_verify(dir.path(), &mut out), 0);
        assert!(String::from_utf8(out).expect("text").starts_with("whole: 30 events"));

        let log = dir.path().join("ledger/db");
        std::fs::File::options().write(true).open(log).expect("opens").set_len(40).expect("cuts");
        let mut out = Vec::new();
        assert_eq!(run_verify(dir.path(), &mut out), DAMAGED);
        assert!(String::from_utf8(out).expect("text").starts_with("tail cut"));

        assert_eq!(run_verify(&dir.path().join("elsewhere"), &mut Vec::new()), UNREADABLE);
    }

    #[test]
    fn an_export_begins_after_the_number_given() {
        let dir = ledger();
        let mut out = Vec::new();
        assert_eq!(run_export(dir.path(), Seq(28), &mut out), 0);
        let text = String::from_utf8(out).expect("text");
        assert_eq!(text.lines().count(), 2);
        assert!(text.starts_with(r#"{"seq":29,"at":"1970-01-01T00:00:00.000029Z","#), "{text}");
        assert_eq!(run_export(&dir.path().join("elsewhere"), Seq(0), &mut Vec::new()), UNREADABLE);
    }
}
