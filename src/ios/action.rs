//! What a line of the command line means, typed: the right-hand side of every entry of the grammar.

use capledger_schema::id::SecretId;
use capledger_schema::setting::{ServeLogin, Setting, UserChange};

use super::debug::Debugs;
use super::grammar::Mode;
use super::key_chain::KeyLine;
use super::pipe::Modifier;
use super::shell::Terminal;
use crate::command::Command;
use crate::secrets::{Plain, Typed, password};

/// What a line means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Print a view.
    Show(Show),
    /// Ask the core.
    Run(Command),
    /// Ask the core if the operator agrees: `Clear log? [confirm]`. Enter and `y` agree; where nobody sits at a terminal
    /// (`exec`, a pipe) there is no question.
    Confirm(&'static str, Command),
    /// Have something done by what surrounds the command line.
    Errand(Errand),
    /// `install activate` without a version: the staged one, else that of the image that was added last.
    ActivateAdded {
        /// Minutes until the committed version comes back; 0: never; none: as configured.
        auto_abort: Option<u32>,
    },
    /// Change settings, enter a mode, or both.
    Configure {
        /// In the order in which they take effect.
        settings: Vec<Setting>,
        /// The mode to be in afterwards; none to stay.
        enter: Option<Mode>,
    },
    /// Change a setting that holds a secret: it is sealed at once, and the setting names it.
    ConfigureSecret {
        /// Which setting.
        setting: SecretSetting,
        /// The secret, as typed.
        secret: Typed,
    },
    /// A line of `ip ssh pubkey-chain`.
    Keys(KeyLine),
    /// Print words that are always the same.
    Say(&'static str),
    /// A line that is known and means nothing here: it changes nothing and says nothing.
    Nothing,
    /// A command that is known and never works: what is told instead.
    Refuse(&'static str),
    /// `exit`: one mode up; the session ends in an exec mode.
    Exit,
    /// `end`: back to privileged exec.
    End,
    /// `do LINE`: an exec command from a configuration mode.
    Do(String),
    /// `enable`
    Enable,
    /// `disable`
    Disable,
    /// `terminal length N`: lines of a page; 0 for no paging.
    TerminalLength(u16),
    /// `terminal width N`: columns; 0 for no limit.
    TerminalWidth(u16),
    /// `terminal monitor`, `terminal no monitor`: whether new lines of the log are printed.
    TerminalMonitor(bool),
    /// `debug ...`, `undebug ...`, `no debug ...`
    Debug {
        /// Which.
        these: Debugs,
        /// Whether they begin or end.
        on: bool,
    },
    /// `undebug all`
    UndebugAll,
    /// What follows `|`.
    Modify(Modifier),
}

/// A setting that lacks nothing but its sealed secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSetting {
    /// `sftp-password 0|6 WORD`
    SftpPassword,
    /// `image-server login NAME password 0|6 WORD`
    ImageServeLogin {
        /// The user's name.
        user: String,
    },
    /// `username NAME [privilege N] secret 0|6|9 WORD`
    User {
        /// The user's name.
        name: String,
        /// The level that is set beside it.
        privilege: Option<u8>,
        /// Whether the secret is the hash of a password (type 9) and not the password.
        hashed: bool,
    },
    /// `enable secret 0|6|9 WORD`
    Enable {
        /// Whether the secret is the hash of a password (type 9) and not the password.
        hashed: bool,
    },
    /// `ap dtls psk IDENTITY key 0|6 HEX`
    DtlsPsk {
        /// The identity that the access point names.
        identity: String,
    },
}

impl SecretSetting {
    /// What stands in the way of this secret, in clear, for this setting.
    pub fn check(&self, secret: &Plain) -> Result<(), &'static str> {
        match self {
            SecretSetting::SftpPassword
            | SecretSetting::ImageServeLogin { .. }
            | SecretSetting::User { hashed: false, .. }
            | SecretSetting::Enable { hashed: false } => Ok(()),
            SecretSetting::User { hashed: true, .. } | SecretSetting::Enable { hashed: true } => {
                if password::is_hash(secret) { Ok(()) } else { Err("a secret of type 9 begins with $argon2id$") }
            }
            SecretSetting::DtlsPsk { .. } => {
                let hex = secret.expose();
                let fits = hex.len().is_multiple_of(2) && (2..=128).contains(&hex.len());
                let fits = fits && hex.bytes().all(|b| b.is_ascii_hexdigit());
                if fits { Ok(()) } else { Err("a key has 1 to 64 octets, each of two hexadecimal digits") }
            }
        }
    }

    /// Whose password it is, if it is kept as a hash alone: one account and another have different salts.
    pub fn hashed_for(&self) -> Option<String> {
        match self {
            SecretSetting::User { name, hashed: false, .. } => Some(format!("username {name}")),
            SecretSetting::Enable { hashed: false } => Some("enable".to_owned()),
            SecretSetting::User { hashed: true, .. }
            | SecretSetting::Enable { hashed: true }
            | SecretSetting::SftpPassword
            | SecretSetting::ImageServeLogin { .. }
            | SecretSetting::DtlsPsk { .. } => None,
        }
    }

    /// The setting.
    pub fn with(self, secret: SecretId) -> Setting {
        match self {
            SecretSetting::SftpPassword => Setting::SftpPassword(Some(secret)),
            SecretSetting::ImageServeLogin { user } => {
                Setting::ImageServeLogin(Some(ServeLogin { user, password: secret }))
            }
            SecretSetting::User { name, privilege, .. } => {
                Setting::User(name, UserChange { privilege, secret: Some(secret) })
            }
            SecretSetting::Enable { .. } => Setting::EnableSecret(Some(secret)),
            SecretSetting::DtlsPsk { identity } => Setting::DtlsPsk(identity, Some(secret)),
        }
    }
}

/// What is neither shown nor asked of the core alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Errand {
    /// `write memory`, `copy running-config startup-config`: save the running configuration.
    Save {
        /// Whether it asks under which name.
        asks: bool,
    },
    /// `reload`: stop the controller and start it again.
    Reload,
}

/// A part of what is installed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InstallPart {
    /// What runs.
    Active,
    /// What stays or comes back.
    Committed,
    /// What does not run.
    Inactive,
}

/// A view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Show {
    /// `show ap image`
    ApImage,
    /// `show ap image file summary`
    ApImageFiles,
    /// `show ap name N image history`: a name or an address.
    ApImageHistory(String),
    /// `show ap image reason`
    ApImageReason,
    /// `show ap name NAME config general`
    ApConfig(String),
    /// `show ap status`
    ApStatus,
    /// `show ap summary`
    ApSummary,
    /// `show ap upgrade`
    ApUpgrade,
    /// `show ap upgrade ap-list`
    ApUpgradeList,
    /// `show ap upgrade summary`
    ApUpgradeSummary,
    /// `show clock`
    Clock,
    /// `show debugging`
    Debugging {
        /// What the session that asks debugs, which the grammar does not know.
        on: Debugs,
    },
    /// `show history`
    History {
        /// What was typed in the session that asks, which the grammar does not know.
        lines: Vec<String>,
    },
    /// `show wireless dtls connections`
    DtlsConnections,
    /// `show hosts`
    Hosts,
    /// `show image-server`
    ImageServer,
    /// `show wireless stats ap join summary`
    ApJoins,
    /// `show wireless ewc-ap ap image predownload status`
    Predownloads,
    /// `show wireless ewc-ap predownload status`
    PredownloadStatus,
    /// `show install summary`
    InstallSummary,
    /// `show install active|committed|inactive`
    InstallPart(InstallPart),
    /// `show install rollback`
    InstallRollback,
    /// `show install log`
    InstallLog,
    /// `show inventory`
    Inventory,
    /// `show ip interface brief`
    IpInterfaces,
    /// `show ip ssh`
    IpSsh,
    /// `show operation`
    Operations,
    /// `show operation ID`
    Operation(u64),
    /// `show ledger ...`
    Ledger(LedgerView),
    /// `show logging [last N]`
    Logging {
        /// Only so many lines.
        last: Option<u32>,
    },
    /// `show privilege`
    Privilege,
    /// `show running-config`
    RunningConfig,
    /// `show switch virtual`
    SwitchVirtual,
    /// `show users`
    Users {
        /// The line of the session that asks, which the grammar does not know.
        own: Option<u16>,
    },
    /// `show startup-config`
    StartupConfig,
    /// `show tech-support`
    TechSupport,
    /// `show terminal`
    Terminal {
        /// What the session that asks has, which the grammar does not know.
        now: Terminal,
    },
    /// `show version`
    Version,
    /// `show vlan [brief]`
    Vlans,
    /// `show wireless profile image-download summary`
    ProfileSummary,
    /// `show wireless profile image-download [detailed default]`
    ProfileDetailed,
}

/// A view of the ledger itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LedgerView {
    /// `show ledger [summary]`
    Summary,
    /// `show ledger last N`
    Last(u32),
    /// `show ledger ap N`: a name or an address.
    Ap(String),
    /// `show ledger operation ID`
    Operation(u64),
}

impl Show {
    /// Whether it reads through the ledger, which takes as long as the ledger is long.
    pub fn reads_history(&self) -> bool {
        matches!(self, Show::Ledger(_) | Show::ApImageHistory(_) | Show::TechSupport)
    }
}
