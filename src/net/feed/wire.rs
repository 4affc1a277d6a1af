//! Frames of the feed: a length (u32, big endian) and a bincode message.

use std::io;

use bincode::Options;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncReadExt};

/// A message as a frame; an error if it is larger than a frame may be.
pub(super) fn encode<M: Serialize>(message: &M, limit: u32) -> io::Result<Vec<u8>> {
    let mut frame = vec![0; 4];
    options().serialize_into(&mut frame, message).map_err(io::Error::other)?;
    let length = u32::try_from(frame.len() - 4).ok().filter(|n| *n <= limit).ok_or_else(|| {
        io::Error::new(io::ErrorKind::InvalidData, format!("a message of {} octets; at most {limit}", frame.len() - 4))
    })?;
    frame[..4].copy_from_slice(&length.to_be_bytes());
    Ok(frame)
}

/// The message in a frame's payload, which holds nothing else.
pub(super) fn decode<M: DeserializeOwned>(payload: &[u8]) -> io::Result<M> {
    options()
        .with_limit(payload.len() as u64)
        .deserialize(payload)
        .map_err(|e| io::Error::new(io::ErrorKind::InvalidData, format!("a message that cannot be read: {e}")))
}

/// The length that four octets announce, if it is within the limit.
pub(super) fn length(header: [u8; 4], limit: u32) -> io::Result<usize> {
    let length = u32::from_be_bytes(header);
    if length > limit {
        let words = format!("a frame of {length} octets; at most {limit} are taken");
        return Err(io::Error::new(io::ErrorKind::InvalidData, words));
    }
    Ok(length as usize)
}

/// bincode as everywhere else in the product (fixed width, little endian), and no octets left over.
fn options() -> impl Options {
    bincode::options().with_fixint_encoding()
}

/// Reads frames from a stream; a lost future loses no octet.
pub(super) struct FrameReader<R> {
    from: R,
    got: Vec<u8>,
    limit: u32,
}

impl<R: AsyncRead + Unpin> FrameReader<R> {
    pub(super) fn new(from: R, limit: u32) -> Self {
        FrameReader { from, got: Vec::new(), limit }
    }

    /// The next message; none where the stream ends between two.
    pub(super) async fn next<M: DeserializeOwned>(&mut self) -> io::Result<Option<M>> {
        loop {
            if let Some(header) = self.got.first_chunk::<4>() {
                let end = 4 + length(*header, self.limit)?;
                if self.got.len() >= end {
                    let message = decode(&self.got[4..end])?;
                    self.got.drain(..end);
                    return Ok(Some(message));
                }
            }
            if self.from.read_buf(&mut self.got).await? == 0 {
                let whole = self.got.is_empty();
                return if whole { Ok(None) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use capledger_schema::feed::ClientMessage;
    use proptest::prelude::*;

    #[test]
    fn a_message_over_the_limit_is_neither_written_nor_read() {
        let message = ClientMessage::Command { id: 1, line: "x".repeat(100) };
        assert_eq!(encode(&message, 50).expect_err("too large").kind(), io::ErrorKind::InvalidData);
        let words = length(51u32.to_be_bytes(), 50).expect_err("too large").to_string();
        assert_eq!(words, "a frame of 51 octets; at most 50 are taken");
    }

    #[test]
    fn octets_after_a_message_are_an_error() {
        let mut frame = encode(&ClientMessage::Command { id: 1, line: "x".into() }, 1_000).expect("a frame");
        assert!(decode::<ClientMessage>(&frame[4..]).is_ok());
        frame.push(0);
        assert!(decode::<ClientMessage>(&frame[4..]).is_err());
    }

    proptest! {
        #[test]
        fn no_octets_make_the_reader_panic(octets in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode::<ClientMessage>(&octets);
        }

        #[test]
        fn frames_cut_anywhere_read_back(lines in proptest::collection::vec(".{0,40}", 1..5), cut in 1usize..50) {
            let messages: Vec<_> = lines.into_iter().map(|line| ClientMessage::Command { id: 7, line }).collect();
            let octets: Vec<u8> =
                messages.iter().flat_map(|m| encode(m, 10_000).expect("a frame")).collect();
            let mut reader = FrameReader::new(Pieces(octets.chunks(cut).map(<[u8]>::to_vec).collect()), 10_000);
            let rt = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
            for m in &messages {
                let got: Option<ClientMessage> = rt.block_on(reader.next()).expect("a frame");
                prop_assert_eq!(got.as_ref(), Some(m));
            }
            prop_assert_eq!(rt.block_on(reader.next::<ClientMessage>()).expect("an end"), None);
        }
    }

    /// Gives one piece per read.
    struct Pieces(std::collections::VecDeque<Vec<u8>>);

    impl AsyncRead for Pieces {
        fn poll_read(
            mut self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
            buf: &mut tokio::io::ReadBuf<'_>,
        ) -> std::task::Poll<io::Result<()>> {
            if let Some(mut piece) = self.0.pop_front() {
                let n = piece.len().min(buf.remaining());
                let rest = piece.split_off(n);
                buf.put_slice(&piece);
                if !rest.is_empty() {
                    self.0.push_front(rest);
                }
            }
            std::task::Poll::Ready(Ok(()))
        }
    }
}
