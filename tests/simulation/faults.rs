//! What goes wrong in a world, when, and what is left when it has stopped.

use std::time::Duration;

use capledger::wtp::WtpInput;
use capledger_schema::id::{Seq, WtpId};
use capledger_schema::project::fleet::SessionState;
use capledger_schema::time::Timestamp;
use capledger_schema::{Envelope, Subject};

use crate::plan::target;
use crate::world::{Happening, World};

/// Something that goes wrong, or is put right again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// An access point loses its power.
    PowerCut { ap: usize },
    /// It comes back.
    PowerOn { ap: usize },
    /// Nothing passes between an access point and the controller for so long.
    Partition { ap: usize, lasts: Duration },
    /// The controller's process is gone; it is started again after so long.
    Crash { down: Duration },
    /// It is started.
    Start,
    /// The wall clock is set forward (or back) by so many microseconds.
    ClockStep(i64),
    /// The controller's disk is full, or no longer is.
    Disk { full: bool },
}

/// When, in relation to one event, the controller is to crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// The core has recorded it; the disk knows nothing.
    Recorded,
    /// It is durable; nothing that follows from it has left.
    Durable,
    /// What follows from it has left.
    Acted,
}

/// A crash at one event.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CrashPoint {
    seq: Seq,
    moment: Moment,
    come: bool,
    acting: bool,
}

impl CrashPoint {
    /// A crash at the event of this number.
    pub(crate) fn new(seq: Seq, moment: Moment) -> Self {
        CrashPoint { seq, moment, come: false, acting: false }
    }

    /// The core recorded these.
    pub(crate) fn see(&mut self, envelopes: &[Envelope]) {
        if self.acting {
            self.come = true;
        }
        if self.moment == Moment::Recorded && envelopes.iter().any(|e| e.seq == self.seq) {
            self.come = true;
        }
    }

    /// The disk holds everything up to here.
    pub(crate) fn durable(&mut self, last: Seq) {
        if last < self.seq {
            return;
        }
        match self.moment {
            Moment::Recorded => {}
            Moment::Durable => self.come = true,
            Moment::Acted => self.acting = true,
        }
    }
}

impl World {
    /// Plans a fault.
    pub(crate) fn plan_fault(&mut self, after: Duration, fault: Fault) {
        self.after(after, Happening::Fault(fault));
    }

    /// A fault strikes now.
    pub(crate) fn strike(&mut self, fault: Fault) {
        match fault {
            Fault::PowerCut { ap } => self.tell_ap(ap, WtpInput::PowerCut),
            Fault::PowerOn { ap } => self.tell_ap(ap, WtpInput::PowerOn),
            Fault::Partition { ap, lasts } => {
                let until = self.now + lasts;
                self.aps[ap].link.cut(until);
            }
            Fault::Crash { down } => self.crash(down),
            Fault::Start => self.start_controller(),
            Fault::ClockStep(by) => self.wall = Timestamp(self.wall.0 + by),
            Fault::Disk { full } => self.controller.ledger.set_full(full),
        }
    }

    /// The controller is started over what its disk holds.
    pub(crate) fn start_controller(&mut self) {
        if !self.controller.is_up() {
            let start = self.controller.start();
            self.tell_controller(start);
        }
    }

    fn crash(&mut self, down: Duration) {
        let flush_ends_well = self.rng.happens(500_000);
        self.controller.crash(flush_ends_well);
        self.plan_fault(down, Fault::Start);
    }

    /// Crashes the controller if the point for it has come.
    pub(crate) fn controller_may_crash(&mut self) -> bool {
        if !self.controller.crash.is_some_and(|crash| crash.come) {
            return false;
        }
        self.controller.crash = None;
        self.controller.crash(false);
        self.plan_fault(Duration::from_secs(1), Fault::Start);
        true
    }

    /// A flush has failed: the daemon stops. Somebody makes room, and starts it again.
    pub(crate) fn controller_stops_on_full_disk(&mut self) {
        self.controller.crash(false);
        self.plan_fault(Duration::from_secs(30), Fault::Disk { full: false });
        self.plan_fault(Duration::from_secs(31), Fault::Start);
    }

    /// No datagram is lost from now on, and every access point has power.
    pub(crate) fn heal(&mut self) {
        for ap in 0..self.aps.len() {
            self.aps[ap].link.heal();
            self.strike(Fault::PowerOn { ap });
        }
    }

    /// Whether every access point runs the target, serves, and the controller knows it.
    pub(crate) fn all_upgraded(&self) -> bool {
        if !self.aps.iter().all(crate::ap::Ap::is_upgraded) || !self.controller.is_quiet() {
            return false;
        }
        let Some(ac) = self.controller.ac() else { return false };
        let fleet = &ac.state().fleet.wtps;
        fleet.len() == self.aps.len()
            && fleet.values().all(|w| matches!(w.session, SessionState::Run(_)) && w.runs(target()))
    }

    /// What must hold once everything has come to rest.
    pub(crate) fn check_rest(&self) {
        let ac = self.controller.ac().expect("the controller runs");
        self.controller.watch.compare(ac);
        assert!(self.state() == *ac.state(), "the ledger does not add up to the core's state");
        let open = self.controller.watch.story.open();
        assert_eq!(open, 0, "operations that have begun and not ended");
    }

    /// Runs until every access point is upgraded, and checks what must hold then. Gives the virtual time that it took.
    pub(crate) fn finish(&mut self, limit: Duration) -> Duration {
        let began = self.now;
        self.run_until(limit, "every access point runs the target", World::all_upgraded);
        self.check_rest();
        self.now.since(began)
    }

    /// Who is not where it should be, for a failure's text.
    pub(crate) fn describe(&self) -> String {
        let late: Vec<_> = self.aps.iter().enumerate().filter(|(_, ap)| !ap.is_upgraded()).collect();
        let states = self.controller.ac().map(|ac| &ac.state().fleet.wtps);
        let some: Vec<_> = late
            .iter()
            .take(5)
            .map(|(n, ap)| {
                let known = states.and_then(|s| s.values().find(|w| w.address.wtp == ap.addr));
                let core = known.map(|w| (w.session, w.inventory.version, w.image.clone()));
                format!("AP {n}: {:?} {}, the controller: {core:?}", ap.wtp.state(), ap.wtp.active_version())
            })
            .collect();
        let first = late.first().map(|(_, ap)| WtpId::BaseMac(ap.wtp.config().base_mac));
        let about_it = |e: &&Envelope| matches!(&e.subject, Subject::Wtp(id) if Some(id) == first.as_ref());
        let mut last: Vec<_> = self
            .envelopes()
            .iter()
            .rev()
            .filter(about_it)
            .take(12)
            .map(|e| format!("{}: {:?}", e.at, e.event))
            .collect();
        last.reverse();
        let (late, all, some, last) = (late.len(), self.aps.len(), some.join("\n"), last.join("\n"));
        format!("{late} of {all} are late;\n{some}\nthe last of the first of them:\n{last}")
    }
}
