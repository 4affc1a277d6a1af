//! The APs, one line each. What does not fit the width is left out, the least needed first.

use ratatui::layout::Rect;
use ratatui::style::Style;

use capledger_schema::project::fleet::ImageStatus;

use super::pen::{Pen, columns, percent};
use crate::state::phase::{self, Fetching, Phase};
use crate::state::{Dashboard, Page, Row, Show};
use crate::words;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Column {
    Name,
    Model,
    Site,
    State,
    Version,
    Progress,
    Rate,
    Time,
    Failure,
    Why,
}

/// A column, its heading, its least and its best width; by need, the most needed first.
const COLUMNS: [(Column, &str, u16, u16); 9] = [
    (Column::Name, "AP", 16, 24),
    (Column::State, "STATE", 13, 13),
    (Column::Progress, "IMAGE", 12, 34),
    (Column::Time, "TIME", 9, 9),
    (Column::Version, "VERSION", 21, 23),
    (Column::Rate, "RATE", 10, 10),
    (Column::Model, "MODEL", 8, 16),
    (Column::Site, "SITE", 8, 18),
    (Column::Failure, "LAST FAILURE", 18, 90),
];

/// What alarms are told by, in their order.
const ALARMS: [(Column, &str, u16, u16); 4] = [
    (Column::Name, "AP", 16, 24),
    (Column::State, "STATE", 13, 13),
    (Column::Why, "WHY", 10, 200),
    (Column::Time, "TIME", 9, 9),
];

/// The order on the screen.
const ORDER: [Column; 9] = [
    Column::Name,
    Column::Model,
    Column::Site,
    Column::State,
    Column::Version,
    Column::Progress,
    Column::Rate,
    Column::Time,
    Column::Failure,
];

/// Columns between two: one where every column counts.
fn gap(width: u16) -> u16 {
    if width < 110 { 1 } else { 2 }
}

pub(super) fn draw(pen: &mut Pen<'_>, area: Rect, dash: &Dashboard, rows: &[Row<'_>]) -> Page {
    let fit = usize::from(area.height.saturating_sub(2));
    let selected = dash.selected(rows);
    let page = slice(dash.ui.page, selected, rows.len(), fit);
    heading(pen, area, dash, rows.len(), page);
    if area.height < 2 {
        return page;
    }
    // One column at the left for the cursor, one at the right for the scroll bar.
    let layout = match dash.ui.show {
        Show::Alarms => alarms(area.width - 2),
        Show::All | Show::Moving => layout(area.width - 2),
    };
    let gap = gap(area.width - 2);
    let mut x = area.x + 1;
    for (column, width) in &layout {
        pen.text(x, area.y + 1, *width, heading_of(*column), pen.theme.dim);
        x += width + gap;
    }
    if rows.is_empty() {
        let text = match dash.ui.show {
            _ if dash.fold().fleet.wtps.is_empty() => {
                "No AP has joined yet: point APs at this controller, UDP 5246 and 5247."
            }
            Show::Alarms if dash.ui.filter.is_empty() => "No AP has an alarm; Esc shows all APs.",
            Show::Moving if dash.ui.filter.is_empty() => "No AP is on its way; Esc shows all APs.",
            Show::All | Show::Alarms | Show::Moving => "No AP matches; Esc shows all.",
        };
        pen.text(area.x + 1, area.y + 2, area.width - 2, text, pen.theme.dim);
    }
    for (i, row) in rows.iter().enumerate().skip(page.first).take(fit) {
        let y = area.y + 2 + (i - page.first) as u16;
        draw_row(pen, (area.x + 1, y), gap, &layout, dash, row);
        if i == selected {
            pen.tint(Rect { y, height: 1, width: area.width - 1, ..area }, pen.theme.selected);
            pen.text(area.x, y, 1, pen.glyphs().cursor, pen.theme.key);
        }
    }
    scroll_bar(pen, area, rows.len(), page);
    page
}

fn heading(pen: &mut Pen<'_>, area: Rect, dash: &Dashboard, shown: usize, page: Page) {
    let t = pen.theme;
    let ui = &dash.ui;
    let mut title = vec![("Access points".to_owned(), t.title)];
    if ui.filtering || !ui.filter.is_empty() {
        let cursor = if ui.filtering { "_" } else { "" };
        title.push((format!("  /{}{cursor}", ui.filter), t.key));
    }
    let order = if ui.reverse { " reversed" } else { "" };
    let last = (page.first + page.rows).min(shown);
    let first = (page.first + 1).min(shown);
    let dot = pen.glyphs().dot;
    let mut note = format!("by {}{order} {dot} {} {dot} {first}-{last} of {shown}", ui.sort.word(), ui.show.word());
    if columns(&note) + 32 > area.width {
        note = format!("{first}-{last} of {shown}");
    }
    pen.rule(Rect { height: 1, ..area }, &title, &note);
}

/// The slice that shows the selected row and otherwise stays where it was.
fn slice(before: Page, selected: usize, all: usize, fit: usize) -> Page {
    let mut first = before.first;
    if selected < first {
        first = selected;
    } else if fit > 0 && selected >= first + fit {
        first = selected + 1 - fit;
    }
    Page { first: first.min(all.saturating_sub(fit)), rows: fit }
}

fn heading_of(column: Column) -> &'static str {
    COLUMNS.iter().chain(&ALARMS).find(|(c, ..)| *c == column).map_or("", |(_, heading, ..)| heading)
}

/// The columns of alarms: why has all the room that there is.
fn alarms(width: u16) -> Vec<(Column, u16)> {
    let [name, state, why, time] = ALARMS.map(|(column, _, least, _)| (column, least));
    let with_time = name.1 + state.1 + time.1 + why.1 * 4 + 3 * gap(width) <= width;
    let mut out = vec![name, state, why];
    out.extend(with_time.then_some(time));
    let used = out.iter().map(|(_, w)| w).sum::<u16>() + gap(width) * (out.len() as u16 - 1);
    out[2].1 += width.saturating_sub(used);
    out
}

/// Which columns fit, in the order of the screen, and how wide each is.
fn layout(width: u16) -> Vec<(Column, u16)> {
    let mut chosen: Vec<(Column, u16, u16)> = Vec::new();
    let mut used = 0;
    for (column, _, least, best) in COLUMNS {
        let needs = least + if chosen.is_empty() { 0 } else { gap(width) };
        if used + needs > width {
            continue;
        }
        used += needs;
        chosen.push((column, least, best));
    }
    // What is left goes round, a column at a time.
    let mut spare = width - used;
    while spare > 0 {
        let before = spare;
        for (_, now, best) in &mut chosen {
            if *now < *best && spare > 0 {
                *now += 1;
                spare -= 1;
            }
        }
        if spare == before {
            break;
        }
    }
    ORDER.iter().filter_map(|c| chosen.iter().find(|(d, ..)| d == c).map(|(c, now, _)| (*c, *now))).collect()
}

fn draw_row(
    pen: &mut Pen<'_>,
    (mut x, y): (u16, u16),
    gap: u16,
    layout: &[(Column, u16)],
    dash: &Dashboard,
    row: &Row<'_>,
) {
    let t = pen.theme;
    let inventory = &row.wtp.inventory;
    let tone = t.tone(row.phase.tone());
    for (column, width) in layout.iter().copied() {
        match column {
            Column::Name => {
                let style = if row.phase == Phase::Failed { t.bad } else { t.plain };
                pen.text(x, y, width, &row.wtp.address.name, style);
            }
            Column::Model => {
                pen.text(x, y, width, &inventory.model, t.dim);
            }
            Column::Site => {
                pen.text(x, y, width, &inventory.location, t.dim);
            }
            Column::State => {
                let text = format!("{} {}", row.phase.glyph(pen.glyphs()), row.phase.word());
                pen.text(x, y, width, &text, tone);
            }
            Column::Version => version(pen, x, y, width, dash, row),
            Column::Progress => progress(pen, x, y, width, dash, row),
            Column::Rate => {
                if let Some(rate) = moving(dash, row) {
                    let (text, style) = if rate > 0.0 { (words::rate(rate), t.busy) } else { ("still".into(), t.warn) };
                    pen.text_right(x + width, y, width, &text, style);
                }
            }
            Column::Time => {
                let (text, style) = time(dash, row, t.busy, t.dim);
                pen.text_right(x + width, y, width, &text, style);
            }
            Column::Why => {
                pen.text(x, y, width, row.alarm.as_deref().unwrap_or_default(), t.plain);
            }
            Column::Failure => {
                if let Some(line) = dash.failure(row.id) {
                    let style = if row.phase == Phase::Failed { t.bad } else { t.dim };
                    pen.text(x, y, width, &line.what, style);
                }
            }
        }
        x += width + gap;
    }
}

fn version(pen: &mut Pen<'_>, x: u16, y: u16, width: u16, dash: &Dashboard, row: &Row<'_>) {
    let t = pen.theme;
    let runs = row.wtp.inventory.version;
    let wanted = row.wtp.image.version().or(dash.target_of(row.wtp)).filter(|v| Some(*v) != runs);
    let from = if wanted.is_some() { t.dim } else { t.plain };
    let mut pieces = vec![(words::version(runs), from)];
    if let Some(v) = wanted {
        // The arrow gives way where both versions are long.
        let text = v.to_string();
        let arrow = if columns(&pieces[0].0) + 3 + columns(&text) > width { "" } else { " " };
        pieces.push((format!("{arrow}{}{arrow}", pen.glyphs().to), t.dim));
        pieces.push((text, t.plain));
    }
    pen.pieces(x, y, width, &pieces);
}

fn progress(pen: &mut Pen<'_>, x: u16, y: u16, width: u16, dash: &Dashboard, row: &Row<'_>) {
    let t = pen.theme;
    match (&row.wtp.image, row.phase) {
        (ImageStatus::Failed { next_retry, tries, .. }, _) => {
            let text = match next_retry {
                Some(at) if *at > dash.now() => {
                    format!("try {} in {}", tries + 1, words::span(at.since(dash.now())))
                }
                Some(_) if row.wtp.live().is_none() => "once it is back".to_owned(),
                Some(_) => format!("try {} is due", tries + 1),
                None => format!("no more, {tries} tried"),
            };
            pen.text(x, y, width, &text, t.bad);
        }
        (ImageStatus::Initiated { tries, .. } | ImageStatus::Moving { octets: 0, total: 0, tries, .. }, _) => {
            let (text, style) = match dash.fetching(row.wtp) {
                Fetching::Failed(failure, _) => (format!("{} {}", pen.glyphs().failed, failure.kind), t.bad),
                Fetching::Running(Some(share)) => (format!("fetch {}", percent(share)), t.dim),
                Fetching::Running(None) => ("fetch".to_owned(), t.dim),
                Fetching::Here | Fetching::None if *tries == 0 => ("waits".to_owned(), t.dim),
                Fetching::Here | Fetching::None => (format!("waits, try {}", tries + 1), t.dim),
            };
            pen.text(x, y, width, &text, style);
        }
        // It serves on, and nobody can give it what it should run.
        (ImageStatus::None, Phase::Serving) => {
            if let Fetching::Failed(failure, _) = dash.fetching(row.wtp) {
                pen.text(x, y, width, &format!("{} {}", pen.glyphs().failed, failure.kind), t.bad);
            }
        }
        (ImageStatus::Moving { .. }, Phase::Downloading | Phase::Predownloading) => {
            let share = phase::share(row.wtp, dash.target_of(row.wtp));
            pen.bar(x, y, width - 5, share, t.busy);
            pen.text_right(x + width, y, 4, &percent(share), t.plain);
        }
        (ImageStatus::Complete { .. }, _) | (ImageStatus::None, Phase::AtTarget) => {
            pen.bar(x, y, width - 5, 1.0, t.good);
            pen.text_right(x + width, y, 4, "100%", t.dim);
        }
        (ImageStatus::Moving { .. } | ImageStatus::None, _) => {}
    }
}

/// The rate of a download that runs.
fn moving(dash: &Dashboard, row: &Row<'_>) -> Option<f64> {
    match (&row.wtp.image, row.phase) {
        (ImageStatus::Moving { operation, .. }, Phase::Downloading | Phase::Predownloading) => dash.rate(*operation),
        (
            ImageStatus::Moving { .. }
            | ImageStatus::None
            | ImageStatus::Initiated { .. }
            | ImageStatus::Complete { .. }
            | ImageStatus::Failed { .. },
            _,
        ) => None,
    }
}

/// How long until its last octet while octets move, else since when it stands where it stands.
fn time(dash: &Dashboard, row: &Row<'_>, busy: Style, dim: Style) -> (String, Style) {
    if let (ImageStatus::Moving { octets, total, .. }, Some(rate)) = (&row.wtp.image, moving(dash, row))
        && rate >= 1.0
        && *total > 0
    {
        let left = std::time::Duration::from_secs_f64(total.saturating_sub(*octets) as f64 / rate);
        return (format!("{} left", words::span(left)), busy);
    }
    (words::span(dash.now().since(phase::since(row.wtp))), dim)
}

fn scroll_bar(pen: &mut Pen<'_>, area: Rect, all: usize, page: Page) {
    let height = usize::from(area.height.saturating_sub(2));
    if all <= page.rows || height == 0 {
        return;
    }
    let [track, thumb] = pen.glyphs().scroll;
    let size = (height * page.rows / all).max(1);
    let from = (height - size) * page.first / (all - page.rows);
    for i in 0..height {
        let on = (from..from + size).contains(&i);
        let style = if on { pen.theme.dim } else { pen.theme.frame };
        pen.cell(area.right() - 1, area.y + 2 + i as u16, if on { thumb } else { track }, style);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_columns_that_fit_are_never_wider_than_the_screen() {
        for width in 40..300 {
            let columns = layout(width);
            let used: u16 = columns.iter().map(|(_, w)| w + gap(width)).sum::<u16>() - gap(width);
            assert!(used <= width, "{width}: {columns:?}");
            assert!(columns.iter().any(|(c, _)| *c == Column::State), "{width}");
        }
    }

    #[test]
    fn a_page_moves_no_further_than_to_show_the_selected_row() {
        let page = |first| Page { first, rows: 10 };
        assert_eq!(slice(page(5), 7, 100, 10), page(5));
        assert_eq!(slice(page(5), 4, 100, 10), page(4));
        assert_eq!(slice(page(5), 15, 100, 10), page(6));
        assert_eq!(slice(page(95), 95, 100, 10), page(90));
        assert_eq!(slice(page(50), 0, 0, 10), page(0));
    }
}
