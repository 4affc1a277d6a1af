//! The controller's shell: it hands datagrams to the core and carries out what the core wants, as `net` and `fetch` do.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use capledger::ac::{CloseReason, Effect, FetchOrder, Identity, Input, Mark, Peer, Trust};
use capledger::capwap::MessageType;
use capledger::fetch::report::FetchReport;
use capledger_schema::failure::{FetchFailure, FetchFailureKind};

use crate::dtls::{Datagram, Finish};
use crate::wire::Block;
use crate::world::{AC, Happening, World};

impl World {
    /// Carries out effects that have left the outbox.
    pub(crate) fn carry_out(&mut self, effects: &mut Vec<Effect>) {
        for effect in effects.drain(..) {
            self.controller.watch.leaves(&effect);
            match effect {
                Effect::Send { peer, bytes, mark } => {
                    let Some(ap) = self.ap_of(peer.addr) else { continue };
                    let Some(session) = self.controller.table.session(peer) else { continue };
                    let datagram = session.seal(bytes.clone());
                    if self.aps[ap].wire(session.id).ac_sends(&bytes).kind == MessageType::ResetRequest {
                        self.reset_is_sent(ap);
                    }
                    self.send_to_ap(ap, &datagram);
                    self.sent(peer, mark);
                }
                Effect::SendBlock { peer, prefix, image, offset, len, mark } => {
                    let Some(ap) = self.ap_of(peer.addr) else { continue };
                    self.block.clear();
                    self.block.extend_from_slice(&prefix);
                    self.library.splice(image, offset, len, &mut self.block);
                    let Some(session) = self.controller.table.session(peer) else { continue };
                    let datagram = session.seal(Bytes::copy_from_slice(&self.block));
                    self.aps[ap].wire(session.id).ac_sends_block(&prefix, Block { image, offset, len });
                    self.send_to_ap(ap, &datagram);
                    self.sent(peer, mark);
                }
                Effect::SendClear { to, bytes, .. } => self.send_to(to, &Datagram::Clear(bytes)),
                Effect::SendData { to, bytes, .. } => self.send_to(to, &Datagram::Data(bytes)),
                Effect::Close { peer } => {
                    if let Some(session) = self.controller.table.close(peer) {
                        self.send_to(peer.addr, &Datagram::Goodbye { session });
                    }
                }
                Effect::StartFetch(order) => self.start_fetch(*order),
                Effect::AskDisk => self.inputs.push_back(Input::DiskFree { octets: Some(1 << 40) }),
                Effect::CancelFetch { operation } => {
                    let failure = FetchFailure::new(FetchFailureKind::Cancelled, "cancelled");
                    self.fetch_ends(Duration::ZERO, FetchReport::Failed { operation, failure, octets: 0 });
                }
                Effect::Load { image } => {
                    let life = self.controller.life;
                    self.after(Duration::from_millis(5), Happening::Loaded { life, image: image.sha256 });
                }
                Effect::Remove { sha256 } => {
                    self.controller.cache.remove(&sha256);
                    self.library.rotten.retain(|rotten| *rotten != sha256);
                }
                Effect::ServeImages(serve) => {
                    assert!(serve.listen.is_empty(), "nobody fetches from a simulated controller");
                }
                Effect::Reply { ticket, result } => {
                    assert!(self.replies.insert(ticket, result).is_none(), "one reply per command");
                }
            }
        }
    }

    fn sent(&mut self, peer: Peer, mark: Mark) {
        if mark != Mark::None {
            self.inputs.push_back(Input::Sent { peer, mark });
        }
    }

    fn start_fetch(&mut self, order: FetchOrder) {
        let FetchOrder { operation, family, version, probe, .. } = order;
        let family = family.expect("simulated fetches are of a family");
        let held = self.library.held(&family);
        let image = self.library.facts(&family, held).expect("the server has every family").clone();
        let wrong = version.is_some_and(|v| v != held).then_some(FetchFailureKind::WrongVersion);
        let failure = self.library.failures.get_mut(&family).and_then(VecDeque::pop_front).or(wrong);
        if probe {
            let octets = Some(image.octets);
            let report = match failure {
                Some(kind) => {
                    let failure = FetchFailure::new(kind, kind.to_string());
                    FetchReport::Failed { operation, failure, octets: 0 }
                }
                None => FetchReport::Probed { operation, family, version: held, octets },
            };
            return self.fetch_ends(self.plan.fetch / 20, report);
        }
        let time = self.plan.fetch;
        let quarter = |n: u32| FetchReport::Progress {
            operation,
            octets: image.octets * u64::from(n) / 4,
            total: Some(image.octets),
        };
        self.fetch_ends(time / 4, quarter(1));
        self.fetch_ends(time / 2, quarter(2));
        let end = match failure {
            Some(kind) => FetchReport::Failed {
                operation,
                failure: FetchFailure::new(kind, kind.to_string()),
                octets: image.octets / 2,
            },
            None => FetchReport::Done { operation, image },
        };
        self.fetch_ends(time, end);
    }

    fn fetch_ends(&mut self, after: Duration, report: FetchReport) {
        let life = self.controller.life;
        self.after(after, Happening::Fetch { life, report });
    }

    /// News of a fetch comes.
    pub(crate) fn fetch_reports(&mut self, report: FetchReport) {
        if self.controller.fetch_is_over(&report) {
            return;
        }
        if let FetchReport::Done { image, .. } = &report {
            self.controller.cache.insert(image.sha256);
        }
        self.tell_controller(Input::Fetch(report));
    }

    fn send_to(&mut self, to: SocketAddr, datagram: &Datagram) {
        if let Some(ap) = self.ap_of(to) {
            self.send_to_ap(ap, datagram);
        }
    }

    /// A datagram reaches the controller's machine.
    pub(crate) fn arrives_at_controller(&mut self, from: SocketAddr, datagram: Datagram) {
        let Some(ap) = self.ap_of(from).filter(|_| self.controller.is_up()) else { return };
        match datagram {
            Datagram::Clear(bytes) => self.tell_controller(Input::Clear { from, local: AC, bytes: bytes.to_vec() }),
            Datagram::Data(bytes) => {
                let local = SocketAddr::new(AC.ip(), AC.port() + 1);
                self.tell_controller(Input::Data { from, local, bytes: bytes.to_vec() });
            }
            Datagram::Hello(handshake) => {
                if self.controller.table.hello(from, handshake) {
                    self.send_to_ap(ap, &Datagram::Hello(handshake));
                }
            }
            Datagram::Finished(handshake) => self.handshake_finishes(ap, from, handshake),
            Datagram::Sealed { session, record, bytes } => {
                if let Some(peer) = self.controller.table.open(from, session, record) {
                    self.aps[ap].wire(session).ac_receives(&bytes);
                    self.tell_controller(Input::Message { peer, bytes: bytes.to_vec() });
                }
            }
            Datagram::Goodbye { session } => {
                if let Some(peer) = self.controller.table.goodbye(from, session) {
                    self.tell_controller(Input::Closed { peer, why: CloseReason::ByPeer });
                }
            }
            Datagram::Accepted { .. } => unreachable!("only a server says this"),
        }
    }

    fn handshake_finishes(&mut self, ap: usize, from: SocketAddr, handshake: u64) {
        self.sessions += 1;
        match self.controller.table.finished(from, handshake, self.sessions) {
            Finish::Ignored => {}
            Finish::Again { session } => self.send_to_ap(ap, &Datagram::Accepted { handshake, session }),
            Finish::New { replaced, peer } => {
                if let Some(peer) = replaced {
                    self.tell_controller(Input::Closed { peer, why: CloseReason::Replaced });
                }
                self.send_to_ap(ap, &Datagram::Accepted { handshake, session: self.sessions });
                let fingerprint = Some(self.aps[ap].fingerprint);
                let identity = Identity { fingerprint, trust: Trust::NotChecked, ..Identity::default() };
                self.tell_controller(Input::Connected { peer, local: AC, identity });
            }
        }
    }
}
