//! A startup configuration, read through the same grammar as a typed one. Whole or not at all: the first error names
//! its line, what is wrong and what is expected, and nothing is applied.

use capledger_schema::project::Config;
use capledger_schema::setting::Setting;

use super::action::{Action, SecretSetting};
use super::grammar::Mode;
use super::key_chain::KeyChain;
use super::shell::read;
use crate::secrets::{NoSecrets, Sealed, SecretError, Secrets, Typed, password};

/// Octets of a configuration at most.
pub const FILE_LIMIT: usize = 1 << 20;

/// Why a configuration was not read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {message}")]
pub struct ConfigError {
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// What is wrong, and what is expected.
    pub message: String,
}

/// What a file holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct File {
    /// Its settings, in its order.
    pub settings: Vec<Setting>,
    /// The secrets that they name, to be kept before the settings are.
    pub secrets: Vec<Sealed>,
}

impl File {
    /// The configuration that it makes of the default one.
    pub fn config(&self) -> Config {
        let mut config = Config::default();
        for setting in &self.settings {
            config.set(setting);
        }
        config
    }
}

/// The configuration that a file without secrets makes of the default one.
pub fn parse(text: &str) -> Result<Config, ConfigError> {
    read_file(text, &NoSecrets).map(|file| file.config())
}

/// Reads a file; its secrets are sealed by `sealer`.
///
/// Lines are those of configuration mode; indentation means nothing, `!` begins a comment, and `end` ends the file.
/// The lines that head the output of `show running-config` and `show startup-config` are passed over, so that it can be
/// fed back as it is.
pub fn read_file(text: &str, sealer: &dyn Secrets) -> Result<File, ConfigError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let wrong =
        |line: usize, column: usize, message: String| ConfigError { line: line + 1, column: column + 1, message };
    if text.len() > FILE_LIMIT {
        return Err(wrong(0, 0, format!("the configuration is longer than {FILE_LIMIT} octets")));
    }
    let mut out = File::default();
    let mut mode = Mode::Config;
    let mut chain = KeyChain::default();
    let mut ended = false;
    for (n, line) in text.lines().enumerate() {
        let column = line.chars().take_while(|c| c.is_whitespace()).count();
        if is_header(line) {
            continue;
        }
        let action = match read(mode, line) {
            Ok(None) => continue,
            Ok(Some(_)) | Err(_) if ended => return Err(wrong(n, column, "nothing may follow `end`".into())),
            Ok(Some((action, at))) => {
                mode = at;
                action
            }
            Err(e) => return Err(wrong(n, e.start, e.to_string())),
        };
        match action {
            Action::Configure { settings, enter } => {
                out.settings.extend(settings);
                mode = enter.unwrap_or(mode);
            }
            Action::ConfigureSecret { setting, secret } => {
                let (setting, sealed) = seal(setting, &secret, sealer).map_err(|e| wrong(n, column, e))?;
                out.settings.push(setting);
                out.secrets.push(sealed);
            }
            Action::Keys(line) => {
                let (settings, enter) = chain.take(line).map_err(|words| wrong(n, column, words.to_owned()))?;
                out.settings.extend(settings);
                mode = enter.unwrap_or(mode);
            }
            Action::Nothing => {}
            Action::Refuse(words) => return Err(wrong(n, column, words.to_owned())),
            Action::End => ended = true,
            Action::Exit => match mode.parent() {
                Some(parent) if parent.is_config() => mode = parent,
                Some(_) | None => {
                    return Err(wrong(n, column, "`exit` leaves a sub-mode, and there is none here".into()));
                }
            },
            Action::Do(_) => {
                return Err(wrong(n, column, "`do` is for the terminal; a configuration holds settings".into()));
            }
            Action::Show(_)
            | Action::Run(_)
            | Action::Confirm(..)
            | Action::Errand(_)
            | Action::ActivateAdded { .. }
            | Action::Enable
            | Action::Disable
            | Action::TerminalLength(_)
            | Action::TerminalWidth(_)
            | Action::TerminalMonitor(_)
            | Action::Say(_)
            | Action::Debug { .. }
            | Action::UndebugAll
            | Action::Modify(_) => return Err(wrong(n, column, "this is no setting".into())),
        }
    }
    Ok(out)
}

/// A setting with its secret sealed, or what is wrong with the secret.
pub(super) fn seal(setting: SecretSetting, secret: &Typed, sealer: &dyn Secrets) -> Result<(Setting, Sealed), String> {
    match secret {
        Typed::Clear(plain) | Typed::Untold(plain) => setting.check(plain)?,
        Typed::Sealed(_) => {}
    }
    let words = |e: SecretError| e.to_string();
    let hashed = match (setting.hashed_for(), secret) {
        (Some(whose), Typed::Clear(plain)) => Some(password::hash(plain, sealer.salt(&whose).map_err(words)?)),
        // The vault refuses what only looks like a secret without a type.
        (Some(whose), Typed::Untold(plain)) if sealer.seal(secret).map(drop).map_err(words) == Ok(()) => {
            Some(password::hash(plain, sealer.salt(&whose).map_err(words)?))
        }
        (Some(_), Typed::Untold(_) | Typed::Sealed(_)) | (None, _) => None,
    };
    let hashed = hashed.transpose().map_err(words)?.map(Typed::Clear);
    let sealed = sealer.seal(hashed.as_ref().unwrap_or(secret)).map_err(words)?;
    Ok((setting.with(sealed.id()), sealed))
}

fn is_header(line: &str) -> bool {
    let line = line.trim_end();
    let is_number = |n: &str| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit());
    let bytes = |head: &str| line.strip_prefix(head).and_then(|rest| rest.strip_suffix(" bytes"));
    line == "Building configuration..."
        || bytes("Current configuration : ").is_some_and(is_number)
        || bytes("Using ")
            .and_then(|rest| rest.split_once(" out of "))
            .is_some_and(|(n, limit)| is_number(n) && is_number(limit))
}

#[cfg(test)]
mod tests;
