//! `logging ...`, `service timestamps log`, `service sequence-numbers`, `clock timezone`: where the log goes and how it reads.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::setting::{LogDelivery, LogForm, LogHost, LogStamp, LogTransport, Setting, Timezone};

/// Where the log goes and how it reads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoggingConfig {
    /// The collectors, and how each has the lines.
    pub hosts: BTreeMap<LogHost, LogDelivery>,
    /// `logging tls ca FILE`; none: the system's authorities.
    pub authority: Option<String>,
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
            authority: None,
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
        let mut out: Vec<_> = gone.map(|host| without(*host)).collect();
        let new = wanted.hosts.iter().filter(|(host, delivery)| self.hosts.get(host) != Some(delivery));
        out.extend(new.map(|(host, delivery)| with(*host, delivery)));
        let mut put = |differs: bool, setting: Setting| {
            if differs {
                out.push(setting);
            }
        };
        put(self.authority != wanted.authority, Setting::LoggingTlsAuthority(wanted.authority.clone()));
        put(self.origin_id != wanted.origin_id, Setting::LoggingOriginId(wanted.origin_id));
        put(self.stamp != wanted.stamp, Setting::LogTimestamps(wanted.stamp));
        put(self.numbers != wanted.numbers, Setting::LogSequenceNumbers(wanted.numbers));
        put(self.timezone != wanted.timezone, Setting::ClockTimezone(wanted.timezone.clone()));
        out
    }
}

/// UDP has settings of its own, which ledgers know longer.
fn with(host: LogHost, delivery: &LogDelivery) -> Setting {
    match (host.transport, delivery.form) {
        (LogTransport::Udp, LogForm::Ios) => Setting::LoggingHost(host.address),
        (LogTransport::Udp, form) => Setting::LoggingHostForm(host.address, form),
        (LogTransport::Tcp | LogTransport::Tls, _) => Setting::LoggingHostOver(host, delivery.clone()),
    }
}

fn without(host: LogHost) -> Setting {
    match host.transport {
        LogTransport::Udp => Setting::NoLoggingHost(host.address),
        LogTransport::Tcp | LogTransport::Tls => Setting::NoLoggingHostOver(host),
    }
}
