//! A window of the log, compared with the reference: its lines without what differs from network to network.

use std::time::Duration;

use regex::Regex;

/// Every line of the reference's four stories.
const REFERENCE: &str = include_str!("../golden/syslog_lines.txt");

/// The reference's window whose last line ends so, masked: that line, and so many before it.
pub(crate) fn reference(ends: &str, before: usize) -> Vec<String> {
    let lines: Vec<_> = REFERENCE.lines().collect();
    let last = lines.iter().rposition(|line| line.ends_with(ends)).expect("the reference has that line");
    lines[last - before..=last].iter().map(|line| masked(line)).collect()
}

/// A datagram without priority and message count.
pub(crate) fn bare(datagram: &str) -> &str {
    datagram.split_once(": ").expect("`<PRI>N: line`").1
}

/// A line without what differs from network to network: times, names and addresses.
pub(crate) fn masked(line: &str) -> String {
    let masks = [
        (r"^\*[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d\.\d{3}:", "*TIME:"),
        (r"AP Name: \S+", "AP Name: NAME"),
        (r"[0-9a-f]{4}\.[0-9a-f]{4}\.[0-9a-f]{4}", "MAC"),
        (r"\d+\.\d+\.\d+\.\d+\[\d+\]", "ADDRESS[PORT]"),
        (r"://(\*{6}@)?\d+\.\d+\.\d+\.\d+(:\d+)?/", "://${1}SERVER/"),
    ];
    masks.iter().fold(line.to_owned(), |line, (what, mask)| {
        Regex::new(what).expect("a pattern").replace_all(&line, *mask).into_owned()
    })
}

/// The time from one line to a later one, by their own clocks, within a day.
pub(crate) fn between(earlier: &str, later: &str) -> Duration {
    const DAY: u64 = 86_400_000;
    let clock = Regex::new(r"^\*\S+ [ \d]\d (\d\d):(\d\d):(\d\d)\.(\d{3}):").expect("a pattern");
    let ms = |line: &str| {
        let found = clock.captures(line).expect("a line begins with its time");
        let number = |n: usize| found[n].parse::<u64>().expect("digits");
        ((number(1) * 60 + number(2)) * 60 + number(3)) * 1_000 + number(4)
    };
    Duration::from_millis((ms(later) + DAY - ms(earlier)) % DAY)
}
