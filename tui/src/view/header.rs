//! Three lines: who and how fresh, the fleet in numbers, the fleet's bar.

use std::time::Duration;

use ratatui::layout::Rect;
use ratatui::style::Style;

use super::pen::{Pen, columns, filled, percent};
use crate::state::phase::Phase;
use crate::state::{Dashboard, Link, Overview, Summary};
use crate::words;

pub(super) fn draw(pen: &mut Pen<'_>, area: Rect, dash: &Dashboard, overview: &Overview<'_>) {
    let area = Rect { x: area.x + 1, width: area.width - 2, ..area };
    title(pen, area, dash);
    numbers(pen, Rect { y: area.y + 1, height: 1, ..area }, &overview.summary, overview.alarms.len());
    bar(pen, Rect { y: area.y + 2, height: 1, ..area }, dash, &overview.summary);
}

fn title(pen: &mut Pen<'_>, area: Rect, dash: &Dashboard) {
    let t = pen.theme;
    let dot = pen.glyphs().dot;
    let mut right: Vec<(String, Style)> = Vec::new();
    match dash.link() {
        Link::Waiting | Link::Live | Link::Lost(_) if dash.ui.replay.is_some() => {
            right.push((format!("{} replay", pen.glyphs().restart), t.warn));
        }
        Link::Waiting => right.push(("connecting".into(), t.warn)),
        Link::Live => {
            right.push((format!("seq {}", words::count(dash.fold().seq.0)), t.dim));
            if let Some(lag) = dash.lag().filter(|_| area.width >= 66) {
                let slow = lag > Duration::from_secs(2);
                right.push((format!(" {dot} lag {}", short(lag)), if slow { t.warn } else { t.dim }));
            }
            if dash.missed() > 0 {
                right.push((format!(" {dot} missed {}", words::count(dash.missed())), t.bad));
            }
            right.push((format!(" {dot} "), t.dim));
            right.push((format!("{} live", pen.glyphs().serving), t.good));
        }
        Link::Lost(_) => right.push((format!("{} cut off, trying again", pen.glyphs().failed), t.bad)),
    }
    let width: u16 = right.iter().map(|(text, _)| columns(text)).sum::<u16>().min(area.width * 2 / 3);
    let from = area.right() - width;
    pen.pieces(from, area.y, width, &right);

    let mut left = vec![("Capledger ".to_owned(), t.title), (dash.fold().config.hostname.clone(), t.key)];
    if dash.fold().controller.stopped_at.is_some() {
        left.push(("  stopped".into(), t.warn));
    }
    match dash.target() {
        Some(version) => left.push((format!("  {version}"), t.title)),
        None => left.push(("  no running version".into(), t.dim)),
    }
    // Where a campaign, or what is staged, leads next.
    let next = dash.fold().campaigns.active().map(|c| c.version).or(dash.fold().installs.staged);
    if let Some(next) = next.filter(|v| Some(*v) != dash.target()) {
        left.push((format!(" {} ", pen.glyphs().to), t.dim));
        left.push((next.to_string(), t.title));
    }
    pen.pieces(area.x, area.y, from.saturating_sub(area.x + 1), &left);
}

fn short(d: Duration) -> String {
    if d < Duration::from_secs(1) { format!("{} ms", d.as_millis()) } else { format!("{:.1} s", d.as_secs_f64()) }
}

/// The numbers in the longest form that fits: from every one with its word down to a glyph for those that are not zero.
fn numbers(pen: &mut Pen<'_>, area: Rect, sum: &Summary, alarms: usize) {
    let t = pen.theme;
    let phase = |p: Phase| (p.glyph(pen.glyphs()), sum.count(p), p.word(), t.tone(p.tone()));
    let on_their_way = sum.count(Phase::Downloading) + sum.count(Phase::Predownloading);
    let fixed = [
        ("", sum.total, if sum.total == 1 { "AP" } else { "APs" }, t.title),
        ("", sum.joined, "joined", t.plain),
        phase(Phase::AtTarget),
        (pen.glyphs().down, on_their_way, "downloading", t.busy),
        phase(Phase::Failed),
    ];
    let others = [
        phase(Phase::Waiting),
        phase(Phase::Holds),
        phase(Phase::Restarting),
        phase(Phase::Joining),
        phase(Phase::Serving),
        phase(Phase::Away),
        (pen.glyphs().alarm, alarms, if alarms == 1 { "alarm" } else { "alarms" }, t.warn),
    ];
    let all: Vec<_> = fixed.iter().chain(others.iter().filter(|(_, n, ..)| *n > 0)).collect();
    // Form 0 has every word, form 1 the words of the first few, form 2 those without a glyph only.
    let render = |form: usize, zeros: bool| -> Vec<(String, Style)> {
        let mut out: Vec<(String, Style)> = Vec::new();
        for (i, (glyph, n, word, style)) in all.iter().copied().enumerate() {
            if *n == 0 && !zeros && !glyph.is_empty() {
                continue;
            }
            let worded = form == 0 || (form == 1 && i < fixed.len()) || glyph.is_empty();
            if !out.is_empty() {
                out.push((if form < 2 { "  " } else { " " }.to_owned(), t.plain));
            }
            let style = if *n == 0 { t.dim } else { *style };
            let n = words::count(*n as u64);
            out.push((if worded { join(glyph, &n, word) } else { format!("{glyph}{n}") }, style));
        }
        out
    };
    let width = |pieces: &[(String, Style)]| pieces.iter().map(|(text, _)| columns(text)).sum::<u16>();
    let forms = [render(0, true), render(0, false), render(1, true), render(1, false), render(2, false)];
    let fits = forms.iter().find(|pieces| width(pieces) <= area.width).unwrap_or(&forms[4]);
    pen.pieces(area.x, area.y, area.width, fits);
}

fn join(glyph: &str, n: &str, word: &str) -> String {
    if glyph.is_empty() { format!("{n} {word}") } else { format!("{glyph} {n} {word}") }
}

/// The fleet as one bar: at the target, on its way, failed, to do.
fn bar(pen: &mut Pen<'_>, area: Rect, dash: &Dashboard, sum: &Summary) {
    let t = pen.theme;
    if sum.total == 0 {
        pen.text(area.x, area.y, area.width, "No AP has joined yet.", t.dim);
        return;
    }
    if dash.target().is_none() {
        let text = "No running version is set: APs join as they are (`software version`).";
        pen.text(area.x, area.y, area.width, text, t.dim);
        return;
    }
    let share = sum.share / sum.total as f64;
    let at_target = sum.count(Phase::AtTarget);
    let mut note = if area.width < 70 {
        format!(" {:>4}", percent(share))
    } else if share >= 1.0 && at_target < sum.total {
        // That all hold their image is not the end of it.
        format!("  {} of {} run it", words::count(at_target as u64), words::count(sum.total as u64))
    } else {
        format!("  images {:>4}", percent(share))
    };
    if sum.rate >= 1.0 {
        note.push_str("  ");
        note.push_str(&words::rate(sum.rate));
    }
    if let Some(left) = sum.left {
        note = format!("{note}  {} left", words::span(left));
    }
    let width = area.width.saturating_sub(columns(&note)).max(10);
    let [done, moving, failed, rest] = pen.glyphs().fleet;
    let part = |n: f64| filled(n / sum.total as f64, width);
    let done_to = part(at_target as f64);
    let moving_to = part(sum.share).max(done_to);
    let failed_from = width - part(sum.count(Phase::Failed) as f64).min(width - moving_to);
    for i in 0..width {
        let (glyph, style) = match i {
            i if i < done_to => (done, t.good),
            i if i < moving_to => (moving, t.busy),
            i if i >= failed_from => (failed, t.bad),
            _ => (rest, t.frame),
        };
        pen.cell(area.x + i, area.y, glyph, style);
    }
    pen.text(area.x + width, area.y, area.width - width, &note, t.plain);
}
