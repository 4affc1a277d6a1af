//! The command reference, from the same table as the parser: `capledger docs cli`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::help::syntax;
use super::parse::NO;
use super::{Arg, Entry, Mode, Token, entries, upgrade};

const HEAD: &str = "\
# Command reference

Every command of the command line, by the mode in which it is typed. The same line is taken over SSH, at `capledger
console`, by `capledger exec`, and, if it is a `show`, by `capledger replay`.

- Words may be cut to what is unique (`sh ap im`), and letter case does not count. `?` lists what may come next, Tab
  completes a word.
- `WORD` is one word (in double quotes it may hold spaces), `LINE` the rest of the line, `<1-10>` a number in that range,
  `{a | b}` one of these words, and what stands in brackets may be left out.
- A number in parentheses is the default. `no ...` takes a setting back to it.
- Every `show` takes an output modifier: `show ap image | json`, `show logging | include INSTALL`.
";

/// The command reference, as Markdown: every mode, its commands and what their words mean.
pub fn reference() -> String {
    let mut out = String::from(HEAD);
    for mode in Mode::ALL {
        let About { title, level, reached } = about(mode);
        let _ = writeln!(out, "\n## {title}: `{}`\n\nPrivilege level {level}. {reached}\n", mode.prompt());
        let mut commands: BTreeMap<String, &Entry> = BTreeMap::new();
        for entry in entries(mode).filter(|e| !upgrade::is_shortened(e)) {
            // What a user may do is told once.
            if mode != Mode::Privileged || !entry.modes.contains(&Mode::User) {
                commands.insert(whole_syntax(entry), entry);
            }
        }
        for (text, entry) in commands {
            let words = upgrade::with_options(entry).map_or(entry.tokens, |(words, _)| words);
            let _ = writeln!(out, "- `{text}`: {}", purpose(mode, words));
            let mut told = BTreeSet::new();
            // What may stand in several places is told once.
            for (label, help) in entry.tokens.iter().flat_map(values).filter(|value| told.insert(value.clone())) {
                let _ = writeln!(out, "  - `{label}`: {help}");
            }
            if let Some(no) = entry.no {
                let _ = writeln!(out, "  - `{NO} {}`", syntax(&entry.tokens[..no.keep]));
            }
        }
    }
    out
}

/// What the reference says of a mode before its commands.
struct About {
    title: &'static str,
    level: u8,
    reached: &'static str,
}

fn about(mode: Mode) -> About {
    let (title, level, reached) = match mode {
        Mode::User => ("User EXEC", 1, "Where a user of a level below 15 begins."),
        Mode::Privileged => (
            "Privileged EXEC",
            15,
            "Where a user of level 15 begins; others by `enable`. Every command of user EXEC, and:",
        ),
        Mode::Config => ("Configuration", 15, "By `configure terminal`."),
        Mode::ImageProfile => ("Image-download profile", 15, "By `wireless profile image-download default`."),
        Mode::ImageProfileTftp => ("Image-download profile, TFTP", 15, "By `image-download-mode tftp`."),
        Mode::ImageProfileSftp => ("Image-download profile, SFTP", 15, "By `image-download-mode sftp`."),
        Mode::ImageProfileHttp => {
            ("Image-download profile, HTTP and HTTPS", 15, "By `image-download-mode http` or `https`.")
        }
        Mode::Line => ("Line", 15, "By `line vty`."),
        Mode::Console => ("Console line", 15, "By `line console`."),
        Mode::SshPubkey => ("Public keys", 15, "By `ip ssh pubkey-chain`."),
        Mode::SshPubkeyUser => ("Public keys of a user", 15, "By `username` among the public keys."),
        Mode::SshPubkeyData => ("A public key in several lines", 15, "By `key-string` without a key."),
        Mode::Do => ("Behind `do`", 15, "In every configuration mode."),
        Mode::Pipe => ("Output modifiers of `show`", 1, "Behind a `show`."),
    };
    About { title, level, reached }
}

/// A command in one line, what may be left out of it in brackets.
fn whole_syntax(entry: &'static Entry) -> String {
    let Some((words, options)) = upgrade::with_options(entry) else { return syntax(entry.tokens) };
    options.into_iter().fold(syntax(words), |text, option| format!("{text} [{}]", syntax(option)))
}

/// What a command is for: what `?` says of its last keyword, behind what it says of the one before where the two words
/// belong together: `abort` is an option of `ap image predownload`, while `capwap` is no more than a heading.
fn purpose(mode: Mode, tokens: &'static [Token]) -> String {
    let keywords: Vec<(usize, &str)> = tokens
        .iter()
        .enumerate()
        .filter_map(|(i, token)| match token {
            Token::Keyword { help, .. } => Some((i, *help)),
            Token::Arg { .. } => None,
        })
        .collect();
    let Some((last, help)) = keywords.last().copied() else {
        let helps: Vec<&str> = tokens.iter().flat_map(values).map(|(_, help)| help).collect();
        return helps.join(", ");
    };
    let parent = keywords.iter().rev().nth(1).filter(|(i, _)| qualifies(mode, &tokens[..last], i + 1 == last));
    parent.map_or_else(|| help.to_owned(), |(_, parent)| format!("{parent}: {help}"))
}

/// Whether a keyword behind `before` is an option of it: because `before` is a command by itself, or takes a value in
/// the keyword's place.
fn qualifies(mode: Mode, before: &[Token], adjacent: bool) -> bool {
    let text = syntax(before);
    entries(mode).any(|e| match e.tokens.get(before.len()) {
        _ if e.tokens.len() < before.len() || syntax(&e.tokens[..before.len()]) != text => false,
        None => true,
        Some(Token::Arg { .. }) => adjacent,
        Some(Token::Keyword { .. }) => false,
    })
}

/// What may stand for a value, and what `?` says of it: forms of which it says the same stand together.
fn values(token: &Token) -> Vec<(String, &'static str)> {
    let Token::Arg { arg, help } = token else { return Vec::new() };
    let mut told: Vec<(String, &'static str)> = Vec::new();
    for (label, help) in arg.described(help) {
        match told.last_mut().filter(|(_, before)| *before == help && !matches!(arg, Arg::Choice(_))) {
            Some((labels, _)) => labels.extend([" or ", &label]),
            None => told.push((label, help)),
        }
    }
    told
}

#[cfg(test)]
mod tests;
