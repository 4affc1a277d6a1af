//! `| include`, `exclude`, `begin`, `section` and `count`: output modifiers of the `show` commands that look at lines.
//! `| json` looks at no line: the same facts are printed as one JSON document, see [`super::show::json`].

use std::fmt::Write as _;

use regex::RegexBuilder;

/// What follows `|`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Modifier {
    /// Only some lines of the text.
    Lines(Filter),
    /// The facts themselves, as JSON.
    Json,
}

/// Which lines go through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FilterKind {
    /// From the first line that matches on.
    Begin,
    /// None; how many match is told instead.
    Count,
    /// Those that do not match.
    Exclude,
    /// Those that match.
    Include,
    /// Those that match, each with the lines indented below it.
    Section,
}

/// An output modifier that looks at lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// Which lines.
    pub kind: FilterKind,
    /// The regular expression, as typed.
    pub pattern: String,
}

/// Octets that a compiled expression may take.
const COMPILED_LIMIT: usize = 1 << 20;

/// An expression that cannot be compiled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{pattern}` is not a regular expression; put a backslash before a character that is meant as itself")]
pub struct BadPattern {
    /// As typed.
    pub pattern: String,
}

impl Filter {
    /// The lines of `text` that go through.
    pub fn apply(&self, text: &str) -> Result<String, BadPattern> {
        let regex = RegexBuilder::new(&self.pattern)
            .size_limit(COMPILED_LIMIT)
            .build()
            .map_err(|_| BadPattern { pattern: self.pattern.clone() })?;
        let matches = |line: &str| regex.is_match(line);
        let mut out = String::new();
        let mut put = |line: &str| {
            out.push_str(line);
            out.push('\n');
        };
        match self.kind {
            FilterKind::Begin => text.lines().skip_while(|l| !matches(l)).for_each(put),
            FilterKind::Exclude => text.lines().filter(|l| !matches(l)).for_each(put),
            FilterKind::Include => text.lines().filter(|l| matches(l)).for_each(put),
            FilterKind::Section => {
                let mut within: Option<usize> = None;
                for line in text.lines() {
                    let indent = line.len() - line.trim_start().len();
                    if within.is_none_or(|at| indent <= at) {
                        within = matches(line).then_some(indent);
                    }
                    if within.is_some() {
                        put(line);
                    }
                }
            }
            FilterKind::Count => {
                let count = text.lines().filter(|l| matches(l)).count();
                let _ = writeln!(out, "Number of lines which match regexp = {count}");
            }
        }
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "!\nwireless profile\n mode tftp\n  server A\nend\n";

    fn through(kind: FilterKind, pattern: &str) -> String {
        Filter { kind, pattern: pattern.into() }.apply(TEXT).expect("an expression")
    }

    #[test]
    fn include_and_exclude_part_the_lines() {
        assert_eq!(through(FilterKind::Include, "mode|^end$"), " mode tftp\nend\n");
        assert_eq!(through(FilterKind::Exclude, "mode|^end$"), "!\nwireless profile\n  server A\n");
    }

    #[test]
    fn begin_starts_at_the_first_match() {
        assert_eq!(through(FilterKind::Begin, "server"), "  server A\nend\n");
        assert_eq!(through(FilterKind::Begin, "nothing"), "");
    }

    #[test]
    fn section_takes_what_is_indented_below() {
        assert_eq!(through(FilterKind::Section, "^wireless"), "wireless profile\n mode tftp\n  server A\n");
        assert_eq!(through(FilterKind::Section, "mode"), " mode tftp\n  server A\n");
    }

    #[test]
    fn count_tells_how_many_match() {
        assert_eq!(through(FilterKind::Count, "e"), "Number of lines which match regexp = 4\n");
    }

    #[test]
    fn letter_case_counts() {
        assert_eq!(through(FilterKind::Include, "END"), "");
    }

    #[test]
    fn an_expression_that_cannot_be_read_or_is_too_large_is_refused_by_name() {
        for bad in ["(", "(((a{1000}){1000}){1000})"] {
            let e = Filter { kind: FilterKind::Include, pattern: bad.into() }.apply(TEXT).expect_err("refused");
            assert!(e.to_string().contains(bad));
        }
    }
}
