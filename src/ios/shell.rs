//! One session of the command line: its mode, its privilege, and the settings of a sub-mode that are not committed yet.
//!
//! A line comes in and an [`Output`] goes out: text to print now, and wishes to send to the core. The shell changes
//! nothing but itself; whoever drives it sends the wishes and prints what becomes of them.

use std::collections::VecDeque;

use capledger_schema::feed::Privilege;
use capledger_schema::project::State;
use capledger_schema::setting::Setting;
use serde::Serialize;

use super::View;
use super::action::{Action, Errand, Show};
use super::debug::{self, Debugs};
use super::grammar::{self, Mode, ParseError, ParseErrorKind};
use super::key_chain::KeyChain;
use super::pipe::Modifier;
use super::{config_file, show};
use crate::command::Command;
use crate::fetch::url::mask_credentials;
use crate::secrets::Sealed;

/// A session of the command line.
#[derive(Clone, Debug)]
pub struct Shell {
    granted: Privilege,
    mode: Mode,
    pending: Vec<Setting>,
    /// The secrets that `pending` names.
    sealed: Vec<Sealed>,
    /// The secrets that commands name which this line leads to.
    named: Vec<Sealed>,
    terminal: Terminal,
    chain: KeyChain,
    monitor: bool,
    debugs: Debugs,
    vty: Option<u16>,
    /// What was typed last, as it is recorded.
    typed: VecDeque<String>,
}

/// What `terminal ...` sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Terminal {
    /// Lines of a page; 0 for no paging.
    pub length: u16,
    /// Columns; 0 for no limit.
    pub width: u16,
}

impl Default for Terminal {
    fn default() -> Self {
        Terminal { length: 24, width: 80 }
    }
}

/// What a line leads to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Output {
    /// To print now; `\n` line ends, and one at its end unless it is empty.
    pub text: String,
    /// To send to the core, in order. A refusal is printed by [`refused`].
    pub commands: Vec<Command>,
    /// The secrets that `commands` name: to be kept before any is sent.
    pub secrets: Vec<Sealed>,
    /// Whether the line was refused by the shell itself.
    pub refused: bool,
    /// Whether the session is over.
    pub close: bool,
    /// What the operator is to agree to before `commands` are sent: `Proceed? [confirm]`. Where nobody sits at a
    /// terminal, they are sent without it.
    pub confirm: Option<String>,
    /// What is to be done besides, once `commands` were accepted.
    pub errand: Option<Errand>,
    /// Whether the password of `enable secret` is to be asked for; [`Shell::grant`] follows if it was right.
    pub enable: bool,
}

impl Output {
    fn text(text: impl Into<String>) -> Output {
        Output { text: text.into(), ..Output::default() }
    }

    fn refused(text: impl Into<String>) -> Output {
        Output { text: text.into(), refused: true, ..Output::default() }
    }
}

/// Characters of a line that are recorded.
const RECORD_LIMIT: usize = 512;

/// Lines of `show history`.
const HISTORY: usize = 20;

/// How the core's refusal of a wish is printed: `% WORDS`.
pub fn refused(words: &str) -> String {
    format!("% {words}\n")
}

impl Shell {
    /// A session that may rise to `granted` and starts there.
    pub fn new(granted: Privilege) -> Shell {
        let mode = match granted {
            Privilege::User => Mode::User,
            Privilege::Privileged => Mode::Privileged,
        };
        Shell {
            granted,
            mode,
            pending: Vec::new(),
            sealed: Vec::new(),
            named: Vec::new(),
            terminal: Terminal::default(),
            chain: KeyChain::default(),
            monitor: false,
            debugs: Debugs::NONE,
            vty: None,
            typed: VecDeque::new(),
        }
    }

    /// The same session on a line of SSH, which it knows by its number.
    #[must_use]
    pub fn on_line(self, vty: Option<u16>) -> Shell {
        Shell { vty, ..self }
    }

    /// The mode that the session is in.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// What `terminal ...` has set.
    pub fn terminal(&self) -> Terminal {
        self.terminal
    }

    /// What `terminal ...` would set: for a client that tells its size.
    pub fn set_terminal(&mut self, terminal: Terminal) {
        self.terminal = terminal;
    }

    /// What is to be printed as it happens: `debug ...`.
    pub fn debugs(&self) -> Debugs {
        self.debugs
    }

    /// Whether new lines of the log are to be printed as they come: `terminal monitor`.
    pub fn monitors(&self) -> bool {
        self.monitor
    }

    /// Lets the session have every privilege: the password of `enable secret` was right.
    pub fn grant(&mut self) {
        self.granted = Privilege::Privileged;
        self.mode = Mode::Privileged;
    }

    /// How a line is recorded, before it is run: with its secret masked, and without what is not understood, which may
    /// be a secret in the wrong place. None for an empty line and a comment.
    pub fn recorded(&self, typed: &str) -> Option<String> {
        let line = typed.replace('\0', "");
        let kept = match self.parse(&line) {
            Ok(None) => return None,
            Ok(Some(Parsed { action: Action::ConfigureSecret { secret, .. }, .. })) => {
                let head = line.trim_end().strip_suffix(secret.typed()).unwrap_or_default();
                format!("{head}******")
            }
            Ok(Some(_)) => mask_credentials(&line),
            Err(e) if e.word.is_empty() => mask_credentials(&line),
            Err(e) => line.chars().take(e.start).chain("...".chars()).collect(),
        };
        let clean = |c: char| if c.is_control() { ' ' } else { c };
        Some(kept.trim().chars().map(clean).take(RECORD_LIMIT).collect())
    }

    /// Whether a line reads through the ledger, which takes as long as the ledger is long.
    pub fn reads_history(&self, typed: &str) -> bool {
        let parsed = self.parse(&typed.replace('\0', ""));
        matches!(parsed, Ok(Some(Parsed { action: Action::Show(what), .. })) if what.reads_history())
    }

    /// Ends the session, however it comes to its end: what a sub-mode holds is to be sent, as if it had been left. IOS has
    /// each line in force at once, so whoever is cut off finds what he typed.
    pub fn close(&mut self) -> Output {
        self.named.clear();
        let commands = self.commit();
        Output { commands, secrets: std::mem::take(&mut self.named), close: true, ..Output::default() }
    }

    /// Settings of the sub-mode that wait for its end.
    pub fn pending(&self) -> &[Setting] {
        &self.pending
    }

    /// The privilege that the session has now.
    pub fn privilege(&self) -> Privilege {
        if self.mode == Mode::User { Privilege::User } else { Privilege::Privileged }
    }

    /// The prompt: `9120-EWC(config)#`.
    pub fn prompt(&self, state: &State) -> String {
        format!("{}{}", state.config.hostname, self.mode.prompt())
    }

    /// What `?` prints after `typed`.
    pub fn help(&self, typed: &str) -> String {
        let (mode, _, tail) = self.behind_do(typed);
        grammar::help(mode, tail)
    }

    /// What Tab makes of `typed`, if it makes anything of it.
    pub fn complete(&self, typed: &str) -> Option<String> {
        let (mode, head, tail) = self.behind_do(typed);
        grammar::complete(mode, tail).map(|done| format!("{head}{done}"))
    }

    /// Runs a line. NUL octets, which some clients send as a keep-alive, are passed over.
    pub fn line(&mut self, typed: &str, view: &View) -> Output {
        let line = typed.replace('\0', "");
        if let Some(typed) = self.recorded(&line) {
            self.typed.truncate(HISTORY - 1);
            self.typed.push_front(typed);
        }
        let parsed = match self.parse(&line) {
            Ok(parsed) => parsed,
            Err(e) => return Output::refused(e.ios(self.prompt(view.state).chars().count(), &line)),
        };
        let Some(Parsed { mut action, mode, modifier }) = parsed else { return Output::default() };
        if let Action::Show(what) = &mut action {
            self.add_own(what);
        }
        self.named.clear();
        let mut commands = self.enter(mode);
        let mut output = match (action, modifier) {
            (Action::Show(what), Some(Modifier::Json)) => shown(show::json::json(&what, view, self.privilege())),
            (action, Some(Modifier::Lines(filter))) => {
                let output = self.run(action, view);
                match filter.apply(&output.text) {
                    Ok(text) => Output { text, ..output },
                    Err(e) => return Output::refused(refused(&e.to_string())),
                }
            }
            (action, Some(Modifier::Json) | None) => self.run(action, view),
        };
        commands.append(&mut output.commands);
        Output { commands, secrets: std::mem::take(&mut self.named), ..output }
    }

    /// What a view tells of the session itself, which the grammar does not know.
    fn add_own(&self, what: &mut Show) {
        if let Show::Users { own } = what {
            *own = self.vty;
        }
        if let Show::Debugging { on } = what {
            *on = self.debugs;
        }
        if let Show::Terminal { now } = what {
            *now = self.terminal;
        }
        if let Show::History { lines } = what {
            *lines = self.typed.iter().rev().cloned().collect();
        }
    }

    fn parse(&self, line: &str) -> Result<Option<Parsed>, ParseError> {
        let (left, modifier) = match self.split_modifier(line) {
            Some((left, modifier)) => (left, Some(modifier?)),
            None => (line, None),
        };
        let (mode, head, tail) = self.behind_do(left);
        if head.is_empty() {
            let parsed = read(self.mode, left)?;
            return Ok(parsed.map(|(action, mode)| Parsed { action, mode, modifier }));
        }
        let by = head.chars().count();
        let action = grammar::parse(mode, tail).map_err(|e| shifted(e, by))?;
        Ok(action.map(|action| Parsed { action, mode: self.mode, modifier }))
    }

    /// Parts `show ... | MODIFIER` at its pipe; none if the line is no `show` with one.
    fn split_modifier<'a>(&self, line: &'a str) -> Option<(&'a str, Result<Modifier, ParseError>)> {
        let (left, right) = line.split_once('|')?;
        let (mode, _, tail) = self.behind_do(left);
        if !matches!(grammar::parse(mode, tail), Ok(Some(Action::Show(_)))) {
            return None;
        }
        let modifier = match grammar::parse(Mode::Pipe, right) {
            Ok(Some(Action::Modify(modifier))) => Ok(modifier),
            Ok(_) => Err(ParseError {
                kind: ParseErrorKind::Incomplete,
                column: line.chars().count(),
                start: line.chars().count(),
                word: String::new(),
                expected: Vec::new(),
            }),
            Err(e) => Err(shifted(e, left.chars().count() + 1)),
        };
        Some((left, modifier))
    }

    /// `do LINE` in a configuration mode is a line of [`Mode::Do`]: that mode, what stands before the line, and the line.
    /// Any other line stands as it is.
    fn behind_do<'a>(&self, typed: &'a str) -> (Mode, &'a str, &'a str) {
        let start = typed.len() - typed.trim_start().len();
        let word = typed[start..].split_whitespace().next().unwrap_or_default();
        let end = start + word.len();
        if self.mode.is_config() && word.eq_ignore_ascii_case("do") && end < typed.len() {
            let (head, tail) = typed.split_at(end);
            (Mode::Do, head, tail)
        } else {
            (self.mode, "", typed)
        }
    }

    /// Goes to a mode. What a sub-mode held is committed as one change on leaving it; going deeper leaves nothing.
    fn enter(&mut self, mode: Mode) -> Vec<Command> {
        let deeper = mode.parent() == Some(self.mode) && self.mode != Mode::Config;
        let stays = mode == self.mode || deeper;
        self.mode = mode;
        if stays { Vec::new() } else { self.commit() }
    }

    /// What a sub-mode held, as one change.
    fn commit(&mut self) -> Vec<Command> {
        if self.pending.is_empty() {
            return Vec::new();
        }
        self.named.append(&mut self.sealed);
        vec![Command::Configure { changes: std::mem::take(&mut self.pending) }]
    }

    fn run(&mut self, action: Action, view: &View) -> Output {
        match action {
            Action::Show(what) => shown(show::show(&what, view, self.privilege())),
            Action::Run(command) => Output { commands: vec![command], ..Output::default() },
            Action::Confirm(question, command) => {
                Output { commands: vec![command], confirm: Some(question.to_owned()), ..Output::default() }
            }
            // A sub-mode's lines are in force for whoever saves from within it.
            Action::Errand(errand) => Output { commands: self.commit(), errand: Some(errand), ..Output::default() },
            Action::ActivateAdded { auto_abort } => match show::install::next_to_activate(view.state) {
                Some(version) => {
                    Output { commands: vec![Command::Activate { version, auto_abort }], ..Output::default() }
                }
                None => Output::refused(refused("No image to activate; fetch one with `install add file URL`")),
            },
            Action::Configure { settings, enter } => self.configure(settings, enter),
            Action::ConfigureSecret { setting, secret } => match config_file::seal(setting, &secret, view.secrets) {
                Ok((setting, sealed)) => {
                    self.sealed.push(sealed);
                    self.configure(vec![setting], None)
                }
                Err(words) => Output::refused(refused(&words)),
            },
            Action::Keys(line) => match self.chain.take(line) {
                Ok((settings, enter)) => self.configure(settings, enter),
                Err(words) => {
                    if self.mode == Mode::SshPubkeyData {
                        self.mode = Mode::SshPubkeyUser;
                    }
                    Output::refused(refused(words))
                }
            },
            Action::Say(words) => Output::text(words),
            Action::Nothing => Output::default(),
            Action::Refuse(words) => Output::refused(refused(words)),
            Action::Exit => match self.mode.parent() {
                Some(parent) => Output { commands: self.enter(parent), ..Output::default() },
                None => Output { close: true, ..Output::default() },
            },
            Action::End => Output { commands: self.enter(Mode::Privileged), ..Output::default() },
            Action::Enable => match self.granted {
                Privilege::Privileged => {
                    self.mode = Mode::Privileged;
                    Output::default()
                }
                Privilege::User => Output { enable: true, ..Output::default() },
            },
            Action::Disable => {
                self.mode = Mode::User;
                Output::default()
            }
            Action::TerminalLength(length) => {
                self.terminal.length = length;
                Output::default()
            }
            Action::TerminalWidth(width) => {
                self.terminal.width = width;
                Output::default()
            }
            Action::TerminalMonitor(on) => {
                self.monitor = on;
                Output::default()
            }
            Action::Debug { these, on } => Output::text(self.debugs.switch(these, on)),
            Action::UndebugAll => {
                self.debugs = Debugs::NONE;
                Output::text(debug::ALL_OFF)
            }
            // Both are read by `parse` with the line that they stand in; by themselves they are nothing to run.
            Action::Do(_) | Action::Modify(_) => Output::default(),
        }
    }

    /// Settings of configuration mode are committed line by line, those of a sub-mode when it is left.
    fn configure(&mut self, settings: Vec<Setting>, enter: Option<Mode>) -> Output {
        let was = self.mode;
        let mut output = Output::default();
        if was == Mode::Config {
            if !settings.is_empty() {
                self.named.append(&mut self.sealed);
                output.commands.push(Command::Configure { changes: settings });
            }
        } else {
            self.pending.extend(settings);
        }
        if let Some(mode) = enter {
            output.commands.extend(self.enter(mode));
            if mode == Mode::Config {
                "Enter configuration commands, one per line.  End with CNTL/Z.\n".clone_into(&mut output.text);
            }
        }
        output
    }
}

/// A view. One that says that there is no such thing is a refusal, which scripts tell by the line's status.
fn shown(text: String) -> Output {
    let refused = text.starts_with("% ") || text.starts_with("{\n  \"error\": ");
    Output { text, refused, ..Output::default() }
}

/// The same error of a line that has `by` more characters before it.
fn shifted(e: ParseError, by: usize) -> ParseError {
    ParseError { column: e.column + by, start: e.start + by, ..e }
}

/// What a line means, and in which mode: a line that a sub-mode does not know may be one of the modes above it. The error
/// is that of the mode which understood most of the line, of the innermost one if they are equal: a command of
/// configuration mode that has a wrong value is not unknown.
pub(super) fn read(mode: Mode, line: &str) -> Result<Option<(Action, Mode)>, ParseError> {
    let mut best = match grammar::parse(mode, line) {
        Ok(action) => return Ok(action.map(|action| (action, mode))),
        Err(e) => e,
    };
    let mut above = mode.parent().filter(|m| m.is_config());
    while let Some(mode) = above {
        match grammar::parse(mode, line) {
            Ok(Some(action)) => return Ok(Some((action, mode))),
            // By whole words: that a word of one mode begins like one of another says nothing.
            Err(e) if e.start > best.start => best = e,
            Ok(None) | Err(_) => {}
        }
        above = mode.parent().filter(|m| m.is_config());
    }
    Err(best)
}

/// A line that was understood.
struct Parsed {
    action: Action,
    mode: Mode,
    modifier: Option<Modifier>,
}

#[cfg(test)]
mod tests;
