//! The audit: is every event that was written still there, as it was written?
//!
//! The store is opened as a copy, for sled cuts a damaged log where it finds the damage; the log itself is only read.
//! Whatever sled no longer yields is looked for in the log by the looks of its frames.

use std::fs;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use capledger_schema::codec::{Chain, CodecError, Frame};
use capledger_schema::id::Seq;

use super::dir::Places;
use super::head::{Head, digest};
use super::open::open_sled;
use super::ranges::Ranges;
use super::value::unpack;
use super::{LedgerError, io_error, salvage};

/// What an audit found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The finding itself.
    pub finding: Finding,
    /// The last event that is there without a gap before it; 0 for none.
    pub last: Seq,
    /// The chain after it, if every event up to it could be read in order.
    pub chain: Option<Chain>,
    /// What the head record beside the ledger says.
    pub head: Option<Head>,
    /// Events that are there, from the store or from its log.
    pub intact: Ranges,
    /// Events that sled no longer yields.
    pub missing: Ranges,
    /// Those of them that its log does not hold either.
    pub lost: Ranges,
    /// What is worth a word and harms no event.
    pub notes: Vec<String>,
}

/// What kind of damage there is, if any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// Every event is there and the chain holds.
    Whole,
    /// Octets within a frame were changed.
    Frame {
        /// The frame's first event.
        seq: Seq,
        /// Where in the log it lies.
        offset: u64,
    },
    /// sled does not yield all that its log holds, or refuses to open: what it keeps for itself was changed.
    Store {
        /// What it says.
        why: String,
    },
    /// The events end before the place that the head record names.
    TailCut {
        /// That place.
        recorded: Seq,
    },
    /// An event's octets are well-formed and do not continue the chain: it was edited.
    Chain {
        /// The first event of the frame in which the chain breaks.
        seq: Seq,
    },
    /// The chain holds and is not the one whose head was recorded: the history was written anew.
    Rewritten {
        /// The place at which they differ.
        seq: Seq,
    },
}

impl Verdict {
    /// Whether sled may open the log itself: it yields every event that must be there, in order. What is wrong beyond
    /// the last of them is a commit that was never acknowledged.
    pub(super) fn may_be_opened(&self) -> bool {
        match &self.finding {
            Finding::Whole => true,
            Finding::Frame { .. } => self.missing.is_empty(),
            Finding::Store { .. } | Finding::TailCut { .. } | Finding::Chain { .. } | Finding::Rewritten { .. } => {
                false
            }
        }
    }

    /// Whether nothing is wrong.
    pub fn is_whole(&self) -> bool {
        self.finding == Finding::Whole
    }
}

/// Audits the ledger of a data directory, which no daemon may hold. Fails if it cannot be read at all.
///
/// Changes nothing. Needs as much room for temporary files as the ledger takes.
pub fn verify(dir: &Path) -> Result<Verdict, LedgerError> {
    let places = Places::of(dir);
    if !places.exist() {
        return Err(LedgerError::Missing { dir: dir.to_owned() });
    }
    let _lock = places.take()?;
    let head = Head::recorded(dir).map_err(io_error("read", &places.head()))?;
    examine(&places, head, &std::env::temp_dir())
}

/// The audit of a directory that this process holds; the copy is made in `room`.
pub(super) fn examine(places: &Places, head: Option<Head>, room: &Path) -> Result<Verdict, LedgerError> {
    let path = places.log();
    let log = Log::scan(&path).map_err(io_error("read", &path))?;
    let walk = walk_copy(places, head, room)?;
    let mut verdict = judge(head, &log, &walk);
    if let Some(closed) = head.and_then(|head| head.log)
        && verdict.is_whole()
        && digest(&path).map_err(io_error("read", &path))? != closed
    {
        let note = "the log is not, octet for octet, as it was when the ledger was closed: free space, or what is of no \
                    more use, was changed";
        verdict.notes.push(note.to_owned());
    }
    Ok(verdict)
}

/// What the log holds, by the looks of it.
#[derive(Debug, Default)]
struct Log {
    /// Events in frames that are whole, old copies included.
    intact: Ranges,
    /// Frames that are not: the first event, as far as that can be believed, and where.
    broken: Vec<(Seq, u64)>,
}

impl Log {
    fn scan(path: &Path) -> io::Result<Log> {
        let end = fs::metadata(path)?.len();
        let mut log = Log::default();
        salvage::scan(path, |offset, frame| match frame {
            Ok(frame) => log.intact.add(frame.base, frame.last()),
            Err(CodecError::Damaged { base, .. } | CodecError::BadEnvelope { seq: base, .. }) => {
                log.broken.push((base, offset));
            }
            // A frame that the end of the file cuts is a matter of the file's length.
            Err(CodecError::CutShort { want, .. }) if offset + want as u64 > end => {}
            Err(CodecError::CutShort { base, .. }) => log.broken.push((base, offset)),
            // Written by a newer program: the walk says so.
            Err(CodecError::UnknownSchema(_) | CodecError::NotAFrame | CodecError::TooLarge { .. }) => {}
        })?;
        Ok(log)
    }
}

/// What the store yields.
#[derive(Debug, Default)]
struct Walk {
    intact: Ranges,
    /// The chain after the last event of an unbroken run from the first.
    chain: Option<Chain>,
    /// The first frame in which the chain breaks.
    break_at: Option<Seq>,
    /// Whether the chain at the head record's place is the recorded one; none if that place was not reached.
    head_holds: Option<bool>,
    /// sled's complaint.
    refused: Option<String>,
}

fn walk_copy(places: &Places, head: Option<Head>, room: &Path) -> Result<Walk, LedgerError> {
    let copy = tempfile::Builder::new().prefix("ledger.copy-").tempdir_in(room);
    let copy = copy.map_err(io_error("make a directory in", room))?;
    let copied = Places::of(copy.path());
    copied.create()?;
    let from = places.store();
    for entry in fs::read_dir(&from).map_err(io_error("list", &from))? {
        let entry = entry.map_err(io_error("list", &from))?;
        // Files only: `blobs/` is empty by the store's own doing.
        if entry.path().is_file() {
            let to = copied.store().join(entry.file_name());
            fs::copy(entry.path(), &to)
                .map_err(io_error("copy the ledger (set TMPDIR to where there is room)", &to))?;
        }
    }
    copied.remove_half_made_indexes()?;
    let mut walk = Walk::default();
    // sled panics on some damage instead of saying so.
    match catch_unwind(AssertUnwindSafe(|| walk_store(&copied, head, &mut walk))) {
        Ok(Ok(())) => {}
        Ok(Err(why)) => walk.refused = Some(why),
        Err(_) => walk.refused = Some("it gave up on its own data".to_owned()),
    }
    Ok(walk)
}

fn walk_store(places: &Places, head: Option<Head>, walk: &mut Walk) -> Result<(), String> {
    let db = open_sled(&places.store())?;
    let tree = |name| db.open_tree(name).map_err(|e| e.to_string());
    let (cold, hot) = (tree("cold")?, tree("hot")?);
    let mut at = (Seq(1), Some(Chain::start()));
    if head.is_some_and(|head| head.seq == Seq(0)) {
        walk.head_holds = Some(head.is_some_and(|head| head.chain == Chain::start()));
    }
    let mut complaint = None;
    for entries in [cold.iter(), hot.iter()] {
        for entry in entries {
            match entry {
                Ok((_, value)) => walk_value(&value, head, &mut at, walk),
                Err(e) => {
                    complaint = Some(e.to_string());
                    break;
                }
            }
        }
    }
    complaint.map_or(Ok(()), Err)
}

/// Takes one value in: `at` is the event that is next, and the chain before it while the run is unbroken.
fn walk_value(value: &[u8], head: Option<Head>, at: &mut (Seq, Option<Chain>), walk: &mut Walk) {
    let Ok(frame) = Frame::decode(value) else { return };
    if frame.last() < at.0 {
        return; // sealed already
    }
    let Ok(plain) = unpack(&frame) else { return };
    let continues = frame.base == at.0;
    let mut chain = if continues { at.1 } else { None };
    for envelope in frame.envelopes(&plain) {
        let Ok((envelope, encoded)) = envelope else { return };
        chain = chain.map(|chain| chain.then(encoded));
        if let (Some(head), Some(chain)) = (head, chain)
            && head.seq == envelope.seq
        {
            walk.head_holds = Some(head.chain == chain);
        }
    }
    if chain.is_some_and(|chain| chain != frame.chain) {
        walk.break_at.get_or_insert(frame.base);
        chain = None;
    }
    walk.intact.add(frame.base, frame.last());
    *at = (frame.last().next(), chain);
    walk.chain = chain;
}

fn judge(head: Option<Head>, log: &Log, walk: &Walk) -> Verdict {
    let mut intact = walk.intact.clone();
    let yielded = walk.intact.whole_up_to();
    let recorded = head.map_or(Seq(0), |head| head.seq);
    // Events that must be there: up to the head record, and before any that sled does yield.
    let wanted = recorded.max(walk.intact.last());
    let mut missing = Ranges::between(Seq(1), wanted);
    missing.remove(&walk.intact);
    // A broken frame beyond is a commit that a power cut tore, or damage after the last head record; or its number is
    // what is broken, and something is missing.
    let closed = head.is_some_and(|head| head.log.is_some());
    let broken_at = |wanted: &dyn Fn(Seq) -> bool| log.broken.iter().find(|(base, _)| wanted(*base)).copied();
    let broken = broken_at(&|base| missing.contains(base)).or_else(|| {
        let (seq, offset) = broken_at(&|base| base > wanted && !(closed && missing.is_empty()))?;
        Some((missing.first().unwrap_or(seq), offset))
    });
    let mut beyond = log.intact.clone();
    beyond.remove(&Ranges::between(Seq(1), wanted));

    let mut notes = Vec::new();
    if !missing.is_empty() || walk.refused.is_some() {
        intact.merge(&log.intact);
    } else if !beyond.is_empty() && !closed {
        notes.push(format!(
            "the log holds {beyond} too, which a crash kept from being finished; opening the ledger takes back what was \
             committed whole"
        ));
    }
    let mut lost = missing.clone();
    lost.remove(&log.intact);

    let finding = if let Some(seq) = walk.break_at {
        Finding::Chain { seq }
    } else if let Some((seq, offset)) = broken {
        Finding::Frame { seq, offset }
    } else if lost.is_suffix(wanted) && intact.whole_up_to() < recorded {
        Finding::TailCut { recorded }
    } else if let Some(why) = walk.refused.clone() {
        Finding::Store { why }
    } else if !missing.is_empty() {
        Finding::Store { why: format!("it no longer yields {missing}") }
    } else if walk.head_holds == Some(false) {
        Finding::Rewritten { seq: recorded }
    } else {
        Finding::Whole
    };
    if finding == Finding::Whole {
        for (seq, offset) in &log.broken {
            notes.push(format!(
                "octet {offset} of the log: a stale copy of the frame that starts at sequence number {seq} is damaged; \
                 no event is affected"
            ));
        }
        if head.is_none() {
            notes.push("there is no head record beside the ledger, so a cut tail would not be noticed".to_owned());
        }
    }
    let chain = walk.chain.filter(|_| walk.refused.is_none() && missing.is_empty());
    let last = if missing.is_empty() { yielded } else { intact.whole_up_to() };
    Verdict { finding, last, chain, head, intact, missing, lost, notes }
}
