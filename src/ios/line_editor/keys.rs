//! Octets from a terminal into keys: UTF-8, control octets, and the escape sequences of cursor keys.
//!
//! State is kept between octets, so a sequence that comes in pieces is read as one that comes whole. What is not known
//! is passed over; what is no UTF-8 becomes U+FFFD, so that it shows.

/// What was pressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    /// A character, never a control character.
    Char(char),
    /// A character that stands for itself, whatever it means otherwise (after Ctrl-V).
    Literal(char),
    Enter,
    Tab,
    Left,
    Right,
    WordLeft,
    WordRight,
    Home,
    End,
    Older,
    Newer,
    /// The character before the cursor.
    Backspace,
    /// The character under the cursor.
    Delete,
    /// From the cursor to the beginning of the line.
    KillStart,
    /// From the cursor to the end of the line.
    KillEnd,
    KillWord,
    KillWordRight,
    Yank,
    Redraw,
    /// Ctrl-D
    DeleteOrEnd,
    /// Ctrl-C
    Interrupt,
    /// Ctrl-Z
    EndMode,
}

/// The reader of keys.
#[derive(Clone, Debug, Default)]
pub(super) struct Keys {
    state: State,
    /// Octets of a character that is not whole yet: at most three.
    partial: Vec<u8>,
    after_cr: bool,
    literal: bool,
}

#[derive(Clone, Debug, Default)]
enum State {
    #[default]
    Ground,
    Escape,
    /// After `ESC O`.
    Single,
    /// After `ESC [`; the parameters so far.
    Sequence(Vec<u8>),
}

/// Octets of an escape sequence's parameters that are kept; those behind them are passed over.
const PARAMETER_LIMIT: usize = 16;

impl Keys {
    /// Takes an octet. It ends at most a broken character and makes at most one more key.
    pub(super) fn push(&mut self, octet: u8) -> [Option<Key>; 2] {
        // Some clients send NUL as a keep-alive, anywhere.
        if octet == 0 {
            return [None, None];
        }
        match std::mem::take(&mut self.state) {
            State::Ground => self.ground(octet),
            State::Escape => {
                let key = match octet {
                    b'[' => {
                        self.state = State::Sequence(Vec::new());
                        None
                    }
                    b'O' => {
                        self.state = State::Single;
                        None
                    }
                    b'b' | b'B' => Some(Key::WordLeft),
                    b'f' | b'F' => Some(Key::WordRight),
                    b'd' | b'D' => Some(Key::KillWordRight),
                    0x08 | 0x7f => Some(Key::KillWord),
                    // A bare Escape and then a line's end, or an Escape pressed twice.
                    0x01..=0x1f => return self.ground(octet),
                    _ => None,
                };
                [key, None]
            }
            State::Single => [cursor_key(octet, &[]), None],
            State::Sequence(mut parameters) => match octet {
                0x20..=0x3f => {
                    if parameters.len() < PARAMETER_LIMIT {
                        parameters.push(octet);
                    }
                    self.state = State::Sequence(parameters);
                    [None, None]
                }
                0x40..=0x7e => [cursor_key(octet, &parameters), None],
                // No sequence goes on like this: the octet stands for itself.
                _ => self.ground(octet),
            },
        }
    }

    fn ground(&mut self, octet: u8) -> [Option<Key>; 2] {
        let after_cr = std::mem::replace(&mut self.after_cr, octet == b'\r');
        if self.partial.is_empty() && octet.is_ascii() {
            let literal = std::mem::take(&mut self.literal);
            return [self.ascii(octet, after_cr, literal), None];
        }
        self.partial.push(octet);
        match std::str::from_utf8(&self.partial) {
            Ok(text) => {
                let key = text.chars().next().filter(|c| !c.is_control()).map(Key::Char);
                self.partial.clear();
                self.literal = false;
                [key, None]
            }
            Err(e) if e.error_len().is_none() => [None, None],
            Err(_) => {
                let first = self.partial.len() == 1;
                self.partial.clear();
                self.literal = false;
                let broken = Some(Key::Char(char::REPLACEMENT_CHARACTER));
                if first {
                    [broken, None]
                } else {
                    // What cut the character short begins anew; it cannot cut another one.
                    let [key, _] = self.ground(octet);
                    [broken, key]
                }
            }
        }
    }

    fn ascii(&mut self, octet: u8, after_cr: bool, literal: bool) -> Option<Key> {
        let key = match octet {
            b'\r' => Key::Enter,
            // `\r\n` ends one line.
            b'\n' if after_cr => return None,
            b'\n' => Key::Enter,
            _ if literal && !octet.is_ascii_control() => Key::Literal(octet.into()),
            0x01 => Key::Home,
            0x02 => Key::Left,
            0x03 => Key::Interrupt,
            0x04 => Key::DeleteOrEnd,
            0x05 => Key::End,
            0x06 => Key::Right,
            0x08 | 0x7f => Key::Backspace,
            b'\t' => Key::Tab,
            0x0b => Key::KillEnd,
            0x0c | 0x12 => Key::Redraw,
            0x0e => Key::Newer,
            0x10 => Key::Older,
            0x15 | 0x18 => Key::KillStart,
            0x16 => {
                self.literal = true;
                return None;
            }
            0x17 => Key::KillWord,
            0x19 => Key::Yank,
            0x1a => Key::EndMode,
            0x1b => {
                self.state = State::Escape;
                return None;
            }
            0x20..=0x7e => Key::Char(octet.into()),
            _ => return None,
        };
        Some(key)
    }
}

/// The key behind `ESC [ PARAMETERS FINAL` (ECMA-48 section 5.4); `ESC O FINAL` is the same without parameters.
fn cursor_key(last: u8, parameters: &[u8]) -> Option<Key> {
    let by_word = parameters.ends_with(b";5") || parameters.ends_with(b";3");
    Some(match (last, parameters) {
        (b'A', _) => Key::Older,
        (b'B', _) => Key::Newer,
        (b'C', _) if by_word => Key::WordRight,
        (b'D', _) if by_word => Key::WordLeft,
        (b'C', _) => Key::Right,
        (b'D', _) => Key::Left,
        (b'H', _) | (b'~', b"1" | b"7") => Key::Home,
        (b'F', _) | (b'~', b"4" | b"8") => Key::End,
        (b'~', b"3") => Key::Delete,
        // Among them the marks of a bracketed paste: what is pasted is typed.
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(octets: &[u8]) -> Vec<Key> {
        let mut keys = Keys::default();
        octets.iter().flat_map(|o| keys.push(*o)).flatten().collect()
    }

    #[test]
    fn every_form_of_a_line_end_is_one_enter() {
        assert_eq!(keys(b"\r"), [Key::Enter]);
        assert_eq!(keys(b"\n"), [Key::Enter]);
        assert_eq!(keys(b"\r\n"), [Key::Enter]);
        assert_eq!(keys(b"\n\r"), [Key::Enter, Key::Enter]);
        assert_eq!(keys(b"\r\n\r\n"), [Key::Enter, Key::Enter]);
        assert_eq!(keys(b"\r\x00\n"), [Key::Enter]);
    }

    #[test]
    fn cursor_keys_of_both_kinds_are_read_in_pieces_and_whole() {
        assert_eq!(
            keys(b"\x1b[A\x1bOB\x1b[1~\x1b[4~\x1b[3~"),
            [Key::Older, Key::Newer, Key::Home, Key::End, Key::Delete]
        );
        assert_eq!(keys(b"\x1b[1;5D\x1bf"), [Key::WordLeft, Key::WordRight]);
    }

    #[test]
    fn the_marks_of_a_bracketed_paste_vanish() {
        assert_eq!(keys(b"\x1b[200~a\x1b[201~"), [Key::Char('a')]);
    }

    #[test]
    fn nul_octets_are_passed_over_even_within_a_sequence_and_a_character() {
        assert_eq!(keys(b"\x1b\x00[\x00A\xc3\x00\xa4"), [Key::Older, Key::Char('ä')]);
    }

    #[test]
    fn octets_that_are_no_utf_8_show_as_replacement_characters() {
        let broken = Key::Char(char::REPLACEMENT_CHARACTER);
        assert_eq!(keys(b"a\xffb"), [Key::Char('a'), broken, Key::Char('b')]);
        assert_eq!(keys(b"\xe2\x82\r"), [broken, Key::Enter]);
        assert_eq!(keys(b"\xe2\xc3\xa4"), [broken, Key::Char('ä')]);
    }

    #[test]
    fn control_characters_of_the_upper_half_never_become_text() {
        assert_eq!(keys("\u{9b}".as_bytes()), []);
    }

    #[test]
    fn a_question_mark_behind_ctrl_v_stands_for_itself() {
        assert_eq!(keys(b"?\x16?"), [Key::Char('?'), Key::Literal('?')]);
    }
}
