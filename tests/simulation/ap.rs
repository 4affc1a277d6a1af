//! A simulated access point in the world: its link, its end of DTLS, and what must hold of it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use capledger::image::family::{families, models_of};
use capledger::wtp::{Wtp, WtpConfig, WtpEffect, WtpInput, WtpState};
use capledger_schema::id::MacAddr;
use capledger_schema::time::Monotonic;

use crate::chance::Rng;
use crate::dtls::{Client, Datagram, FLIGHT, Session};
use crate::link::Link;
use crate::plan::{Plan, target};
use crate::wire::Wire;
use crate::world::{AC, Happening, World};

/// An access point.
#[derive(Debug)]
pub(crate) struct Ap {
    pub(crate) wtp: Wtp,
    pub(crate) addr: SocketAddr,
    pub(crate) fingerprint: [u8; 32],
    pub(crate) link: Link,
    client: Client,
    wake: Option<Monotonic>,
    images_stored: u64,
    /// The wire of the newest session that anything was seen of, and of the one before it.
    wires: [(u64, Wire); 2],
}

impl Ap {
    /// The access point of this number, off.
    pub(crate) fn new(n: usize, plan: &Plan, rng: &mut Rng) -> Self {
        let mut models = plan.models.clone();
        if models.is_empty() {
            models = families().filter_map(|f| models_of(&f).first().copied()).collect();
        }
        let [_, _, a, b, c, d] = (n as u64).to_be_bytes()[2..] else { unreachable!("six of eight octets") };
        let mac = MacAddr([0x2c, 0x5a, a, b, c, d.rotate_left(5)]);
        let addr = SocketAddr::new(IpAddr::V4(Ipv4Addr::from(0x0a00_0001 + n as u32)), 5248);
        let model = models[n % models.len()];
        let mut config = WtpConfig::new(model, &format!("AP-{n}"), mac, plan.runs, AC);
        config.local = addr;
        if let Some(site) = plan.site_of(n) {
            config.location = format!("site {site}");
        }
        config.seed = rng.next();
        config.knobs = if plan.spoiled == Some(model) { plan.spoiled_knobs() } else { plan.knobs.clone() };
        config.timers = plan.timers.clone();
        let mut fingerprint = [0; 32];
        fingerprint[..6].copy_from_slice(&mac.0);
        Ap {
            wtp: Wtp::new(config),
            addr,
            fingerprint,
            link: Link::new(plan.link_of(n), rng.fork()),
            client: Client::Idle,
            wake: None,
            images_stored: 0,
            wires: [(0, Wire::default()), (0, Wire::default())],
        }
    }

    /// The wire of a session.
    pub(crate) fn wire(&mut self, session: u64) -> &mut Wire {
        if self.wires[0].0 < session {
            self.wires.swap(0, 1);
            self.wires[0] = (session, Wire::default());
        }
        let place = usize::from(self.wires[0].0 != session);
        assert_eq!(self.wires[place].0, session, "two sessions of one access point are all that can meet");
        &mut self.wires[place].1
    }

    /// Whether it is where the upgrade leads.
    pub(crate) fn is_upgraded(&self) -> bool {
        self.wtp.state() == WtpState::Run && self.wtp.active_version() == target()
    }
}

impl World {
    /// The access point at an address.
    pub(crate) fn ap_of(&self, addr: SocketAddr) -> Option<usize> {
        let IpAddr::V4(ip) = addr.ip() else { return None };
        let n = u32::from(ip).checked_sub(0x0a00_0001)? as usize;
        (n < self.aps.len()).then_some(n)
    }

    /// Gives an access point an input, and carries out what follows.
    pub(crate) fn tell_ap(&mut self, ap: usize, input: WtpInput<'_>) {
        let now = self.clocks();
        let effects = self.aps[ap].wtp.handle(now, input);
        for effect in effects {
            match effect {
                WtpEffect::SendClear { to, bytes } => {
                    assert_eq!(to, AC);
                    self.send_to_controller(ap, &Datagram::Clear(bytes));
                }
                WtpEffect::SendData { bytes, .. } => self.send_to_controller(ap, &Datagram::Data(bytes)),
                WtpEffect::Connect { to } => {
                    assert_eq!(to, AC);
                    let handshake = self.next_handshake();
                    self.aps[ap].client = Client::Greeting { handshake, wait: FLIGHT };
                    self.send_to_controller(ap, &Datagram::Hello(handshake));
                    self.after(FLIGHT, Happening::Flight { ap, handshake, finishing: false });
                }
                WtpEffect::Send { bytes } => {
                    let here = &mut self.aps[ap];
                    let Client::Open(session) = &mut here.client else { panic!("AP {ap} sends without a session") };
                    let (id, datagram) = (session.id, session.seal(bytes.clone()));
                    here.wire(id).wtp_sends(&bytes);
                    self.send_to_controller(ap, &datagram);
                }
                WtpEffect::Disconnect => {
                    if let Client::Open(session) = std::mem::take(&mut self.aps[ap].client) {
                        self.send_to_controller(ap, &Datagram::Goodbye { session: session.id });
                    }
                }
                WtpEffect::Vanish => self.aps[ap].client = Client::Idle,
                WtpEffect::Console(_) | WtpEffect::Store { .. } | WtpEffect::StoreDone | WtpEffect::StoreAborted => {}
            }
        }
        self.check_ap(ap);
        self.may_be_up(ap);
        let here = &mut self.aps[ap];
        let due = here.wtp.deadline();
        if let Some(at) = due
            && here.wake.is_none_or(|wake| at < wake)
        {
            here.wake = Some(at);
            let wait = at.since(self.now);
            self.after(wait, Happening::WakeAp { ap });
        }
    }

    /// What an access point stored is what the library holds; what it runs it was given whole.
    fn check_ap(&mut self, ap: usize) {
        let here = &mut self.aps[ap];
        let stored = here.wtp.counters().images_stored;
        if stored == here.images_stored {
            return;
        }
        here.images_stored = stored;
        let image = here.wtp.backup_image().expect("what was stored lies in the backup partition");
        // A model that the table lacks takes any.
        let family = here.wtp.family().unwrap_or(&image.family);
        let facts = self.library.facts(family, image.version).expect("the library has what anybody stores");
        assert_eq!((&image.family, image.octets), (family, facts.octets));
        assert_eq!(image.md5, facts.md5, "AP {ap} stored something else than the image");
        assert!(image.sha256.is_none_or(|sha256| sha256 == facts.sha256));
    }

    /// An access point's deadline may have come, or have moved.
    pub(crate) fn ap_wakes(&mut self, ap: usize) {
        let here = &mut self.aps[ap];
        if here.wake != Some(self.now) {
            return;
        }
        here.wake = None;
        match here.wtp.deadline() {
            Some(at) if at <= self.now => self.tell_ap(ap, WtpInput::Tick),
            Some(at) => {
                here.wake = Some(at);
                let wait = at.since(self.now);
                self.after(wait, Happening::WakeAp { ap });
            }
            None => {}
        }
    }

    /// A datagram reaches an access point.
    pub(crate) fn arrives_at_ap(&mut self, ap: usize, datagram: Datagram) {
        let here = &mut self.aps[ap];
        if here.wtp.state() == WtpState::Off {
            return;
        }
        match datagram {
            Datagram::Clear(bytes) => self.tell_ap(ap, WtpInput::Clear { from: AC, bytes: &bytes }),
            Datagram::Data(bytes) => self.tell_ap(ap, WtpInput::Data { bytes: &bytes }),
            Datagram::Hello(number) => {
                if matches!(here.client, Client::Greeting { handshake, .. } if handshake == number) {
                    here.client = Client::Finishing { handshake: number, wait: FLIGHT };
                    self.send_to_controller(ap, &Datagram::Finished(number));
                    self.after(FLIGHT, Happening::Flight { ap, handshake: number, finishing: true });
                }
            }
            Datagram::Accepted { handshake: number, session } => {
                if matches!(here.client, Client::Finishing { handshake, .. } if handshake == number) {
                    here.client = Client::Open(Session::new(session));
                    self.tell_ap(ap, WtpInput::Connected);
                }
            }
            Datagram::Sealed { session: id, record, bytes } => {
                if let Client::Open(session) = &mut here.client
                    && session.opens(id, record)
                {
                    here.wire(id).wtp_receives(&bytes);
                    self.tell_ap(ap, WtpInput::Message { bytes: &bytes });
                }
            }
            Datagram::Goodbye { session: id } => {
                if matches!(&here.client, Client::Open(session) if session.id == id) {
                    here.client = Client::Idle;
                    self.tell_ap(ap, WtpInput::Closed);
                }
            }
            Datagram::Finished(_) => unreachable!("only a client says this"),
        }
    }

    /// A handshake flight may have to be repeated.
    pub(crate) fn flight_is_due(&mut self, ap: usize, handshake: u64, finishing: bool) {
        if let Some((datagram, wait)) = self.aps[ap].client.overdue(handshake, finishing) {
            self.send_to_controller(ap, &datagram);
            self.after(wait, Happening::Flight { ap, handshake, finishing });
        }
    }
}
