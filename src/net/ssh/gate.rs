//! Who may come in: lines for those who are logged in, and a bounded number of connections that are not yet.
//!
//! A connection too many takes the place of the one that has been longest without a login, so that connections which
//! only wait keep nobody out.

use std::collections::VecDeque;
use std::net::{Shutdown, TcpStream};

/// Lines: connections that are logged in, at most. Their numbers are those of `vty`.
pub const LINES: usize = 16;

/// Connections that are not logged in, at most.
pub(super) const HALF_OPEN: usize = 32;

/// Ends a connection from outside.
#[derive(Debug)]
pub(super) struct Cutter(TcpStream);

impl Cutter {
    /// A second handle of a connection's socket.
    pub(super) fn new(socket: TcpStream) -> Cutter {
        Cutter(socket)
    }

    /// Ends it: whoever reads from or writes to it is told.
    pub(super) fn cut(&self) {
        // It may have ended by itself.
        let _ = self.0.shutdown(Shutdown::Both);
    }
}

/// The places, and who has them.
#[derive(Debug, Default)]
pub(super) struct Gate {
    half_open: VecDeque<(u64, Cutter)>,
    next: u64,
    lines: [bool; LINES],
    /// Whether this limit was told of since it was last fallen below.
    told_half_open: bool,
    told_lines: bool,
}

impl Gate {
    /// Takes a connection in; its number, and whether the limit was reached for the first time in a while.
    pub(super) fn arrive(&mut self, cutter: Cutter) -> (u64, bool) {
        let full = self.half_open.len() >= HALF_OPEN;
        if full && let Some((_, oldest)) = self.half_open.pop_front() {
            oldest.cut();
        }
        self.next += 1;
        self.half_open.push_back((self.next, cutter));
        (self.next, full && !std::mem::replace(&mut self.told_half_open, true))
    }

    /// A connection is logged in, or has ended.
    pub(super) fn leave(&mut self, number: u64) {
        self.half_open.retain(|(n, _)| *n != number);
        if self.half_open.len() < HALF_OPEN / 2 {
            self.told_half_open = false;
        }
    }

    /// The lowest line that is free.
    ///
    /// # Errors
    /// None is; and whether that is so for the first time in a while.
    pub(super) fn sit(&mut self) -> Result<u16, bool> {
        match self.lines.iter().position(|taken| !taken) {
            Some(line) => {
                self.lines[line] = true;
                Ok(line as u16)
            }
            None => Err(!std::mem::replace(&mut self.told_lines, true)),
        }
    }

    /// A line is free again.
    pub(super) fn stand(&mut self, line: u16) {
        self.lines[usize::from(line)] = false;
        self.told_lines = false;
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::net::TcpListener;

    use super::*;

    fn pair(listener: &TcpListener) -> (TcpStream, Cutter) {
        let client = TcpStream::connect(listener.local_addr().expect("an address")).expect("connected");
        let (server, _) = listener.accept().expect("accepted");
        (client, Cutter::new(server))
    }

    #[test]
    fn a_connection_too_many_takes_the_place_of_the_oldest() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("bound");
        let mut gate = Gate::default();
        let mut clients = Vec::new();
        for n in 0..HALF_OPEN {
            let (client, cutter) = pair(&listener);
            clients.push(client);
            assert_eq!(gate.arrive(cutter), (n as u64 + 1, false));
        }
        let (_new, cutter) = pair(&listener);
        assert_eq!(gate.arrive(cutter), (HALF_OPEN as u64 + 1, true), "the limit is told once");
        assert_eq!(clients[0].read(&mut [0; 1]).expect("an end"), 0, "the oldest is gone");
        let (_new, cutter) = pair(&listener);
        assert!(!gate.arrive(cutter).1);
        assert_eq!(gate.half_open.len(), HALF_OPEN);
    }

    #[test]
    fn lines_are_given_from_the_lowest_on_and_come_back() {
        let mut gate = Gate::default();
        for n in 0..LINES {
            assert_eq!(gate.sit(), Ok(n as u16));
        }
        assert_eq!((gate.sit(), gate.sit()), (Err(true), Err(false)));
        gate.stand(3);
        assert_eq!(gate.sit(), Ok(3));
        assert_eq!(gate.sit(), Err(true));
    }
}
