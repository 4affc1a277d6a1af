//! Who may use the command line, and how: accounts, `enable secret`, `ip ssh ...`, `line vty`.

use capledger_schema::project::Config;
use capledger_schema::project::config::AccessConfig;
use capledger_schema::setting::{Setting, UserChange};

use super::config::{config, set, to_default};
use super::secret::{CLEAR, SEALED, SECRET, clear, sealed, untold};
use super::{Arg, Args, Entry, Mode, No, Token, arg, kw};
use crate::ios::action::{Action, SecretSetting};
use crate::ios::key_chain::KeyLine;

const CONFIG: &[Mode] = &[Mode::Config];
const LINE: &[Mode] = &[Mode::Line];

const USERNAME: Token = kw("username", "Establish user name authentication");
const USER: Token = arg(Arg::Hostname, "User name");
const PRIVILEGE: Token = kw("privilege", "Set user privilege level");
const LEVEL: Token = arg(Arg::Number(0, 15), "User privilege level; 15 may do everything");
const USER_SECRET: Token = kw("secret", "Specify the secret for the user");
const USER_PASSWORD: Token = kw("password", "Specify the password for the user; it is hashed as a secret is");
const HASHED: Token = kw("9", "The Argon2id hash of the secret follows");

const ENABLE: Token = kw("enable", "Modify enable password parameters");
const ENABLE_SECRET: Token = kw("secret", "Assign the privileged level secret");

const IP: Token = kw("ip", "Global IP configuration subcommands");
const SSH: Token = kw("ssh", "Configure SSH options");

const KEY_STRING: Token = kw("key-string", "A public key of the user");

const LINE_WORD: Token = kw("line", "Configure a terminal line");
const VTY: Token = kw("vty", "Virtual terminal");
const FIRST: Token = arg(Arg::Number(0, 15), "First line number");
const EXEC_TIMEOUT: Token = kw("exec-timeout", "Set the EXEC timeout");
const MINUTES: Token = arg(Arg::Number(0, 35_791), "Timeout in minutes (10); 0 0 for none");

/// An entry that has no `no` form of its own: that of its shortest form stands for it.
const fn only(tokens: &'static [Token], action: fn(&Args) -> Action) -> Entry {
    Entry { modes: CONFIG, tokens, action, no: None }
}

const fn line(tokens: &'static [Token], action: fn(&Args) -> Action, no: Option<No>) -> Entry {
    Entry { modes: LINE, tokens, action, no }
}

fn user(a: &Args, privilege: bool, hashed: bool) -> SecretSetting {
    SecretSetting::User { name: a.text(0), privilege: privilege.then(|| a.fit(1)), hashed }
}

fn enter_line(_: &Args) -> Action {
    Action::Configure { settings: Vec::new(), enter: Some(Mode::Line) }
}

fn timeout(seconds: u64) -> Action {
    // The numbers' ranges keep it below 2^31.
    set(Setting::ExecTimeout(u32::try_from(seconds).unwrap_or(u32::MAX)))
}

pub(super) static TABLE: &[Entry] = &[
    config(
        &[USERNAME, USER],
        |a| set(Setting::User(a.text(0), UserChange::default())),
        2,
        |a| set(Setting::NoUser(a.text(0))),
    ),
    only(&[USERNAME, USER, PRIVILEGE, LEVEL], |a| {
        set(Setting::User(a.text(0), UserChange { privilege: Some(a.fit(1)), secret: None }))
    }),
    only(&[USERNAME, USER, PRIVILEGE, LEVEL, USER_SECRET, CLEAR, SECRET], |a| clear(user(a, true, false), a, 2)),
    only(&[USERNAME, USER, PRIVILEGE, LEVEL, USER_SECRET, SEALED, SECRET], |a| sealed(user(a, true, false), a, 2)),
    only(&[USERNAME, USER, PRIVILEGE, LEVEL, USER_SECRET, HASHED, SECRET], |a| clear(user(a, true, true), a, 2)),
    only(&[USERNAME, USER, PRIVILEGE, LEVEL, USER_SECRET, SECRET], |a| untold(user(a, true, false), a, 2)),
    only(&[USERNAME, USER, USER_SECRET, CLEAR, SECRET], |a| clear(user(a, false, false), a, 1)),
    only(&[USERNAME, USER, USER_SECRET, SEALED, SECRET], |a| sealed(user(a, false, false), a, 1)),
    only(&[USERNAME, USER, USER_SECRET, HASHED, SECRET], |a| clear(user(a, false, true), a, 1)),
    only(&[USERNAME, USER, USER_SECRET, SECRET], |a| untold(user(a, false, false), a, 1)),
    only(&[USERNAME, USER, PRIVILEGE, LEVEL, USER_PASSWORD, CLEAR, SECRET], |a| clear(user(a, true, false), a, 2)),
    only(&[USERNAME, USER, PRIVILEGE, LEVEL, USER_PASSWORD, SECRET], |a| untold(user(a, true, false), a, 2)),
    only(&[USERNAME, USER, USER_PASSWORD, CLEAR, SECRET], |a| clear(user(a, false, false), a, 1)),
    only(&[USERNAME, USER, USER_PASSWORD, SECRET], |a| untold(user(a, false, false), a, 1)),
    config(
        &[ENABLE, ENABLE_SECRET, CLEAR, SECRET],
        |a| clear(SecretSetting::Enable { hashed: false }, a, 0),
        2,
        |_| set(Setting::EnableSecret(None)),
    ),
    only(&[ENABLE, ENABLE_SECRET, SEALED, SECRET], |a| sealed(SecretSetting::Enable { hashed: false }, a, 0)),
    only(&[ENABLE, ENABLE_SECRET, HASHED, SECRET], |a| clear(SecretSetting::Enable { hashed: true }, a, 0)),
    only(&[ENABLE, ENABLE_SECRET, SECRET], |a| untold(SecretSetting::Enable { hashed: false }, a, 0)),
    config(
        &[IP, SSH, kw("port", "TCP port of the SSH server"), arg(Arg::Number(1, 65_535), "Port number (2222)")],
        |a| set(Setting::SshPort(a.fit(0))),
        3,
        |_| set(Setting::SshPort(AccessConfig::PORT)),
    ),
    config(
        &[IP, SSH, kw("listen", "The address where SSH is served"), arg(Arg::Address, "Address of the controller")],
        |a| set(Setting::SshListen(Some(a.address(0)))),
        3,
        |_| set(Setting::SshListen(None)),
    ),
    config(
        &[IP, SSH, kw("time-out", "How long a client may take to log in"), arg(Arg::Number(1, 120), "Seconds (60)")],
        |a| set(Setting::SshTimeOut(a.fit(0))),
        3,
        |_| to_default(|c| Setting::SshTimeOut(c.access.time_out)),
    ),
    config(
        &[
            IP,
            SSH,
            kw("authentication-retries", "Wrong passwords before a connection is closed"),
            arg(Arg::Number(0, 5), "Number (3); 0 is as 1"),
        ],
        |a| set(Setting::SshRetries(a.fit(0))),
        3,
        |_| to_default(|c| Setting::SshRetries(c.access.retries)),
    ),
    only(&[IP, SSH, kw("pubkey-chain", "The public keys of users")], |_| Action::Configure {
        settings: Vec::new(),
        enter: Some(Mode::SshPubkey),
    }),
    Entry {
        modes: &[Mode::SshPubkey],
        tokens: &[kw("username", "Whose keys"), USER],
        action: |a| Action::Keys(KeyLine::User(a.text(0))),
        no: Some(No { keep: 2, action: |a| Action::Keys(KeyLine::NoUser(a.text(0))) }),
    },
    Entry { modes: &[Mode::SshPubkeyUser], tokens: &[KEY_STRING], action: |_| Action::Keys(KeyLine::Begin), no: None },
    Entry {
        modes: &[Mode::SshPubkeyUser],
        tokens: &[KEY_STRING, arg(Arg::Key, "The key, as OpenSSH writes it")],
        action: |a| Action::Keys(KeyLine::Whole(a.text(0))),
        no: Some(No { keep: 2, action: |a| Action::Keys(KeyLine::Remove(a.text(0))) }),
    },
    Entry {
        modes: &[Mode::SshPubkeyData],
        tokens: &[arg(Arg::Key, "The next line of the key")],
        action: |a| Action::Keys(KeyLine::Data(a.text(0))),
        no: None,
    },
    Entry {
        modes: &[Mode::SshPubkeyData],
        tokens: &[kw("exit", "The key is complete")],
        action: |_| Action::Keys(KeyLine::End),
        no: None,
    },
    only(&[LINE_WORD, VTY, FIRST], enter_line),
    only(&[LINE_WORD, VTY, FIRST, arg(Arg::Number(0, 15), "Last line number")], |a| {
        if a.number(1) < a.number(0) { Action::Refuse("The last line is before the first") } else { enter_line(a) }
    }),
    line(
        &[EXEC_TIMEOUT, MINUTES],
        |a| timeout(a.number(0) * 60),
        Some(No { keep: 1, action: |_| to_default(|c: &Config| Setting::ExecTimeout(c.access.exec_timeout)) }),
    ),
    line(
        &[EXEC_TIMEOUT, MINUTES, arg(Arg::Number(0, 59), "Timeout in seconds beside the minutes")],
        |a| timeout(a.number(0) * 60 + a.number(1)),
        None,
    ),
];
