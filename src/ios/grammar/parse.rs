//! Reading a line by the table: every entry that still fits goes one word further, until one is complete.

use std::fmt;

use super::{Arg, Args, Entry, LINE_LIMIT, Mode, Token, Value, entries};
use crate::ios::action::Action;

/// A word of a line and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Word<'a> {
    /// Without the quotes that may hold it together.
    pub(super) text: &'a str,
    /// Characters before it.
    pub(super) column: usize,
    /// The line from here on.
    pub(super) rest: &'a str,
}

/// The words of a line. A word that begins with `"` ends with the next one, and may hold spaces.
pub(super) fn words(line: &str) -> Vec<Word<'_>> {
    let mut out = Vec::new();
    let mut at = 0;
    while let Some(skip) = line[at..].find(|c: char| !c.is_whitespace()) {
        at += skip;
        let rest = &line[at..];
        let column = line[..at].chars().count();
        let quoted = rest.strip_prefix('"').and_then(|r| r.find('"').map(|end| &r[..end]));
        let (text, len) = if let Some(text) = quoted {
            (text, text.len() + 2)
        } else {
            let len = rest.find(char::is_whitespace).unwrap_or(rest.len());
            (&rest[..len], len)
        };
        out.push(Word { text, column, rest });
        at += len;
    }
    out
}

/// What could have stood where a line went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// A keyword, or the form of a value: `<64-1377>`.
    pub label: String,
    /// What `?` says of it.
    pub help: &'static str,
}

/// What is wrong with a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParseErrorKind {
    /// No command goes on like this.
    Invalid,
    /// A command ends later.
    Incomplete,
    /// A word is cut so short that it may be several.
    Ambiguous,
    /// Longer than [`LINE_LIMIT`].
    TooLong,
}

/// How many of the words that were expected an error names.
const SHOWN: usize = 12;

/// A line that is no command.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct ParseError {
    /// What is wrong.
    pub kind: ParseErrorKind,
    /// Characters before the first one that is wrong; for a line that ends too early, its length.
    pub column: usize,
    /// Characters before the word that holds it.
    pub start: usize,
    /// The word that is wrong; empty at the end of a line.
    pub word: String,
    /// What could have stood there; for an ambiguous word, what it may be.
    pub expected: Vec<Expected>,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = &self.word;
        let expected = || {
            let one =
                |e: &Expected| if e.help.is_empty() { e.label.clone() } else { format!("{} ({})", e.label, e.help) };
            let mut list: Vec<String> = self.expected.iter().take(SHOWN).map(one).collect();
            if self.expected.len() > SHOWN {
                list.push(format!("{} more", self.expected.len() - SHOWN));
            }
            list.join(", ")
        };
        match self.kind {
            ParseErrorKind::Invalid if self.expected.is_empty() => {
                write!(f, "`{word}` is one word too many; the command ends before it")
            }
            ParseErrorKind::Invalid => write!(f, "`{word}` is not known here; expected {}", expected()),
            ParseErrorKind::Incomplete => write!(f, "the line ends too early; expected {}", expected()),
            ParseErrorKind::Ambiguous => write!(f, "`{word}` is cut too short; it may be {}", expected()),
            ParseErrorKind::TooLong => write!(f, "the line is longer than {LINE_LIMIT} octets"),
        }
    }
}

impl ParseError {
    /// As IOS prints it below the line: the caret stands `prompt` characters further right.
    pub fn ios(&self, prompt: usize, line: &str) -> String {
        match self.kind {
            ParseErrorKind::Invalid => {
                format!("{}^\n% Invalid input detected at '^' marker.\n\n", " ".repeat(prompt + self.column))
            }
            ParseErrorKind::Incomplete => "% Incomplete command.\n\n".to_owned(),
            ParseErrorKind::Ambiguous => format!("% Ambiguous command:  \"{}\"\n\n", line.trim()),
            ParseErrorKind::TooLong => format!("% Line is longer than {LINE_LIMIT} octets.\n\n"),
        }
    }
}

/// An entry and how far it has been read.
#[derive(Clone, Copy)]
struct Live {
    entry: &'static Entry,
    at: usize,
}

/// The entries that a line may still become.
#[derive(Clone)]
pub(super) struct Cursor {
    live: Vec<Live>,
    values: Vec<Value>,
    negated: bool,
    /// Whether `no` may stand here.
    may_negate: bool,
    /// Whether the last word took the rest of the line.
    swallowed: bool,
}

pub(super) const NO: &str = "no";
const NO_HELP: &str = "Negate a command or set its defaults";

/// What one word may be.
#[derive(Clone, Copy)]
pub(super) enum Choice {
    /// `no`
    No,
    /// A fixed word: of the table or of a choice.
    Keyword(&'static str, &'static str),
    /// A value.
    Arg(Arg, &'static str),
}

impl Cursor {
    /// At the beginning of a line.
    pub(super) fn start(mode: Mode) -> Cursor {
        let live: Vec<Live> = entries(mode).map(|entry| Live { entry, at: 0 }).collect();
        let may_negate = mode.is_config() && live.iter().any(|l| l.entry.no.is_some());
        Cursor { live, values: Vec::new(), negated: false, may_negate, swallowed: false }
    }

    /// What the next word may be; each once, in the table's order.
    pub(super) fn choices(&self) -> Vec<Choice> {
        let mut out: Vec<Choice> = Vec::new();
        let mut put = |new: Choice| {
            let known = out.iter().any(|old| match (old, &new) {
                (Choice::Keyword(a, _), Choice::Keyword(b, _)) => a == b,
                (Choice::Arg(a, _), Choice::Arg(b, _)) => a == b,
                (Choice::No, Choice::No) => true,
                (Choice::No | Choice::Keyword(..) | Choice::Arg(..), _) => false,
            });
            if !known {
                out.push(new);
            }
        };
        if self.may_negate {
            put(Choice::No);
        }
        for token in self.live.iter().filter_map(|l| l.entry.tokens.get(l.at)) {
            match *token {
                Token::Keyword { word, help } => put(Choice::Keyword(word, help)),
                Token::Arg { arg: Arg::Choice(words), .. } => {
                    for (word, help) in words {
                        put(Choice::Keyword(word, help));
                    }
                }
                Token::Arg { arg, help } => put(Choice::Arg(arg, help)),
            }
        }
        out
    }

    /// What the line means if it ends here.
    pub(super) fn end(&self) -> Option<Action> {
        self.live.iter().find_map(|l| {
            let values = || Args(self.values.clone());
            match l.entry.no {
                Some(no) if self.negated && l.at >= no.keep => Some((no.action)(&values())),
                _ if !self.negated && l.at == l.entry.tokens.len() => Some((l.entry.action)(&values())),
                Some(_) | None => None,
            }
        })
    }

    pub(super) fn swallowed(&self) -> bool {
        self.swallowed
    }

    /// Goes on by one word, or says why it cannot.
    pub(super) fn step(&self, word: &Word<'_>) -> Result<Cursor, ParseError> {
        let choices = self.choices();
        let keywords: Vec<&'static str> = choices.iter().filter_map(Choice::keyword).collect();
        let starts = |k: &&&str| starts_with(k, word.text);
        let exact = keywords.iter().find(|k| k.eq_ignore_ascii_case(word.text));
        let cut: Vec<&&str> = keywords.iter().filter(starts).collect();
        if let Some(keyword) = exact.or(if cut.len() == 1 { Some(cut[0]) } else { None }) {
            return Ok(self.take_keyword(keyword));
        }
        let accepted = choices.iter().find_map(|c| match c {
            Choice::Arg(arg, _) => {
                let text = if arg.takes_rest() { word.rest.trim_end() } else { word.text };
                arg.accept(text).map(|value| (*arg, value))
            }
            Choice::No | Choice::Keyword(..) => None,
        });
        if let Some((arg, value)) = accepted {
            return Ok(self.take_value(arg, value));
        }
        let ambiguous = !cut.is_empty();
        let expected = choices.iter().filter(|c| !ambiguous || c.keyword().is_some_and(|k| starts(&&k)));
        Err(ParseError {
            kind: if ambiguous { ParseErrorKind::Ambiguous } else { ParseErrorKind::Invalid },
            // IOS points at the first character that fits no keyword.
            start: word.column,
            column: word.column + keywords.iter().map(|k| common(k, word.text)).max().unwrap_or(0),
            word: word.text.chars().take(60).collect(),
            expected: expected.flat_map(Choice::expected).collect(),
        })
    }

    fn take_keyword(&self, keyword: &'static str) -> Cursor {
        if self.may_negate && keyword == NO {
            let live = self.live.iter().filter(|l| l.entry.no.is_some()).copied().collect();
            return Cursor { live, negated: true, may_negate: false, ..self.clone() };
        }
        let mut next = Cursor { live: Vec::new(), may_negate: false, ..self.clone() };
        let mut chosen = None;
        for l in &self.live {
            match l.entry.tokens.get(l.at) {
                Some(Token::Keyword { word, .. }) if *word == keyword => {}
                Some(Token::Arg { arg: Arg::Choice(words), .. }) if words.iter().any(|(w, _)| *w == keyword) => {
                    chosen = Some(Value::Choice(keyword));
                }
                Some(Token::Keyword { .. } | Token::Arg { .. }) | None => continue,
            }
            next.live.push(Live { entry: l.entry, at: l.at + 1 });
        }
        next.values.extend(chosen);
        next
    }

    fn take_value(&self, taken: Arg, value: Value) -> Cursor {
        let mut next = Cursor { live: Vec::new(), may_negate: false, swallowed: taken.takes_rest(), ..self.clone() };
        for l in &self.live {
            match l.entry.tokens.get(l.at) {
                Some(Token::Arg { arg, .. }) if *arg == taken => {
                    next.live.push(Live { entry: l.entry, at: l.at + 1 });
                }
                Some(Token::Keyword { .. } | Token::Arg { .. }) | None => {}
            }
        }
        next.values.push(value);
        next
    }
}

impl Choice {
    pub(super) fn keyword(&self) -> Option<&'static str> {
        match self {
            Choice::No => Some(NO),
            Choice::Keyword(word, _) => Some(word),
            Choice::Arg(..) => None,
        }
    }

    pub(super) fn expected(&self) -> Vec<Expected> {
        match *self {
            Choice::No => vec![Expected { label: NO.to_owned(), help: NO_HELP }],
            Choice::Keyword(word, help) => vec![Expected { label: word.to_owned(), help }],
            Choice::Arg(arg, help) => {
                arg.described(help).into_iter().map(|(label, help)| Expected { label, help }).collect()
            }
        }
    }
}

/// Whether `word` is `keyword` cut short; letter case does not count.
pub(super) fn starts_with(keyword: &str, word: &str) -> bool {
    keyword.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word))
}

fn common(keyword: &str, word: &str) -> usize {
    keyword.chars().zip(word.chars()).take_while(|(k, w)| k.eq_ignore_ascii_case(w)).count()
}

/// What a line means in a mode. An empty line and a comment (`!`) mean nothing.
pub fn parse(mode: Mode, line: &str) -> Result<Option<Action>, ParseError> {
    let end = line.chars().count();
    if line.len() > LINE_LIMIT {
        return Err(ParseError {
            kind: ParseErrorKind::TooLong,
            column: 0,
            start: 0,
            word: line.chars().take(60).collect(),
            expected: Vec::new(),
        });
    }
    let words = words(line);
    if words.first().is_none_or(|w| w.text.starts_with('!')) {
        return Ok(None);
    }
    let mut cursor = Cursor::start(mode);
    for word in &words {
        cursor = cursor.step(word)?;
        if cursor.swallowed() {
            break;
        }
    }
    cursor.end().map(Some).ok_or_else(|| ParseError {
        kind: ParseErrorKind::Incomplete,
        column: end,
        start: end,
        word: String::new(),
        expected: cursor.choices().iter().flat_map(Choice::expected).collect(),
    })
}
