//! The head record: how far the ledger goes, written beside it, so that a ledger whose tail was cut can be told.
//!
//! Two lines of one length are written in turn, each with its own checksum: a torn write spoils one of them at most.
//! It is synced now and then and on an orderly close, always after the ledger itself: it may lag, and never leads.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use capledger_schema::codec::Chain;
use capledger_schema::id::{Seq, Sha256};

use super::dir::Places;
use super::{LedgerError, io_error};

/// How far a ledger goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The last envelope; 0 for none.
    pub seq: Seq,
    /// The chain after it.
    pub chain: Chain,
    /// The BLAKE3 of sled's log, if the ledger was closed in order after it: opening it notices a change meanwhile.
    pub log: Option<Digest>,
}

/// The BLAKE3 of a file.
pub type Digest = [u8; 32];

/// The file of the head record.
#[derive(Debug)]
pub(crate) struct HeadFile {
    file: File,
    /// How often it was written: the later line counts.
    generation: u64,
}

impl HeadFile {
    /// Opens or makes the file, and reads what it says; nothing if it is new or if neither line holds.
    pub(crate) fn open(path: &Path) -> Result<(HeadFile, Option<Head>), LedgerError> {
        let opened = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path);
        let file = opened.map_err(io_error("open the head record", path))?;
        let text = std::fs::read(path).map_err(io_error("read the head record", path))?;
        let newest = parse(&text);
        Ok((HeadFile { file, generation: newest.map_or(0, |(g, _)| g) }, newest.map(|(_, head)| head)))
    }

    pub(crate) fn write(&mut self, head: Head, sync: bool) -> io::Result<()> {
        self.generation += 1;
        let line = line(self.generation, head);
        self.file.write_all_at(line.as_bytes(), self.generation % 2 * line.len() as u64)?;
        if sync { self.file.sync_data() } else { Ok(()) }
    }
}

impl Head {
    /// What the head record of a data directory says, without opening the ledger; nothing if there is none.
    pub fn recorded(dir: &Path) -> io::Result<Option<Head>> {
        read(&Places::of(dir).head())
    }
}

fn read(path: &Path) -> io::Result<Option<Head>> {
    match std::fs::read(path) {
        Ok(text) => Ok(parse(&text).map(|(_, head)| head)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e),
    }
}

/// The digest of a whole file.
pub(crate) fn digest(path: &Path) -> io::Result<Digest> {
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(File::open(path)?)?;
    Ok(*hasher.finalize().as_bytes())
}

fn line(generation: u64, head: Head) -> String {
    let Head { seq, chain, log } = head;
    // Of one length whether closed or not.
    let log = Sha256(log.unwrap_or_default());
    let body = format!("ledger head {generation:020} seq {:020} chain {chain} log {log}", seq.0);
    let sum = blake3::hash(body.as_bytes()).to_hex();
    format!("{body} sum {}\n", &sum[..16])
}

fn parse(text: &[u8]) -> Option<(u64, Head)> {
    // Before the second write the first line is a hole: zeros.
    let text = String::from_utf8_lossy(text);
    text.lines()
        .map(|line| line.trim_start_matches('\0'))
        .filter_map(parse_line)
        .max_by_key(|(generation, _)| *generation)
}

fn parse_line(text: &str) -> Option<(u64, Head)> {
    let words: Vec<&str> = text.split(' ').collect();
    let ["ledger", "head", generation, "seq", seq, "chain", chain, "log", log, "sum", _] = words[..] else {
        return None;
    };
    let generation = generation.parse().ok()?;
    let digest = |hex: &str| hex.parse::<Sha256>().ok().map(|d| d.0);
    let log = Some(digest(log)?).filter(|digest| *digest != Digest::default());
    let head = Head { seq: Seq(seq.parse().ok()?), chain: Chain(digest(chain)?), log };
    // Written again, it must be the same line: that checks its sum and every digit.
    (line(generation, head).trim_end() == text).then_some((generation, head))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(seq: u64) -> Head {
        Head { seq: Seq(seq), chain: Chain([seq as u8; 32]), log: (seq == 2).then_some([7; 32]) }
    }

    #[test]
    fn the_line_that_was_written_last_counts() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("head");
        let (mut file, nothing) = HeadFile::open(&path).expect("opens");
        assert_eq!(nothing, None);
        for seq in 1..=5 {
            file.write(head(seq), false).expect("writes");
            assert_eq!(read(&path).expect("reads"), Some(head(seq)));
        }
        let (mut again, found) = HeadFile::open(&path).expect("opens");
        assert_eq!(found, Some(head(5)));
        again.write(head(4), true).expect("writes");
        assert_eq!(read(&path).expect("reads"), Some(head(4)));
    }

    #[test]
    fn a_spoilt_line_leaves_the_one_before_it() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("head");
        let (mut file, _) = HeadFile::open(&path).expect("opens");
        file.write(head(1), false).expect("writes");
        file.write(head(2), false).expect("writes");
        let whole = std::fs::read(&path).expect("reads");
        for at in 0..whole.len() / 2 - 1 {
            let mut spoilt = whole.clone();
            spoilt[at] ^= 1; // the second write took the first line's place
            std::fs::write(&path, &spoilt).expect("writes");
            assert_eq!(read(&path).expect("reads"), Some(head(1)), "octet {at}");
        }
    }

    #[test]
    fn no_head_record_is_no_error() {
        let dir = tempfile::tempdir().expect("a directory");
        assert_eq!(read(&dir.path().join("head")).expect("reads"), None);
    }
}
