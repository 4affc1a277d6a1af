//! News of the collectors over TCP and TLS become facts: one that cannot be reached is a line of the log, and stands in
//! `show logging`. Lines themselves never pass through the core.

use capledger_schema::failure::clip;
use capledger_schema::project::collectors::CollectorFailure;
use capledger_schema::setting::LogHost;
use capledger_schema::{Cause, Event, Subject};

use super::Ac;

impl Ac {
    pub(super) fn on_collector(&mut self, host: LogHost, failure: Option<CollectorFailure>) {
        // It may have left the configuration since.
        if !self.book.state.config.logging.hosts.contains_key(&host) {
            return;
        }
        let known = self.book.state.collectors.links.get(&host).map(|link| &link.failure);
        let event = match failure {
            Some(CollectorFailure { words, lines }) => {
                let words = clip(words);
                if known.is_some_and(|known| known.as_ref().is_some_and(|known| known.words == words)) {
                    return;
                }
                Event::LoggingHostFailed { host, words, lines }
            }
            None if known == Some(&None) => return,
            None => Event::LoggingHostStarted { host },
        };
        self.book.record(Cause::Timer, Subject::Controller, event);
    }
}

#[cfg(test)]
mod tests {
    use capledger_schema::project::State;
    use capledger_schema::setting::{LogDelivery, LogTransport, Setting};
    use capledger_schema::time::{Monotonic, Timestamp};

    use super::*;
    use crate::ac::{Input, Now, Seed};

    fn host() -> LogHost {
        LogHost { address: "10.0.0.9:601".parse().expect("an address"), transport: LogTransport::Tcp }
    }

    fn refused(lines: u64) -> CollectorFailure {
        CollectorFailure { words: "Connection refused".into(), lines }
    }

    fn events(ac: &mut Ac, failure: Option<CollectorFailure>) -> Vec<Event> {
        let now = Now { mono: Monotonic(1), wall: Timestamp(1) };
        let step = ac.handle(now, Input::Collector { host: host(), failure });
        step.envelopes.into_iter().map(|e| e.event).collect()
    }

    #[test]
    fn a_collectors_state_is_a_fact_when_it_changes_and_only_then() {
        let mut state = State::default();
        state.config.set(&Setting::LoggingHostOver(host(), LogDelivery::default()));
        let mut ac = Ac::new(Seed(1), state);
        let words = "Connection refused".to_owned();
        let failed = Event::LoggingHostFailed { host: host(), words, lines: 7 };
        assert_eq!(events(&mut ac, Some(refused(7))), [failed]);
        assert_eq!(events(&mut ac, Some(refused(7))), []);
        assert_eq!(events(&mut ac, None), [Event::LoggingHostStarted { host: host() }]);
        assert_eq!(events(&mut ac, None), []);
        assert_eq!(events(&mut ac, Some(refused(9))).len(), 1);
    }

    #[test]
    fn news_of_a_collector_that_is_no_longer_configured_is_none() {
        let mut ac = Ac::new(Seed(1), State::default());
        assert_eq!(events(&mut ac, Some(refused(7))), []);
    }
}
