//! The upgrade script that runs on an access point: what it prints, and when, of the time that each run takes.
//!
//! It looks for room before a download, verifies and writes the image after it, and cleans up when one is given up.

use std::time::Duration;

use capledger_schema::time::Monotonic;

use super::config::{Dialect, WtpTimers};

/// A run of the script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Script {
    /// Is there room for an image?
    Precheck,
    /// Verify the image's signature and write it.
    Store,
    /// Remove what a failed download left.
    Abort,
}

/// What the lines say beside their fixed words.
#[derive(Clone, Debug)]
pub(super) struct ScriptFacts {
    /// The partition that runs: 1 or 2.
    pub(super) active_part: u8,
    /// Free kilobytes for an image.
    pub(super) free: u32,
    /// Whether they are enough.
    pub(super) room: bool,
    /// Whether the image's signature is right.
    pub(super) signed: bool,
    /// The image that is fetched or written.
    pub(super) file: String,
}

#[derive(Clone, Copy)]
enum Line {
    Aborting,
    Called(&'static str),
    Do(&'static str),
    Status(&'static str),
    Space,
    Verdict,
}

/// Each line and its place in the run, in thousandths of the time that the run takes; read off the reference.
type Steps = &'static [(u32, Line)];

const PRECHECK_REPLICA: Steps = &[
    (260, Line::Called("PRECHECK")),
    (540, Line::Do("PRECHECK")),
    (635, Line::Status("Cleanup tmp files ...")),
    (1000, Line::Space),
];
const PRECHECK_SLAVE: Steps = &[(290, Line::Called("PRECHECK")), (745, Line::Do("PRECHECK")), (1000, Line::Space)];
const STORE: Steps = &[
    (15, Line::Called("PREDOWNLOAD")),
    (28, Line::Do("PREDOWNLOAD")),
    (33, Line::Status("Creating before-upgrade.log")),
    (40, Line::Status("Start doing upgrade arg1=PREDOWNLOAD arg2= arg3= ...")),
    (61, Line::Status("Using image /tmp/part.tar on ax-bcm32 ...")),
    (1000, Line::Verdict),
];
const ABORT: Steps = &[
    (100, Line::Aborting),
    (515, Line::Called("ABORT")),
    (844, Line::Do("ABORT")),
    (1000, Line::Status("Cleanup tmp files ...")),
];
/// How long cleaning up takes; the rejoin waits longer.
const ABORT_LASTS: Duration = Duration::from_millis(310);

impl Script {
    fn steps(self, dialect: Dialect) -> Steps {
        match (self, dialect) {
            (Script::Precheck, Dialect::Replica) => PRECHECK_REPLICA,
            (Script::Precheck, Dialect::Slave) => PRECHECK_SLAVE,
            (Script::Store, _) => STORE,
            (Script::Abort, _) => ABORT,
        }
    }

    /// How long the run takes.
    pub(super) fn lasts(self, timers: &WtpTimers) -> Duration {
        match self {
            Script::Precheck => timers.precheck,
            Script::Store => timers.store,
            Script::Abort => ABORT_LASTS.min(timers.rejoin),
        }
    }

    /// When, from the beginning of the run, its line of this ordinal is printed; none behind the last.
    fn due(self, dialect: Dialect, step: usize, timers: &WtpTimers) -> Option<Duration> {
        let (thousandths, _) = self.steps(dialect).get(step)?;
        Some(self.lasts(timers) * *thousandths / 1000)
    }

    /// The line of this ordinal.
    fn text(self, dialect: Dialect, step: usize, facts: &ScriptFacts) -> Option<String> {
        let (_, line) = self.steps(dialect).get(step)?;
        let part = facts.active_part;
        Some(match line {
            Line::Aborting => format!("Aborting image download(0x0): Dtls cleanup, {}", facts.file),
            Line::Called(arg) => said(dialect, &format!("Script called with args:[{arg}]")),
            Line::Do(arg) => format!("do {arg}, part{part} is active part"),
            Line::Status(text) => said(dialect, text),
            Line::Space => space(dialect, facts),
            Line::Verdict => {
                let verdict = if facts.signed { "success" } else { "failed" };
                match dialect {
                    Dialect::Replica => format!("status 'Image signing verify {verdict}.'"),
                    Dialect::Slave => format!("Image signing verify {verdict}."),
                }
            }
        })
    }
}

/// A run of the script that goes on.
#[derive(Clone, Debug)]
pub(super) struct Run {
    pub(super) script: Script,
    pub(super) began: Monotonic,
    step: usize,
    facts: ScriptFacts,
}

impl Run {
    /// A run that begins now, at its first line.
    pub(super) fn new(script: Script, began: Monotonic, facts: ScriptFacts) -> Self {
        Run { script, began, step: 0, facts }
    }

    /// When its first line is due, from its beginning. Without a console nobody reads the lines: it goes to its end.
    pub(super) fn begin(&mut self, console: Option<Dialect>, timers: &WtpTimers) -> Duration {
        if let Some(dialect) = console {
            return self.script.due(dialect, 0, timers).unwrap_or_default();
        }
        self.step = usize::MAX - 1;
        self.script.lasts(timers)
    }

    /// Goes to the next line and says when it is due; none if there is no more.
    pub(super) fn next(&mut self, dialect: Dialect, timers: &WtpTimers) -> Option<Duration> {
        self.step += 1;
        self.script.due(dialect, self.step, timers)
    }

    /// The line that is due.
    pub(super) fn text(&self, dialect: Dialect) -> Option<String> {
        self.script.text(dialect, self.step, &self.facts)
    }
}

fn said(dialect: Dialect, text: &str) -> String {
    match dialect {
        Dialect::Replica => format!("status 'upgrade.sh: {text}'"),
        Dialect::Slave => format!("upgrade.sh: {text}"),
    }
}

fn space(dialect: Dialect, facts: &ScriptFacts) -> String {
    let verdict = if facts.room { "OK" } else { "NOT" };
    match dialect {
        Dialect::Replica => {
            said(dialect, &format!("/tmp space: {verdict} available {}, required {REPLICA_NEEDS} ", facts.free))
        }
        Dialect::Slave => {
            said(dialect, &format!("/tmp space: {verdict} available {}, required {SLAVE_NEEDS}", facts.free))
        }
    }
}

const REPLICA_NEEDS: u32 = 50_000;
const SLAVE_NEEDS: u32 = 40_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_of_a_run_are_in_order_and_the_last_one_ends_it() {
        let timers = WtpTimers::default();
        for script in [Script::Precheck, Script::Store, Script::Abort] {
            for dialect in [Dialect::Replica, Dialect::Slave] {
                let dues: Vec<_> = (0..).map_while(|step| script.due(dialect, step, &timers)).collect();
                assert!(dues.is_sorted(), "{script:?} {dialect:?}");
                assert_eq!(dues.last(), Some(&script.lasts(&timers)), "{script:?} {dialect:?}");
            }
        }
    }
}
