//! The ledger: where envelopes are written down, durably and in order, and read again.
//!
//! This is a shell: it touches files. It knows nothing of what an event means; only the core decides what is appended,
//! and what was appended is never changed.

mod dir;
pub mod export;
mod head;
pub mod memory;
mod open;
mod ranges;
mod reader;
mod report;
mod salvage;
mod step;
mod store;
mod value;
mod verify;
#[cfg(test)]
mod verify_tests;
pub mod writer;

#[cfg(test)]
mod crash_tests;
#[cfg(test)]
mod tests;

use std::io;
use std::path::PathBuf;

use capledger_schema::codec::CodecError;
use capledger_schema::id::Seq;
use capledger_schema::project::{Projection, State};
use capledger_schema::{Envelope, codec};

pub use head::{Digest, Head};
pub use memory::Memory;
pub use ranges::Ranges;
pub use reader::Reader;
pub use store::Store;
pub use verify::{Finding, Verdict, verify};
pub use writer::{Writer, Written};

/// Takes envelopes for good.
pub trait Ledger {
    /// Appends envelopes that follow the last one without a gap. When this returns they are on the disk, all of them;
    /// when it fails none of them counts, and the ledger takes no more: only opening it anew tells what is in it.
    fn append(&mut self, batch: &[Envelope]) -> io::Result<()>;
}

/// Gives envelopes back.
pub trait History {
    /// Everything after `after`, in order and without gaps; `Seq(0)` for all. Ends after the first error.
    fn read(&self, after: Seq) -> impl Iterator<Item = io::Result<Envelope>>;

    /// The state that all of it adds up to.
    fn fold(&self) -> io::Result<State> {
        self.read(Seq(0)).try_fold(State::default(), |mut state, envelope| {
            state.apply(&envelope?);
            Ok(state)
        })
    }
}

/// Why the ledger cannot be opened, read or written.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// Another process holds it.
    #[error("the ledger in {} is in use{}; stop that process, or ask it with `capledger exec`", dir.display(), by(*pid))]
    Busy {
        /// The data directory.
        dir: PathBuf,
        /// The other process, if it left its number.
        pid: Option<u32>,
    },
    /// There is none.
    #[error("{} holds no ledger; check --data-dir", dir.display())]
    Missing {
        /// The data directory.
        dir: PathBuf,
    },
    /// The file system refused.
    #[error("{}: cannot {what}: {source}", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// On which file.
        path: PathBuf,
        /// Why it did not work.
        source: io::Error,
    },
    /// sled, which stores the ledger, refused.
    #[error("the ledger in {} cannot be used: {why}; see `capledger audit verify --data-dir {}`", dir.display(), dir.display())]
    Store {
        /// The data directory.
        dir: PathBuf,
        /// In sled's words.
        why: String,
    },
    /// Envelopes are missing or wrong.
    #[error("the ledger is damaged at sequence number {seq}: {why}; see `capledger audit verify`")]
    Damaged {
        /// The first that is missing or wrong.
        seq: Seq,
        /// What is wrong.
        why: String,
    },
    /// It ends before the place that the head record beside it names.
    #[error(
        "the ledger in {} ends at sequence number {last}, but the head record beside it says {recorded}: its tail was \
         cut; see `capledger audit verify`, then restore a copy, or remove {} to go on without what is lost",
        dir.display(),
        head.display()
    )]
    TailCut {
        /// The data directory.
        dir: PathBuf,
        /// The last envelope that is there.
        last: Seq,
        /// The last one that was there.
        recorded: Seq,
        /// The head record.
        head: PathBuf,
    },
    /// An append that does not follow the last envelope: the caller's mistake.
    #[error("an append of sequence number {got} where {expected} is next")]
    OutOfOrder {
        /// The next free place.
        expected: Seq,
        /// What was given.
        got: Seq,
    },
    /// An envelope that cannot be written down.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// An earlier append failed.
    #[error("an earlier append failed; open the ledger anew to see what is in it")]
    Stopped,
}

fn by(pid: Option<u32>) -> String {
    pid.map_or_else(String::new, |pid| format!(" by process {pid}"))
}

impl From<LedgerError> for io::Error {
    fn from(e: LedgerError) -> io::Error {
        let kind = match &e {
            LedgerError::Io { source, .. } => source.kind(),
            LedgerError::Busy { .. } => io::ErrorKind::ResourceBusy,
            LedgerError::Missing { .. } => io::ErrorKind::NotFound,
            LedgerError::Damaged { .. } | LedgerError::TailCut { .. } => io::ErrorKind::InvalidData,
            LedgerError::OutOfOrder { .. } | LedgerError::Codec(_) => io::ErrorKind::InvalidInput,
            LedgerError::Store { .. } | LedgerError::Stopped => io::ErrorKind::Other,
        };
        io::Error::new(kind, e)
    }
}

/// What went wrong at which file.
fn io_error(what: &'static str, path: &std::path::Path) -> impl FnOnce(io::Error) -> LedgerError {
    let path = path.to_owned();
    move |source| LedgerError::Io { what, path, source }
}

/// What sled says: a full disk is told as what it is, and anything else as damage that an audit explains.
fn refused(dir: &std::path::Path, e: sled::Error) -> LedgerError {
    match e {
        sled::Error::Io(source) => io_error("write or read", &dir::Places::of(dir).log())(source),
        e @ (sled::Error::CollectionNotFound(_)
        | sled::Error::Unsupported(_)
        | sled::Error::ReportableBug(_)
        | sled::Error::Corruption { .. }) => LedgerError::Store { dir: dir.to_owned(), why: e.to_string() },
    }
}

/// How a codec's complaint reads as damage of the ledger.
fn damaged(seq: Seq, e: &codec::CodecError) -> LedgerError {
    LedgerError::Damaged { seq, why: e.to_string() }
}
