//! A WTP's crash log or memory dump (Data Transfer, RFC 5415 section 9.6): accepted, digested, recorded, not kept.

use capledger_schema::Event;
use capledger_schema::event::TransferredData;
use capledger_schema::id::Sha256;
use sha2::{Digest, Sha256 as Hasher};

use super::peer::Peer;
use super::{Ac, download, messages};
use crate::capwap::control::Message;
use crate::capwap::element::ResultCode;

/// Characters of the beginning that the event carries.
const EXCERPT: usize = 2048;

/// What has come so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Incoming {
    octets: u64,
    digest: Hasher,
    excerpt: String,
}

impl Incoming {
    fn take(&mut self, data: &[u8]) {
        self.octets += data.len() as u64;
        self.digest.update(data);
        let room = EXCERPT.saturating_sub(self.excerpt.chars().count());
        let text = String::from_utf8_lossy(data);
        self.excerpt.extend(text.chars().filter(|c| !c.is_control() || *c == '\n').take(room));
    }
}

impl Ac {
    pub(super) fn on_data_transfer(&mut self, peer: Peer, message: &Message) {
        let Some(session) = self.sessions.get_mut(&peer) else { return };
        let mut over = None;
        for part in messages::transferred(message) {
            let incoming = session.incoming_data.get_or_insert_default();
            incoming.take(part.data);
            match part.kind {
                messages::Transferred::More => {}
                messages::Transferred::Last => over = session.incoming_data.take().map(|i| (i, part.mode)),
                messages::Transferred::Aborted => session.incoming_data = None,
            }
        }
        if let Some((incoming, mode)) = over {
            let (cause, subject) = download::of(session);
            let event = Event::WtpDataTransferred(TransferredData {
                session: session.id(),
                mode,
                octets: incoming.octets,
                sha256: Sha256(incoming.digest.finalize().into()),
                excerpt: incoming.excerpt,
            });
            self.book.record(cause, subject, event);
        }
        if let Some(response) = messages::result_response(message, ResultCode::Success) {
            self.respond(peer, response, message.seq);
        }
    }
}
