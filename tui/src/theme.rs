//! Colours and glyphs. Every state has a glyph of its own, so that nothing is told by colour alone.
//!
//! The colours are those of the Okabe-Ito palette, which people with any colour vision tell apart; a terminal of 16
//! colours gets the nearest of its own, and `NO_COLOR` (no-color.org) leaves bold, dim and reversed text.

use ratatui::style::{Color, Modifier, Style};

use crate::words::Tone;

/// How many colours the terminal has, or may be given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    /// None at all.
    None,
    /// The sixteen of old.
    Ansi,
    /// 24 bits.
    True,
}

/// What the view draws with.
#[derive(Clone, Debug)]
pub struct Theme {
    /// Text.
    pub plain: Style,
    /// What matters less.
    pub dim: Style,
    /// Headings and names.
    pub title: Style,
    /// Frames of panes.
    pub frame: Style,
    /// Keys in the help.
    pub key: Style,
    /// The selected row.
    pub selected: Style,
    /// Done.
    pub good: Style,
    /// Under way.
    pub busy: Style,
    /// Not as it should be.
    pub warn: Style,
    /// Failed.
    pub bad: Style,
    /// The characters.
    pub glyphs: &'static Glyphs,
}

impl Theme {
    /// A theme for a terminal.
    pub fn new(colour: Colour, unicode: bool) -> Theme {
        let glyphs = if unicode { &UNICODE } else { &ASCII };
        let s = Style::new();
        match colour {
            Colour::None => Theme {
                plain: s,
                dim: s.add_modifier(Modifier::DIM),
                title: s.add_modifier(Modifier::BOLD),
                frame: s.add_modifier(Modifier::DIM),
                key: s.add_modifier(Modifier::BOLD),
                selected: s.add_modifier(Modifier::REVERSED),
                good: s,
                busy: s,
                warn: s.add_modifier(Modifier::BOLD),
                bad: s.add_modifier(Modifier::BOLD | Modifier::UNDERLINED),
                glyphs,
            },
            Colour::Ansi => Theme {
                plain: s,
                dim: s.fg(Color::DarkGray),
                title: s.add_modifier(Modifier::BOLD),
                frame: s.fg(Color::DarkGray),
                key: s.fg(Color::Cyan).add_modifier(Modifier::BOLD),
                selected: s.add_modifier(Modifier::REVERSED),
                good: s.fg(Color::Cyan),
                busy: s.fg(Color::LightBlue),
                warn: s.fg(Color::Yellow),
                bad: s.fg(Color::LightRed).add_modifier(Modifier::BOLD),
                glyphs,
            },
            Colour::True => Theme {
                plain: s,
                dim: s.fg(Color::Rgb(0x7d, 0x87, 0x93)),
                title: s.add_modifier(Modifier::BOLD),
                frame: s.fg(Color::Rgb(0x4a, 0x55, 0x63)),
                key: s.fg(Color::Rgb(0x56, 0xb4, 0xe9)).add_modifier(Modifier::BOLD),
                selected: s.bg(Color::Rgb(0x24, 0x33, 0x45)),
                good: s.fg(Color::Rgb(0x00, 0xb4, 0x85)),
                busy: s.fg(Color::Rgb(0x56, 0xb4, 0xe9)),
                warn: s.fg(Color::Rgb(0xe6, 0xb4, 0x00)),
                bad: s.fg(Color::Rgb(0xe8, 0x6f, 0x1e)).add_modifier(Modifier::BOLD),
                glyphs,
            },
        }
    }

    /// The style of a tone.
    pub fn tone(&self, tone: Tone) -> Style {
        match tone {
            Tone::Plain => self.plain,
            Tone::Good => self.good,
            Tone::Busy => self.busy,
            Tone::Warn => self.warn,
            Tone::Bad => self.bad,
        }
    }
}

/// Characters of one column each.
#[derive(Debug)]
pub struct Glyphs {
    /// Runs the target.
    pub done: &'static str,
    /// Serves; nothing is asked of it.
    pub serving: &'static str,
    /// Octets move before it serves.
    pub down: &'static str,
    /// Octets move while it serves.
    pub ahead: &'static str,
    /// Waits.
    pub waiting: &'static str,
    /// Holds its new image.
    pub holds: &'static str,
    /// Restarts.
    pub restart: &'static str,
    /// Failed.
    pub failed: &'static str,
    /// No session.
    pub away: &'static str,
    /// An alarm.
    pub alarm: &'static str,
    /// From one version to another.
    pub to: &'static str,
    /// Between two things in a line.
    pub dot: &'static str,
    /// Text goes on.
    pub more: &'static str,
    /// Sorted upwards.
    pub up: &'static str,
    /// The selected row.
    pub cursor: &'static str,
    /// A thin bar: done, its end, to do.
    pub thin: [&'static str; 3],
    /// The fleet's bar: done, moving, failed, to do.
    pub fleet: [&'static str; 4],
    /// Corners and sides of a pane: top left, top right, bottom left, bottom right, horizontal, vertical.
    pub frame: [&'static str; 6],
    /// Scroll bar: track, thumb.
    pub scroll: [&'static str; 2],
}

/// For terminals that show Unicode.
pub static UNICODE: Glyphs = Glyphs {
    done: "✓",
    serving: "●",
    down: "↓",
    ahead: "⇣",
    waiting: "◌",
    holds: "◆",
    restart: "↻",
    failed: "✗",
    away: "○",
    alarm: "▲",
    to: "→",
    dot: "·",
    more: "…",
    up: "↑",
    cursor: "▌",
    thin: ["━", "╸", "─"],
    fleet: ["█", "▓", "▚", "░"],
    frame: ["╭", "╮", "╰", "╯", "─", "│"],
    scroll: ["│", "┃"],
};

/// For terminals that do not.
pub static ASCII: Glyphs = Glyphs {
    done: "+",
    serving: "*",
    down: "v",
    ahead: "d",
    waiting: ".",
    holds: "#",
    restart: "r",
    failed: "!",
    away: "o",
    alarm: "!",
    to: ">",
    dot: "|",
    more: "~",
    up: "^",
    cursor: ">",
    thin: ["=", ">", "."],
    fleet: ["#", "=", "!", "."],
    frame: ["+", "+", "+", "+", "-", "|"],
    scroll: ["|", "#"],
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plain_glyphs_are_ascii_and_one_column_each() {
        let g = &ASCII;
        let single = [
            g.done, g.serving, g.down, g.ahead, g.waiting, g.holds, g.restart, g.failed, g.away, g.alarm, g.to, g.dot,
            g.more, g.up, g.cursor,
        ];
        let all = single.iter().chain(&g.thin).chain(&g.fleet).chain(&g.frame).chain(&g.scroll);
        for glyph in all {
            assert!(glyph.len() == 1 && glyph.is_ascii(), "{glyph}");
        }
    }

    #[test]
    fn states_differ_by_glyph_and_not_by_colour_alone() {
        for g in [&UNICODE, &ASCII] {
            let states = [g.done, g.serving, g.down, g.ahead, g.waiting, g.holds, g.restart, g.failed, g.away];
            let distinct: std::collections::BTreeSet<_> = states.iter().collect();
            assert_eq!(distinct.len(), states.len());
        }
    }

    #[test]
    fn without_colour_no_style_sets_one() {
        let t = Theme::new(Colour::None, true);
        for s in [t.plain, t.dim, t.title, t.frame, t.key, t.selected, t.good, t.busy, t.warn, t.bad] {
            assert_eq!((s.fg, s.bg), (None, None));
        }
    }
}
