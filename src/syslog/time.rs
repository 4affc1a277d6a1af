//! The moment at the head of a line: `service timestamps log datetime msec [localtime] [show-timezone] [year]`.

use capledger_schema::time::Timestamp;
use jiff::tz::TimeZone;

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
    /// `msec`: three decimals.
    pub milliseconds: bool,
    /// `year`: after the day.
    pub year: bool,
    /// `show-timezone`: after the time.
    pub show_timezone: bool,
    /// The zone that moments are told in.
    pub zone: TimeZone,
}

impl Default for TimeFormat {
    fn default() -> Self {
        TimeFormat {
            mark: ClockMark::default(),
            milliseconds: true,
            year: false,
            show_timezone: false,
            zone: TimeZone::UTC,
        }
    }
}

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const WEEKDAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

impl TimeFormat {
    /// The moment in this form: `*Feb  1 17:05:37.108`. The day is padded to two columns; collectors insist on it.
    pub fn format(&self, at: Timestamp) -> String {
        let mark = match self.mark {
            ClockMark::NotAuthoritative => "*",
            ClockMark::LostSource => ".",
            ClockMark::Synchronised => "",
        };
        let (civil, zone) = self.civil(at);
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
                (zoned.datetime(), zoned.strftime("%Z").to_string())
            }
            Err(_) => (at.civil(), "UTC".to_owned()),
        }
    }
}

fn month(civil: jiff::civil::DateTime) -> &'static str {
    MONTHS[civil.month() as usize - 1]
}

fn weekday(civil: jiff::civil::DateTime) -> &'static str {
    WEEKDAYS[civil.weekday().to_monday_zero_offset() as usize]
}
