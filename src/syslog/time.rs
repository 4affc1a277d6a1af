//! The moment at the head of a line: `service timestamps log datetime msec [localtime] [show-timezone] [year]`.

use std::time::Duration;

use capledger_schema::project::Config;
use capledger_schema::setting::LogStamp;
use capledger_schema::time::Timestamp;
use jiff::tz::{Offset, TimeZone};

use super::Entry;

/// How far the clock is to be trusted, as IOS marks it before the time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClockMark {
    /// `*`: the clock is not authoritative.
    #[default]
    NotAuthoritative,
    /// `.`: it was, but lost its source.
    LostSource,
    /// Nothing: it is synchronised.
    Synchronised,
}

/// The form of a line's moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimeFormat {
    /// The mark before the time.
    pub mark: ClockMark,
    /// What stands before a line of the log.
    pub stamp: Stamp,
    /// `service sequence-numbers`: whether a line's number stands before that.
    pub numbers: bool,
    /// `msec`: three decimals.
    pub milliseconds: bool,
    /// `year`: after the day.
    pub year: bool,
    /// `show-timezone`: after the time.
    pub show_timezone: bool,
    /// The zone that moments are told in.
    pub zone: TimeZone,
    /// Its name; none: as the zone has it.
    pub zone_name: Option<String>,
    /// Whether a line's moment is told in it too, or in UTC: `localtime`.
    pub local: bool,
}

/// What stands before a line of the log: `service timestamps log`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stamp {
    /// Nothing.
    None,
    /// The time since the controller's start.
    Uptime,
    /// The moment.
    #[default]
    Datetime,
}

impl Default for TimeFormat {
    fn default() -> Self {
        TimeFormat {
            mark: ClockMark::default(),
            stamp: Stamp::default(),
            numbers: false,
            milliseconds: true,
            year: false,
            show_timezone: false,
            zone: TimeZone::UTC,
            zone_name: None,
            local: true,
        }
    }
}

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const WEEKDAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

impl TimeFormat {
    /// As a configuration has it.
    pub fn of(config: &Config) -> TimeFormat {
        let logging = &config.logging;
        let stamp = match logging.stamp {
            None => Stamp::None,
            Some(LogStamp::Uptime) => Stamp::Uptime,
            Some(LogStamp::Datetime { .. }) => Stamp::Datetime,
        };
        let default = TimeFormat { stamp, numbers: logging.numbers, local: false, ..TimeFormat::default() };
        let format = match logging.stamp {
            None | Some(LogStamp::Uptime) => default,
            Some(LogStamp::Datetime { msec, localtime, show_timezone, year }) => {
                TimeFormat { milliseconds: msec, local: localtime, show_timezone, year, ..default }
            }
        };
        let Some(zone) = &logging.timezone else { return format };
        // What no zone of the earth has is told in UTC.
        let offset = Offset::from_seconds(i32::from(zone.minutes) * 60).unwrap_or(Offset::UTC);
        TimeFormat { zone: TimeZone::fixed(offset), zone_name: Some(zone.name.clone()), ..format }
    }

    /// What stands before a line of the log: its number, its moment or the controller's uptime then.
    pub fn before(&self, entry: &Entry) -> String {
        let number = if self.numbers { format!("{:06}: ", entry.ordinal) } else { String::new() };
        match self.stamp {
            Stamp::None => number,
            Stamp::Uptime => format!("{number}{}: ", uptime(entry.at.since(entry.started.unwrap_or(entry.at)))),
            Stamp::Datetime => format!("{number}{}: ", self.format(entry.at)),
        }
    }

    /// The moment in this form: `*Feb  1 17:05:37.108`. The day is padded to two columns; collectors insist on it.
    pub fn format(&self, at: Timestamp) -> String {
        let mark = match self.mark {
            ClockMark::NotAuthoritative => "*",
            ClockMark::LostSource => ".",
            ClockMark::Synchronised => "",
        };
        let (civil, zone) = if self.local { self.civil(at) } else { (at.civil(), "UTC".to_owned()) };
        let year = if self.year { format!(" {}", civil.year()) } else { String::new() };
        let msec = if self.milliseconds { format!(".{:03}", civil.millisecond()) } else { String::new() };
        let zone = if self.show_timezone { format!(" {zone}") } else { String::new() };
        format!(
            "{mark}{} {:>2}{year} {:02}:{:02}:{:02}{msec}{zone}",
            month(civil),
            civil.day(),
            civil.hour(),
            civil.minute(),
            civil.second(),
        )
    }

    /// The moment as `show clock` prints it: `*17:05:37.108 UTC Thu Feb 1 2024`.
    pub fn clock(&self, at: Timestamp) -> String {
        let (civil, zone) = self.civil(at);
        let mark = match self.mark {
            ClockMark::NotAuthoritative => "*",
            ClockMark::LostSource => ".",
            ClockMark::Synchronised => "",
        };
        format!(
            "{mark}{:02}:{:02}:{:02}.{:03} {zone} {} {} {} {}",
            civil.hour(),
            civil.minute(),
            civil.second(),
            civil.millisecond(),
            weekday(civil),
            month(civil),
            civil.day(),
            civil.year(),
        )
    }

    /// The moment as `install` prints it: `Thu Feb  1 17:05:37 UTC 2024`.
    pub fn date(&self, at: Timestamp) -> String {
        let (civil, zone) = self.civil(at);
        format!(
            "{} {} {:>2} {:02}:{:02}:{:02} {zone} {}",
            weekday(civil),
            month(civil),
            civil.day(),
            civil.hour(),
            civil.minute(),
            civil.second(),
            civil.year(),
        )
    }

    fn civil(&self, at: Timestamp) -> (jiff::civil::DateTime, String) {
        match jiff::Timestamp::from_microsecond(at.0) {
            Ok(ts) => {
                let zoned = ts.to_zoned(self.zone.clone());
                let name = self.zone_name.clone().unwrap_or_else(|| zoned.strftime("%Z").to_string());
                (zoned.datetime(), name)
            }
            Err(_) => (at.civil(), "UTC".to_owned()),
        }
    }
}

/// As IOS tells it, in at most two units: `00:02:05`, `3d04h`, `2w1d`, `1y7w`.
fn uptime(span: Duration) -> String {
    let seconds = span.as_secs();
    let (hours, days) = (seconds / 3_600, seconds / 86_400);
    match days {
        0 => format!("{hours:02}:{:02}:{:02}", seconds / 60 % 60, seconds % 60),
        1..=6 => format!("{days}d{:02}h", hours % 24),
        7..=364 => format!("{}w{}d", days / 7, days % 7),
        365.. => format!("{}y{}w", days / 365, days % 365 / 7),
    }
}

fn month(civil: jiff::civil::DateTime) -> &'static str {
    MONTHS[civil.month() as usize - 1]
}

fn weekday(civil: jiff::civil::DateTime) -> &'static str {
    WEEKDAYS[civil.weekday().to_monday_zero_offset() as usize]
}
