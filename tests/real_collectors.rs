//! The log of an upgrade in real collectors: rsyslog with `pmciscoios` and syslog-ng with `cisco-parser()`, each over UDP,
//! TCP in both framings, and TLS.
//!
//! One that is not there is skipped, and says so; with `CAPLEDGER_REQUIRE_PEERS=1` that is a failure.

mod support;

use std::collections::BTreeMap;
use std::path::Path;

use support::bundle::{NEW, version};
use support::controller::{Controller, Place};
use support::fleet::Simulate;
use support::syslogd::{Syslogd, Taken, WAYS, Way};
use support::{PATIENCE, bundle, too_long, wait_for, wait_until};

const APS: usize = 4;

/// A controller whose access points upgrade to an image that it holds.
fn controller(dir: &Path, logging: &str) -> (Place, Controller) {
    let images = dir.join("images");
    bundle::write(&images, version(NEW), 200_000);
    let image = images.join("ap1g8");
    let config = format!("software version {NEW}\nap image local ap1g8 {}\n{logging}", image.display());
    let place = Place::new(dir, &config);
    let controller = place.start(place.serve());
    (place, controller)
}

fn access_points(place: &Place) -> Simulate {
    Simulate::start(place.ac(), APS, &["C9105AXI-B"], &[])
}

/// The log by its count, as collectors must have it.
fn logged(place: &Place) -> BTreeMap<usize, String> {
    let text = place.exec(&["show logging"]);
    let lines = text.lines().skip_while(|line| !line.starts_with("Log Buffer")).skip(2);
    let dressed = |(n, line): (usize, &str)| {
        let severity = line.split_once('%').and_then(|(_, rest)| rest.split('-').nth(1)).expect("a severity");
        let severity: u8 = severity.parse().unwrap_or_else(|_| panic!("no severity in {line}"));
        (n, format!("<{}>{n}: {line}", 23 * 8 + severity))
    };
    (1..).zip(lines).map(dressed).collect()
}

/// The log once every access point runs the new version.
fn upgraded(place: &Place) -> BTreeMap<usize, String> {
    wait_for("the upgrade ends", PATIENCE * 2, || {
        let log = logged(place);
        let count = |word: &str| log.values().filter(|line| line.ends_with(word)).count();
        // Each joins once more with the new version.
        let left = count(" Disjoined Image Download Success");
        let last_left = log
            .values()
            .collect::<Vec<_>>()
            .iter()
            .rposition(|line| line.ends_with(" Disjoined Image Download Success"));
        let last_joined = log.values().collect::<Vec<_>>().iter().rposition(|line| line.ends_with(" Joined"));
        (left == APS && count(" Joined") >= APS && last_joined > last_left).then_some(log)
    })
}

/// Waits until the last line is there, and gives what is.
fn arrived(syslogd: &Syslogd, way: Way, last: usize) -> Vec<Taken> {
    wait_for(&format!("line {last} by {way:?}"), PATIENCE, || {
        let taken = syslogd.taken(way);
        taken.iter().any(|line| line.ordinal() == last).then_some(taken)
    })
}

/// The collector's parser found what the controller meant.
fn assert_parsed(line: &Taken) {
    let (_, rest) = line.raw.split_once('%').expect("a mnemonic");
    let (tag, _) = rest.split_once(':').expect("a colon");
    assert_eq!(line.tag.trim_end_matches(':'), format!("%{tag}"), "{line:?}");
    assert_eq!(line.facility, "local7", "{line:?}");
    assert_eq!(Some(line.severity.as_str()), tag.split('-').nth(1), "{line:?}");
}

/// Every line of the log, once, in order, to the octet, from the first that the collector was told of.
fn assert_whole(taken: &[Taken], log: &BTreeMap<usize, String>, last: usize) {
    let got: Vec<&str> = taken.iter().take_while(|line| line.ordinal() <= last).map(|line| line.raw.as_str()).collect();
    let first = taken.first().expect("a line").ordinal();
    assert!(first <= 2, "the first is {}", taken[0].raw);
    let expected: Vec<&str> = log.range(first..=last).map(|(_, line)| line.as_str()).collect();
    assert_eq!(got, expected);
    taken.iter().for_each(assert_parsed);
}

fn an_upgrades_log_arrives(syslogd: &mut Syslogd) {
    let dir = tempfile::tempdir().expect("a directory");
    let hosts: String = WAYS.iter().map(|way| syslogd.logging_host(*way)).collect();
    let (place, controller) =
        controller(dir.path(), &format!("{hosts}logging tls ca {}\n", syslogd.authority().display()));
    let simulate = access_points(&place);
    let log = upgraded(&place);
    let last = *log.keys().last().expect("a log");
    assert!(last > 10, "{log:#?}");
    for way in WAYS {
        assert_whole(&arrived(syslogd, way, last), &log, last);
    }
    wait_until("every collector over a stream is told to be there", PATIENCE, || {
        place.exec(&["show logging"]).matches(", link up)").count() == 3
    });
    simulate.stop();
    // What was read to its end is not sent again, and nothing is left out.
    let before = logged(&place);
    controller.stop();
    let controller = place.start(place.serve());
    let log = logged(&place);
    let last = *log.keys().last().expect("a log");
    assert!(last > *before.keys().last().expect("a log"));
    for way in WAYS {
        assert_whole(&arrived(syslogd, way, last), &log, last);
    }
    controller.stop();
}

#[test]
fn an_upgrades_log_reaches_rsyslog_by_every_transport() {
    let Some(mut rsyslog) = Syslogd::rsyslog() else { return };
    an_upgrades_log_arrives(&mut rsyslog);
}

#[test]
fn an_upgrades_log_reaches_syslog_ng_by_every_transport() {
    let Some(mut syslog_ng) = Syslogd::syslog_ng() else { return };
    an_upgrades_log_arrives(&mut syslog_ng);
}

/// Killed in the middle of an upgrade, away for a while, stopped in order once more, and back each time.
fn nothing_is_missing_after_outages(syslogd: &mut Syslogd) {
    const STREAMS: [Way; 3] = [Way::Tcp, Way::Newline, Way::Tls];
    let dir = tempfile::tempdir().expect("a directory");
    let hosts: String = STREAMS.iter().map(|way| syslogd.logging_host(*way)).collect();
    let (place, controller) =
        controller(dir.path(), &format!("{hosts}logging tls ca {}\n", syslogd.authority().display()));
    let simulate = access_points(&place);
    for way in STREAMS {
        arrived(syslogd, way, 4);
    }
    syslogd.kill();
    upgraded(&place);
    wait_until("show logging tells of the outage", PATIENCE, || {
        let text = place.exec(&["show logging last 1"]);
        text.matches(", link down)").count() == 3 && text.matches(" waiting\n").count() == 3
    });
    syslogd.start();
    let log = upgraded(&place);
    let last = *log.keys().last().expect("a log");
    for way in STREAMS {
        arrived(syslogd, way, last);
    }
    syslogd.stop();
    place.exec(&["configure terminal", "service sequence-numbers", "no service sequence-numbers", "end"]);
    syslogd.start();
    place.exec(&["configure terminal", "logging origin-id hostname", "no logging origin-id", "end"]);
    wait_until("every collector is told to be back", PATIENCE, || {
        place.exec(&["show logging last 1"]).matches(", link up)").count() == 3
    });
    simulate.stop();
    controller.stop();
    let controller = place.start(place.serve_again());
    let log = logged(&place);
    let last = *log.keys().last().expect("a log");
    for way in STREAMS {
        let taken = arrived(syslogd, way, last);
        let mut first = BTreeMap::new();
        let mut order = Vec::new();
        for line in &taken {
            // The form is the one of the moment at which a line left, so a line that comes again may begin otherwise.
            if first.insert(line.ordinal(), line.clone()).is_none() {
                order.push(line.ordinal());
            }
        }
        assert!(order.is_sorted(), "{way:?}: {order:?}");
        let counts: Vec<usize> = (order[0]..=last).collect();
        assert!(order[0] <= 2, "{way:?}: {order:?}");
        assert_eq!(order.iter().copied().filter(|n| *n <= last).collect::<Vec<_>>(), counts, "{way:?}");
        for line in &taken {
            let (_, told) = line.raw.split_once('%').expect("a mnemonic");
            let told = format!("%{told}");
            assert!(log.get(&line.ordinal()).is_none_or(|wanted| wanted.ends_with(&told)), "{line:?}");
        }
    }
    controller.stop();
}

#[test]
fn rsyslog_that_is_killed_in_an_upgrade_misses_no_line() {
    if too_long(12) {
        return;
    }
    let Some(mut rsyslog) = Syslogd::rsyslog() else { return };
    nothing_is_missing_after_outages(&mut rsyslog);
}

#[test]
fn syslog_ng_that_is_killed_in_an_upgrade_misses_no_line() {
    if too_long(12) {
        return;
    }
    let Some(mut syslog_ng) = Syslogd::syslog_ng() else { return };
    nothing_is_missing_after_outages(&mut syslog_ng);
}

#[test]
fn a_collector_with_a_strangers_certificate_gets_nothing_and_the_operator_is_told_why() {
    let (Some(rsyslog), dir) = (Syslogd::rsyslog(), tempfile::tempdir().expect("a directory")) else { return };
    let stranger = tempfile::tempdir().expect("a directory");
    support::certificate::write(stranger.path(), "another authority");
    let wrong = stranger.path().join("ca.pem");
    let (place, controller) =
        controller(dir.path(), &format!("{}logging tls ca {}\n", rsyslog.logging_host(Way::Tls), wrong.display()));
    let text = wait_for("show logging tells of it", PATIENCE, || {
        let text = place.exec(&["show logging"]);
        text.contains("link down").then_some(text)
    });
    let port = rsyslog.address(Way::Tls).port();
    let words = format!(
        "its certificate is not trusted: self-signed certificate in certificate chain; {} did not sign it",
        wrong.display()
    );
    assert!(text.contains(&format!(": {words}; ")), "{text}");
    let line = format!("%SYS-3-LOGGINGHOST_FAIL: Logging to host 127.0.0.1 port {port} failed: {words}\n");
    assert!(text.contains(&line), "{text}");
    assert!(rsyslog.taken(Way::Tls).is_empty());
    let right = format!("logging tls ca {}", rsyslog.authority().display());
    place.exec(&["configure terminal", &right, "end"]);
    let log = logged(&place);
    assert_whole(&arrived(&rsyslog, Way::Tls, *log.keys().last().expect("a log")), &log, log.len());
    controller.stop();
}
