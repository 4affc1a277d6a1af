//! What stands before and behind a demonstration: what is to come, what an operator asks for at the end, where it is.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use capledger_schema::Event;

use super::stage::{self, Stage};
use super::story::{programme, versions};
use super::watch::Seen;
use super::{DemoConfig, DemoError, Outcome};

/// Lines of the log that are printed at the end at most.
const LOG_LINES: usize = 100;

/// What is to come.
pub(super) fn prologue(config: &DemoConfig, out: &mut dyn Write) -> io::Result<()> {
    let aps = plural(config.aps as u64, "access point");
    let (from, target) = versions(config.story);
    writeln!(out, "capledger demo: {aps}, from {from} to {target}\n")?;
    writeln!(out, "{}", programme(config.story, &config.pace))?;
    out.flush()
}

/// What an operator asks for at the end.
pub(super) fn epilogue(
    config: &DemoConfig,
    stage: &Stage,
    seen: &Seen,
    out: &mut dyn Write,
) -> Result<Outcome, DemoError> {
    let (_, target) = versions(config.story);
    let at_target = seen.state.fleet.wtps.values().filter(|w| w.runs(target)).count();
    let mut text = String::new();
    let _ = write!(text, "\n{}show ap image\n{}\n", stage.prompt(), stage.show_ap_image(&seen.state));
    let _ = write!(text, "{}show logging\n{}", stage.prompt(), stage.log_tail(LOG_LINES));
    let _ = write!(text, "\n{at_target} of {} run {target}{}", plural(config.aps as u64, "access point"), totals(seen));
    out.write_all(text.as_bytes()).map_err(DemoError::Print)?;
    Ok(Outcome { data_dir: stage.data_dir.clone(), seq: seen.state.seq, at_target, aps: config.aps })
}

/// How long it took, and what was moved; the largest transfer stands for all.
fn totals(seen: &Seen) -> String {
    let began = seen.envelopes.first().map(|e| e.at).unwrap_or_default();
    let ended = seen.envelopes.iter().rev().find(|e| matches!(e.event, Event::WtpEnteredRun { .. })).map(|e| e.at);
    let mut text = format!(" after {:.1} s\n", ended.unwrap_or(began).since(began).as_secs_f64());
    let (mut images, mut octets, mut again, mut largest) = (0, 0, 0, None);
    for envelope in &seen.envelopes {
        let Event::ImageDownloadCompleted { wtp, image, messages, last, duration_us, retransmissions, .. } =
            &envelope.event
        else {
            continue;
        };
        (images, octets, again) = (images + 1, octets + image.octets, again + retransmissions);
        if largest.as_ref().is_none_or(|(most, _)| *most < image.octets) {
            let line = format!(
                "{} took {} octets of {} in {messages} messages, {last} octets in the last, within {:.1} s",
                wtp.name,
                image.octets,
                image.family,
                Duration::from_micros(*duration_us).as_secs_f64()
            );
            largest = Some((image.octets, line));
        }
    }
    let moved = stage::megabytes(octets);
    let _ = writeln!(
        text,
        "{} over CAPWAP, {moved} in all; {} sent again",
        plural(images, "image"),
        plural(again, "block")
    );
    if let Some((_, line)) = largest {
        let _ = writeln!(text, "{line}");
    }
    text
}

/// What an operator would look at when it did not go well.
pub(super) fn aftermath(stage: &Stage, seen: &Seen, out: &mut dyn Write) -> io::Result<()> {
    write!(out, "\n{}show ap image reason\n{}\n", stage.prompt(), stage.show_ap_reason(&seen.state))?;
    write!(out, "{}show logging\n{}", stage.prompt(), stage.log_tail(LOG_LINES))
}

/// Where it all is.
pub(super) fn farewell(dir: &Path, out: &mut dyn Write) -> io::Result<()> {
    let dir = dir.display();
    writeln!(out, "\nThe ledger, the fetched images and the access points' consoles are kept in {dir}")?;
    writeln!(out, "Look at any moment of it, check it, read what the access points said:")?;
    writeln!(out, "  capledger replay --data-dir {dir} \"show ap image\"")?;
    writeln!(out, "  capledger audit verify --data-dir {dir}")?;
    writeln!(out, "  less {dir}/consoles/*.log")?;
    out.flush()
}

/// `1 image`, `12 images`
pub(super) fn plural(n: u64, what: &str) -> String {
    if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") }
}
