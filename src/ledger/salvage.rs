//! Finds frames in sled's log by what they look like, without sled: for a repair, and for telling what damage did.
//!
//! sled writes messages that never cross a segment, so a frame lies in one segment whole. The log also holds older
//! copies of the same frames, for it is only ever appended to until a segment is free.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use capledger_schema::codec::{CodecError, Frame, HEADER_LEN, MAGIC};

/// sled's segments, in octets. With the default of 512 KiB it would put our leaves into files that it does not sync.
pub(crate) const SEGMENT: usize = 8 << 20;

/// Shows `see` every place of the log that starts like a frame: where it is, and the frame, or what is wrong with it.
pub(crate) fn scan(log: &Path, mut see: impl FnMut(u64, Result<Frame<'_>, CodecError>)) -> io::Result<()> {
    let file = File::open(log)?;
    let mut segment = vec![0; SEGMENT];
    let mut offset = 0;
    loop {
        let len = read_at_most(&file, &mut segment, offset)?;
        if len == 0 {
            return Ok(());
        }
        let mut at = 0;
        while let Some(found) = find(&segment[at..len]) {
            at += found;
            let frame = Frame::decode(&segment[at..len]);
            // Past a whole frame; into a broken one, for another may start within the length that it claims.
            let step = frame.as_ref().map_or(MAGIC.len(), Frame::octets);
            see(offset + at as u64, frame);
            at += step;
        }
        offset += len as u64;
    }
}

fn find(octets: &[u8]) -> Option<usize> {
    let mut from = 0;
    while octets.len() >= from + HEADER_LEN {
        from += octets[from..].iter().position(|b| *b == MAGIC[0])?;
        if octets[from..].starts_with(&MAGIC) {
            return Some(from);
        }
        from += 1;
    }
    None
}

fn read_at_most(file: &File, into: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut len = 0;
    while len < into.len() {
        match file.read_at(&mut into[len..], offset + len as u64) {
            Ok(0) => break,
            Ok(n) => len += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(len)
}
