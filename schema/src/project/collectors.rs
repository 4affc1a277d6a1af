//! The collectors over TCP and TLS: which one has the log, and which one waits for it. Over UDP nobody knows.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::envelope::Envelope;
use crate::event::Event;
use crate::project::Projection;
use crate::setting::{LogHost, Setting};
use crate::time::Timestamp;

/// What is known of the collectors since the controller started; one that was not tried yet is not in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Collectors {
    /// By collector.
    pub links: BTreeMap<LogHost, CollectorLink>,
}

/// How it goes with a collector.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CollectorLink {
    /// Since when.
    pub since: Timestamp,
    /// What keeps lines from it; none: they get there.
    pub failure: Option<CollectorFailure>,
}

/// What keeps lines from a collector.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CollectorFailure {
    /// In words.
    pub words: String,
    /// The last line that it is sure to have.
    pub lines: u64,
}

impl Projection for Collectors {
    fn apply(&mut self, envelope: &Envelope) {
        let since = envelope.at;
        if let Event::LoggingHostStarted { host } = &envelope.event {
            self.links.insert(*host, CollectorLink { since, failure: None });
        } else if let Event::LoggingHostFailed { host, words, lines } = &envelope.event {
            let failure = Some(CollectorFailure { words: words.clone(), lines: *lines });
            self.links.insert(*host, CollectorLink { since, failure });
        } else if let Event::ControllerStarted { .. } = &envelope.event {
            self.links.clear();
        } else if let Event::ConfigurationChanged { changes, .. } = &envelope.event {
            for change in changes {
                if let Setting::NoLoggingHostOver(host) = change {
                    self.links.remove(host);
                }
            }
        }
    }
}
