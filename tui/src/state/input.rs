//! What the keys do.

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::{After, Dashboard};

/// Characters of a filter at most.
const FILTER_LIMIT: usize = 40;

/// Keys and what they do, for the help.
pub const KEYS: [(&str, &str); 11] = [
    ("up/down, j/k", "select an AP"),
    ("PgUp/PgDn", "a page up or down"),
    ("Home/End, g/G", "first or last AP"),
    ("Enter", "particulars of the selected AP"),
    ("/", "filter by name, model, site, state, version"),
    ("s", "sort by the next column"),
    ("r", "reverse the order"),
    ("a", "show all, those with alarms, those on their way"),
    ("Esc", "close, clear the filter"),
    ("?", "this help"),
    ("q, Ctrl-C", "leave"),
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
            After::Redraw
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
                'j' => self.select_by(1),
                'k' => self.select_by(-1),
                'g' => self.select_by(isize::MIN),
                'G' => self.select_by(isize::MAX),
                _ => return After::Same,
            }
            return After::Redraw;
        }
        if code == KeyCode::Enter {
            ui.detail = !ui.detail;
            return After::Redraw;
        }
        if code == KeyCode::Esc {
            // One thing at a time, the topmost first.
            if ui.help {
                ui.help = false;
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
        self.select_by(by);
        After::Redraw
    }
}
