//! Times and amounts as IOS words them.

use std::time::Duration;

/// A span as IOS tells an uptime in a column: `00:12:33`, `2d04h`, `3w1d`.
pub(super) fn span(d: Duration) -> String {
    let s = d.as_secs();
    let (days, hours) = (s / 86_400, s / 3_600 % 24);
    match days {
        0 => format!("{:02}:{:02}:{:02}", s / 3_600, s / 60 % 60, s % 60),
        1..7 => format!("{days}d{hours:02}h"),
        _ => format!("{}w{}d", days / 7, days % 7),
    }
}

/// A span in hours, minutes and seconds, whatever its length: `01:49:42`, `121:00:00`.
pub(super) fn clock(d: Duration) -> String {
    let s = d.as_secs();
    format!("{:02}:{:02}:{:02}", s / 3_600, s / 60 % 60, s % 60)
}

/// A span as IOS tells it in a sentence: `2 days, 3 hours, 4 minutes`.
pub(super) fn uptime(d: Duration) -> String {
    let minutes = d.as_secs() / 60;
    let parts = [
        (minutes / (60 * 24 * 7), "week"),
        (minutes / (60 * 24) % 7, "day"),
        (minutes / 60 % 24, "hour"),
        (minutes % 60, "minute"),
    ];
    let mut told: Vec<String> = parts.iter().filter(|(n, _)| *n > 0).map(|(n, unit)| plural(*n, unit)).collect();
    if told.is_empty() {
        told.push("0 minutes".into());
    }
    told.join(", ")
}

/// Text that came from elsewhere, on one line; none if it says nothing.
pub(super) fn one_line(text: &str) -> Option<String> {
    let line: String = text.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    (!line.is_empty()).then_some(line)
}

/// `1 AP`, `2 APs`.
pub(super) fn plural(n: u64, unit: &str) -> String {
    format!("{n} {unit}{}", if n == 1 { "" } else { "s" })
}

/// `1 family`, `2 families`.
pub(super) fn count(n: usize, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

/// So much of the whole, 0 to 100; none if the whole is not known.
pub(super) fn percent(octets: u64, total: u64) -> Option<u8> {
    let percent = (u128::from(octets.min(total)) * 100).checked_div(u128::from(total))?;
    u8::try_from(percent).ok()
}

/// The same words with a capital letter first.
pub(super) fn capital(words: &str) -> String {
    let mut chars = words.chars();
    chars.next().map(|first| first.to_uppercase().collect::<String>() + chars.as_str()).unwrap_or_default()
}

/// `9000000 of 70512640 octets (12 %)`, or without the whole where that is not known.
pub(super) fn progress(octets: u64, total: Option<u64>) -> String {
    match total.and_then(|total| Some((total, percent(octets, total)?))) {
        Some((total, percent)) => format!("{octets} of {total} octets ({percent} %)"),
        None => format!("{octets} octets"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_told_as_ios_tells_them() {
        for (secs, text) in
            [(0, "00:00:00"), (753, "00:12:33"), (86_399, "23:59:59"), (187_200, "2d04h"), (22 * 86_400, "3w1d")]
        {
            assert_eq!(span(Duration::from_secs(secs)), text);
        }
    }

    #[test]
    fn uptimes_name_each_unit_that_is_not_zero() {
        for (secs, text) in [
            (59, "0 minutes"),
            (60, "1 minute"),
            (187_440, "2 days, 4 hours, 4 minutes"),
            (8 * 86_400 + 3_600, "1 week, 1 day, 1 hour"),
        ] {
            assert_eq!(uptime(Duration::from_secs(secs)), text);
        }
    }

    #[test]
    fn progress_is_a_percentage_where_the_whole_is_known() {
        assert_eq!(progress(50, Some(200)), "50 of 200 octets (25 %)");
        assert_eq!(progress(u64::MAX, Some(u64::MAX)), format!("{0} of {0} octets (100 %)", u64::MAX));
        assert_eq!(progress(50, None), "50 octets");
        assert_eq!(progress(50, Some(0)), "50 octets");
    }
}
