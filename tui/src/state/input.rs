//! What the keys do.

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::{After, Dashboard};

/// Characters of a filter at most.
const FILTER_LIMIT: usize = 40;

/// Lines that the history of an AP is moved by.
const STORY_PAGE: usize = 5;

/// Keys and what they do, for the help.
pub const KEYS: [(&str, &str); 12] = [
    ("up/down, j/k", "select an AP; in the log, a line"),
    ("PgUp/PgDn", "a page; in the particulars, through the history"),
    ("Home/End, g/G", "first or last"),
    ("Enter", "particulars and history of the selected AP"),
    ("l", "the log on the whole screen; / filters it"),
    ("/", "filter: every word must be there, !word must not;"),
    ("", "name: model: family: site: state: version: narrow it"),
    ("s r", "sort by the next column; the other way round"),
    ("a", "alarms with their reasons; those on their way; all"),
    ("Ctrl-L", "draw the screen anew"),
    ("Esc", "close, clear the filter"),
    ("?  q, Ctrl-C", "this help; leave"),
];

impl Dashboard {
    pub(super) fn key(&mut self, key: KeyEvent) -> After {
        if key.kind == KeyEventKind::Release {
            return After::Same;
        }
        if key.modifiers.contains(KeyModifiers::CONTROL) {
            return self.control_key(key.code);
        }
        if self.ui.filtering { self.filter_key(key.code) } else { self.command_key(key.code) }
    }

    fn control_key(&mut self, code: KeyCode) -> After {
        if matches!(code, KeyCode::Char('c' | 'd')) {
            After::Quit
        } else if code == KeyCode::Char('l') {
            After::Repaint
        } else if code == KeyCode::Char('u') && self.ui.filtering {
            self.ui.filter.clear();
            After::Redraw
        } else {
            After::Same
        }
    }

    fn filter_key(&mut self, code: KeyCode) -> After {
        let ui = &mut self.ui;
        if let KeyCode::Char(c) = code {
            if ui.filter.chars().count() < FILTER_LIMIT {
                ui.filter.push(c);
            }
        } else if code == KeyCode::Backspace {
            ui.filter.pop();
        } else if code == KeyCode::Enter {
            ui.filtering = false;
        } else if code == KeyCode::Esc {
            ui.filtering = false;
            ui.filter.clear();
        } else {
            return self.move_key(code);
        }
        After::Redraw
    }

    fn command_key(&mut self, code: KeyCode) -> After {
        let ui = &mut self.ui;
        if let KeyCode::Char(c) = code {
            match c {
                'q' => return After::Quit,
                '?' | 'h' => ui.help = !ui.help,
                '/' => ui.filtering = true,
                's' => ui.sort = ui.sort.next(),
                'r' => ui.reverse = !ui.reverse,
                'a' => ui.show = ui.show.next(),
                'l' => (ui.log, ui.log_at) = (!ui.log, None),
                'j' => self.move_by(1),
                'k' => self.move_by(-1),
                'g' => self.move_by(isize::MIN),
                'G' => self.move_by(isize::MAX),
                _ => return After::Same,
            }
            return After::Redraw;
        }
        if code == KeyCode::Enter {
            (ui.detail, ui.log) = (!ui.detail || ui.log, false);
            return After::Redraw;
        }
        if code == KeyCode::Esc {
            // One thing at a time, the topmost first.
            if ui.help {
                ui.help = false;
            } else if ui.log {
                ui.log = false;
            } else if ui.detail {
                ui.detail = false;
            } else {
                ui.filter.clear();
                ui.show = super::Show::All;
            }
            return After::Redraw;
        }
        self.move_key(code)
    }

    fn move_key(&mut self, code: KeyCode) -> After {
        let page = isize::try_from(self.ui.page.rows.max(2) - 1).unwrap_or(1);
        if self.ui.detail && !self.ui.log && matches!(code, KeyCode::PageUp | KeyCode::PageDown) {
            return self.scroll_story(code == KeyCode::PageUp);
        }
        let by = if code == KeyCode::Up {
            -1
        } else if code == KeyCode::Down {
            1
        } else if code == KeyCode::PageUp {
            -page
        } else if code == KeyCode::PageDown {
            page
        } else if code == KeyCode::Home {
            isize::MIN
        } else if code == KeyCode::End {
            isize::MAX
        } else {
            return After::Same;
        };
        self.move_by(by);
        After::Redraw
    }

    /// In the log by lines, else in the table by rows.
    fn move_by(&mut self, by: isize) {
        if !self.ui.log {
            self.ui.story_up = 0;
            return self.select_by(by);
        }
        let at = self.ui.log_at.take();
        // Every line that the filter takes, oldest first.
        let mut lines: Vec<u64> = self.log().map(|(n, _)| n).collect();
        lines.reverse();
        let Some(last) = lines.len().checked_sub(1) else { return };
        let here = at.map_or(last, |at| lines.partition_point(|n| *n <= at).saturating_sub(1));
        let there = here.saturating_add_signed(by).min(last);
        // The top of the log is a screen full, not a line.
        let there = there.max(self.ui.page.rows.saturating_sub(1)).min(last);
        self.ui.log_at = (there < last).then(|| lines[there]);
    }

    /// Back or forth in the selected AP's history.
    fn scroll_story(&mut self, back: bool) -> After {
        let overview = self.overview();
        let at = self.selected(&overview.rows);
        let lines = overview.rows.get(at).map_or(0, |row| self.story(row.id).count());
        let up = self.ui.story_up;
        self.ui.story_up =
            if back { (up + STORY_PAGE).min(lines.saturating_sub(1)) } else { up.saturating_sub(STORY_PAGE) };
        After::Redraw
    }
}
