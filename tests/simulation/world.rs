//! One controller, its disk, and access points on their links, on virtual time.
//!
//! The world pops the earliest thing that is to happen, hands it to the end that it happens to, and carries out what
//! that end wants. It is a shell like the real ones, without a machine below it.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use capledger::ac::{Accepted, Effect, Input, Ticket};
use capledger::command::{Command, Refusal};
use capledger::fetch::report::FetchReport;
use capledger_schema::Envelope;
use capledger_schema::id::Sha256;
use capledger_schema::project::State;
use capledger_schema::time::{Monotonic, Now, Timestamp};

use crate::ap::Ap;
use crate::chance::{Queue, Rng};
use crate::controller::{Controller, Settled};
use crate::dtls::Datagram;
use crate::faults::{CrashPoint, Fault};
use crate::library::Library;
use crate::link::Carried;
use crate::plan::{Confession, Plan, target};
use crate::share::Sent;

/// The controller's control channel.
pub(crate) const AC: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(172, 16, 4, 26)), 5246);

/// What can be to happen. A controller's life has a number: what was meant for an earlier one is nobody's.
#[derive(Debug)]
pub(crate) enum Happening {
    ToAc { from: SocketAddr, datagram: Datagram },
    ToAp { ap: usize, datagram: Datagram },
    WakeAc { life: u64 },
    WakeAp { ap: usize },
    Flight { ap: usize, handshake: u64, finishing: bool },
    Flushed { life: u64 },
    Fetch { life: u64, report: FetchReport },
    Loaded { life: u64, image: Sha256 },
    Fault(Fault),
}

/// A world.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) plan: Plan,
    pub(crate) now: Monotonic,
    /// What the wall clock shows when no time has passed.
    pub(crate) wall: Timestamp,
    pub(crate) rng: Rng,
    queue: Queue<Happening>,
    pub(crate) aps: Vec<Ap>,
    pub(crate) controller: Controller,
    pub(crate) library: Library,
    pub(crate) replies: BTreeMap<Ticket, Result<Accepted, Refusal>>,
    pub(crate) carried: Carried,
    pub(crate) sent_down: Sent,
    handshakes: u64,
    pub(crate) sessions: u64,
    pub(crate) inputs: VecDeque<Input>,
    effects: Vec<Effect>,
    pub(crate) block: Vec<u8>,
    confession: Confession,
}

impl World {
    /// A world in which everything is about to be switched on.
    pub(crate) fn new(plan: Plan) -> Self {
        World::begin(plan, None)
    }

    /// The same, but the controller crashes at this point.
    pub(crate) fn new_with_crash(plan: Plan, crash: CrashPoint) -> Self {
        World::begin(plan, Some(crash))
    }

    fn begin(plan: Plan, crash: Option<CrashPoint>) -> Self {
        let mut rng = Rng::new(plan.seed);
        let library = Library::new(target(), plan.blocks * 1024, rng.next(), plan.fail_fetches);
        let aps = (0..plan.wtps).map(|n| Ap::new(n, &plan, &mut rng)).collect();
        let mut controller = Controller::new(&plan, rng.fork());
        controller.crash = crash;
        let confession = Confession { seed: plan.seed, note: String::new() };
        let mut world = World {
            now: Monotonic(0),
            wall: "2024-02-01T17:05:37Z".parse().expect("a moment"),
            queue: Queue::new(),
            aps,
            controller,
            library,
            replies: BTreeMap::new(),
            carried: Carried::default(),
            sent_down: Sent::default(),
            handshakes: 0,
            sessions: 0,
            inputs: VecDeque::new(),
            effects: Vec::new(),
            block: Vec::new(),
            rng,
            plan,
            confession,
        };
        world.start_controller();
        for ap in 0..world.aps.len() {
            let after = world.rng.between(Duration::ZERO, world.plan.power_on);
            world.after(after, Happening::Fault(Fault::PowerOn { ap }));
        }
        world
    }

    /// Both clocks.
    pub(crate) fn clocks(&self) -> Now {
        Now { mono: self.now, wall: self.wall + self.now.since(Monotonic(0)) }
    }

    /// Plans something for a later moment.
    pub(crate) fn after(&mut self, wait: Duration, what: Happening) {
        self.queue.plan(self.now + wait, what);
    }

    /// Lets time pass.
    pub(crate) fn run(&mut self, time: Duration) {
        let end = self.now + time;
        while self.queue.next_at().is_some_and(|at| at <= end) {
            self.happen();
        }
        self.now = end;
    }

    /// Lets time pass until something holds, looking ten times a second; fails when it does not within `limit`.
    pub(crate) fn run_until(&mut self, limit: Duration, what: &str, holds: impl Fn(&World) -> bool) {
        let end = self.now + limit;
        while !holds(self) {
            assert!(self.now < end, "{what}: not within {limit:?} of virtual time; {}", self.describe());
            self.run(Duration::from_millis(100));
        }
    }

    /// One thing happens.
    fn happen(&mut self) {
        let Some((at, what)) = self.queue.pop() else { return };
        self.now = at;
        match what {
            Happening::ToAc { from, datagram } => self.arrives_at_controller(from, datagram),
            Happening::ToAp { ap, datagram } => self.arrives_at_ap(ap, datagram),
            Happening::WakeAc { life } if life == self.controller.life => self.controller_wakes(),
            Happening::WakeAp { ap } => self.ap_wakes(ap),
            Happening::Flight { ap, handshake, finishing } => self.flight_is_due(ap, handshake, finishing),
            Happening::Flushed { life } if life == self.controller.life => self.flushed(),
            Happening::Fetch { life, report } if life == self.controller.life => self.fetch_reports(report),
            Happening::Loaded { life, image } if life == self.controller.life => {
                let held = self.controller.cache.contains(&image);
                let result = if held { Ok(()) } else { Err("no such file".to_owned()) };
                self.tell_controller(Input::Loaded { sha256: image, result });
            }
            Happening::WakeAc { .. }
            | Happening::Flushed { .. }
            | Happening::Fetch { .. }
            | Happening::Loaded { .. } => {}
            Happening::Fault(fault) => self.strike(fault),
        }
    }

    /// Gives the core an input, and carries out what follows.
    pub(crate) fn tell_controller(&mut self, input: Input) {
        let now = self.clocks();
        self.inputs.push_back(input);
        while let Some(input) = self.inputs.pop_front() {
            let mut effects = std::mem::take(&mut self.effects);
            let begun = self.controller.handle(now, input, &mut effects);
            self.carry_out(&mut effects);
            self.effects = effects;
            if let Some(wait) = begun {
                let life = self.controller.life;
                self.after(wait, Happening::Flushed { life });
            }
        }
        if let Some(at) = self.controller.wake(self.now) {
            let life = self.controller.life;
            self.queue.plan(at, Happening::WakeAc { life });
        }
        self.controller_may_crash();
    }

    fn flushed(&mut self) {
        let mut effects = std::mem::take(&mut self.effects);
        let result = self.controller.flushed(&mut effects);
        match result {
            Settled::Done { next } => {
                if !self.controller_may_crash() {
                    self.carry_out(&mut effects);
                }
                if let Some(wait) = next.filter(|_| self.controller.is_up()) {
                    let life = self.controller.life;
                    self.after(wait, Happening::Flushed { life });
                }
            }
            Settled::DiskFull => self.controller_stops_on_full_disk(),
        }
        effects.clear();
        self.effects = effects;
        while let Some(input) = self.inputs.pop_front() {
            self.tell_controller(input);
        }
    }

    fn controller_wakes(&mut self) {
        self.controller.woken();
        self.tell_controller(Input::Tick);
    }

    /// Puts a datagram on an access point's link.
    pub(crate) fn send_to_ap(&mut self, ap: usize, datagram: &Datagram) {
        for at in self.aps[ap].link.carry(self.now, &mut self.carried).into_iter().flatten() {
            self.queue.plan(at, Happening::ToAp { ap, datagram: datagram.clone() });
        }
    }

    /// Puts a datagram of an access point on its link.
    pub(crate) fn send_to_controller(&mut self, ap: usize, datagram: &Datagram) {
        let from = self.aps[ap].addr;
        for at in self.aps[ap].link.carry(self.now, &mut self.carried).into_iter().flatten() {
            self.queue.plan(at, Happening::ToAc { from, datagram: datagram.clone() });
        }
    }

    /// A number that no handshake had before; a greater one is newer.
    pub(crate) fn next_handshake(&mut self) -> u64 {
        self.handshakes += 1;
        self.handshakes
    }

    /// An operator's command; the answer is waited for.
    pub(crate) fn command(&mut self, command: Command) -> Result<Accepted, Refusal> {
        let ticket = Ticket(self.replies.len() as u64 + 1);
        let (user, from) = ("admin".to_owned(), "console".to_owned());
        self.tell_controller(Input::Command { command, user, from, ticket });
        self.run_until(Duration::from_secs(1), "the reply", |w| w.replies.contains_key(&ticket));
        self.replies[&ticket].clone()
    }

    /// What the durable ledger adds up to.
    pub(crate) fn state(&self) -> State {
        self.controller.fold()
    }

    /// The durable ledger.
    pub(crate) fn envelopes(&self) -> &[Envelope] {
        self.controller.ledger.envelopes()
    }

    /// The shell finds that an image in its cache has changed.
    pub(crate) fn damaged(&mut self, image: Sha256) {
        self.tell_controller(Input::Damaged { sha256: image, words: "a digest is not what it was".to_owned() });
    }

    /// For a failure's text.
    pub(crate) fn note(&mut self, note: String) {
        self.confession.note = note;
    }
}
