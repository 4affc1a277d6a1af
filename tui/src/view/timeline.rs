//! Where the cursor of a replay stands, in one line: the moment, the event, the way from the ledger's begin to its end.

use ratatui::layout::Rect;

use super::pen::{Pen, columns};
use crate::state::Cursor;
use crate::words;

pub(super) fn draw(pen: &mut Pen<'_>, area: Rect, cursor: &Cursor) {
    let area = Rect { x: area.x + 1, width: area.width - 2, ..area };
    let t = pen.theme;
    if let Some(typed) = &cursor.asking {
        let pieces = [("go to: ".to_owned(), t.key), (format!("{typed}_"), t.title)];
        let x = pen.pieces(area.x, area.y, area.width, &pieces) + 3;
        let hint = "17:05:37 UTC, +90, -5m, +2h or #271; Enter, Esc";
        pen.text(x, area.y, area.right().saturating_sub(x), hint, t.dim);
        return;
    }
    let date = cursor.at.civil().date();
    let moment = format!("{date} {}", words::clock(cursor.at));
    let event = format!("  event {} of {}", words::count(cursor.seq.0), words::count(cursor.last.0));
    let state = if cursor.playing { format!("  plays x{}", cursor.speed) } else { "  stands".to_owned() };
    let mut pieces = vec![(moment, t.title), (event, t.plain), (state, if cursor.playing { t.busy } else { t.warn })];
    if !cursor.note.is_empty() {
        pieces.push((format!("  {}", cursor.note), t.bad));
    }
    let x = pen.pieces(area.x, area.y, area.width, &pieces) + 2;
    let ends = [words::clock(cursor.begin), words::clock(cursor.end)];
    let width = area.right().saturating_sub(x);
    let bar = width.saturating_sub(columns(&ends[0]) + columns(&ends[1]) + 2);
    if bar >= 8 {
        let x = pen.text(x, area.y, width, &format!("{} ", ends[0]), t.dim);
        let all = cursor.end.0.saturating_sub(cursor.begin.0).max(1);
        let share = cursor.at.0.saturating_sub(cursor.begin.0) as f64 / all as f64;
        pen.bar(x, area.y, bar, share, t.key);
        pen.text(x + bar, area.y, width, &format!(" {}", ends[1]), t.dim);
    }
}
