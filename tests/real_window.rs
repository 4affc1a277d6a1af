//! An upgrade window as its operator sees it: twenty access points of five models, a bundle on a real sshd, and the whole
//! install family. Every command and every table of it is kept in a golden transcript.

mod support;

use std::thread;
use std::time::Duration;

use capledger::net::feed::client::{Client, Since};
use capledger_schema::feed::ServerMessage;
use capledger_schema::id::Seq;
use capledger_schema::project::fleet::{ImageStatus, SessionState};
use capledger_schema::project::{Projection, State};

use support::bundle::{MODELS, NEW, version};
use support::controller::Place;
use support::fleet::Simulate;
use support::session::{Session, assert_golden};
use support::sshd::Sshd;
use support::{PATIENCE, bundle, wait_until};

const APS: usize = 20;
/// What the access points run before the window.
const BEFORE: &str = NEW;
/// What they run after it.
const AFTER: &str = "17.12.1.5";
/// Octets of an image: some hundred blocks.
const OCTETS: u64 = 600_000;
const LIMIT: usize = 4;
/// So long nothing happens when what was begun has ended.
const QUIET: Duration = Duration::from_millis(300);

#[test]
fn a_window_of_twenty_access_points_over_sftp_reads_as_its_golden_transcript() {
    if support::too_long(15) {
        return;
    }
    let Some(sshd) = Sshd::start() else { return };
    bundle::write(&sshd.root().join("EWC/17_12_1"), version(AFTER), OCTETS);
    let dir = tempfile::tempdir().expect("a directory");
    let place = Place::new(dir.path(), &format!("software version {BEFORE}\n"));
    let controller = place.start(place.serve());
    let models = MODELS.map(|(model, _)| model);
    let simulate = Simulate::running(BEFORE, place.ac(), APS, &models, &["--name-prefix", "AP"]);

    settle(&place, BEFORE);
    let mut operator = Session::open(&place);
    operator.remark(&format!("Twenty access points serve on {BEFORE}."));
    operator.types("show ap image");
    operator.types("show install summary");

    operator.remark("The image-download profile: SFTP, with a key.");
    let address = sshd.address();
    for line in [
        "configure terminal",
        "ap image predownload limit 4",
        "wireless profile image-download default",
        "image-download-mode sftp",
        &format!("sftp-image-server {} port {}", address.ip(), address.port()),
        "sftp-image-path EWC/17_12_1",
        &format!("sftp-username {}", Sshd::user()),
        &format!("sftp-key {}", sshd.key().display()),
        "end",
        "show wireless profile image-download detailed default",
    ] {
        operator.types(line);
    }

    operator.remark("Add: the images of the five families, all of one version.");
    operator.types("install add profile default");
    operator.types("show install summary");
    operator.types("show ap image");

    operator.remark("Predownload: every access point goes on serving.");
    let before = place.last();
    operator.types("ap image predownload");
    wait_until("every access point holds the image", PATIENCE, || complete(&now(&place)) == APS);
    let (middle, most) = look_back(&place, before);
    assert_eq!(most, LIMIT, "so many moved at once");
    let middle = middle.expect("a moment at which eight are complete and four move");
    operator.remark("In the middle of it (eight hold it; whichever they are, so the names are left out here):");
    let table = place.replay(&["--seq", &middle.0.to_string()], "show ap image");
    operator.showed("show ap image", &nameless(&table));
    operator.remark("At its end:");
    operator.types("show ap image");
    operator.types("show ap image reason");

    operator.remark("Activate: every access point restarts into it, and is back.");
    operator.types("install activate");
    settle(&place, AFTER);
    operator.types("show ap image");
    operator.types("show install summary");
    operator.types("show install rollback");

    operator.remark("Roll back: every access point restarts into what it ran before, and is back.");
    operator.types("install rollback to committed");
    settle(&place, BEFORE);
    operator.types("show ap image");
    operator.types("show install summary");

    operator.remark("Activate again: they hold it still, so nothing is downloaded.");
    let before = place.last();
    operator.types("install activate");
    settle(&place, AFTER);
    assert_eq!(look_back(&place, before).1, 0, "nothing moved");
    operator.types("show ap image");
    operator.types("show install summary");

    operator.remark("Commit: it stays, and there is no way back but to add the old version.");
    operator.types("install commit");
    operator.types("show install summary");
    operator.types("show install rollback");
    operator.types_in_vain("install rollback to committed");
    operator.types("show ap image reason");
    operator.types("show install log");

    let transcript = in_order(&operator.transcript());
    let summed_up = simulate.stop();
    assert!(summed_up.contains("20 of 20 access points serve"), "{summed_up}");
    controller.stop();
    place.verify();
    assert!(sshd.log().contains(&format!("Accepted publickey for {}", Sshd::user())), "{}", sshd.log());
    assert_golden("real_window.txt", &transcript);
}

/// Waits until all serve on this version, and nothing happens any more.
fn settle(place: &Place, on: &str) {
    let wanted = version(on);
    wait_until(&format!("every access point serves on {on}"), PATIENCE, || {
        let fleet = now(place).fleet;
        let serves = fleet.wtps.values().filter(|w| matches!(w.session, SessionState::Run(_)) && w.runs(wanted));
        serves.count() == APS
    });
    wait_until("a while without an event", PATIENCE, || {
        let before = place.last();
        thread::sleep(QUIET);
        place.rests_since(before)
    });
}

/// What the ledger says of the present.
fn now(place: &Place) -> State {
    let client = Client::connect(&place.data_dir()).expect("the daemon runs");
    match client.subscribe(Since::Now).expect("it answers").next() {
        Some(Ok(ServerMessage::Snapshot(state))) => *state,
        other => panic!("no snapshot: {other:?}"),
    }
}

/// The first moment after `since` at which eight hold the image and it moves to as many as may be; and to how many it
/// moved at most.
fn look_back(place: &Place, since: Seq) -> (Option<Seq>, usize) {
    let (mut middle, mut most) = (None, 0);
    let mut state = State::default();
    for envelope in Client::connect(&place.data_dir()).expect("the daemon runs").history(Seq(0)).expect("history") {
        state.apply(&envelope.expect("an event"));
        if state.seq > since {
            let moving = moving(&state);
            most = most.max(moving);
            if middle.is_none() && moving == LIMIT && complete(&state) == 2 * LIMIT {
                middle = Some(state.seq);
            }
        }
    }
    (middle, most)
}

/// To how many access points an image moves.
fn moving(state: &State) -> usize {
    state.fleet.wtps.values().filter(|w| matches!(w.image, ImageStatus::Moving { .. })).count()
}

/// How many hold an image ahead of their reset.
fn complete(state: &State) -> usize {
    state.fleet.wtps.values().filter(|w| matches!(w.image, ImageStatus::Complete { .. })).count()
}

/// `show ap image` with the rows of those that hold the image first, and without names.
fn nameless(table: &str) -> String {
    let (head, rows): (Vec<_>, Vec<_>) = table.lines().partition(|line| !line.starts_with("AP-"));
    let rank = |row: &&str| {
        let words = ["Complete", "Predownloading", "Initiated"];
        words.iter().position(|word| row.contains(word)).expect("a row of the middle")
    };
    let mut rows = rows;
    rows.sort_by_key(rank);
    let rows = rows.iter().map(|row| format!("AP-..{}", &row["AP-01".len()..]));
    head.iter().map(|line| (*line).to_owned()).chain(rows).map(|line| line + "\n").collect()
}

/// Lines that come in the order in which five fetches happened to end, in the order of their families.
fn in_order(transcript: &str) -> String {
    let mut lines: Vec<_> = transcript.lines().collect();
    let kind = |line: &str| ["Image ap", "Completed install add"].iter().position(|words| line.contains(words));
    for run in lines.chunk_by_mut(|a, b| kind(a).is_some() && kind(a) == kind(b)) {
        run.sort_unstable();
    }
    lines.join("\n") + "\n"
}
