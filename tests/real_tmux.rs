//! The dashboard as its users see it: `capledger top` in a real terminal (tmux), on a real controller, while simulated
//! access points upgrade; and the terminal as it is afterwards, in whatever way the dashboard ended.

mod support;

use std::path::Path;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use support::bundle::{MODELS, NEW, OLD, version};
use support::controller::{Controller, Place};
use support::fleet::Simulate;
use support::tmux::{PROMPT, Tmux};
use support::{PATIENCE, bundle, free_ports, too_long, wait_for};

/// Octets of an image: some seconds at the pace of one block per round trip.
const OCTETS: u64 = 8_000_000;

/// A controller that serves its own images.
fn controller(below: &Path) -> (Place, Controller) {
    let root = below.join("images");
    bundle::write(&root.join("EWC"), version(NEW), OCTETS);
    let (ip, port) = (free_ports().ip(), free_ports().port());
    let place = Place::new(
        below,
        &format!(
            "software version {NEW}\nimage-server tftp listen {ip} port {port} root {}\nwireless profile \
             image-download default\n image-download-mode tftp\n  tftp-image-server {ip} port {port}\n  \
             tftp-image-path /EWC\n",
            root.display()
        ),
    );
    let controller = place.start(place.serve());
    (place, controller)
}

/// `capledger top` on it, as it is typed. Its process id goes to `pid`, and its end is told on the terminal.
fn top(place: &Place, pid: &Path, arguments: &str) -> String {
    let (program, dir) = (env!("CARGO_BIN_EXE_capledger"), place.data_dir());
    let (dir, pid) = (dir.display(), pid.display());
    format!(
        "stty -g; (sh -c 'echo $$ >{pid}; exec {program} top --data-dir {dir} {arguments}'); echo ended $?; stty -g"
    )
}

/// Waits for the end of `top`, and looks at what it left: the screen of before, a cursor, the terminal's settings.
fn left_as_it_was(tmux: &Tmux, status: u32) {
    let screen = tmux.wait_to_see(&format!("ended {status}"));
    let screen = if screen.trim_end().ends_with(PROMPT) { screen } else { tmux.wait_to_see(PROMPT) };
    assert!(!screen.contains("Access points"), "the dashboard's screen is gone:\n{screen}");
    assert_eq!(tmux.alternate_and_cursor(), (false, true), "{screen}");
    // A prompt may stand before them, where the line was typed before the shell was ready for it.
    let settings: Vec<_> =
        screen.lines().filter(|l| l.matches(':').count() > 20).filter_map(|l| l.rsplit(' ').next()).collect();
    assert!(settings.len() == 2 && settings[0] == settings[1], "stty before and after:\n{screen}");
}

#[test]
fn an_upgrade_goes_by_on_a_terminal_that_is_resized_and_found_again_as_it_was() {
    if too_long(12) {
        return;
    }
    let dir = tempfile::tempdir().expect("a directory");
    // The settings of the terminal stand on one line each.
    let Some(tmux) = Tmux::start(200, 30, &[("LANG", "C.UTF-8"), ("TERM", "screen-256color")]) else { return };
    let (place, controller) = controller(dir.path());
    let pid = dir.path().join("pid");
    tmux.line(&top(&place, &pid, ""));
    tmux.wait_to_see("No AP has joined yet");
    assert_eq!(tmux.alternate_and_cursor(), (true, false));

    let simulate = Simulate::start(place.ac(), 5, &MODELS.map(|(model, _)| model), &["--name-prefix", "AP-LAB"]);
    let screen = tmux.wait_to_see("downloading  17.3.3.26");
    assert!(screen.contains("AP-LAB-"), "{screen}");
    tmux.resize(80, 24);
    let small = tmux.wait_until_screen("80 columns", |s| s.contains("q quit") && !s.contains("LAST FAILURE"));
    assert!(small.lines().all(|line| line.chars().count() <= 80), "{small}");
    assert_eq!(small.lines().count(), 24, "{small}");
    tmux.wait_to_see("5 at target");
    let done = tmux.wait_to_see("images 100%");
    assert_eq!(done.matches("✓ at target").count(), 5, "{done}");
    assert!(!done.contains(OLD) || !done.contains("alarm"), "{done}");

    // One AP's history from its first join to its last, then the log, then the help.
    tmux.key("Enter");
    let history = tmux.wait_to_see("WHAT HAPPENED");
    assert!(history.contains("holds 17.9.4.27") && history.contains("serves"), "{history}");
    tmux.key("l");
    tmux.wait_to_see("close the log");
    tmux.key("Escape");
    tmux.key("?");
    tmux.wait_to_see("draw the screen anew");
    tmux.resize(40, 10);
    tmux.wait_until_screen("40 columns", |s| s.lines().all(|line| line.chars().count() <= 40));
    tmux.resize(200, 30);
    tmux.wait_to_see("LAST FAILURE");
    tmux.key("Escape");
    tmux.wait_to_see("close   j k other AP");
    tmux.key("Escape");
    tmux.wait_to_see("Enter particulars");

    // The controller goes, and comes back.
    controller.stop();
    tmux.wait_to_see("cut off, trying again");
    let controller = place.start(place.serve_again());
    tmux.wait_to_see("connected again");
    tmux.wait_to_see("5 at target");
    tmux.key("q");
    left_as_it_was(&tmux, 0);
    drop(simulate);

    // The same upgrade once more, from the ledger: while the controller runs, and when it does not.
    played(&tmux, &top(&place, &pid, "--replay --seq 1"));
    controller.stop();
    played(&tmux, &top(&place, &pid, "--replay --seq 1"));
}

/// A replay goes from the first event to the end of the upgrade.
fn played(tmux: &Tmux, top: &str) {
    tmux.line("clear");
    tmux.wait_until_screen("a clear screen", |s| s.trim_end() == PROMPT);
    tmux.line(top);
    tmux.wait_to_see("event 1 of ");
    tmux.wait_to_see("No AP has joined yet");
    tmux.line("t#20");
    tmux.wait_to_see("event 20 of ");
    tmux.key("<");
    tmux.wait_to_see("No AP has joined yet");
    tmux.key("Space");
    tmux.wait_to_see("plays x10");
    tmux.wait_to_see("5 at target");
    tmux.key("q");
    left_as_it_was(tmux, 0);
}

#[test]
fn a_signal_gives_the_terminal_back_and_a_dashboard_without_a_controller_says_what_to_do() {
    let dir = tempfile::tempdir().expect("a directory");
    let env = [("LANG", "C"), ("TERM", "vt100"), ("NO_COLOR", "1")];
    let Some(tmux) = Tmux::start(180, 24, &env) else { return };
    let (place, controller) = controller(dir.path());
    let pid_file = dir.path().join("pid");
    for (signal, status) in [(Signal::SIGTERM, 143), (Signal::SIGHUP, 129), (Signal::SIGINT, 130)] {
        tmux.line("clear");
        tmux.wait_until_screen("a clear screen", |s| s.trim_end() == PROMPT);
        tmux.line(&top(&place, &pid_file, ""));
        let screen = tmux.wait_to_see("No AP has joined yet");
        assert!(screen.is_ascii(), "{screen}");
        let pid = wait_for("its process id", PATIENCE, || std::fs::read_to_string(&pid_file).ok()?.trim().parse().ok());
        kill(Pid::from_raw(pid), signal).expect("our own grandchild");
        left_as_it_was(&tmux, status);
        std::fs::remove_file(&pid_file).expect("the file");
    }
    controller.stop();
    tmux.line("clear");
    tmux.wait_until_screen("a clear screen", |s| s.trim_end() == PROMPT);
    tmux.line(&top(&place, &pid_file, ""));
    tmux.wait_to_see("no controller is running on");
    tmux.wait_to_see("--replay");
    left_as_it_was(&tmux, 1);
}
