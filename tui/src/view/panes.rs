//! Fetches, alarms and the log.

use std::time::Duration;

use ratatui::layout::Rect;
use ratatui::style::Style;

use capledger_schema::id::OperationId;
use capledger_schema::project::installs::{InstallAdd, Outcome};
use capledger_schema::time::Timestamp;

use super::pen::{Pen, percent};
use crate::state::{Alarm, Dashboard};
use crate::words;

/// How long a fetch that ended well stays in sight.
const LINGER: Duration = Duration::from_secs(60);

/// Fetches that run, then those that failed and were not made good, then those that just ended; the newest first.
pub(super) fn fetches(dash: &Dashboard) -> Vec<(OperationId, &InstallAdd)> {
    let all = &dash.fold().installs.operations;
    let families = &dash.fold().installs.families;
    let rank = |op: &InstallAdd| match &op.outcome {
        None => Some(0),
        Some(Outcome::Failed(_, at)) => {
            let last = op.family.as_ref().and_then(|f| families.get(f)).and_then(|f| f.last.as_ref());
            match last {
                Some((_, last)) => (last == at).then_some(1),
                None => recent(dash, *at).then_some(2),
            }
        }
        Some(Outcome::Completed(_, at) | Outcome::Lost(at)) => recent(dash, *at).then_some(2),
    };
    let mut out: Vec<_> = all.iter().rev().filter_map(|(id, op)| Some((rank(op)?, *id, op))).collect();
    out.sort_by_key(|(rank, ..)| *rank);
    out.into_iter().map(|(_, id, op)| (id, op)).collect()
}

fn recent(dash: &Dashboard, at: Timestamp) -> bool {
    dash.now().since(at) < LINGER
}

pub(super) fn draw_fetches(pen: &mut Pen<'_>, area: Rect, dash: &Dashboard, fetches: &[(OperationId, &InstallAdd)]) {
    if area.height == 0 {
        return;
    }
    let running = fetches.iter().filter(|(_, op)| op.outcome.is_none()).count();
    let note = if running == 0 { String::new() } else { format!("{running} running") };
    pen.rule(Rect { height: 1, ..area }, &[("Image fetches".to_owned(), pen.theme.title)], &note);
    for (i, (id, op)) in fetches.iter().take(usize::from(area.height - 1)).enumerate() {
        let line = Rect { x: area.x + 1, y: area.y + 1 + i as u16, width: area.width - 2, height: 1 };
        draw_fetch(pen, line, dash, *id, op);
    }
}

fn draw_fetch(pen: &mut Pen<'_>, area: Rect, dash: &Dashboard, id: OperationId, op: &InstallAdd) {
    let t = pen.theme;
    let g = pen.glyphs();
    let family = op.family.as_ref().map_or("image", |f| f.as_str());
    let (glyph, style): (&str, Style) = match &op.outcome {
        None => (g.down, t.busy),
        Some(Outcome::Completed(..)) => (g.done, t.good),
        Some(Outcome::Failed(..)) => (g.failed, t.bad),
        Some(Outcome::Lost(_)) => (g.away, t.warn),
    };
    let mut x = pen.text(area.x, area.y, 2, &format!("{glyph} "), style);
    pen.text(x, area.y, 8, family, t.title);
    x += 9;
    let room = area.right().saturating_sub(x);
    match &op.outcome {
        None => {
            let share = op.total.filter(|n| *n > 0).map(|n| op.octets as f64 / n as f64);
            let bar = (room / 4).clamp(8, 34);
            match share {
                Some(share) => {
                    pen.bar(x, area.y, bar, share, t.busy);
                    pen.text_right(x + bar + 5, area.y, 5, &percent(share), t.plain);
                }
                None => {
                    pen.text(x, area.y, bar + 5, &words::octets(op.octets), t.busy);
                }
            }
            x += bar + 7;
            let rate = dash.rate(id).map(words::rate).unwrap_or_default();
            pen.text_right(x + 10, area.y, 10, &rate, t.busy);
            x += 12;
            pen.text(x, area.y, area.right().saturating_sub(x), &op.url, t.dim);
        }
        Some(Outcome::Completed(image, at)) => {
            let pieces = [
                (format!("{}  {}  ", image.version, words::octets(image.octets)), t.plain),
                (format!("{}  {}", words::clock(*at), op.url), t.dim),
            ];
            pen.pieces(x, area.y, room, &pieces);
        }
        Some(Outcome::Failed(failure, at)) => {
            let pieces = [
                (format!("{}  ", failure.kind), t.bad),
                (format!("{}  {}  ", words::clock(*at), op.url), t.dim),
                (failure.words.clone(), t.plain),
            ];
            pen.pieces(x, area.y, room, &pieces);
        }
        Some(Outcome::Lost(at)) => {
            let text = format!("cut off by the controller's end  {}  {}", words::clock(*at), op.url);
            pen.text(x, area.y, room, &text, t.dim);
        }
    }
}

pub(super) fn draw_alarms(pen: &mut Pen<'_>, area: Rect, alarms: &[Alarm]) {
    if area.height == 0 {
        return;
    }
    let shown = usize::from(area.height - 1);
    let note =
        if alarms.len() > shown { format!("{shown} of {}, a shows their APs", alarms.len()) } else { String::new() };
    pen.rule(Rect { height: 1, ..area }, &[("Alarms".to_owned(), pen.theme.warn)], &note);
    for (i, alarm) in alarms.iter().take(shown).enumerate() {
        let y = area.y + 1 + i as u16;
        let glyph = format!("{} ", pen.glyphs().alarm);
        let x = pen.text(area.x + 1, y, 2, &glyph, pen.theme.warn);
        pen.text(x, y, 20, &alarm.name, pen.theme.title);
        pen.text(x + 22, y, area.right().saturating_sub(x + 23), &alarm.why, pen.theme.plain);
    }
}

/// The last lines, the newest at the bottom.
pub(super) fn draw_log(pen: &mut Pen<'_>, area: Rect, dash: &Dashboard) {
    if area.height == 0 {
        return;
    }
    pen.rule(Rect { height: 1, ..area }, &[("Log".to_owned(), pen.theme.title)], "UTC");
    let fit = usize::from(area.height - 1);
    let log = dash.log();
    let name = if area.width < 70 { 14 } else { 20 };
    for (i, line) in log.iter().skip(log.len().saturating_sub(fit)).enumerate() {
        let y = area.y + 1 + i as u16;
        let x = pen.text(area.x + 1, y, 8, &words::clock(line.at), pen.theme.dim) + 2;
        pen.text(x, y, name, &line.who, pen.theme.title);
        let x = x + name + 1;
        pen.text(x, y, area.right().saturating_sub(x + 1), &line.what, pen.theme.tone(line.tone));
    }
}
