//! An operator who watches: `debug capwap` at a console while an access point upgrades, and what the ledger tells of it
//! afterwards.

mod support;

use std::sync::{Arc, Mutex, PoisonError};

use capledger::net::feed::{Client, Keys};
use regex::Regex;
use support::bundle::{self, NEW, OLD, version};
use support::controller::Place;
use support::fleet::Simulate;
use support::{PATIENCE, wait_for, wait_until};

/// Octets of the image: a few thousand blocks.
const OCTETS: u64 = 3_000_000;

/// A terminal at the controller's console.
struct Terminal {
    keys: Keys,
    shown: Arc<Mutex<String>>,
}

impl Terminal {
    fn open(place: &Place) -> Terminal {
        let client = Client::connect(&place.data_dir()).expect("the daemon runs");
        let (keys, screen) = client.terminal(200, 0).expect("a terminal");
        let shown = Arc::new(Mutex::new(String::new()));
        let page = Arc::clone(&shown);
        std::thread::spawn(move || {
            for octets in screen.map_while(Result::ok) {
                page.lock().unwrap_or_else(PoisonError::into_inner).push_str(&String::from_utf8_lossy(&octets));
            }
        });
        Terminal { keys, shown }
    }

    fn shown(&self) -> String {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Types a line, and waits until its words have come.
    fn types(&mut self, line: &str, until: &str) {
        self.keys.typed(format!("{line}\r").as_bytes()).expect("the daemon listens");
        wait_until(until, PATIENCE, || self.shown().contains(until));
    }
}

#[test]
fn an_operator_sees_messages_and_events_of_an_upgrade_and_the_ledger_tells_of_it_afterwards() {
    let dir = tempfile::tempdir().expect("a directory");
    let images = dir.path().join("images");
    bundle::write(&images, version(NEW), OCTETS);
    let config = format!("software version {NEW}\nap image local ap1g8 {}\n", images.join("ap1g8").display());
    let place = Place::new(dir.path(), &config);
    let controller = place.start(place.serve());
    let mut terminal = Terminal::open(&place);
    terminal.types("debug capwap", "CAPWAP messages debugging is on");
    terminal.types("show debugging", "  CAPWAP events debugging is on");
    let simulate = Simulate::running(OLD, place.ac(), 1, &["C9105AXI-B"], &[]);
    wait_until("the access point serves with its new image", PATIENCE, || {
        let served = place.exec(&["show ap summary | json"]);
        served.contains("\"state\": \"registered\"") && served.contains(&format!("\"version\": \"{NEW}\""))
    });
    wait_until("its last words are shown", PATIENCE, || terminal.shown().matches(": serves").count() == 1);
    terminal.types("undebug all", "All possible debugging has been turned off");
    let shown = terminal.shown();

    // Each line has its moment, and stands by itself.
    let line = |what: &str| {
        let pattern = format!(r"\*[A-Z][a-z]{{2}} [ \d]\d \d\d:\d\d:\d\d\.\d{{3}}: CAPWAP: {what}\r\n");
        let pattern = Regex::new(&pattern).expect("a pattern");
        assert!(pattern.is_match(&shown), "{what}:\n{shown}");
    };
    let (ap, peer) = (r"\S+ \(127\.[\d.]+:\d+\)", r"127\.[\d.]+:\d+");
    line(&format!(r"received Discovery Request from {peer}, seq \d+, \d+ octets"));
    line(&format!(r"received Join Request from {peer}, seq \d+, \d+ octets"));
    line(r"sent Join Response to \S+ ?\S*, seq \d+, result 0: Success, \d+ octets");
    line(r"\S+: joined with 17\.3\.3\.26, is to take 17\.9\.4\.27");
    line(&format!(r"received Image Data Request from {ap}, seq \d+, \d+ octets"));
    line(r"\S+: (downloads|asks for) 17\.9\.4\.27 \(ap1g8.*\).*");
    line(&format!(r"image data to (?:{ap}|{peer}): [\d,]+ blocks, [\d,]+ octets sent, [\d,]+ acknowledged"));
    line(r"\S+: holds 17\.9\.4\.27, 3\.0 MB in .*");
    line(r"\S+: left: restarts into its new image");
    // Blocks are told by the second, not one by one.
    assert!(shown.matches("Image Data Response").count() < 10, "{shown}");
    // What was sent is what the image has.
    let octets = Regex::new(r"blocks, ([\d,]+) octets sent").expect("a pattern");
    let sent: u64 = octets.captures_iter(&shown).map(|c| c[1].replace(',', "").parse::<u64>().expect("a number")).sum();
    assert!(sent >= OCTETS, "{sent}");

    let name = wait_for("a row", PATIENCE, || {
        let summary = place.exec(&["show ap summary"]);
        summary.lines().find(|l| l.contains("Registered")).and_then(|l| l.split(' ').next()).map(str::to_owned)
    });
    let history = place.exec(&[&format!("show ap name {name} image history")]);
    let row = history.lines().find(|l| l.contains(" Join ")).unwrap_or_else(|| panic!("{history}"));
    assert!(row.contains(OLD) && row.contains(NEW) && row.contains(" Complete ") && row.contains(" 3000000 "), "{row}");
    let told = place.exec(&[&format!("show ledger ap {name}")]);
    assert!(told.contains("joined with 17.3.3.26") && told.contains("left: restarts into its new image"), "{told}");

    // The head is the one of which an audit tells, once the ledger rests.
    drop(simulate);
    drop(terminal);
    controller.stop();
    let summary = place.replay(&[], "show ledger summary");
    let last = Regex::new(r"Last +: event (\d+), ").expect("a pattern");
    let last = last.captures(&summary).unwrap_or_else(|| panic!("{summary}"))[1].to_owned();
    let audited =
        support::controller::capledger().args(["audit", "verify", "--data-dir"]).arg(place.data_dir()).output();
    let audited = support::controller::text(audited.expect("it runs"));
    let head = audited.lines().find(|l| l.starts_with("head: ")).expect("a head").trim_start_matches("head: ");
    // Without being asked for another moment, a replay shows the last one before the stop.
    let end = place.replay(&["--seq", head.split(' ').next().expect("a number")], "show ledger summary");
    assert!(end.contains(&format!("Head       : {head}\n")), "{end}\n{audited}");
    assert_eq!(head.split(' ').next().and_then(|n| n.parse().ok()), last.parse::<u64>().ok().map(|n| n + 1));
}
