//! The network between one access point and the controller: datagrams are lost, doubled, delayed and overtaken.

use std::time::Duration;

use capledger_schema::time::Monotonic;

use crate::chance::Rng;

/// What a link does to datagrams, the same each way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LinkPlan {
    /// Lost, in a million.
    pub(crate) lost: u32,
    /// Come twice, in a million.
    pub(crate) doubled: u32,
    /// Come late, behind others, in a million.
    pub(crate) late: u32,
    /// The one-way delay of a link lies between these; it is drawn once per link.
    pub(crate) delay: (Duration, Duration),
    /// So much is added at most, drawn per datagram: two that are sent within it may change places.
    pub(crate) jitter: Duration,
    /// How late the late ones are at most.
    pub(crate) lateness: Duration,
}

impl LinkPlan {
    /// Nothing is lost, doubled or late.
    pub(crate) fn quiet() -> Self {
        LinkPlan {
            lost: 0,
            doubled: 0,
            late: 0,
            delay: (Duration::from_millis(1), Duration::from_millis(15)),
            jitter: Duration::from_micros(500),
            lateness: Duration::ZERO,
        }
    }

    /// A long way: 100 ms there and back, and one datagram of a hundred lost.
    pub(crate) fn wan() -> Self {
        let delay = (Duration::from_millis(50), Duration::from_millis(50));
        LinkPlan { lost: 10_000, delay, jitter: Duration::from_millis(3), ..LinkPlan::quiet() }
    }

    /// A link that loses so many of a hundred datagrams each way, and doubles and delays some of the others.
    pub(crate) fn lossy(percent: u32) -> Self {
        LinkPlan {
            lost: percent * 10_000,
            doubled: 10_000,
            late: 5_000,
            jitter: Duration::from_millis(3),
            lateness: Duration::from_millis(400),
            ..LinkPlan::quiet()
        }
    }
}

/// One access point's link.
#[derive(Debug)]
pub(crate) struct Link {
    plan: LinkPlan,
    rng: Rng,
    base: Duration,
    cut_until: Monotonic,
}

/// What became of the datagrams of all links.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Carried {
    /// Given to a link.
    pub(crate) sent: u64,
    /// Lost on it.
    pub(crate) lost: u64,
    /// Doubled by it.
    pub(crate) doubled: u64,
    /// Delayed by it beyond its jitter.
    pub(crate) late: u64,
}

impl Link {
    /// A link of this kind.
    pub(crate) fn new(plan: LinkPlan, mut rng: Rng) -> Self {
        let base = rng.between(plan.delay.0, plan.delay.1);
        Link { plan, rng, base, cut_until: Monotonic(0) }
    }

    /// From now on, for a while, nothing passes in either direction.
    pub(crate) fn cut(&mut self, until: Monotonic) {
        self.cut_until = self.cut_until.max(until);
    }

    /// Stops losing, doubling and delaying; cuts are over too.
    pub(crate) fn heal(&mut self) {
        self.plan = LinkPlan { lost: 0, doubled: 0, late: 0, ..self.plan };
        self.cut_until = Monotonic(0);
    }

    /// Takes a datagram: when it arrives, if it does, and when its double does.
    pub(crate) fn carry(&mut self, now: Monotonic, carried: &mut Carried) -> [Option<Monotonic>; 2] {
        carried.sent += 1;
        if now < self.cut_until || self.rng.happens(self.plan.lost) {
            carried.lost += 1;
            return [None, None];
        }
        let first = self.arrival(now, carried);
        let doubled = self.rng.happens(self.plan.doubled);
        carried.doubled += u64::from(doubled);
        let second = if doubled { Some(self.arrival(now, carried)) } else { None };
        [Some(first), second]
    }

    fn arrival(&mut self, now: Monotonic, carried: &mut Carried) -> Monotonic {
        let mut at = now + self.base + self.rng.between(Duration::ZERO, self.plan.jitter);
        if self.rng.happens(self.plan.late) {
            carried.late += 1;
            at = at + self.rng.between(Duration::ZERO, self.plan.lateness);
        }
        at
    }
}
