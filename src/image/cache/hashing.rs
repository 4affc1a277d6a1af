//! The digests of an image that is coming in, made on a thread of their own: MD5 and SHA-256 take longer than the octets
//! do on a fast network, so the next ones come while these are hashed.

use std::io;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, channel, sync_channel};
use std::thread::{self, JoinHandle};

use crate::image::digest::{Digester, Digests};

/// Pieces that wait to be hashed at most; a sender that is faster waits.
const AHEAD: usize = 4;

/// Takes an image piece by piece. Dropped before [`Hashing::finish`], it ends its thread with the pieces that it has.
pub(super) struct Hashing {
    pieces: SyncSender<Vec<u8>>,
    /// Pieces that were hashed, for their memory.
    hashed: Receiver<Vec<u8>>,
    worker: JoinHandle<Digests>,
}

impl Hashing {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system's, if it gives no thread.
    pub(super) fn start() -> io::Result<Hashing> {
        let (pieces, incoming) = sync_channel::<Vec<u8>>(AHEAD);
        let (done, hashed) = channel();
        let worker = thread::Builder::new().name("image-digests".to_owned()).spawn(move || {
            let mut digester = Digester::new();
            for piece in incoming {
                digester.update(&piece);
                // Whoever has given the image up takes nothing back.
                let _ = done.send(piece);
            }
            digester.finish()
        })?;
        Ok(Hashing { pieces, hashed, worker })
    }

    /// Hands the next octets over and leaves `piece` empty.
    ///
    /// # Errors
    /// The thread has panicked.
    pub(super) fn take(&mut self, piece: &mut Vec<u8>) -> io::Result<()> {
        let mut empty = match self.hashed.try_recv() {
            Ok(used) => used,
            Err(TryRecvError::Empty | TryRecvError::Disconnected) => Vec::with_capacity(piece.capacity()),
        };
        empty.clear();
        self.pieces.send(std::mem::replace(piece, empty)).map_err(|_| ended())
    }

    /// The digests of everything that was handed over.
    ///
    /// # Errors
    /// The thread has panicked.
    pub(super) fn finish(self) -> io::Result<Digests> {
        drop(self.pieces);
        self.worker.join().map_err(|_| ended())
    }
}

fn ended() -> io::Error {
    io::Error::other("the thread that hashes images has ended by an error of the program")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_pieces_than_may_wait_give_the_digests_of_the_whole() {
        let octets: Vec<u8> = (0..1_000_000_u32).map(|i| (i * 7 / 3) as u8).collect();
        let mut hashing = Hashing::start().expect("a thread");
        for piece in octets.chunks(70_001) {
            let mut piece = piece.to_vec();
            hashing.take(&mut piece).expect("the thread runs");
            assert!(piece.is_empty(), "what was handed over is not hashed twice");
        }
        let mut whole = Digester::new();
        whole.update(&octets);
        assert_eq!(hashing.finish().expect("the thread runs"), whole.finish());
    }
}
