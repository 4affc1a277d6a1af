//! Output a page at a time: `--More--` after `terminal length` lines, as IOS asks and erases it.
//!
//! Text comes in as it is said, in any pieces, with `\n` line ends; what goes to the terminal comes out with `\r\n`.
//! It holds back no more than what it was handed: whoever drives it hands out nothing more while it waits for a key.

use unicode_width::UnicodeWidthStr;

/// What IOS prints where a page is full.
const MORE: &str = " --More-- ";

/// How IOS takes it back.
const UNMORE: &str =
    "\u{8}\u{8}\u{8}\u{8}\u{8}\u{8}\u{8}\u{8}\u{8}        \u{8}\u{8}\u{8}\u{8}\u{8}\u{8}\u{8}\u{8}\u{8}";

/// The output of one command.
#[derive(Clone, Debug)]
pub struct Pager {
    /// Lines of a page, without the one of `--More--`; none for one endless page.
    page: Option<usize>,
    /// Columns; 0 for no wrapping.
    width: usize,
    /// Lines that may still be printed on this page.
    left: usize,
    /// Whether nothing of this page is printed yet.
    fresh: bool,
    /// What waits for a key.
    rest: String,
    /// Whether `--More--` stands there.
    waits: bool,
    quit: bool,
    after_cr: bool,
    out: String,
}

/// What became of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pressed {
    /// It was for the pager.
    Taken,
    /// It ended the output, and means something elsewhere: the beginning of an escape sequence.
    Passed,
}

impl Pager {
    /// A pager for a terminal of `length` lines (0: no paging) and `width` columns (0: lines do not wrap).
    pub fn new(length: u16, width: u16) -> Self {
        let page = (length > 0).then(|| usize::from(length).saturating_sub(1).max(1));
        let left = page.unwrap_or(usize::MAX);
        Pager {
            page,
            width: width.into(),
            left,
            fresh: true,
            rest: String::new(),
            waits: false,
            quit: false,
            after_cr: false,
            out: String::new(),
        }
    }

    /// Takes more output.
    pub fn push(&mut self, text: &str) {
        if !self.quit {
            self.rest.push_str(text);
            self.flow();
        }
    }

    /// What is to be sent.
    pub fn take(&mut self) -> String {
        std::mem::take(&mut self.out)
    }

    /// Whether `--More--` stands there and a key is waited for.
    pub fn waits(&self) -> bool {
        self.waits
    }

    /// Whether the reader has seen enough: what is pushed is dropped.
    pub fn has_quit(&self) -> bool {
        self.quit
    }

    /// Takes an octet while it waits: space for a page, Enter for a line, anything else ends the output. NUL is nothing.
    pub fn key(&mut self, octet: u8) -> Pressed {
        let after_cr = std::mem::replace(&mut self.after_cr, octet == b'\r');
        match octet {
            0 => {}
            b'\n' if after_cr => {}
            b' ' => self.turn(self.page.unwrap_or(usize::MAX)),
            b'\r' | b'\n' => self.turn(1),
            _ => {
                self.unmore();
                self.quit = true;
                self.rest.clear();
                if octet == 0x1b {
                    return Pressed::Passed;
                }
            }
        }
        Pressed::Taken
    }

    fn turn(&mut self, lines: usize) {
        self.unmore();
        (self.left, self.fresh) = (lines, true);
        self.flow();
    }

    fn unmore(&mut self) {
        self.waits = false;
        self.out.push_str(UNMORE);
    }

    /// Prints until the page is full. A line that has no end yet is printed as far as it goes.
    fn flow(&mut self) {
        if self.waits {
            return;
        }
        let rest = std::mem::take(&mut self.rest);
        let mut pieces = rest.split_inclusive('\n');
        let mut printed = 0;
        for piece in pieces.by_ref() {
            // A line that wraps is not begun where its end would push the first of the page out of sight.
            let line = piece.strip_suffix('\n').unwrap_or_default();
            if self.left == 0 || !self.fresh && self.rows(line) > self.left {
                break;
            }
            printed += piece.len();
            match piece.strip_suffix('\n') {
                Some(line) => {
                    put(&mut self.out, line);
                    self.out.push_str("\r\n");
                    if self.page.is_some() {
                        (self.left, self.fresh) = (self.left.saturating_sub(self.rows(line)), false);
                    }
                }
                None => put(&mut self.out, piece),
            }
        }
        if printed < rest.len() {
            rest[printed..].clone_into(&mut self.rest);
            self.waits = true;
            self.out.push_str(MORE);
        }
    }

    fn rows(&self, line: &str) -> usize {
        if self.width == 0 { 1 } else { line.width().div_ceil(self.width).max(1) }
    }
}

/// Text for a terminal: what came from elsewhere (an AP's name, a server's words) must not steer it.
fn put(out: &mut String, text: &str) {
    out.extend(text.chars().map(|c| if c.is_control() && c != '\t' { '.' } else { c }));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn numbers(lines: std::ops::RangeInclusive<u32>) -> String {
        lines.fold(String::new(), |text, n| format!("{text}{n}\n"))
    }

    fn on_wire(text: &str) -> String {
        text.replace('\n', "\r\n")
    }

    #[test]
    fn output_of_one_page_is_printed_at_once() {
        let mut pager = Pager::new(24, 80);
        pager.push(&numbers(1..=23));
        assert_eq!(pager.take(), on_wire(&numbers(1..=23)));
        assert!(!pager.waits());
    }

    #[test]
    fn more_is_asked_at_the_foot_of_a_page_and_taken_back_as_ios_does() {
        let mut pager = Pager::new(24, 80);
        pager.push(&numbers(1..=60));
        assert_eq!(pager.take(), format!("{} --More-- ", on_wire(&numbers(1..=23))));
        assert_eq!(pager.key(b' '), Pressed::Taken);
        assert_eq!(pager.take(), format!("{UNMORE}{} --More-- ", on_wire(&numbers(24..=46))));
        assert_eq!(pager.key(b'\r'), Pressed::Taken);
        assert_eq!(pager.key(b'\n'), Pressed::Taken);
        assert_eq!(pager.take(), format!("{UNMORE}47\r\n --More-- "));
        assert_eq!(pager.key(0), Pressed::Taken);
        assert!(pager.waits());
        assert_eq!(pager.key(b'q'), Pressed::Taken);
        assert_eq!(pager.take(), UNMORE);
        pager.push("more\n");
        assert_eq!((pager.take().as_str(), pager.waits(), pager.has_quit()), ("", false, true));
    }

    #[test]
    fn a_cursor_key_and_ctrl_c_end_the_output_and_only_the_first_is_handed_on() {
        for (octet, pressed) in [(0x1b, Pressed::Passed), (0x03, Pressed::Taken)] {
            let mut pager = Pager::new(2, 80);
            pager.push("1\n2\n");
            assert_eq!(pager.key(octet), pressed);
            assert!(pager.has_quit());
        }
    }

    #[test]
    fn a_length_of_zero_never_asks() {
        let mut pager = Pager::new(0, 80);
        pager.push(&numbers(1..=5_000));
        assert_eq!(pager.take(), on_wire(&numbers(1..=5_000)));
        assert!(!pager.waits());
    }

    #[test]
    fn a_line_that_wraps_takes_as_many_lines_as_it_shows() {
        let mut pager = Pager::new(5, 10);
        pager.push(&format!("{}\n1\n2\n", "x".repeat(25)));
        assert_eq!(pager.take(), format!("{}\r\n1\r\n --More-- ", "x".repeat(25)));
    }

    #[test]
    fn a_line_that_wraps_is_left_to_the_next_page_where_its_end_does_not_fit() {
        let mut pager = Pager::new(5, 10);
        let long = "x".repeat(25);
        pager.push(&format!("1\n2\n{long}\n3\n{long}{long}\n"));
        assert_eq!(pager.take(), "1\r\n2\r\n --More-- ");
        pager.key(b' ');
        assert_eq!(pager.take(), format!("{UNMORE}{long}\r\n3\r\n --More-- "));
        // One that no page holds is begun all the same.
        pager.key(b'\r');
        assert_eq!(pager.take(), format!("{UNMORE}{long}{long}\r\n"));
    }

    #[test]
    fn what_comes_in_pieces_is_paged_like_what_comes_whole() {
        let mut pager = Pager::new(4, 80);
        for piece in ["1", "\n2\n", "3\n4", "\n"] {
            pager.push(piece);
        }
        assert_eq!(pager.take(), "1\r\n2\r\n3\r\n --More-- ");
    }

    #[test]
    fn a_foreign_escape_sequence_does_not_reach_the_terminal() {
        let mut pager = Pager::new(0, 0);
        pager.push("AP\u{1b}[2J\u{9b}x\u{7f}\n");
        assert_eq!(pager.take(), "AP.[2J.x.\r\n");
    }

    proptest! {
        #[test]
        fn every_line_is_printed_once_whatever_the_page_and_the_keys(
            length in 1_u16..30,
            lines in 0_u32..100,
            cuts in proptest::collection::vec(0_usize..300, 0..5),
            keys in proptest::collection::vec(prop::sample::select(b" \r\0".to_vec()), 200),
        ) {
            let text = numbers(1..=lines);
            let mut pager = Pager::new(length, 80);
            let mut cuts: Vec<usize> = cuts.into_iter().filter(|c| *c < text.len()).collect();
            cuts.sort_unstable();
            let (mut seen, mut keys, mut from) = (String::new(), keys.into_iter(), 0);
            for to in cuts.into_iter().chain([text.len()]) {
                pager.push(&text[from..to]);
                from = to;
                while pager.waits() {
                    pager.key(keys.next().unwrap_or(b' '));
                    seen.push_str(&pager.take());
                }
            }
            seen.push_str(&pager.take());
            prop_assert_eq!(seen.replace(MORE, "").replace(UNMORE, ""), on_wire(&text));
        }
    }
}
