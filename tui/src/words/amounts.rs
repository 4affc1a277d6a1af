//! Times, spans, octets and counts as people read them.

use std::time::Duration;

use capledger_schema::image::ImageVersion;
use capledger_schema::time::Timestamp;

/// A time of day, UTC: `17:05:37`.
pub fn clock(at: Timestamp) -> String {
    let civil = at.civil();
    format!("{:02}:{:02}:{:02}", civil.hour(), civil.minute(), civil.second())
}

/// A duration: `0:07`, `12:05`, `1:02:03`, `3d 04h`.
pub fn span(d: Duration) -> String {
    let s = d.as_secs();
    let (days, hours, minutes, seconds) = (s / 86_400, s / 3_600 % 24, s / 60 % 60, s % 60);
    match (days, hours) {
        (0, 0) => format!("{minutes}:{seconds:02}"),
        (0, _) => format!("{hours}:{minutes:02}:{seconds:02}"),
        _ => format!("{days}d {hours:02}h"),
    }
}

/// A number of octets: `512 B`, `12.3 kB`, `70.5 MB` (powers of ten).
pub fn octets(n: u64) -> String {
    const UNITS: [&str; 5] = ["kB", "MB", "GB", "TB", "PB"];
    if n < 1_000 {
        return format!("{n} B");
    }
    let mut value = n as f64 / 1_000.0;
    let mut unit = 0;
    // 999.95 would print as 1000.0.
    while value >= 999.95 && unit + 1 < UNITS.len() {
        value /= 1_000.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

/// Octets per second: `3.2 MB/s`.
pub fn rate(per_second: f64) -> String {
    format!("{}/s", octets(per_second.max(0.0) as u64))
}

/// A count with separators: `12,345`.
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

/// A version, or a dash where there is none.
pub fn version(v: Option<ImageVersion>) -> String {
    v.map_or_else(|| "-".to_owned(), |v| v.to_string())
}

/// Octets, and how fast they moved.
pub(super) fn moved(n: u64, duration_us: u64) -> String {
    let seconds = duration_us as f64 / 1e6;
    if seconds < 0.05 {
        return octets(n);
    }
    format!("{} in {seconds:.1} s ({})", octets(n), rate(n as f64 / seconds))
}

/// How much of how much: `35,256,320 of 70,512,640 octets (50 %)`.
pub(super) fn portion(octets: u64, total: Option<u64>) -> String {
    match total.filter(|t| *t > 0) {
        Some(total) => {
            let percent = u128::from(octets.min(total)) * 100 / u128::from(total);
            format!("{} of {} octets ({percent} %)", count(octets), count(total))
        }
        None => format!("{} octets", count(octets)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octets_are_counted_in_powers_of_ten_with_one_decimal() {
        let told: Vec<_> = [0, 999, 1_000, 70_512_640, 999_949, 999_950, 1_500_000_000].map(octets).into();
        assert_eq!(told, ["0 B", "999 B", "1.0 kB", "70.5 MB", "999.9 kB", "1.0 MB", "1.5 GB"]);
    }

    #[test]
    fn a_span_grows_from_seconds_to_days() {
        let told: Vec<_> = [7, 725, 3_723, 277_200].map(|s| span(Duration::from_secs(s))).into();
        assert_eq!(told, ["0:07", "12:05", "1:02:03", "3d 05h"]);
    }

    #[test]
    fn a_count_has_separators_every_three_digits() {
        let told: Vec<_> = [0, 999, 1_000, 12_345, 1_234_567].map(count).into();
        assert_eq!(told, ["0", "999", "1,000", "12,345", "1,234,567"]);
    }

    #[test]
    fn a_portion_is_a_percentage_where_the_whole_is_known() {
        assert_eq!(portion(35_256_320, Some(70_512_640)), "35,256,320 of 70,512,640 octets (50 %)");
        assert_eq!(portion(u64::MAX, Some(1)), "18,446,744,073,709,551,615 of 1 octets (100 %)");
        assert_eq!((portion(7, None), portion(7, Some(0))), ("7 octets".into(), "7 octets".into()));
    }
}
