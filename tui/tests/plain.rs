//! What the plain printer says of one made-up upgrade.

mod fleet;

use capledger_tui::plain::Printer;
use fleet::{START, Story};

#[test]
fn an_upgrade_in_plain_lines() {
    let mut printer = Printer::default();
    let lines: Vec<_> = Story::new(6, START).pass(120.0).iter().filter_map(|e| printer.apply(e)).collect();
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn progress_is_told_every_other_second_however_many_aps_report_it() {
    let mut printer = Printer::default();
    let events = Story::new(500, START).pass(60.0);
    let progress =
        events.iter().filter_map(|e| printer.apply(e)).filter(|line| line.contains("% ") || line.contains("%:"));
    let count = progress.count();
    assert!((10..=30).contains(&count), "{count} lines of progress in a minute");
}
