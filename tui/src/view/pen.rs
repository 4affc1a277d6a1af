//! Text, bars and rules, drawn straight into the buffer and cut to their place.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Span;

use crate::theme::{Glyphs, Theme};

/// Draws into a buffer with a theme. Nothing it draws leaves the buffer.
pub(super) struct Pen<'a> {
    buf: &'a mut Buffer,
    pub(super) theme: &'a Theme,
}

impl<'a> Pen<'a> {
    pub(super) fn new(buf: &'a mut Buffer, theme: &'a Theme) -> Self {
        Pen { buf, theme }
    }

    pub(super) fn glyphs(&self) -> &'static Glyphs {
        self.theme.glyphs
    }

    /// Writes text into `width` columns, with an ellipsis where it does not fit; gives back the column after it.
    pub(super) fn text(&mut self, x: u16, y: u16, width: u16, text: &str, style: Style) -> u16 {
        if !self.buf.area.contains((x, y).into()) || width == 0 {
            return x;
        }
        if columns(text) <= width {
            return self.buf.set_stringn(x, y, text, usize::from(width), style).0;
        }
        let (end, _) = self.buf.set_stringn(x, y, text, usize::from(width - 1), style);
        self.buf.set_stringn(end, y, self.theme.glyphs.more, 1, style).0
    }

    /// Sets one cell to a glyph of one column.
    pub(super) fn cell(&mut self, x: u16, y: u16, glyph: &str, style: Style) {
        if let Some(cell) = self.buf.cell_mut((x, y)) {
            cell.set_symbol(glyph).set_style(style);
        }
    }

    /// Writes text so that it ends before the column `right`; gives back where it begins.
    pub(super) fn text_right(&mut self, right: u16, y: u16, width: u16, text: &str, style: Style) -> u16 {
        let used = columns(text).min(width);
        self.text(right - used, y, used, text, style);
        right - used
    }

    /// Writes pieces one after the other.
    pub(super) fn pieces(&mut self, x: u16, y: u16, width: u16, pieces: &[(String, Style)]) -> u16 {
        let end = x.saturating_add(width);
        pieces.iter().fold(x, |x, (text, style)| self.text(x, y, end.saturating_sub(x), text, *style))
    }

    /// Styles a stretch of a line, over what is drawn there.
    pub(super) fn tint(&mut self, area: Rect, style: Style) {
        self.buf.set_style(area, style);
    }

    /// Empties an area.
    pub(super) fn clear(&mut self, area: Rect) {
        let area = area.intersection(self.buf.area);
        for position in area.positions() {
            self.buf[position].reset();
        }
    }

    /// A thin bar.
    pub(super) fn bar(&mut self, x: u16, y: u16, width: u16, share: f64, style: Style) {
        let [full, end, rest] = self.theme.glyphs.thin;
        let done = filled(share, width);
        for i in 0..width {
            let (glyph, style) = match i {
                // A bar that is not full ends in a tip, so that it can be told where it ends without its colour.
                i if i + 1 == done && done < width => (end, style),
                i if i < done => (full, style),
                _ => (rest, self.theme.frame),
            };
            self.cell(x + i, y, glyph, style);
        }
    }

    /// A rule with a title at its left and a note at its right.
    pub(super) fn rule(&mut self, area: Rect, title: &[(String, Style)], note: &str) {
        self.line(area.x, area.y, area.width);
        let mut right = area.right();
        if !note.is_empty() && columns(note) + 12 < area.width {
            right = self.text_right(area.right() - 1, area.y, area.width, &format!(" {note} "), self.theme.dim);
        }
        let mut pieces = vec![(" ".to_owned(), self.theme.plain)];
        pieces.extend_from_slice(title);
        pieces.push((" ".to_owned(), self.theme.plain));
        self.pieces(area.x + 1, area.y, right.saturating_sub(area.x + 2), &pieces);
    }

    fn line(&mut self, x: u16, y: u16, width: u16) {
        for x in x..x + width {
            self.cell(x, y, self.theme.glyphs.frame[4], self.theme.frame);
        }
    }

    /// A vertical line.
    pub(super) fn wall(&mut self, x: u16, y: u16, height: u16) {
        for y in y..y + height {
            self.cell(x, y, self.theme.glyphs.frame[5], self.theme.frame);
        }
    }

    /// A frame around an area, which is emptied.
    pub(super) fn frame(&mut self, area: Rect, title: &str) {
        self.clear(area);
        let [top_left, top_right, bottom_left, bottom_right, ..] = self.theme.glyphs.frame;
        let (right, bottom) = (area.right() - 1, area.bottom() - 1);
        self.line(area.x, area.y, area.width);
        self.line(area.x, bottom, area.width);
        self.wall(area.x, area.y, area.height);
        self.wall(right, area.y, area.height);
        self.cell(area.x, area.y, top_left, self.theme.frame);
        self.cell(right, area.y, top_right, self.theme.frame);
        self.cell(area.x, bottom, bottom_left, self.theme.frame);
        self.cell(right, bottom, bottom_right, self.theme.frame);
        self.text(area.x + 2, area.y, area.width - 4, &format!(" {title} "), self.theme.title);
    }
}

/// Text in lines of at most `width` columns, broken between words, and within those that are longer.
pub(super) fn wrap(text: &str, width: u16) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split(' ') {
        if !line.is_empty() && columns(&line) + 1 + columns(word) > width {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        for c in word.chars() {
            if columns(&line) >= width.max(1) {
                lines.push(std::mem::take(&mut line));
            }
            line.push(c);
        }
    }
    lines.push(line);
    lines
}

/// How many columns text takes; control characters, which are never drawn, take none.
pub(super) fn columns(text: &str) -> u16 {
    u16::try_from(Span::raw(text).width()).unwrap_or(u16::MAX)
}

/// How many of `width` columns a share fills: all of them only if it is whole, none only if it is nothing.
pub(super) fn filled(share: f64, width: u16) -> u16 {
    if share >= 1.0 {
        return width;
    }
    let cells = (share.max(0.0) * f64::from(width)).round() as u16;
    if share > 0.0 { cells.clamp(1, width.saturating_sub(1).max(1)) } else { 0 }
}

/// A percentage: 100 only if it is whole.
pub(super) fn percent(share: f64) -> String {
    format!("{:.0}%", (share * 100.0).floor().clamp(0.0, 100.0))
}
