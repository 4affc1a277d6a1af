//! How the audience sees it: lines, or the dashboard while there is one.

use std::io::{self, Write};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;

use capledger_schema::Envelope;
use capledger_schema::feed::{PROTOCOL, ServerMessage};
use capledger_schema::project::State;
use capledger_tui::plain::Printer;
use capledger_tui::{End, Options};

/// Messages that wait for the dashboard at most.
const QUEUE: usize = 64;

/// Lines on `out`, unless the dashboard has the screen.
pub(super) struct Audience<'a> {
    out: &'a mut dyn Write,
    printer: Printer,
    dashboard: Option<Dashboard>,
    /// What was said while the dashboard had the screen.
    held: String,
}

impl<'a> Audience<'a> {
    /// Opens the dashboard if one is wanted.
    pub(super) fn new(out: &'a mut dyn Write, dashboard: Option<&Options>) -> io::Result<Self> {
        let dashboard = dashboard.map(Dashboard::open).transpose()?;
        Ok(Audience { out, printer: Printer::default(), dashboard, held: String::new() })
    }

    /// Shows what has happened. `state` is the fold of all of it.
    pub(super) fn show(&mut self, batch: &[Envelope], state: &State) -> io::Result<()> {
        let lines: Vec<_> = batch.iter().filter_map(|envelope| self.printer.apply(envelope)).collect();
        if let Some(dashboard) = &mut self.dashboard
            && dashboard.show(batch, state)
        {
            return Ok(());
        }
        self.leave_dashboard()?;
        for line in lines {
            writeln!(self.out, "{line}")?;
        }
        self.out.flush()
    }

    /// Says something beside the story; while the dashboard has the screen it is kept for later.
    pub(super) fn say(&mut self, text: &str) -> io::Result<()> {
        if self.on_dashboard() {
            self.held.push_str(text);
            return Ok(());
        }
        self.out.write_all(text.as_bytes())?;
        self.out.flush()
    }

    /// Whether the dashboard has the screen.
    pub(super) fn on_dashboard(&self) -> bool {
        self.dashboard.as_ref().is_some_and(|d| !d.thread.is_finished())
    }

    /// The user left the dashboard, or it failed: lines from here on.
    fn leave_dashboard(&mut self) -> io::Result<()> {
        match self.dashboard.take().map(Dashboard::close) {
            None => return Ok(()),
            Some(Ok(End::Quit | End::Source | End::Signal(_))) => {
                writeln!(self.out, "(the dashboard is closed; the upgrade goes on, and Ctrl-C stops it)")?;
            }
            Some(Err(error)) => writeln!(self.out, "(the dashboard failed: {error}; the upgrade goes on)")?,
        }
        self.out.write_all(std::mem::take(&mut self.held).as_bytes())
    }

    /// Gives the screen back.
    pub(super) fn close(mut self) {
        if let Some(dashboard) = self.dashboard.take()
            && let Err(error) = dashboard.close()
        {
            // All that could be said of the upgrade is said below.
            let _ = writeln!(self.out, "(the dashboard failed: {error})");
        }
        let _ = self.out.write_all(self.held.as_bytes());
    }
}

struct Dashboard {
    messages: SyncSender<ServerMessage>,
    thread: JoinHandle<io::Result<End>>,
    greeted: bool,
}

impl Dashboard {
    fn open(options: &Options) -> io::Result<Self> {
        let (messages, source) = sync_channel(QUEUE);
        let options = Options { leave_at_end: true, ..options.clone() };
        let thread = std::thread::Builder::new()
            .name("dashboard".to_owned())
            .spawn(move || capledger_tui::run(source, &options))?;
        Ok(Dashboard { messages, thread, greeted: false })
    }

    /// Whether it is still there.
    fn show(&mut self, batch: &[Envelope], state: &State) -> bool {
        if self.thread.is_finished() {
            return false;
        }
        if self.greeted {
            return self.messages.send(ServerMessage::Events(batch.to_vec())).is_ok();
        }
        self.greeted = true;
        let hello = ServerMessage::Hello {
            protocol: PROTOCOL,
            controller: state.controller.id,
            software: state.controller.software.clone(),
            seq: state.seq,
        };
        // The snapshot holds the batch already.
        let snapshot = ServerMessage::Snapshot(Box::new(state.clone()));
        self.messages.send(hello).is_ok() && self.messages.send(snapshot).is_ok()
    }

    fn close(self) -> io::Result<End> {
        drop(self.messages);
        self.thread.join().unwrap_or_else(|_| Err(io::Error::other("it panicked")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use capledger_schema::id::Seq;
    use capledger_schema::project::Projection;
    use capledger_schema::time::Timestamp;
    use capledger_schema::{Cause, Event, Source, Subject};

    #[test]
    fn without_a_dashboard_each_fact_is_a_line() {
        let envelope = Envelope {
            seq: Seq(1),
            at: Timestamp(0),
            cause: Cause::Start,
            source: Source::Local,
            subject: Subject::Controller,
            observed_at: None,
            event: Event::ControllerStopped { reason: "over".to_owned() },
        };
        let mut state = State::default();
        state.apply(&envelope);
        let mut out = Vec::new();
        let mut audience = Audience::new(&mut out, None).expect("an audience");
        audience.show(&[envelope], &state).expect("shown");
        audience.say("\nthe end\n").expect("said");
        assert!(!audience.on_dashboard());
        audience.close();
        let text = String::from_utf8(out).expect("text");
        assert_eq!(text, "    0.0s  controller            stopped: over\n\nthe end\n");
    }
}
