//! `logging ...`, `service timestamps log`, `service sequence-numbers`, `clock timezone`: where the log goes and how it reads.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::setting::{LogForm, LogStamp, Setting, Timezone};

/// Where the log goes and how it reads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoggingConfig {
    /// The collectors, and in which form each has the lines. All of them by UDP.
    pub hosts: BTreeMap<SocketAddr, LogForm>,
    /// `logging origin-id hostname`
    pub origin_id: bool,
    /// `service timestamps log`; none: lines have no time.
    pub stamp: Option<LogStamp>,
    /// `service sequence-numbers`: whether each line has its number in the log.
    pub numbers: bool,
    /// `clock timezone`; none: UTC.
    pub timezone: Option<Timezone>,
}

impl Default for LoggingConfig {
    fn default() -> Self {
        LoggingConfig {
            hosts: BTreeMap::new(),
            origin_id: false,
            stamp: Some(LogStamp::default()),
            numbers: false,
            timezone: None,
        }
    }
}

impl LoggingConfig {
    /// The settings that lead from this to `wanted`.
    pub(super) fn difference(&self, wanted: &LoggingConfig) -> Vec<Setting> {
        let gone = self.hosts.keys().filter(|host| !wanted.hosts.contains_key(host));
        let mut out: Vec<_> = gone.map(|host| Setting::NoLoggingHost(*host)).collect();
        let new = wanted.hosts.iter().filter(|(host, form)| self.hosts.get(host) != Some(form));
        out.extend(new.map(|(host, form)| match form {
            LogForm::Ios => Setting::LoggingHost(*host),
            LogForm::Rfc3164 | LogForm::Rfc5424 => Setting::LoggingHostForm(*host, *form),
        }));
        let mut put = |differs: bool, setting: Setting| {
            if differs {
                out.push(setting);
            }
        };
        put(self.origin_id != wanted.origin_id, Setting::LoggingOriginId(wanted.origin_id));
        put(self.stamp != wanted.stamp, Setting::LogTimestamps(wanted.stamp));
        put(self.numbers != wanted.numbers, Setting::LogSequenceNumbers(wanted.numbers));
        put(self.timezone != wanted.timezone, Setting::ClockTimezone(wanted.timezone.clone()));
        out
    }
}
