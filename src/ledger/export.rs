//! The ledger as JSON lines, one envelope each, for people and scripts: `schema/event.schema.json` describes a line.

use std::io::{self, Write};

use capledger_schema::Envelope;

/// Writes envelopes as they come; says how many. Ends with the first that cannot be read, after those before it.
pub fn jsonl(envelopes: impl Iterator<Item = io::Result<Envelope>>, mut out: impl Write) -> io::Result<u64> {
    let mut count = 0;
    for envelope in envelopes {
        let envelope = match envelope {
            Ok(envelope) => envelope,
            Err(e) => {
                out.flush()?;
                return Err(e);
            }
        };
        serde_json::to_writer(&mut out, &envelope)?;
        out.write_all(b"\n")?;
        count += 1;
    }
    out.flush()?;
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::super::tests::envelopes;
    use super::*;

    #[test]
    fn every_envelope_is_a_line_that_reads_back() {
        let mut out = Vec::new();
        let count = jsonl(envelopes(1, 20).into_iter().map(Ok), &mut out).expect("writes");
        let lines = String::from_utf8(out).expect("text");
        let read: Vec<Envelope> = lines.lines().map(|line| serde_json::from_str(line).expect("json")).collect();
        assert_eq!((count, read), (20, envelopes(1, 20)));
    }

    #[test]
    fn what_comes_before_damage_is_written() {
        let damage = || io::Error::from(io::ErrorKind::InvalidData);
        let mut out = Vec::new();
        let all = envelopes(1, 2).into_iter().map(Ok).chain([Err(damage())]);
        assert_eq!(jsonl(all, &mut out).expect_err("damage").kind(), io::ErrorKind::InvalidData);
        assert_eq!(String::from_utf8(out).expect("text").lines().count(), 2);
    }
}
