//! The machine's clocks, read together. The one place from which the core's time comes.

use std::time::{Duration, Instant, SystemTime};

use capledger_schema::time::{Monotonic, Now, Timestamp};

/// A pair of clocks with a common start.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: Instant,
}

impl Clock {
    /// Clocks that start now.
    #[expect(clippy::disallowed_methods, reason = "this is the shell that reads the clock")]
    pub fn new() -> Self {
        Clock { start: Instant::now() }
    }

    /// Both readings.
    #[expect(clippy::disallowed_methods, reason = "this is the shell that reads the clock")]
    pub fn now(&self) -> Now {
        let mono = Monotonic(u64::try_from(self.start.elapsed().as_micros()).unwrap_or(u64::MAX));
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Now { mono, wall: Timestamp(i64::try_from(since.as_micros()).unwrap_or(i64::MAX)) }
    }

    /// The monotonic reading as OpenSSL's shells need it.
    pub fn instant(&self, at: Monotonic) -> Instant {
        self.start + Duration::from_micros(at.0)
    }

    /// An instant as the core needs it.
    pub fn mono(&self, at: Instant) -> Monotonic {
        let since = at.saturating_duration_since(self.start).as_micros();
        Monotonic(u64::try_from(since).unwrap_or(u64::MAX))
    }
}

impl Default for Clock {
    fn default() -> Self {
        Clock::new()
    }
}
