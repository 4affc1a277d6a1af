//! What is printed while nothing is typed: new lines of the log (`terminal monitor`) and what is debugged
//! (`debug capwap`).

use std::sync::Arc;

use capledger_schema::{Envelope, Event, Subject};
use capledger_tui::words as told;

use super::super::hub::{Follower, Hub};
use super::super::trace::{Listener, words};
use super::log_line;
use crate::ios::debug::Debugs;
use crate::syslog::TimeFormat;

/// What one session follows.
pub(super) struct News {
    hub: Arc<Hub>,
    monitors: bool,
    debugs: Debugs,
    facts: Option<Follower>,
    messages: Option<Listener>,
}

impl News {
    pub(super) fn new(hub: Arc<Hub>) -> News {
        News { hub, monitors: false, debugs: Debugs::NONE, facts: None, messages: None }
    }

    /// From here on the session wants this, and what begins begins now.
    pub(super) fn want(&mut self, monitors: bool, debugs: Debugs) {
        (self.monitors, self.debugs) = (monitors, debugs);
        if !monitors && !debugs.capwap_events {
            self.facts = None;
        } else if self.facts.is_none() {
            self.facts = Some(self.hub.follow(self.hub.seq()));
        }
        if !debugs.capwap_messages {
            self.messages = None;
        } else if self.messages.is_none() {
            self.messages = Some(self.hub.trace().listen());
        }
    }

    /// The next lines, at least one.
    pub(super) async fn next(&mut self) -> Vec<String> {
        loop {
            tokio::select! {
                batch = next_batch(&mut self.facts) => {
                    let lines: Vec<String> = batch.iter().flat_map(|e| self.told(e)).collect();
                    if !lines.is_empty() {
                        return lines;
                    }
                }
                heard = async {
                    match &mut self.messages {
                        Some(messages) => messages.next().await,
                        None => std::future::pending().await,
                    }
                } => {
                    let state = self.hub.state();
                    let time = TimeFormat::of(&state.config);
                    let lines = words::lines(&heard, &state);
                    return lines.into_iter().map(|(at, line)| format!("{}: CAPWAP: {line}", time.format(at))).collect();
                }
            }
        }
    }

    /// What an event is printed as: a line of the log, one of the debugging, both or none.
    fn told(&self, envelope: &Envelope) -> Vec<String> {
        let line = if self.monitors { log_line(envelope, &self.hub) } else { None };
        let debugged = (self.debugs.capwap_events && is_of_capwap(envelope)).then(|| {
            let told::Line { who, what, .. } = told::account(envelope);
            format!("{}: CAPWAP: {who}: {what}", TimeFormat::of(&self.hub.state().config).format(envelope.at))
        });
        line.into_iter().chain(debugged).collect()
    }
}

/// Whether an event is about an access point, known or not.
fn is_of_capwap(envelope: &Envelope) -> bool {
    matches!(envelope.subject, Subject::Wtp(_))
        || matches!(envelope.event, Event::WtpDiscovered { .. } | Event::WtpRefused { .. })
}

/// The next events, if they are followed.
async fn next_batch(facts: &mut Option<Follower>) -> Vec<Envelope> {
    let Some(follower) = facts else { return std::future::pending().await };
    match follower.next().await {
        Ok(batch) => batch,
        // What was missed is in `show logging`.
        Err(_) => std::future::pending().await,
    }
}
