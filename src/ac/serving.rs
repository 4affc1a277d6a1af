//! What the embedded image servers report, as facts: which of them listen, and each transfer with its progress.

use std::net::SocketAddr;

use capledger_schema::id::OperationId;
use capledger_schema::setting::{ServeProtocol, Setting};
use capledger_schema::time::Monotonic;
use capledger_schema::{Cause, Event, Subject};

use super::Ac;
use super::io::Effect;
use super::progress::Marks;

/// Transfers that are followed at once; the servers' own limits lie below it.
const AT_ONCE: usize = 1_024;

/// News of an embedded image server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServeNews {
    /// It listens.
    Listening {
        /// Which.
        protocol: ServeProtocol,
        /// Where.
        listen: SocketAddr,
    },
    /// It cannot listen.
    NotListening {
        /// Which.
        protocol: ServeProtocol,
        /// Where.
        listen: SocketAddr,
        /// Why, and what to do about it.
        words: String,
    },
    /// A client asked for a file.
    Started {
        /// The shell's number of the transfer.
        transfer: u64,
        /// Of which server.
        protocol: ServeProtocol,
        /// Who asks.
        client: SocketAddr,
        /// As whom.
        user: Option<String>,
        /// The file's name, as asked for.
        file: String,
        /// Its length; none if it cannot be served.
        octets: Option<u64>,
    },
    /// Octets moved.
    Progress {
        /// Which transfer.
        transfer: u64,
        /// So far.
        octets: u64,
    },
    /// The client has it all.
    Completed {
        /// Which transfer.
        transfer: u64,
        /// How many.
        octets: u64,
    },
    /// The client has not.
    Failed {
        /// Which transfer.
        transfer: u64,
        /// Why.
        words: String,
        /// How many octets went.
        octets: u64,
    },
}

/// A transfer that runs.
#[derive(Debug)]
pub(super) struct Serving {
    operation: OperationId,
    began: Monotonic,
    marks: Marks,
    total: Option<u64>,
}

/// Whether this event changes what the embedded servers are to do.
pub(super) fn is_changed_by(event: &Event) -> bool {
    let Event::ConfigurationChanged { changes, .. } = event else { return false };
    let about_them =
        |s: &Setting| matches!(s, Setting::ImageServe(..) | Setting::NoImageServe(..) | Setting::ImageServeLogin(_));
    changes.iter().any(about_them)
}

impl Ac {
    /// The configuration of the embedded servers is told to the shell when the controller starts and when it changes.
    pub(super) fn serve_images(&mut self) {
        let serve = self.book.state.config.serve.clone();
        self.book.effect(Effect::ServeImages(serve));
    }

    pub(super) fn on_serve(&mut self, news: ServeNews) {
        let now = self.book.now.mono;
        match news {
            ServeNews::Listening { protocol, listen } => {
                let event = Event::ImageServerListening { protocol, listen };
                self.book.record(Cause::Start, Subject::Controller, event);
            }
            ServeNews::NotListening { protocol, listen, words } => {
                let words = capledger_schema::failure::clip(words);
                let event = Event::ImageServerFailed { protocol, listen, words };
                self.book.record(Cause::Start, Subject::Controller, event);
            }
            ServeNews::Started { transfer, protocol, client, user, file, octets } => {
                // Who may ask without a login must not fill the ledger with questions.
                if self.servings.len() >= AT_ONCE || octets.is_none() && !self.refusals.allow(now) {
                    return;
                }
                let operation = OperationId(self.book.next().0);
                let (user, file) = (user.as_deref().map(clip), clip(&file));
                let event = Event::ImageServeStarted { operation, protocol, client, user, file, octets };
                self.book.record(Cause::Peer(client), Subject::Operation(operation), event);
                let serving = Serving { operation, began: now, marks: Marks::new(now), total: octets };
                self.servings.insert(transfer, serving);
            }
            ServeNews::Progress { transfer, octets } => {
                let Some(serving) = self.servings.get_mut(&transfer) else { return };
                if serving.marks.due(now, octets, serving.total) {
                    let operation = serving.operation;
                    self.record_serving(operation, Event::ImageServeProgressed { operation, octets });
                }
            }
            ServeNews::Completed { transfer, octets } => {
                let Some(Serving { operation, began, .. }) = self.servings.remove(&transfer) else { return };
                let duration_us = now.0.saturating_sub(began.0);
                self.record_serving(operation, Event::ImageServeCompleted { operation, octets, duration_us });
            }
            ServeNews::Failed { transfer, words, octets } => {
                let Some(Serving { operation, .. }) = self.servings.remove(&transfer) else { return };
                let words = capledger_schema::failure::clip(words);
                self.record_serving(operation, Event::ImageServeFailed { operation, words, octets });
            }
        }
    }

    fn record_serving(&mut self, operation: OperationId, event: Event) {
        self.book.record(Cause::Operation(operation), Subject::Operation(operation), event);
    }
}

/// A client's words, as long as an event carries them and without what a terminal would obey.
fn clip(words: &str) -> String {
    capledger_schema::failure::clip(words.chars().map(|c| if c.is_control() { '?' } else { c }).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ac::{Input, Seed};
    use capledger_schema::project::State;
    use capledger_schema::time::{Now, Timestamp};

    const START: u64 = 1_000;

    fn at(seconds: u64) -> Now {
        Now { mono: Monotonic(seconds * 1_000_000), wall: Timestamp(seconds as i64 * 1_000_000) }
    }

    fn started(transfer: u64, octets: Option<u64>) -> ServeNews {
        let client = "10.0.0.9:4000".parse().expect("an address");
        let (protocol, file) = (ServeProtocol::Tftp, "ap1g8\u{1b}[2J".to_owned());
        ServeNews::Started { transfer, protocol, client, user: None, file, octets }
    }

    fn events(ac: &mut Ac, seconds: u64, news: ServeNews) -> Vec<Event> {
        ac.handle(at(START + seconds), Input::Serve(news)).envelopes.into_iter().map(|e| e.event).collect()
    }

    #[test]
    fn a_transfer_is_an_operation_with_progress_marks_and_a_duration() {
        let mut ac = Ac::new(Seed(1), State::default());
        let begun = events(&mut ac, 0, started(7, Some(1_000)));
        let [Event::ImageServeStarted { operation, file, .. }] = &begun[..] else { panic!("{begun:?}") };
        assert_eq!(file, "ap1g8?[2J");
        assert!(events(&mut ac, 0, ServeNews::Progress { transfer: 7, octets: 500 }).is_empty(), "within a second");
        let moved = events(&mut ac, 2, ServeNews::Progress { transfer: 7, octets: 600 });
        assert_eq!(moved, [Event::ImageServeProgressed { operation: *operation, octets: 600 }]);
        let done = events(&mut ac, 3, ServeNews::Completed { transfer: 7, octets: 1_000 });
        let (operation, duration_us) = (*operation, 3_000_000);
        assert_eq!(done, [Event::ImageServeCompleted { operation, octets: 1_000, duration_us }]);
        assert!(events(&mut ac, 4, ServeNews::Progress { transfer: 7, octets: 600 }).is_empty(), "it is over");
    }

    #[test]
    fn a_client_that_asks_for_what_is_not_there_does_not_fill_the_ledger() {
        let mut ac = Ac::new(Seed(1), State::default());
        let mut recorded = 0;
        for n in 0..1_000 {
            recorded += events(&mut ac, 0, started(n, None)).len();
            let words = "File not found".to_owned();
            recorded += events(&mut ac, 0, ServeNews::Failed { transfer: n, words, octets: 0 }).len();
        }
        assert_eq!(recorded, 200, "a burst of a hundred, each begun and ended");
    }
}
