//! The campaign in one line: where it leads, where it stands, how far it is, and what became of its APs.

use std::time::Duration;

use ratatui::layout::Rect;
use ratatui::style::Style;

use capledger_schema::event::CampaignOutcome;
use capledger_schema::project::campaigns::{Campaign, Tally};
use capledger_schema::time::Timestamp;

use super::pen::{Pen, columns, percent};
use crate::words;

/// From this percentage on, its pace tells of its end.
const TELLING: u8 = 10;

/// And from so many seconds on.
const TELLING_AFTER: f64 = 5.0;

pub(super) fn draw(pen: &mut Pen<'_>, area: Rect, campaign: &Campaign, now: Timestamp) {
    let area = Rect { x: area.x + 1, width: area.width - 2, ..area };
    let t = pen.theme;
    let (state, style) = state(campaign, pen);
    let version = campaign.version.to_string();
    let head =
        [("Upgrade ".to_owned(), t.title), (format!("{} {version}  ", pen.glyphs().to), t.title), (state, style)];
    let head_width = head.iter().map(|(text, _)| columns(text)).sum::<u16>();
    let share = f64::from(campaign.percent()) / 100.0;
    // The bar gives way to the words, and the least of the counts to the bar.
    let rest = area.width.saturating_sub(head_width + 2);
    let mut counts = counts(pen, &campaign.tally());
    if let Some(left) = left(campaign, now) {
        let errors = campaign.tally().errors();
        let at = if errors == 0 { 0 } else { counts.len().min(1) };
        counts.insert(at, (format!("~{} left  ", words::span(left)), t.plain));
    }
    let width = |pieces: &[(String, Style)]| pieces.iter().map(|(text, _)| columns(text)).sum::<u16>();
    let fits = (0..=counts.len()).rev().map(|n| &counts[..n]).find(|c| width(c) + 16 <= rest).unwrap_or(&[]);
    let mut x = pen.pieces(area.x, area.y, area.width, &head) + 2;
    let bar = rest.saturating_sub(width(fits) + 7).min(60);
    if bar >= 6 {
        let tone = if campaign.is_active() { t.busy } else { style };
        pen.bar(x, area.y, bar, share, tone);
        pen.text_right(x + bar + 5, area.y, 5, &percent(share), t.plain);
        x += bar + 7;
    }
    pen.pieces(x, area.y, area.right().saturating_sub(x), fits);
}

/// How long it still takes, if it goes on as it went so far; none before that can be told.
fn left(c: &Campaign, now: Timestamp) -> Option<Duration> {
    let done = c.percent();
    let tells = c.is_active() && c.paused.is_none() && (TELLING..100).contains(&done);
    let elapsed = now.since(c.started_at).as_secs_f64();
    (tells && elapsed >= TELLING_AFTER)
        .then(|| Duration::from_secs_f64(elapsed * f64::from(100 - done) / f64::from(done)))
}

/// Where it stands, in a few words, and how good that is.
fn state(c: &Campaign, pen: &Pen<'_>) -> (String, Style) {
    let t = pen.theme;
    match (&c.ended, &c.paused) {
        (Some((outcome, _, _)), _) => {
            let style = match outcome {
                CampaignOutcome::Completed => t.good,
                CampaignOutcome::Aborted => t.warn,
                CampaignOutcome::Stopped | CampaignOutcome::PreflightFailed => t.bad,
            };
            (words::campaign_outcome(*outcome).to_owned(), style)
        }
        (None, Some(_)) => (format!("paused, {}", iteration(c)), t.warn),
        (None, None) => (format!("{}, {}", words::campaign_phase(c.phase), iteration(c)), t.busy),
    }
}

fn iteration(c: &Campaign) -> String {
    let last = c.iterations.keys().next_back().copied().unwrap_or(0);
    match c.iteration {
        _ if c.iterations.is_empty() => format!("{} APs", words::count(u64::from(c.expected))),
        0 => "canaries".to_owned(),
        n => format!("{n} of {last}"),
    }
}

/// What became of its APs, what matters most first.
fn counts(pen: &Pen<'_>, tally: &Tally) -> Vec<(String, Style)> {
    let (t, g) = (pen.theme, pen.glyphs());
    let all = [
        (g.failed, tally.failed, "failed", t.bad),
        (g.away, tally.missing, "missing", t.bad),
        (g.done, tally.back, "back", t.good),
        (g.restart, tally.reloaded, "reloaded", t.busy),
        (g.holds, tally.predownloaded, "hold it", t.plain),
    ];
    all.iter()
        .filter(|(_, n, ..)| *n > 0)
        .map(|(glyph, n, word, style)| (format!("{glyph} {} {word}  ", words::count(u64::from(*n))), *style))
        .collect()
}
