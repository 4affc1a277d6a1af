//! The thread that drives the access points: datagrams and time in, effects out.

use std::collections::BTreeSet;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use capledger_schema::image::ImageVersion;
use capledger_schema::time::{Monotonic, Now};

use super::store::{ApFlash, Store};
use super::{Happening, Order, Report, SimulationError, Totals};
use crate::net::client::{ClientEvent, ClientId, Clients};
use crate::net::clock::Clock;
use crate::net::pki::Credentials;
use crate::net::wake::Poller;
use crate::wtp::{Quirk, Wtp, WtpEffect, WtpInput, WtpState};

/// One access point and what belongs to it.
pub(super) struct Ap {
    id: ClientId,
    wtp: Wtp,
    flash: Option<ApFlash>,
    deadline: Option<Monotonic>,
    told: Told,
}

/// What was last reported of an access point.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Told {
    state: WtpState,
    active: ImageVersion,
    backup: Option<ImageVersion>,
}

impl Told {
    fn of(wtp: &Wtp) -> Self {
        Told { state: wtp.state(), active: wtp.active_version(), backup: wtp.backup_version() }
    }
}

impl Ap {
    pub(super) fn new(id: ClientId, wtp: Wtp, flash: Option<ApFlash>) -> Self {
        Ap { id, told: Told::of(&wtp), wtp, flash, deadline: None }
    }
}

/// What the thread owns.
pub(super) struct Driver<R> {
    clients: Clients,
    aps: Vec<Ap>,
    /// Held for as long as the simulation runs.
    _store: Option<Store>,
    poller: Poller,
    orders: Receiver<Order>,
    report: R,
    clock: Clock,
    due: BTreeSet<(Monotonic, usize)>,
    effects: Vec<WtpEffect>,
}

impl<R: FnMut(Report<'_>)> Driver<R> {
    pub(super) fn new(
        clients: Clients,
        aps: Vec<Ap>,
        store: Option<Store>,
        poller: Poller,
        orders: Receiver<Order>,
        report: R,
    ) -> Self {
        let (clock, due, effects) = (Clock::new(), BTreeSet::new(), Vec::new());
        Driver { clients, aps, _store: store, poller, orders, report, clock, due, effects }
    }

    pub(super) fn run(mut self) -> Result<Totals, SimulationError> {
        for index in 0..self.aps.len() {
            self.input(index, WtpInput::PowerOn)?;
        }
        loop {
            let now = self.clock.now();
            let instant = self.clock.instant(now.mono);
            let heard = self.clients.receive(instant).map_err(|e| io("read the access points' sockets", e))?;
            self.clients.handle_timeouts(instant);
            let mut busy = heard > 0;
            while let Ok(order) = self.orders.try_recv() {
                busy = true;
                match order {
                    Order::Happen(ap, what) => self.happen(ap, what)?,
                    Order::Stop => return self.finish(),
                }
            }
            while let Some((id, event)) = self.clients.poll_event() {
                busy = true;
                self.event(id.0, &event)?;
            }
            while let Some((at, index)) = self.due.first().copied()
                && at <= now.mono
            {
                busy = true;
                self.input(index, WtpInput::Tick)?;
            }
            self.clients.flush();
            let timeout = self.sleep(now);
            self.poller.pass(busy, self.clients.sources(), timeout).map_err(|e| io("wait for datagrams", e))?;
        }
    }

    /// Until when nothing is due.
    fn sleep(&self, now: Now) -> Option<Duration> {
        let handshake = self.clients.deadline().map(|at| self.clock.mono(at));
        let due = self.due.first().map(|(at, _)| *at);
        let next = handshake.into_iter().chain(due).min()?;
        // A microsecond more than asked for, so that rounding never makes the loop turn for nothing.
        Some(next.since(now.mono) + Duration::from_micros(1))
    }

    fn happen(&mut self, index: usize, what: Happening) -> Result<(), SimulationError> {
        if index >= self.aps.len() {
            return Ok(());
        }
        self.input(
            index,
            match what {
                Happening::PowerCut => WtpInput::PowerCut,
                Happening::PowerOn => WtpInput::PowerOn,
                Happening::Event => WtpInput::Event,
            },
        )
    }

    fn event(&mut self, index: usize, event: &ClientEvent) -> Result<(), SimulationError> {
        let input = match event {
            ClientEvent::Clear { from, bytes } => WtpInput::Clear { from: *from, bytes },
            ClientEvent::Connected => WtpInput::Connected,
            ClientEvent::ConnectFailed(words) => {
                tracing::debug!(ap = index, words, "DTLS session could not be set up");
                WtpInput::ConnectFailed
            }
            ClientEvent::Message(bytes) => WtpInput::Message { bytes },
            ClientEvent::Data(bytes) => WtpInput::Data { bytes },
            ClientEvent::Closed => WtpInput::Closed,
        };
        self.input(index, input)
    }

    /// Hands an input to an access point and does what follows.
    fn input(&mut self, index: usize, input: WtpInput<'_>) -> Result<(), SimulationError> {
        let now = self.clock.now();
        let Some(ap) = self.aps.get_mut(index) else { return Ok(()) };
        let mut effects = std::mem::take(&mut self.effects);
        ap.wtp.handle_into(now, input, &mut effects);
        for effect in effects.drain(..) {
            self.perform(index, effect, now)?;
        }
        self.effects = effects;
        self.take_note(index)
    }

    fn perform(&mut self, index: usize, effect: WtpEffect, now: Now) -> Result<(), SimulationError> {
        let ap = &mut self.aps[index];
        match effect {
            WtpEffect::SendClear { to, bytes } => self.clients.send_clear(ap.id, to, &bytes),
            WtpEffect::Connect { to } => {
                let config = ap.wtp.config();
                if config.knobs.quirks.contains(&Quirk::WrongCertificate) {
                    let subject = super::store::common_name(&config.model, config.base_mac);
                    self.clients.change_credentials(ap.id, Credentials::self_signed_ac(&subject, super::today())?);
                }
                self.clients.connect(ap.id, to, self.clock.instant(now.mono));
            }
            WtpEffect::Send { bytes } => {
                if let Err(error) = self.clients.send(ap.id, &bytes) {
                    // The session's end is an event of its own.
                    tracing::debug!(ap = index, %error, "not sent");
                }
            }
            WtpEffect::SendData { to, bytes } => self.clients.send_data(ap.id, to, &bytes),
            WtpEffect::Disconnect => self.clients.disconnect(ap.id),
            WtpEffect::Vanish => self.clients.vanish(ap.id),
            WtpEffect::Console(line) => {
                (self.report)(Report::Console { ap: index, name: &ap.wtp.config().name, line: &line });
            }
            WtpEffect::Store { offset, bytes } => {
                if let Some(flash) = &mut ap.flash {
                    flash.push(offset, &bytes)?;
                }
            }
            WtpEffect::StoreDone => {
                let stored = [ap.wtp.backup_image(), ap.wtp.active_image()].into_iter().flatten().next();
                if let (Some(flash), Some(image)) = (&mut ap.flash, stored) {
                    flash.keep(image.version)?;
                }
            }
            WtpEffect::StoreAborted => {
                if let Some(flash) = &mut ap.flash {
                    flash.discard()?;
                }
            }
        }
        Ok(())
    }

    /// What has changed is told, kept, and waited for.
    fn take_note(&mut self, index: usize) -> Result<(), SimulationError> {
        let ap = &mut self.aps[index];
        let deadline = ap.wtp.deadline();
        if deadline != ap.deadline {
            if let Some(old) = ap.deadline {
                self.due.remove(&(old, index));
            }
            self.due.extend(deadline.map(|at| (at, index)));
            ap.deadline = deadline;
        }
        let told = Told::of(&ap.wtp);
        if told == ap.told {
            return Ok(());
        }
        ap.told = told;
        let Told { state, active, backup } = told;
        let config = ap.wtp.config();
        if let Some(flash) = &mut ap.flash {
            flash.update(&config.name, &config.location, active, backup)?;
        }
        (self.report)(Report::State { ap: index, name: &config.name, state, active, backup });
        Ok(())
    }

    /// Every session ends with a word, and what is in the flash stays.
    fn finish(mut self) -> Result<Totals, SimulationError> {
        for ap in &mut self.aps {
            self.clients.disconnect(ap.id);
            if let Some(flash) = &mut ap.flash {
                flash.discard()?;
            }
        }
        self.clients.flush();
        let network = self.clients.counters();
        let mut totals =
            Totals { sent: network.sent, received: network.received, lost: self.clients.lost(), ..Totals::default() };
        for counters in self.aps.iter().map(|ap| ap.wtp.counters()) {
            totals.images_stored += counters.images_stored;
            totals.images_failed += counters.images_failed;
            totals.retransmitted += counters.retransmitted;
        }
        Ok(totals)
    }
}

fn io(what: &'static str, source: std::io::Error) -> SimulationError {
    SimulationError::Io { what, source }
}
