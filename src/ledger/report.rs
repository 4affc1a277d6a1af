//! An audit's verdict in words: what was found, what that proves, and what it does not.

use std::fmt;

use super::verify::{Finding, Verdict};

const PROVES: &str = "\
This shows that no event was damaged, and that none was edited, inserted, removed or reordered without redoing the \
chain after it. It does not show that the whole chain was not written anew, nor that no events followed the last one \
recorded: for that, compare the head with a copy that is kept elsewhere.";

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let last = self.last;
        match &self.finding {
            Finding::Whole => {
                match last.0 {
                    0 => write!(f, "whole: the ledger is empty")?,
                    n => write!(f, "whole: {n} events, 1 to {n}")?,
                }
                if let Some(chain) = self.chain {
                    write!(f, "\nhead: {last} {chain}")?;
                }
                write!(f, "\n{PROVES}")?;
            }
            Finding::Frame { seq, offset } => write!(
                f,
                "frame damaged: octets of the frame that starts at sequence number {seq} were changed (at octet \
                 {offset} of ledger/db)"
            )?,
            Finding::Store { why } => {
                write!(f, "store damaged: sled's own data was changed, the frames were not: {why}")?;
            }
            Finding::TailCut { recorded } => {
                write!(f, "tail cut: the ledger ends at {last}, the head record says {recorded}")?;
            }
            Finding::Chain { seq } => write!(
                f,
                "chain broken: the frame that starts at sequence number {seq} is well-formed and does not continue the \
                 chain: an event in it was edited, or it was moved here"
            )?,
            Finding::Rewritten { seq } => write!(
                f,
                "rewritten: the chain holds, but at sequence number {seq} it is not the one that the head record names: \
                 the history up to there was written anew"
            )?,
        }
        if !self.is_whole() {
            write!(f, "\nintact: {} ({} events)", self.intact, self.intact.count())?;
            write!(f, "\nlost: {}", self.lost)?;
        }
        if self.lost.is_empty() && matches!(self.finding, Finding::Frame { .. } | Finding::Store { .. }) {
            write!(f, "\nEvery event is still in ledger/db by its own checksum, though sled does not yield it.")?;
        }
        for note in &self.notes {
            write!(f, "\nnote: {note}")?;
        }
        Ok(())
    }
}
