//! Draws a frame from the dashboard's state, and changes nothing.
//!
//! Only the visible slice of a list is drawn, straight into the buffer, and the fleet is gone through once per frame. Panes are divided by rules, not boxes: lines are scarce at 80 x 24.

mod campaign;
mod detail;
mod header;
mod help;
mod panes;
mod pen;
mod table;
mod timeline;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::state::{Alarm, Dashboard, Overview, Page, Row, Show};
use crate::theme::Theme;
use pen::Pen;

/// The smallest terminal that the dashboard is drawn on, in columns and lines.
pub const SMALLEST: (u16, u16) = (40, 10);

/// From this width on, the selected AP's particulars have a place beside the table.
pub const WIDE: u16 = 150;

/// Draws a frame; gives back the slice of the table that it shows, which the next key press builds upon.
pub fn draw(buf: &mut Buffer, area: Rect, dash: &Dashboard, theme: &Theme) -> Page {
    let mut pen = Pen::new(buf, theme);
    if area.width < SMALLEST.0 || area.height < SMALLEST.1 {
        too_small(&mut pen, area);
        return dash.ui.page;
    }
    // A line of its own, while there is something to say and room to say it.
    let campaign = dash.campaign().filter(|_| area.height > SMALLEST.1);
    let replay = dash.ui.replay.as_ref();
    let [top, middle, bottom] = split(area, 3 + u16::from(campaign.is_some()) + u16::from(replay.is_some()));
    let overview = dash.overview();
    header::draw(&mut pen, Rect { height: 3, ..top }, dash, &overview);
    if let Some(campaign) = campaign {
        campaign::draw(&mut pen, Rect { y: top.y + 3, height: 1, ..top }, campaign, dash.now());
    }
    if let Some(cursor) = replay {
        timeline::draw(&mut pen, Rect { y: middle.y - 1, height: 1, ..top }, cursor);
    }
    help::keys(&mut pen, bottom, dash);
    let page = body(&mut pen, middle, dash, &overview);
    if dash.ui.help {
        help::draw(&mut pen, Rect { height: area.height - 1, ..area }, replay.is_some());
    }
    page
}

fn body(pen: &mut Pen<'_>, area: Rect, dash: &Dashboard, overview: &Overview<'_>) -> Page {
    let rows = &overview.rows;
    if dash.ui.log {
        return panes::draw_whole_log(pen, area, dash);
    }
    if dash.ui.detail {
        return particulars(pen, area, dash, rows);
    }
    let mut area = area;
    if area.width >= WIDE {
        let width = (area.width * 3 / 10).clamp(50, 72);
        let x = area.right() - width;
        pen.wall(x, area.y, area.height);
        detail::draw(pen, Rect { x: x + 2, width: width - 2, ..area }, dash, rows);
        area.width -= width + 1;
    }
    let fetches = panes::fetches(dash, overview);
    let only_alarms = dash.ui.show == Show::Alarms;
    // Where the table tells those of APs, the pane has those of fetches.
    let alarms: Vec<&Alarm> = overview.alarms.iter().filter(|a| !only_alarms || a.wtp.is_none()).collect();
    let fetch_lines = pane(fetches.len(), by_height(area.height, [0, 2, 2, 8]));
    let alarm_lines = pane(alarms.len(), by_height(area.height, if only_alarms { [0, 1, 2, 8] } else { [0, 0, 0, 8] }));
    let least = by_height(area.height, [0, 4, 6, 11]).min(area.height / 3);
    let room = area.height - fetch_lines - alarm_lines - least;
    // The table takes what it needs, and the rest goes to the pane below.
    let needed = u16::try_from(rows.len()).unwrap_or(u16::MAX).saturating_add(2).max(4);
    let [table, fetch_place, alarm_place, rest] = cut(area, [room.min(needed), fetch_lines, alarm_lines]);
    let page = table::draw(pen, table, dash, rows);
    panes::draw_fetches(pen, fetch_place, dash, &fetches);
    panes::draw_alarms(pen, alarm_place, &alarms);
    panes::draw_log(pen, rest, dash);
    page
}

/// The selected AP's particulars, below as much of the table as there is room for.
fn particulars(pen: &mut Pen<'_>, area: Rect, dash: &Dashboard, rows: &[Row<'_>]) -> Page {
    let least = if area.height < 18 { 0 } else { area.height * 2 / 3 };
    let needed = u16::try_from(rows.len()).unwrap_or(u16::MAX).saturating_add(2).max(3);
    let table = if least == 0 { 0 } else { needed.min(area.height - least) };
    let [top, _, _, rest] = cut(area, [table, 0, 0]);
    let page = if table == 0 { dash.ui.page } else { table::draw(pen, top, dash, rows) };
    detail::draw(pen, rest, dash, rows);
    page
}

/// Parts of these heights from the top, and the rest.
fn cut(area: Rect, heights: [u16; 3]) -> [Rect; 4] {
    let mut rest = area;
    let parts = heights.map(|height| {
        let part = Rect { height: height.min(rest.height), ..rest };
        rest.y += part.height;
        rest.height -= part.height;
        part
    });
    [parts[0], parts[1], parts[2], rest]
}

/// The lines of a pane with a rule: none for an empty one.
fn pane(items: usize, most: u16) -> u16 {
    let lines = u16::try_from(items).unwrap_or(u16::MAX).min(most);
    if lines == 0 { 0 } else { lines + 1 }
}

/// One of four values, for short, usual, tall and very tall screens.
fn by_height(height: u16, values: [u16; 4]) -> u16 {
    match height {
        0..=9 => values[0],
        10..=17 => values[1],
        18..=27 => values[2],
        _ => values[3],
    }
}

/// Header, middle, one line of keys.
fn split(area: Rect, header: u16) -> [Rect; 3] {
    let middle = area.height - header - 1;
    [
        Rect { height: header, ..area },
        Rect { y: area.y + header, height: middle, ..area },
        Rect { y: area.y + header + middle, height: 1, ..area },
    ]
}

fn too_small(pen: &mut Pen<'_>, area: Rect) {
    let (width, height) = SMALLEST;
    let text = format!("This terminal is {} x {}; {width} x {height} is the least.", area.width, area.height);
    let mut y = area.y + area.height.saturating_sub(2) / 2;
    // Word by word, so that it can be read however narrow it is.
    let mut line = String::new();
    for word in text.split(' ') {
        if !line.is_empty() && line.len() + 1 + word.len() > usize::from(area.width) {
            pen.text(area.x, y, area.width, &line, pen.theme.plain);
            y += 1;
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
        if y >= area.bottom() {
            return;
        }
    }
    pen.text(area.x, y, area.width, &line, pen.theme.plain);
}
