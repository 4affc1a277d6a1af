//! Fetches, alarms and the log.

use std::time::Duration;

use ratatui::layout::Rect;
use ratatui::style::Style;

use capledger_schema::id::OperationId;
use capledger_schema::project::installs::{InstallAdd, Outcome};
use capledger_schema::time::Timestamp;

use super::pen::{Pen, columns, percent, wrap};
use crate::state::{Alarm, Dashboard, Overview, Page};
use crate::words::{self, Line};

/// How long a fetch that ended well stays in sight.
const LINGER: Duration = Duration::from_secs(60);

/// Fetches that run, then those that failed and were not made good, then those that just ended; the newest first.
pub(super) fn fetches<'a>(dash: &'a Dashboard, overview: &Overview<'_>) -> Vec<(OperationId, &'a InstallAdd)> {
    let all = &dash.fold().installs.operations;
    let families = &dash.fold().installs.families;
    let rank = |op: &InstallAdd| match &op.outcome {
        None => Some(0),
        Some(Outcome::Failed(_, at)) => {
            let last = op.family.as_ref().and_then(|f| families.get(f)).and_then(|f| f.last.as_ref());
            let matters = op.family.as_ref().is_none_or(|f| dash.matters(f, *at, &overview.lacking));
            match last {
                Some((_, last)) if matters => (last == at).then_some(1),
                Some(_) | None => recent(dash, *at).then_some(2),
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

pub(super) fn draw_alarms(pen: &mut Pen<'_>, area: Rect, alarms: &[&Alarm]) {
    if area.height == 0 {
        return;
    }
    let shown = usize::from(area.height - 1);
    let note =
        if alarms.len() > shown { format!("{shown} of {}, a shows their APs", alarms.len()) } else { String::new() };
    pen.rule(Rect { height: 1, ..area }, &[("Alarms".to_owned(), pen.theme.warn)], &note);
    let name = alarms.iter().take(shown).map(|a| columns(&a.name)).max().unwrap_or(0).clamp(8, 20);
    for (i, alarm) in alarms.iter().take(shown).enumerate() {
        let y = area.y + 1 + i as u16;
        let glyph = format!("{} ", pen.glyphs().alarm);
        let x = pen.text(area.x + 1, y, 2, &glyph, pen.theme.warn);
        pen.text(x, y, name, &alarm.name, pen.theme.title);
        let x = x + name + 2;
        pen.text(x, y, area.right().saturating_sub(x + 1), &alarm.why, pen.theme.plain);
    }
}

/// The last lines, the newest at the bottom.
pub(super) fn draw_log(pen: &mut Pen<'_>, area: Rect, dash: &Dashboard) {
    if area.height == 0 {
        return;
    }
    pen.rule(Rect { height: 1, ..area }, &[("Log".to_owned(), pen.theme.title)], "UTC");
    let lines: Vec<_> = dash.log().take(usize::from(area.height - 1)).collect();
    for (i, (_, line)) in lines.iter().rev().enumerate() {
        let y = area.y + 1 + i as u16;
        let x = log_head(pen, area, y, line);
        pen.text(x, y, area.right().saturating_sub(x + 1), &line.what, pen.theme.tone(line.tone));
    }
}

/// When, and who or what; where the words begin.
fn log_head(pen: &mut Pen<'_>, area: Rect, y: u16, line: &Line) -> u16 {
    let name = if area.width < 70 { 14 } else { 20 };
    let x = pen.text(area.x + 1, y, 8, &words::clock(line.at), pen.theme.dim) + 2;
    pen.text(x, y, name, &line.who, pen.theme.title);
    x + name + 1
}

/// The log on all of the place, every line with all of its words; gives back how many lines it shows.
pub(super) fn draw_whole_log(pen: &mut Pen<'_>, area: Rect, dash: &Dashboard) -> Page {
    let t = pen.theme;
    let ui = &dash.ui;
    let mut title = vec![("Log".to_owned(), t.title)];
    if ui.filtering || !ui.filter.is_empty() {
        title.push((format!("  /{}{}", ui.filter, if ui.filtering { "_" } else { "" }), t.key));
    }
    let note = if ui.log_at.is_some() { "stands still, G goes on, UTC" } else { "UTC" };
    pen.rule(Rect { height: 1, ..area }, &title, note);
    let mut y = area.bottom();
    let mut rows = 0;
    for (_, line) in dash.log() {
        let column = area.x + 12 + if area.width < 70 { 14 } else { 20 };
        let width = area.right().saturating_sub(column + 1);
        let text = wrap(&line.what, width);
        let height = text.len() as u16;
        if y < area.y + 1 + height {
            break;
        }
        y -= height;
        rows += 1;
        log_head(pen, area, y, line);
        for (i, part) in text.iter().enumerate() {
            pen.text(column, y + i as u16, width, part, t.tone(line.tone));
        }
    }
    if rows == 0 {
        let text =
            if ui.filter.is_empty() { "Nothing has happened yet." } else { "No line matches; Esc, Esc shows all." };
        pen.text(area.x + 1, area.y + 1, area.width - 2, text, t.dim);
    }
    Page { first: 0, rows }
}
