//! A way into a loop that sleeps in `poll`: other threads wake it, sockets wake it, a deadline wakes it.
//!
//! One [`Poller`] per loop, any number of [`Waker`]s. A wake that comes while the loop works costs no system call.
//! Nothing is carried over: what the wake was for lies in a channel of its own.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::time::TimeSpec;

/// The loop's end.
#[derive(Debug)]
pub struct Poller {
    shared: Arc<Shared>,
    spin: u32,
    spins_left: u32,
}

/// Every other thread's end.
#[derive(Debug, Clone)]
pub struct Waker {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    event: EventFd,
    /// Set from the first wake until the loop takes notice.
    woken: AtomicBool,
}

/// A file that the loop waits for.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// The file.
    pub fd: BorrowedFd<'a>,
    /// Whether to wait until it can be written, too.
    pub writable: bool,
}

impl Poller {
    /// A loop that passes `spin` times in a row without work before it sleeps.
    ///
    /// Waking a thread on another core costs about 40 µs, which a peer that waits for every answer pays twice per
    /// exchange; a loop that looks again at its socket up to 2,000 times is several times as fast, at the price of a
    /// core that is busy between datagrams. 0 sleeps at once.
    pub fn new(spin: u32) -> io::Result<Self> {
        let event = EventFd::from_flags(EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC)?;
        Ok(Self { shared: Arc::new(Shared { event, woken: AtomicBool::new(false) }), spin, spins_left: spin })
    }

    /// An end for another thread.
    pub fn waker(&self) -> Waker {
        Waker { shared: Arc::clone(&self.shared) }
    }

    /// Call it once per pass: returns at once after a pass that was `busy` or while passes are left to spin, else
    /// when a source is ready, a waker was used, or `timeout` is over (none waits for ever). Look at everything then:
    /// it may return without cause.
    pub fn pass<'a>(
        &mut self,
        busy: bool,
        sources: impl IntoIterator<Item = Source<'a>>,
        timeout: Option<Duration>,
    ) -> io::Result<()> {
        if busy {
            self.spins_left = self.spin;
            self.take_wake();
            return Ok(());
        }
        if self.shared.woken.load(Ordering::Acquire) {
            self.take_wake();
            return Ok(());
        }
        if timeout == Some(Duration::ZERO) {
            return Ok(());
        }
        if self.spins_left > 0 {
            self.spins_left -= 1;
            // To whoever is to answer, if it has the same core.
            std::thread::yield_now();
            return Ok(());
        }
        self.sleep(sources, timeout)?;
        self.spins_left = self.spin;
        self.take_wake();
        Ok(())
    }

    fn sleep<'a>(&self, sources: impl IntoIterator<Item = Source<'a>>, timeout: Option<Duration>) -> io::Result<()> {
        let mut fds = vec![PollFd::new(self.shared.event.as_fd(), PollFlags::POLLIN)];
        for source in sources {
            fds.push(source.poll_fd());
        }
        match ppoll(&mut fds, timeout.map(TimeSpec::from), None) {
            Ok(_) => {
                if fds.first().and_then(PollFd::any) == Some(true) {
                    self.drain();
                }
                Ok(())
            }
            Err(Errno::EINTR) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Arms the wakers again, before the caller looks at its channels: a message that comes later wakes anew.
    fn take_wake(&self) {
        if self.shared.woken.load(Ordering::Acquire) {
            self.drain();
            self.shared.woken.store(false, Ordering::SeqCst);
        }
    }

    /// Empties the counter. It may be empty while a waker is about to write: that write ends the next sleep, which
    /// is one pass too many and no harm.
    fn drain(&self) {
        let _ = self.shared.event.read();
    }
}

impl Waker {
    /// Makes the loop pass once more. Put the message into its channel first.
    pub fn wake(&self) {
        if !self.shared.woken.swap(true, Ordering::SeqCst) {
            // It can only fail when the counter is full, which wakes just as well.
            let _ = self.shared.event.write(1);
        }
    }
}

impl<'a> Source<'a> {
    /// A file to read from.
    pub fn readable(fd: &'a impl AsFd) -> Self {
        Self { fd: fd.as_fd(), writable: false }
    }

    fn poll_fd(self) -> PollFd<'a> {
        let flags = if self.writable { PollFlags::POLLIN | PollFlags::POLLOUT } else { PollFlags::POLLIN };
        PollFd::new(self.fd, flags)
    }
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;
    use std::sync::mpsc;
    use std::time::Instant;

    use super::*;

    const LONG: Option<Duration> = Some(Duration::from_secs(20));

    #[expect(clippy::disallowed_methods, reason = "the tests measure that a wait is short")]
    fn quick(wait: impl FnOnce()) {
        let start = Instant::now();
        wait();
        assert!(start.elapsed() < Duration::from_secs(10), "it slept");
    }

    #[test]
    fn a_wake_before_the_sleep_is_not_lost() {
        let mut poller = Poller::new(0).expect("a poller");
        poller.waker().wake();
        quick(|| poller.pass(false, [], LONG).expect("passed"));
    }

    #[test]
    fn every_message_of_another_thread_is_seen() {
        let mut poller = Poller::new(3).expect("a poller");
        let (sender, receiver) = mpsc::channel();
        let waker = poller.waker();
        let other = std::thread::spawn(move || {
            for n in 0..2_000 {
                sender.send(n).expect("the receiver lives");
                waker.wake();
            }
        });
        let mut seen = 0;
        quick(|| {
            while seen < 2_000 {
                let before = seen;
                seen += receiver.try_iter().count();
                poller.pass(seen > before, [], LONG).expect("passed");
            }
        });
        other.join().expect("it ended well");
    }

    #[test]
    fn a_datagram_ends_the_sleep() {
        let mut poller = Poller::new(0).expect("a poller");
        let socket = UdpSocket::bind("127.0.0.1:0").expect("bound");
        socket.send_to(b"x", socket.local_addr().expect("bound")).expect("sent");
        quick(|| poller.pass(false, [Source::readable(&socket)], LONG).expect("passed"));
    }

    #[test]
    fn a_writable_source_ends_the_sleep_only_where_it_is_asked_for() {
        let mut poller = Poller::new(0).expect("a poller");
        let socket = UdpSocket::bind("127.0.0.1:0").expect("bound");
        let source = Source { fd: socket.as_fd(), writable: true };
        quick(|| poller.pass(false, [source], LONG).expect("passed"));
        let mut fds = [Source::readable(&socket).poll_fd()];
        assert_eq!(ppoll(&mut fds, Some(TimeSpec::from(Duration::ZERO)), None), Ok(0));
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "the test measures the sleep")]
    fn without_anything_to_do_it_sleeps_until_the_deadline() {
        let mut poller = Poller::new(0).expect("a poller");
        let start = Instant::now();
        poller.pass(false, [], Some(Duration::from_millis(30))).expect("passed");
        assert!(start.elapsed() >= Duration::from_millis(30));
    }
}
