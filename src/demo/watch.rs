//! Follows the ledger, shows it, and waits until something has happened.

use std::future::Future;
use std::io::Write;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use capledger_schema::event::DisjoinReason;
use capledger_schema::id::Seq;
use capledger_schema::image::ImageVersion;
use capledger_schema::project::fleet::{SessionState, Wtp};
use capledger_schema::project::{Projection, State};
use capledger_schema::{Envelope, Event};
use tokio::time::{Instant, sleep, timeout};

use super::DemoError;
use super::stage::Stage;
use super::view::Audience;
use crate::net::hub::{Follower, Hub};

/// How often it is looked whether all still run.
const LOOK: Duration = Duration::from_millis(250);
/// How long the last frame of the dashboard stays.
const LAST_FRAME: Duration = Duration::from_millis(1_500);

/// All that has happened.
#[derive(Default)]
pub(super) struct Seen {
    /// In order, from the first.
    pub(super) envelopes: Vec<Envelope>,
    /// The fold of it.
    pub(super) state: State,
}

impl Seen {
    /// What the first envelope says of which `look` knows something.
    pub(super) fn find<'s, T>(&'s self, look: impl FnMut(&'s Envelope) -> Option<T>) -> Option<T> {
        self.envelopes.iter().find_map(look)
    }

    /// Whether so many access points are there and all of them serve on `version`.
    pub(super) fn all_serve(&self, aps: usize, version: ImageVersion) -> bool {
        let wtps = &self.state.fleet.wtps;
        wtps.len() == aps && wtps.values().all(|wtp| serves(wtp, version))
    }

    /// Whether the access point of this name serves on `version`.
    pub(super) fn serves(&self, name: &str, version: ImageVersion) -> bool {
        self.state.fleet.named(name).is_some_and(|wtp| serves(wtp, version))
    }

    /// The first access point whose download failed at join, and its envelope.
    pub(super) fn first_failed_join(&self) -> Option<(&Envelope, &str)> {
        self.find(|e| {
            let Event::WtpDisjoined { wtp, reason: DisjoinReason::ImageDownloadFailed, .. } = &e.event else {
                return None;
            };
            Some((e, wtp.name.as_str()))
        })
    }
}

fn serves(wtp: &Wtp, version: ImageVersion) -> bool {
    matches!(wtp.session, SessionState::Run(_)) && wtp.runs(version)
}

/// Who watches.
pub(super) struct Watch<'a> {
    follower: Follower,
    seen: Seen,
    audience: Audience<'a>,
    interrupt: Pin<&'a mut dyn Future<Output = ()>>,
}

impl<'a> Watch<'a> {
    /// From the ledger's first envelope on.
    pub(super) fn new(
        hub: &Arc<Hub>,
        dashboard: Option<&capledger_tui::Options>,
        out: &'a mut dyn Write,
        interrupt: Pin<&'a mut dyn Future<Output = ()>>,
    ) -> Result<Self, DemoError> {
        let audience = Audience::new(out, dashboard).map_err(DemoError::Print)?;
        Ok(Watch { follower: hub.follow(Seq(0)), seen: Seen::default(), audience, interrupt })
    }

    /// All that has happened.
    pub(super) fn seen(&self) -> &Seen {
        &self.seen
    }

    /// Says something beside the story.
    pub(super) fn say(&mut self, text: &str) -> Result<(), DemoError> {
        self.audience.say(text).map_err(DemoError::Print)
    }

    /// Waits until `found` finds something in what has happened, for `limit` at most.
    pub(super) async fn until<T>(
        &mut self,
        stage: &Stage,
        what: &str,
        limit: Duration,
        found: impl Fn(&Seen) -> Option<T>,
    ) -> Result<T, DemoError> {
        let deadline = Instant::now() + limit;
        loop {
            if let Some(it) = found(&self.seen) {
                return Ok(it);
            }
            stage.alive()?;
            if Instant::now() >= deadline {
                return Err(DemoError::Late { what: what.to_owned(), after: limit });
            }
            tokio::select! {
                next = timeout(LOOK, self.follower.next()) => {
                    let batch = match next {
                        Ok(Ok(batch)) => batch,
                        Ok(Err(source)) => return Err(DemoError::Io { what: "read the ledger", source }),
                        Err(_) => Vec::new(),
                    };
                    self.take(batch)?;
                }
                () = &mut self.interrupt => return Err(DemoError::Interrupted),
            }
        }
    }

    /// Lets the dashboard's last frame be seen.
    pub(super) async fn linger(&mut self) -> Result<(), DemoError> {
        if !self.audience.on_dashboard() {
            return Ok(());
        }
        tokio::select! {
            () = sleep(LAST_FRAME) => Ok(()),
            () = &mut self.interrupt => Err(DemoError::Interrupted),
        }
    }

    /// The screen is free again; what has happened stays.
    pub(super) fn close(self) -> Seen {
        self.audience.close();
        self.seen
    }

    fn take(&mut self, batch: Vec<Envelope>) -> Result<(), DemoError> {
        for envelope in &batch {
            self.seen.state.apply(envelope);
        }
        self.audience.show(&batch, &self.seen.state).map_err(DemoError::Print)?;
        self.seen.envelopes.extend(batch);
        Ok(())
    }
}
