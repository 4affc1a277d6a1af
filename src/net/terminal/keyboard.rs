//! What somebody types, on its way from a connection to the session: octets in order, the size of the terminal, the end.
//!
//! What is typed ahead has a limit. Whoever hands octets in waits for room, but not for long: the connection may be the
//! one that the session waits for as well, to take its output.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

/// Octets that may be typed ahead of a command that runs.
pub(crate) const TYPE_AHEAD: usize = 2 << 20;

/// How long there may be no room for what is typed.
const ROOM_TIMEOUT: Duration = Duration::from_secs(10);

/// More was typed ahead than [`TYPE_AHEAD`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("more than {TYPE_AHEAD} octets were typed ahead")]
pub(crate) struct TooMuch;

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Notify,
    room: Notify,
}

#[derive(Default)]
struct State {
    octets: VecDeque<u8>,
    size: Option<Size>,
    end: Option<End>,
}

/// A terminal's size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) columns: u16,
    pub(crate) rows: u16,
}

/// How typing ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum End {
    /// Nothing more is typed, but output is still read.
    Typing,
    /// Nobody is there.
    Gone,
}

/// A connection's end.
pub(crate) struct Typist(Arc<Shared>);

/// The session's end.
pub(crate) struct Keyboard(Arc<Shared>);

/// What came next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    Octet(u8),
    Size(Size),
    End(End),
    /// Nothing, for now.
    Nothing,
}

pub(crate) fn pair() -> (Typist, Keyboard) {
    let shared = Arc::new(Shared::default());
    (Typist(Arc::clone(&shared)), Keyboard(shared))
}

impl Shared {
    /// Nothing is ever left half done.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Typist {
    /// Hands octets in, at most [`TYPE_AHEAD`]; waits a while for room.
    pub(crate) async fn octets(&self, octets: &[u8]) -> Result<(), TooMuch> {
        while !self.took(octets) {
            tokio::time::timeout(ROOM_TIMEOUT, self.0.room.notified()).await.map_err(|_| TooMuch)?;
        }
        self.0.changed.notify_one();
        Ok(())
    }

    fn took(&self, octets: &[u8]) -> bool {
        let mut state = self.0.lock();
        let fits = state.octets.len() + octets.len() <= TYPE_AHEAD;
        if fits {
            state.octets.extend(octets);
        }
        fits
    }

    pub(crate) fn resize(&self, size: Size) {
        self.0.lock().size = Some(size);
        self.0.changed.notify_one();
    }

    pub(crate) fn end(&self, end: End) {
        let mut state = self.0.lock();
        state.end = state.end.max(Some(end));
        drop(state);
        self.0.changed.notify_one();
    }
}

impl Drop for Typist {
    fn drop(&mut self) {
        self.end(End::Gone);
    }
}

impl Keyboard {
    /// What came next. What was typed before the typing ended comes before its end; nothing comes from who is gone.
    pub(crate) fn next(&self) -> Next {
        let mut state = self.0.lock();
        if state.end == Some(End::Gone) {
            return Next::End(End::Gone);
        }
        if let Some(size) = state.size.take() {
            return Next::Size(size);
        }
        if let Some(octet) = state.octets.pop_front() {
            if state.octets.len() == TYPE_AHEAD / 2 {
                self.0.room.notify_one();
            }
            if state.octets.is_empty() && state.octets.capacity() > 4_096 {
                state.octets = VecDeque::new();
            }
            return Next::Octet(octet);
        }
        state.end.map_or(Next::Nothing, Next::End)
    }

    /// Gives an octet back: it comes next.
    pub(crate) fn unread(&self, octet: u8) {
        self.0.lock().octets.push_front(octet);
    }

    /// Whether Ctrl-C was typed; it takes with it what was typed before.
    pub(crate) fn interrupted(&self) -> bool {
        let mut state = self.0.lock();
        match state.octets.iter().rposition(|o| *o == 0x03) {
            Some(last) => {
                state.octets.drain(..=last);
                self.0.room.notify_one();
                true
            }
            None => false,
        }
    }

    pub(crate) fn is_gone(&self) -> bool {
        self.0.lock().end == Some(End::Gone)
    }

    /// Waits until something came since it was last waited for.
    pub(crate) async fn changed(&self) {
        self.0.changed.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hands octets in where there is room.
    fn typed(typist: &Typist, octets: &[u8]) {
        assert!(typist.took(octets), "there is room");
    }

    fn rest(keyboard: &Keyboard) -> Vec<Next> {
        let mut out = Vec::new();
        loop {
            match keyboard.next() {
                Next::Nothing => return out,
                end @ Next::End(_) => {
                    out.push(end);
                    return out;
                }
                next @ (Next::Octet(_) | Next::Size(_)) => out.push(next),
            }
        }
    }

    #[test]
    fn what_was_typed_comes_before_the_end_of_typing() {
        let (typist, keyboard) = pair();
        typed(&typist, b"ab");
        typist.end(End::Typing);
        assert_eq!(rest(&keyboard), [Next::Octet(b'a'), Next::Octet(b'b'), Next::End(End::Typing)]);
    }

    #[test]
    fn nothing_comes_from_somebody_who_is_gone() {
        let (typist, keyboard) = pair();
        typed(&typist, b"ab");
        drop(typist);
        assert_eq!(rest(&keyboard), [Next::End(End::Gone)]);
        assert!(keyboard.is_gone());
    }

    #[test]
    fn ctrl_c_takes_with_it_what_was_typed_before() {
        let (typist, keyboard) = pair();
        typed(&typist, b"x\x03y\x03z");
        assert!(keyboard.interrupted());
        assert!(!keyboard.interrupted());
        assert_eq!(rest(&keyboard), [Next::Octet(b'z')]);
    }

    #[tokio::test]
    async fn who_types_too_far_ahead_waits_for_room() {
        let (typist, keyboard) = pair();
        assert_eq!(typist.octets(&vec![b'x'; TYPE_AHEAD]).await, Ok(()));
        assert!(!typist.took(b"x"));
        let (taken, ()) = tokio::join!(typist.octets(b"y"), async {
            for _ in 0..TYPE_AHEAD {
                assert_eq!(keyboard.next(), Next::Octet(b'x'));
            }
        });
        assert_eq!((taken, keyboard.next()), (Ok(()), Next::Octet(b'y')));
    }

    #[test]
    fn only_the_last_size_counts() {
        let (typist, keyboard) = pair();
        typist.resize(Size { columns: 80, rows: 24 });
        typist.resize(Size { columns: 100, rows: 30 });
        assert_eq!(rest(&keyboard), [Next::Size(Size { columns: 100, rows: 30 })]);
    }
}
