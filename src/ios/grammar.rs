//! The grammar: one table of commands, from which the parser, abbreviations, `?`, Tab, the `no` forms and the command
//! reference all come. Adding a command is adding an [`Entry`].
//!
//! Matching is IOS's: a keyword may be cut to what is unique among its neighbours, letter case does not count, and a
//! line is read from the left without going back.

mod access;
mod ap;
mod arg;
mod clear;
mod collectors;
mod compat;
mod config;
mod debug;
mod dtls;
mod exec;
mod help;
mod install;
mod ledger;
mod logging;
mod parse;
mod pipe;
mod profile;
mod reference;
mod secret;
mod serve;
mod servers;
mod startup;
mod system;
mod upgrade;

pub use arg::{Arg, Args, Value};
pub use help::{complete, help};
pub use parse::{Expected, ParseError, ParseErrorKind, parse};
pub use reference::reference;

use super::action::Action;

/// Octets of a line at most.
pub const LINE_LIMIT: usize = 2_048;

/// Where a line is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mode {
    /// `HOST>`
    User,
    /// `HOST#`
    Privileged,
    /// `HOST(config)#`
    Config,
    /// `HOST(config-wireless-image-download-profile)#`
    ImageProfile,
    /// `HOST(config-wireless-image-download-profile-tftp)#`
    ImageProfileTftp,
    /// `HOST(config-wireless-image-download-profile-sftp)#`
    ImageProfileSftp,
    /// `HOST(config-wireless-image-download-profile-http)#`: of both HTTP and HTTPS
    ImageProfileHttp,
    /// `HOST(config-line)#`, of the SSH sessions' lines
    Line,
    /// `HOST(config-line)#`, of the local socket's: nothing is set there
    Console,
    /// `HOST(conf-ssh-pubkey)#`
    SshPubkey,
    /// `HOST(conf-ssh-pubkey-user)#`
    SshPubkeyUser,
    /// `HOST(conf-ssh-pubkey-data)#`: the lines of a key
    SshPubkeyData,
    /// Not a mode of its own: what follows `do`, all of [`Mode::Privileged`] but what leads elsewhere.
    Do,
    /// Not a mode of its own: what follows `|` after a `show`.
    Pipe,
}

impl Mode {
    /// Every mode that has entries of its own.
    pub const ALL: [Mode; 13] = [
        Mode::User,
        Mode::Privileged,
        Mode::Config,
        Mode::ImageProfile,
        Mode::ImageProfileTftp,
        Mode::ImageProfileSftp,
        Mode::ImageProfileHttp,
        Mode::Line,
        Mode::Console,
        Mode::SshPubkey,
        Mode::SshPubkeyUser,
        Mode::SshPubkeyData,
        Mode::Pipe,
    ];

    /// Whether settings are made here, so that `no` has a meaning.
    pub fn is_config(self) -> bool {
        match self {
            Mode::Config
            | Mode::ImageProfile
            | Mode::ImageProfileTftp
            | Mode::ImageProfileSftp
            | Mode::ImageProfileHttp
            | Mode::Line
            | Mode::Console
            | Mode::SshPubkey
            | Mode::SshPubkeyUser
            | Mode::SshPubkeyData => true,
            Mode::User | Mode::Privileged | Mode::Do | Mode::Pipe => false,
        }
    }

    /// What stands after the hostname in the prompt.
    pub fn prompt(self) -> &'static str {
        match self {
            Mode::User => ">",
            Mode::Privileged => "#",
            Mode::Config => "(config)#",
            Mode::ImageProfile => "(config-wireless-image-download-profile)#",
            Mode::ImageProfileTftp => "(config-wireless-image-download-profile-tftp)#",
            Mode::ImageProfileSftp => "(config-wireless-image-download-profile-sftp)#",
            Mode::ImageProfileHttp => "(config-wireless-image-download-profile-http)#",
            Mode::Line | Mode::Console => "(config-line)#",
            Mode::SshPubkey => "(conf-ssh-pubkey)#",
            Mode::SshPubkeyUser => "(conf-ssh-pubkey-user)#",
            Mode::SshPubkeyData => "(conf-ssh-pubkey-data)#",
            Mode::Do => "do",
            Mode::Pipe => "|",
        }
    }

    /// What `exit` leads to; none where it ends the session.
    pub fn parent(self) -> Option<Mode> {
        match self {
            Mode::User | Mode::Privileged | Mode::Do | Mode::Pipe => None,
            Mode::Config => Some(Mode::Privileged),
            Mode::ImageProfile | Mode::Line | Mode::Console | Mode::SshPubkey => Some(Mode::Config),
            Mode::SshPubkeyUser => Some(Mode::SshPubkey),
            Mode::SshPubkeyData => Some(Mode::SshPubkeyUser),
            Mode::ImageProfileTftp | Mode::ImageProfileSftp | Mode::ImageProfileHttp => Some(Mode::ImageProfile),
        }
    }
}

/// One word of a command.
#[derive(Clone, Copy, Debug)]
pub enum Token {
    /// A fixed word.
    Keyword {
        /// The word, in full.
        word: &'static str,
        /// What `?` says of it.
        help: &'static str,
    },
    /// A value.
    Arg {
        /// What is accepted.
        arg: Arg,
        /// What `?` says of it.
        help: &'static str,
    },
}

/// One command.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Where it may be typed. A command that is privileged is not in [`Mode::User`].
    pub modes: &'static [Mode],
    /// Its words.
    pub tokens: &'static [Token],
    /// What it means. The arguments are those of `tokens`, in order.
    pub action: fn(&Args) -> Action,
    /// Its `no` form.
    pub no: Option<No>,
}

/// The `no` form of a command.
#[derive(Clone, Copy, Debug)]
pub struct No {
    /// How many of the tokens are needed; the others may follow and are not looked at.
    pub keep: usize,
    /// What it means. Only arguments among the first `keep` tokens are sure to be there.
    pub action: fn(&Args) -> Action,
}

const fn kw(word: &'static str, help: &'static str) -> Token {
    Token::Keyword { word, help }
}

const fn arg(arg: Arg, help: &'static str) -> Token {
    Token::Arg { arg, help }
}

/// The commands of a mode, in the table's order.
pub fn entries(mode: Mode) -> impl Iterator<Item = &'static Entry> {
    table().filter(move |e| e.modes.contains(&mode))
}

/// Every command.
pub fn table() -> impl Iterator<Item = &'static Entry> {
    exec::TABLE
        .iter()
        .chain(ap::TABLE)
        .chain(config::TABLE)
        .chain(logging::TABLE)
        .chain(collectors::TABLE)
        .chain(compat::TABLE)
        .chain(install::TABLE)
        .chain(dtls::TABLE)
        .chain(profile::TABLE)
        .chain(serve::TABLE)
        .chain(servers::TABLE)
        .chain(startup::TABLE)
        .chain(upgrade::TABLE)
        .chain(upgrade::BEGIN)
        .chain(access::TABLE)
        .chain(system::TABLE)
        .chain(ledger::TABLE)
        .chain(debug::TABLE)
        .chain(clear::TABLE)
        .chain(pipe::TABLE)
}

#[cfg(test)]
mod tests;
