//! The line of keys at the bottom, and the help over the table.

use ratatui::layout::Rect;
use ratatui::style::Style;

use super::pen::{Pen, columns};
use crate::state::Dashboard;
use crate::state::input::KEYS;
use crate::theme::Theme;

/// The keys that matter now: as many as fit.
pub(super) fn keys(pen: &mut Pen<'_>, area: Rect, dash: &Dashboard) {
    let t = pen.theme;
    let keys: &[(&str, &str)] = if dash.ui.filtering {
        &[("type", "to filter"), ("Enter", "keep"), ("Esc", "clear"), ("Ctrl-U", "empty")]
    } else if dash.ui.replay.as_ref().is_some_and(|cursor| cursor.asking.is_some()) {
        &[("type", "a place"), ("Enter", "go there"), ("Esc", "stay")]
    } else if dash.ui.help {
        &[("Esc", "close the help"), ("q", "quit")]
    } else if dash.ui.log {
        &[("Esc", "close the log"), ("/", "filter"), ("j k PgUp PgDn", "scroll"), ("G", "newest"), ("q", "quit")]
    } else if dash.ui.detail {
        &[("Esc", "close"), ("j k", "other AP"), ("PgUp PgDn", "history"), ("l", "log"), ("?", "help"), ("q", "quit")]
    } else if dash.ui.replay.is_some() {
        &[
            ("q", "quit"),
            ("?", "help"),
            ("Space", "play"),
            ("< > [ ] left right", "move"),
            ("n N", "failures"),
            ("t", "go to"),
            ("Enter", "particulars"),
            ("l", "log"),
            ("/", "filter"),
        ]
    } else {
        &[
            ("q", "quit"),
            ("?", "help"),
            ("Enter", "particulars"),
            ("a", "alarms"),
            ("/", "filter"),
            ("l", "log"),
            ("s", "sort"),
            ("r", "reverse"),
            ("j k", "move"),
        ]
    };
    let mut x = area.x + 1;
    for (key, what) in keys {
        let pieces = piece(t, key, what);
        let width: u16 = pieces.iter().map(|(text, _)| columns(text)).sum();
        if x + width > area.right() {
            break;
        }
        x = pen.pieces(x, area.y, width, &pieces);
    }
}

fn piece(t: &Theme, key: &str, what: &str) -> [(String, Style); 2] {
    [(format!("{key} "), t.key), (format!("{what}   "), t.dim)]
}

/// Every key.
pub(super) fn draw(pen: &mut Pen<'_>, area: Rect, replay: bool) {
    // What is only there on the past comes first.
    let past: &[(&str, &str)] = if replay { &crate::replay::KEYS } else { &[] };
    let keys: Vec<_> = past.iter().chain(&KEYS).collect();
    let width = 74.min(area.width);
    let height = (keys.len() as u16 + 2).min(area.height);
    let x = area.x + (area.width - width) / 2;
    let y = area.y + (area.height - height) / 2;
    pen.frame(Rect { x, y, width, height }, "Keys");
    for (i, (key, what)) in keys.into_iter().take(usize::from(height - 2)).enumerate() {
        let y = y + 1 + i as u16;
        pen.text(x + 2, y, 14, key, pen.theme.key);
        pen.text(x + 17, y, width.saturating_sub(19), what, pen.theme.plain);
    }
}
