//! What one key of the store holds: a frame of at most 60 KiB, plain while recent, packed with zstd once sealed.

use capledger_schema::codec::{
    Chain, CodecError, EVENT_LIMIT, Frame, PAYLOAD_LIMIT, Packing, SCHEMA_VERSION, encode_envelope,
};
use capledger_schema::id::Seq;
use capledger_schema::{Envelope, codec};

/// Octets of a frame's payload at most. sled moves a leaf of its tree to a file of its own, which it does not sync,
/// beyond 2 MiB (a quarter of our segment size); a leaf holds up to 17 values.
pub(crate) const VALUE_LIMIT: usize = EVENT_LIMIT;

/// Envelopes that wait for being sealed: encoded, with the chain after each.
#[derive(Debug, Clone)]
pub(crate) struct Pending {
    octets: Vec<u8>,
    /// Where each envelope ends in `octets`, and the chain there.
    marks: Vec<(usize, Chain)>,
    /// The place of the first.
    base: Seq,
    /// The chain before the first.
    start: Chain,
}

impl Pending {
    /// None yet; the next is `base`, after `start`.
    pub(crate) fn new(base: Seq, start: Chain) -> Self {
        Pending { octets: Vec::new(), marks: Vec::new(), base, start }
    }

    pub(crate) fn len(&self) -> usize {
        self.marks.len()
    }

    /// The place of the envelope after the last.
    pub(crate) fn next(&self) -> Seq {
        Seq(self.base.0 + self.marks.len() as u64)
    }

    /// The chain after the last.
    pub(crate) fn chain(&self) -> Chain {
        self.marks.last().map_or(self.start, |(_, chain)| *chain)
    }

    pub(crate) fn push(&mut self, envelope: &Envelope) -> Result<(), CodecError> {
        let at = self.octets.len();
        encode_envelope(envelope, &mut self.octets)?;
        self.mark(at);
        Ok(())
    }

    /// Takes an envelope that is encoded already.
    pub(crate) fn push_encoded(&mut self, encoded: &[u8]) {
        let at = self.octets.len();
        self.octets.extend_from_slice(encoded);
        self.mark(at);
    }

    fn mark(&mut self, at: usize) {
        let chain = self.chain().then(&self.octets[at..]);
        self.marks.push((self.octets.len(), chain));
    }

    /// Forgets all from the `len`th on.
    pub(crate) fn truncate(&mut self, len: usize) {
        self.marks.truncate(len);
        self.octets.truncate(self.end(len));
    }

    /// Plain values of the envelopes from the `from`th on, each with its key. The last ends a commit.
    pub(crate) fn plain(&self, from: usize) -> Vec<(Seq, Vec<u8>)> {
        let mut out = Vec::new();
        let mut first = from;
        while first < self.len() {
            // As many as fit; one always does.
            let fit = self.marks[first..].partition_point(|(end, _)| end - self.end(first) <= VALUE_LIMIT);
            let last = first + fit.max(1);
            out.push(self.value(first, last, None));
            first = last;
        }
        out
    }

    /// Packed values of all of them, each of about `per_value` envelopes.
    pub(crate) fn packed(&self, per_value: usize) -> std::io::Result<Vec<(Seq, Vec<u8>)>> {
        // Equal parts, so that a batch slightly beyond a multiple leaves no crumb.
        let parts = ((self.len() + per_value / 2) / per_value).max(1);
        let mut out = Vec::with_capacity(parts);
        for part in 0..parts {
            self.pack(part * self.len() / parts, (part + 1) * self.len() / parts, &mut out)?;
        }
        Ok(out)
    }

    fn pack(&self, first: usize, last: usize, out: &mut Vec<(Seq, Vec<u8>)>) -> std::io::Result<()> {
        let plain = &self.octets[self.end(first)..self.end(last)];
        let halves = |out: &mut Vec<_>| {
            let middle = first + (last - first) / 2;
            self.pack(first, middle, out)?;
            self.pack(middle, last, out)
        };
        if plain.len() > PAYLOAD_LIMIT {
            return halves(out);
        }
        let packed = zstd::bulk::compress(plain, 1)?;
        if packed.len() < plain.len().min(VALUE_LIMIT) {
            out.push(self.value(first, last, Some(&packed)));
        } else if plain.len() <= VALUE_LIMIT {
            out.push(self.value(first, last, None));
        } else {
            return halves(out);
        }
        Ok(())
    }

    fn end(&self, len: usize) -> usize {
        len.checked_sub(1).map_or(0, |i| self.marks[i].0)
    }

    fn value(&self, first: usize, last: usize, packed: Option<&[u8]>) -> (Seq, Vec<u8>) {
        let plain = &self.octets[self.end(first)..self.end(last)];
        let base = Seq(self.base.0 + first as u64);
        let frame = Frame {
            schema: SCHEMA_VERSION,
            packing: if packed.is_some() { Packing::Zstd } else { Packing::Plain },
            ends_commit: last == self.len(),
            base,
            count: (last - first) as u32,
            unpacked: plain.len() as u32,
            payload: packed.unwrap_or(plain),
            chain: self.marks[last - 1].1,
        };
        let mut out = Vec::new();
        frame.encode(&mut out);
        (base, out)
    }
}

/// A frame's payload as it was encoded.
pub(crate) fn unpack<'a>(frame: &Frame<'a>) -> Result<std::borrow::Cow<'a, [u8]>, CodecError> {
    match frame.packing {
        Packing::Plain => Ok(frame.payload.into()),
        Packing::Zstd => match zstd::bulk::decompress(frame.payload, frame.unpacked as usize) {
            Ok(plain) if plain.len() == frame.unpacked as usize => Ok(plain.into()),
            Ok(_) | Err(_) => Err(codec::CodecError::Damaged { base: frame.base, what: "it cannot be unpacked" }),
        },
    }
}
