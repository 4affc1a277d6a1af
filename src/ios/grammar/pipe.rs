//! What may follow `|` after a `show`.

use super::{Arg, Args, Entry, Mode, Token, arg, kw};
use crate::ios::action::Action;
use crate::ios::pipe::{Filter, FilterKind, Modifier};

const PIPE: &[Mode] = &[Mode::Pipe];
const REGEX: Token = arg(Arg::Line, "Regular expression");

const fn filter(tokens: &'static [Token], action: fn(&Args) -> Action) -> Entry {
    Entry { modes: PIPE, tokens, action, no: None }
}

fn by(kind: FilterKind, a: &Args) -> Action {
    Action::Modify(Modifier::Lines(Filter { kind, pattern: a.text(0) }))
}

pub(super) static TABLE: &[Entry] = &[
    filter(&[kw("begin", "Begin with the first line that matches"), REGEX], |a| by(FilterKind::Begin, a)),
    filter(&[kw("count", "Count lines that match"), REGEX], |a| by(FilterKind::Count, a)),
    filter(&[kw("exclude", "Exclude lines that match"), REGEX], |a| by(FilterKind::Exclude, a)),
    filter(&[kw("include", "Include lines that match"), REGEX], |a| by(FilterKind::Include, a)),
    filter(&[kw("json", "Print one JSON document instead of the text")], |_| Action::Modify(Modifier::Json)),
    filter(&[kw("section", "Include lines that match and what is indented below them"), REGEX], |a| {
        by(FilterKind::Section, a)
    }),
];
