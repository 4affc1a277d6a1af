//! `?` and Tab, from the same table as the parser.

use std::fmt::Write as _;

use super::parse::{Choice, Cursor, ParseErrorKind, Word, starts_with, words};
use super::{Arg, Mode, Token};
use crate::ios::action::Action;

/// Columns that a list of words is set in.
const WIDTH: usize = 80;

/// What `?` prints after `typed`: with a space before it, what may come next and what it is; within a word, how the
/// word may go on.
pub fn help(mode: Mode, typed: &str) -> String {
    let (mode, typed) = behind_pipe(mode, typed);
    match place(mode, typed) {
        Place::Nowhere(ParseErrorKind::Ambiguous) => format!("% Ambiguous command:  \"{}\"\n", typed.trim()),
        Place::Nowhere(ParseErrorKind::Invalid | ParseErrorKind::Incomplete | ParseErrorKind::TooLong) => {
            "% Unrecognized command\n".to_owned()
        }
        Place::Between(cursor) => {
            let mut lines: Vec<(String, &str)> =
                cursor.choices().iter().flat_map(Choice::expected).map(|e| (e.label, e.help)).collect();
            lines.sort_by_key(|(label, _)| label.to_lowercase());
            if let Some(action) = cursor.end() {
                if matches!(action, Action::Show(_)) {
                    lines.push(("|".into(), "Output modifiers"));
                }
                lines.push(("<cr>".into(), ""));
            }
            let width = lines.iter().map(|(label, _)| label.chars().count()).max().unwrap_or(0);
            lines.iter().fold(String::new(), |mut out, (label, help)| {
                let line = format!("  {label:<width$}  {help}");
                let _ = writeln!(out, "{}", line.trim_end());
                out
            })
        }
        Place::Within(cursor, word) => {
            let mut found: Vec<String> = cursor
                .choices()
                .iter()
                .flat_map(|c| match c {
                    Choice::Arg(arg, _) if may_begin(*arg, word) => arg.labels(),
                    Choice::Arg(..) => Vec::new(),
                    Choice::No | Choice::Keyword(..) => {
                        c.keyword().filter(|k| starts_with(k, word)).map(str::to_owned).into_iter().collect()
                    }
                })
                .collect();
            found.sort_unstable();
            if found.is_empty() { "% Unrecognized command\n".to_owned() } else { columns(&found) }
        }
    }
}

/// What Tab makes of `typed`: its last word in full and a space. None if that is no keyword, or may be several.
pub fn complete(mode: Mode, typed: &str) -> Option<String> {
    let (inner, tail) = behind_pipe(mode, typed);
    let Place::Within(cursor, word) = place(inner, tail) else { return None };
    let choices = cursor.choices();
    let mut fits = choices.iter().filter_map(Choice::keyword).filter(|k| starts_with(k, word));
    let (keyword, None) = (fits.next()?, fits.next()) else { return None };
    Some(format!("{}{keyword} ", &typed[..typed.len() - word.len()]))
}

/// Where a line stands.
enum Place<'a> {
    /// After a space: the next word has not begun.
    Between(Cursor),
    /// In a word.
    Within(Cursor, &'a str),
    /// An earlier word is wrong.
    Nowhere(ParseErrorKind),
}

fn place(mode: Mode, typed: &str) -> Place<'_> {
    let all = words(typed);
    let (done, last): (&[Word<'_>], Option<&Word<'_>>) = match all.split_last() {
        Some((last, done)) if !typed.ends_with(char::is_whitespace) => (done, Some(last)),
        Some(_) | None => (&all, None),
    };
    let mut cursor = Cursor::start(mode);
    for word in done {
        match cursor.step(word) {
            Ok(next) => cursor = next,
            Err(e) => return Place::Nowhere(e.kind),
        }
        if cursor.swallowed() {
            return Place::Between(cursor);
        }
    }
    match last {
        Some(word) => Place::Within(cursor, word.rest),
        None => Place::Between(cursor),
    }
}

/// After `show ... |`, the line begins anew among the output modifiers.
fn behind_pipe(mode: Mode, typed: &str) -> (Mode, &str) {
    match typed.split_once('|') {
        Some((left, right)) if matches!(super::parse(mode, left), Ok(Some(Action::Show(_)))) => (Mode::Pipe, right),
        Some(_) | None => (mode, typed),
    }
}

fn may_begin(arg: Arg, word: &str) -> bool {
    match arg {
        Arg::Number(..) => word.bytes().all(|b| b.is_ascii_digit()),
        Arg::Address => word.bytes().all(|b| b.is_ascii_hexdigit() || b == b'.' || b == b':'),
        Arg::Version => word.bytes().all(|b| b.is_ascii_digit() || b == b'.'),
        Arg::Share => word.bytes().all(|b| b.is_ascii_digit()) || "one-shot".starts_with(word),
        Arg::Host | Arg::Hostname | Arg::Zone | Arg::Hours | Arg::Family | Arg::Word | Arg::Line | Arg::Key => {
            arg.accept(word).is_some()
        }
        Arg::Choice(_) => false,
    }
}

fn columns(found: &[String]) -> String {
    let width = found.iter().map(|w| w.chars().count()).max().unwrap_or(0) + 2;
    let per_line = (WIDTH / width).max(1);
    let mut out = String::new();
    for line in found.chunks(per_line) {
        let text = line.iter().fold(String::new(), |mut text, word| {
            let _ = write!(text, "{word:<width$}");
            text
        });
        let _ = writeln!(out, "{}", text.trim_end());
    }
    out
}

/// A command in one line: `capwap timer {wait-dtls | ...} <1-86400000>`.
pub(super) fn syntax(tokens: &[Token]) -> String {
    let words: Vec<String> = tokens
        .iter()
        .map(|token| match token {
            Token::Keyword { word, .. } => (*word).to_owned(),
            Token::Arg { arg: arg @ Arg::Choice(_), .. } => format!("{{{}}}", arg.labels().join(" | ")),
            Token::Arg { arg, .. } => arg.labels().join(" or "),
        })
        .collect();
    words.join(" ")
}
