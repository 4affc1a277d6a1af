use proptest::prelude::*;

use super::*;

/// A terminal as far as the editor needs one: it wraps late, as VT100 and its successors do.
struct Terminal {
    width: usize,
    rows: Vec<Vec<char>>,
    row: usize,
    column: usize,
    wrap_pending: bool,
    bells: usize,
    escapes: usize,
}

impl Terminal {
    fn new(width: usize) -> Self {
        Terminal { width, rows: vec![Vec::new()], row: 0, column: 0, wrap_pending: false, bells: 0, escapes: 0 }
    }

    fn show(&mut self, text: &str) {
        let mut rest = text.chars();
        while let Some(c) = rest.next() {
            match c {
                '\u{7}' => self.bells += 1,
                '\r' => (self.column, self.wrap_pending) = (0, false),
                '\n' => {
                    self.wrap_pending = false;
                    self.row += 1;
                    while self.rows.len() <= self.row {
                        self.rows.push(Vec::new());
                    }
                }
                '\u{8}' => (self.column, self.wrap_pending) = (self.column.saturating_sub(1), false),
                '\u{1b}' => {
                    self.escapes += 1;
                    assert_eq!(rest.next(), Some('['));
                    let mut sequence = String::new();
                    while !sequence.ends_with(|c: char| c.is_ascii_alphabetic()) {
                        sequence.push(rest.next().expect("a sequence is sent whole"));
                    }
                    self.sequence(&sequence);
                }
                c => {
                    assert!(!c.is_control(), "{c:?} reached the terminal");
                    self.print(c);
                }
            }
        }
    }

    fn sequence(&mut self, sequence: &str) {
        self.wrap_pending = false;
        let (number, last) = sequence.split_at(sequence.len() - 1);
        let n: usize = number.parse().unwrap_or(0);
        match last {
            "A" => self.row = self.row.checked_sub(n).expect("never above the prompt"),
            "C" => {
                self.column += n;
                assert!(self.width == 0 || self.column < self.width, "never beyond the edge");
            }
            "J" => {
                self.rows[self.row].truncate(self.column);
                self.rows.truncate(self.row + 1);
            }
            other => panic!("{other} is no sequence that is needed"),
        }
    }

    fn print(&mut self, c: char) {
        if self.wrap_pending {
            self.wrap_pending = false;
            self.show("\r\n");
        }
        let row = &mut self.rows[self.row];
        while row.len() <= self.column {
            row.push(' ');
        }
        row[self.column] = c;
        if self.width > 0 && self.column + 1 == self.width {
            self.wrap_pending = true;
        } else {
            self.column += 1;
        }
    }

    fn text(&self) -> String {
        let rows: Vec<String> = self.rows.iter().map(|r| r.iter().collect::<String>().trim_end().to_owned()).collect();
        rows.join("\n").trim_end().to_owned()
    }

    /// Where the next character would be printed.
    fn next(&self) -> (usize, usize) {
        if self.wrap_pending { (self.row + 1, 0) } else { (self.row, self.column) }
    }
}

const LONG_PROMPT: &str = "9120-EWC(config-wireless-image-download-profile-sftp)#";

fn typing(octets: &[u8]) -> (LineEditor, Vec<Typed>, String) {
    let mut editor = LineEditor::new(0);
    editor.begin("A#", Echo::On);
    let mut typed = Vec::new();
    let mut echo = editor.take_echo();
    for octet in octets {
        if let Some(t) = editor.put(*octet) {
            typed.push(t);
            echo.push_str(&editor.take_echo());
            editor.begin("A#", Echo::On);
        }
        echo.push_str(&editor.take_echo());
    }
    (editor, typed, echo)
}

fn line_of(octets: &[u8]) -> String {
    let mut with_end = octets.to_vec();
    with_end.push(b'\r');
    match typing(&with_end).1.as_slice() {
        [Typed::Line(line)] => line.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_typed_at_the_end_is_echoed_as_it_is() {
    let (_, typed, echo) = typing(b"show clock\r\n");
    assert_eq!(echo, "A#show clock\r\nA#");
    assert_eq!(typed, [Typed::Line("show clock".into())]);
}

#[test]
fn each_key_edits_as_ios_has_it() {
    for (octets, line) in [
        (&b"ab\x02\x02X"[..], "Xab"),
        (b"ab\x01X\x05Y", "XabY"),
        (b"ab\x1b[D\x1b[DX\x1b[C\x1b[CY", "XabY"),
        (b"abc\x01\x04", "bc"),
        (b"abc\x1b[H\x1b[3~", "bc"),
        (b"abc\x08\x7fX", "aX"),
        (b"\x08\x08a", "a"),
        (b"show ap image\x17\x17im", "show im"),
        (b"show ap  \x17x", "show x"),
        (b"show ap\x15x", "x"),
        (b"show ap\x01\x06\x06\x0bx", "shx"),
        (b"ab cd\x17\x01\x19", "cdab "),
        (b"one two\x1bb\x1bbX\x1bfY", "XoneY two"),
        (b"one two\x01\x1bd\x1bd", ""),
        (b"a\x1b[200~b\x1b[201~c", "abc"),
        (b"a\xffb", "a\u{fffd}b"),
        ("ä€\x08ö".as_bytes(), "äö"),
        (b"a\x16?b", "a?b"),
        (b"a\x00b\x00", "ab"),
    ] {
        assert_eq!(line_of(octets), line, "{:?}", String::from_utf8_lossy(octets));
    }
}

#[test]
fn the_arrows_bring_back_what_was_typed_and_what_was_being_typed() {
    let (_, typed, _) = typing(b"one\rtwo\r\x1b[A\x1b[A\rdraft\x1b[A\x1b[B!\r\x10\x10\x0e\r");
    let lines: Vec<&str> = typed.iter().map(|t| if let Typed::Line(l) = t { l } else { "?" }).collect();
    assert_eq!(lines, ["one", "two", "one", "draft!", "draft!"]);
}

#[test]
fn history_ends_with_a_bell_on_both_sides_and_passes_over_empty_and_repeated_lines() {
    let (_, _, echo) = typing(b"a\r\r  \ra\r\x1b[A");
    assert!(!echo.contains('\u{7}') && echo.ends_with("A#a"), "{echo:?}");
    assert!(typing(b"a\r\x1b[A\x1b[A").2.ends_with("A#a\u{7}"));
    assert!(typing(b"a\r\x1b[B").2.ends_with("A#\u{7}"));
}

#[test]
fn the_keys_that_end_a_line_say_what_stood_there() {
    assert_eq!(typing(b"exi\x1a").1, [Typed::EndMode("exi".into())]);
    assert_eq!(typing(b"exi\x03").1, [Typed::Interrupt]);
    assert_eq!(typing(b"\x04").1, [Typed::End]);
    assert_eq!(typing(b"x\x04\r").1, [Typed::Line("x".into())]);
    assert!(typing(b"exi\x1a").2.starts_with("A#exi^Z\r\n"));
}

#[test]
fn help_leaves_the_line_as_it_was() {
    let mut editor = LineEditor::new(80);
    editor.begin("A#", Echo::On);
    for octet in b"show ap\x02\x02" {
        assert_eq!(editor.put(*octet), None);
    }
    editor.take_echo();
    assert_eq!(editor.put(b'?'), Some(Typed::Help));
    assert_eq!(editor.before_cursor(), "show ");
    assert_eq!(editor.take_echo(), "?\r\n");
    editor.redraw();
    assert_eq!(editor.take_echo(), "A#show ap\u{8}\u{8}");
}

#[test]
fn a_completion_prints_no_more_than_what_it_adds() {
    let mut editor = LineEditor::new(80);
    editor.begin("A#", Echo::On);
    for octet in b"sh" {
        editor.put(*octet);
    }
    assert_eq!(editor.put(b'\t'), Some(Typed::Tab(1)));
    editor.take_echo();
    editor.complete(Some("show "));
    assert_eq!(editor.take_echo(), "ow ");
    assert_eq!(editor.put(b'\t'), Some(Typed::Tab(1)));
    editor.complete(None);
    assert_eq!(editor.put(b'\t'), Some(Typed::Tab(2)));
    assert_eq!(editor.take_echo(), "\u{7}");
}

#[test]
fn a_secret_is_neither_echoed_nor_remembered_and_may_hold_a_question_mark() {
    let mut editor = LineEditor::new(80);
    editor.begin("Password: ", Echo::Secret);
    let typed: Vec<Typed> = b"a?\tb\x1b[A\r".iter().filter_map(|o| editor.put(*o)).collect();
    assert_eq!(typed, [Typed::Line("a?b".into())]);
    assert_eq!(editor.take_echo(), "Password: \r\n");
    editor.begin("A#", Echo::On);
    editor.take_echo();
    assert_eq!(b"\x1b[A".iter().filter_map(|o| editor.put(*o)).count(), 0);
    assert_eq!(editor.take_echo(), "\u{7}");
}

#[test]
fn without_a_terminal_nothing_is_echoed() {
    let mut editor = LineEditor::new(0);
    editor.begin("A#", Echo::Off);
    let typed: Vec<Typed> = b"show\x01x\x08 clock\r\n\x1b[A\n".iter().filter_map(|o| editor.put(*o)).collect();
    assert_eq!(typed.len(), 2);
    assert_eq!(editor.take_echo(), "");
}

#[test]
fn a_line_beyond_the_limit_is_given_up_whole_and_the_next_one_is_fine() {
    let mut octets = vec![b'x'; 1 << 20];
    octets.extend(b"\rshow\r");
    let (_, typed, echo) = typing(&octets);
    assert_eq!(typed, [Typed::TooLong, Typed::Line("show".into())]);
    assert_eq!(echo.matches('\u{7}').count(), 1);
    assert_eq!(line_of(&[vec![b'x'; 5_000], b"\x15ok".to_vec()].concat()), "ok");
    assert_eq!(typing(&[vec![b'x'; 5_000], b"\x17\x08\r".to_vec()].concat()).1.len(), 1);
}

#[test]
fn one_row_is_edited_with_backspaces_and_spaces_alone() {
    let mut editor = LineEditor::new(80);
    let mut terminal = Terminal::new(80);
    editor.begin(LONG_PROMPT, Echo::On);
    for octet in b"sftp-image-path\x01xy\x05\x08\x17ab\x02\x02\x06\x0b\x10" {
        editor.put(*octet);
    }
    terminal.show(&editor.take_echo());
    assert_eq!(terminal.escapes, 0);
}

#[test]
fn what_is_hidden_for_a_message_comes_back_whole() {
    for width in [20, 60, 80, 0] {
        let mut editor = LineEditor::new(width);
        let mut terminal = Terminal::new(width.into());
        editor.begin(LONG_PROMPT, Echo::On);
        for octet in b"sftp-image-path /Documents\x02\x02\x02" {
            editor.put(*octet);
        }
        terminal.show(&editor.take_echo());
        let before = terminal.text();
        editor.hide();
        terminal.show(&editor.take_echo());
        assert_eq!(terminal.text(), "", "{width}");
        terminal.show("news\r\n");
        editor.redraw();
        terminal.show(&editor.take_echo());
        assert_eq!(terminal.text(), format!("news\n{before}"), "{width}");
    }
}

fn key() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        1 => Just("\u{300}".as_bytes().to_vec()),
        12 => "[a-z ?é€]".prop_map(String::into_bytes),
        2 => Just(vec![0x08]),
        6 => prop::sample::select(vec![1_u8, 2, 4, 5, 6, 11, 14, 16, 21, 23, 25]).prop_map(|o| vec![o]),
        3 => prop::sample::select(vec!["\x1b[A", "\x1b[B", "\x1b[C", "\x1b[D", "\x1b[3~", "\x1bb", "\x1bf", "\x1bd"])
            .prop_map(|s| s.as_bytes().to_vec()),
        1 => Just(b"some rather long text with spaces ".to_vec()),
        1 => Just(b"\r".to_vec()),
        1 => any::<u8>().prop_map(|o| vec![o]),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn the_terminal_always_shows_the_line_and_the_cursor_stands_where_it_is(
        width in prop::sample::select(vec![0_u16, 5, 13, 40, 80]),
        keys in proptest::collection::vec(key(), 0..60),
    ) {
        let mut editor = LineEditor::new(width);
        let mut terminal = Terminal::new(width.into());
        editor.begin("lab(config)#", Echo::On);
        for octet in keys.into_iter().flatten() {
            let typed = editor.put(octet);
            match typed {
                Some(Typed::Tab(_)) => editor.complete(Some("ap image ")),
                Some(Typed::Help) => {
                    editor.take_echo();
                    terminal = Terminal::new(width.into());
                    editor.redraw();
                }
                Some(_) => {
                    editor.take_echo();
                    terminal = Terminal::new(width.into());
                    editor.begin("lab(config)#", Echo::On);
                }
                // Redrawn below what stood there.
                None if octet == 0x0c || octet == 0x12 => {
                    editor.take_echo();
                    terminal = Terminal::new(width.into());
                    editor.redraw();
                }
                None => {}
            }
            terminal.show(&editor.take_echo());
            let mut wanted = Terminal::new(width.into());
            wanted.show(&editor.prompt);
            wanted.show(&editor.before_cursor());
            let cursor = wanted.next();
            wanted.show(&editor.line[editor.at..].iter().collect::<String>());
            prop_assert_eq!(terminal.text(), wanted.text());
            prop_assert_eq!(terminal.next(), cursor);
            prop_assert_eq!(editor.octets, editor.line.iter().collect::<String>().len());
        }
    }

    #[test]
    fn no_octets_make_the_editor_panic_or_say_a_line_that_is_too_long(octets in proptest::collection::vec(any::<u8>(), 0..600)) {
        crate::fuzz::line_editor(&octets);
    }
}
