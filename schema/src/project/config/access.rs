//! `username ...`, `enable secret`, `ip ssh ...`, `line vty`: who may use the command line over SSH, and how.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::id::SecretId;
use crate::setting::{Setting, UserChange};

/// Who may use the command line over SSH, and how.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessConfig {
    /// The accounts. SSH is served while there is one.
    pub users: BTreeMap<String, UserConfig>,
    /// Public keys by user, `ALGORITHM BASE64`. They let nobody in who has no account.
    pub keys: BTreeMap<String, BTreeSet<String>>,
    /// The hash of the password of `enable`.
    pub enable: Option<SecretId>,
    /// The TCP port (2222).
    pub port: u16,
    /// The address; none: every one.
    pub listen: Option<IpAddr>,
    /// Seconds without input before a session ends (600); 0: never.
    pub exec_timeout: u32,
    /// Seconds that a client may take to log in (60).
    pub time_out: u8,
    /// Wrong passwords of one connection (3); 0 allows one, as 1 does.
    pub retries: u8,
}

/// An account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserConfig {
    /// 0 to 15; 15 starts in privileged exec.
    pub privilege: u8,
    /// The hash of the password; none: only a key lets in.
    pub secret: Option<SecretId>,
}

impl Default for UserConfig {
    fn default() -> Self {
        UserConfig { privilege: 1, secret: None }
    }
}

impl AccessConfig {
    /// The port of `ip ssh port` by default.
    pub const PORT: u16 = 2222;

    pub(super) fn change_user(&mut self, name: String, change: UserChange) {
        let user = self.users.entry(name).or_default();
        user.privilege = change.privilege.unwrap_or(user.privilege);
        user.secret = change.secret.or(user.secret);
    }

    pub(super) fn change_key(&mut self, name: &str, key: String, on: bool) {
        let keys = self.keys.entry(name.to_owned()).or_default();
        if on {
            keys.insert(key);
        } else {
            keys.remove(&key);
        }
        if keys.is_empty() {
            self.keys.remove(name);
        }
    }

    pub(super) fn secrets(&self) -> impl Iterator<Item = SecretId> {
        self.users.values().filter_map(|user| user.secret).chain(self.enable)
    }

    /// The settings that lead from this to `wanted`.
    pub(super) fn difference(&self, wanted: &AccessConfig) -> Vec<Setting> {
        let mut out = Vec::new();
        for gone in self.users.keys().filter(|name| !wanted.users.contains_key(*name)) {
            out.push(Setting::NoUser(gone.clone()));
        }
        for (name, user) in &wanted.users {
            let known = self.users.get(name);
            if known == Some(user) {
                continue;
            }
            if known.is_some_and(|known| known.secret.is_some()) && user.secret.is_none() {
                // A change only ever adds a secret.
                out.push(Setting::NoUser(name.clone()));
            }
            let change = UserChange { privilege: Some(user.privilege), secret: user.secret };
            out.push(Setting::User(name.clone(), change));
        }
        let none = BTreeSet::new();
        for (name, keys) in &self.keys {
            for gone in keys.difference(wanted.keys.get(name).unwrap_or(&none)) {
                out.push(Setting::UserKey(name.clone(), gone.clone(), false));
            }
        }
        for (name, keys) in &wanted.keys {
            for new in keys.difference(self.keys.get(name).unwrap_or(&none)) {
                out.push(Setting::UserKey(name.clone(), new.clone(), true));
            }
        }
        let mut put = |differs: bool, setting: Setting| {
            if differs {
                out.push(setting);
            }
        };
        put(self.enable != wanted.enable, Setting::EnableSecret(wanted.enable));
        put(self.port != wanted.port, Setting::SshPort(wanted.port));
        put(self.listen != wanted.listen, Setting::SshListen(wanted.listen));
        put(self.exec_timeout != wanted.exec_timeout, Setting::ExecTimeout(wanted.exec_timeout));
        put(self.time_out != wanted.time_out, Setting::SshTimeOut(wanted.time_out));
        put(self.retries != wanted.retries, Setting::SshRetries(wanted.retries));
        out
    }
}

impl Default for AccessConfig {
    fn default() -> Self {
        AccessConfig {
            users: BTreeMap::new(),
            keys: BTreeMap::new(),
            enable: None,
            port: Self::PORT,
            listen: None,
            exec_timeout: 600,
            time_out: 60,
            retries: 3,
        }
    }
}
