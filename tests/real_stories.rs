//! The four stories of the reference's log, against a real sshd and a real tftpd-hpa: an image that comes by SFTP, a
//! wrong path by SFTP, a wrong path by TFTP, and a TFTP server that does not answer. Each gives the same lines in the same
//! windows and order, and `show ap image reason` names its cause and the next action.

mod support;

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use regex::Regex;

use support::bundle::{NEW, version};
use support::collector::Collector;
use support::controller::Place;
use support::fleet::Simulate;
use support::sshd::Sshd;
use support::stalling;
use support::tftpd::Tftpd;
use support::window::{bare, between, masked, reference};
use support::{PATIENCE, bundle, wait_for};

/// Octets of an image: some hundred blocks.
const OCTETS: u64 = 300_000;
const SUCCESS: &str = "Disjoined Image Download Success";
const FAILED: &str = "Disjoined Image Download Failed";

/// The image-download profile as operators write it, for a TFTP server.
fn by_tftp(server: SocketAddr, path: &str) -> String {
    format!(
        "software version {NEW}\nwireless profile image-download default\n image-download-mode tftp\n  \
         tftp-image-server {} port {}\n  tftp-image-path {path}\n",
        server.ip(),
        server.port()
    )
}

/// As that, for an SFTP server whose user logs in with a key.
fn by_sftp(server: &Sshd, path: &str) -> String {
    format!(
        "software version {NEW}\nwireless profile image-download default\n image-download-mode sftp\n  \
         sftp-image-server {} port {}\n  sftp-image-path {path}\n  sftp-username {}\n  sftp-key {}\n",
        server.address().ip(),
        server.address().port(),
        Sshd::user(),
        server.key().display()
    )
}

#[test]
fn an_image_that_comes_by_sftp_gives_the_reference_log() {
    let Some(sshd) = Sshd::start() else { return };
    let path = "Documents/sftp_files/EWC_17_9_4a";
    bundle::write(&sshd.root().join(path), version(NEW), OCTETS);
    let collector = Collector::start();
    let dir = tempfile::tempdir().expect("a directory");
    let place = Place::new(dir.path(), &format!("{}{}", collector.logging_host(), by_sftp(&sshd, path)));
    let controller = place.start(place.serve());
    let simulate = Simulate::start(place.ac(), 1, &["AIR-AP2802I-B-K9"], &["--name-prefix", "AP-POD-2-2"]);
    collector.wait_for(1, &["Ethernet MAC: ", "Joined"], PATIENCE);

    let reason = place.exec(&["show ap image reason"]);
    assert_eq!(reason, format!("Running version : {NEW}\nAPs not at it   : 0 of 1\n"));
    drop(simulate);
    controller.stop();
    place.verify();
    assert!(sshd.log().contains(&format!("Accepted publickey for {}", Sshd::user())), "{}", sshd.log());

    let lines: Vec<_> = collector.lines().iter().map(|line| bare(&line.text).to_owned()).collect();
    let place_of = |words: &str| lines.iter().position(|line| line.contains(words)).expect("it is in the log");
    let window: Vec<_> =
        lines[place_of("Completed install add")..=place_of(SUCCESS)].iter().map(|line| masked(line)).collect();
    assert_eq!(window, reference(SUCCESS, 1), "{lines:#?}");
    assert!(!lines.iter().any(|line| line.contains("%INSTALL-3-") || line.contains(FAILED)), "{lines:#?}");
}

#[test]
fn a_wrong_path_by_sftp_gives_the_reference_log_and_its_reason() {
    if support::too_long(12) {
        return;
    }
    let Some(sshd) = Sshd::start() else { return };
    bundle::write(&sshd.root().join("Documents/sftp_files/EWC_17_9_4a"), version(NEW), OCTETS);
    let story = Story {
        profile: by_sftp(&sshd, "Documents/Wrong-Path"),
        fetch_timeout: 40,
        retry_delay: 1,
        image_timer: 4,
        error: "No such file or directory",
        reference: "Documents/Wrong-Path/ap1g6: No such file or directory",
        reason: [
            "Why     : its image could not be fetched from sftp://******@SERVER/Documents/Wrong-Path/ap1g6: \
             No such file or directory",
            "Words   : No such file or directory",
            "Next    : NEXT TRY; check sftp-image-path, and that 127.0.0.1 holds `Documents/Wrong-Path/ap1g6`; \
             bundle not unpacked?",
        ],
    };
    story.play().assert_the_error_came_at_once();
}

#[test]
fn a_wrong_path_by_tftp_gives_the_reference_log_and_its_reason() {
    let Some(tftpd) = Tftpd::start() else { return };
    bundle::write(&tftpd.root().join("EWC/17_9_4a"), version(NEW), OCTETS);
    let story = Story {
        profile: by_tftp(tftpd.address(), "/Wrong-Path"),
        fetch_timeout: 40,
        retry_delay: 1,
        image_timer: 4,
        error: "No such file or directory",
        reference: "tftp://172.16.5.27/Wrong-Path/ap1g6: No such file or directory",
        reason: [
            "Why     : its image could not be fetched from tftp://SERVER/Wrong-Path/ap1g6: No such file or directory",
            "Words   : File not found",
            "Next    : NEXT TRY; check tftp-image-path, and that 127.0.0.1 holds `Wrong-Path/ap1g6`; \
             bundle not unpacked?",
        ],
    };
    story.play().assert_the_error_came_at_once();
}

#[test]
fn an_unreachable_server_gives_the_reference_log_and_its_reason() {
    if support::too_long(20) {
        return;
    }
    // A bound socket that nobody reads: requests vanish, and nothing tells the client so.
    let unread = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a socket");
    let story = Story::of_silence(unread.local_addr().expect("bound"), "Words   : SERVER: no answer for 12 s");
    story.play().assert_the_access_point_gave_up_before_the_fetch(&story);
}

#[test]
fn a_server_that_stalls_gives_the_log_of_an_unreachable_one() {
    if support::too_long(20) {
        return;
    }
    let server = stalling::Server::start(6);
    let story = Story::of_silence(server.address(), "Words   : SERVER: no answer for 12 s after 3072 octets");
    story.play().assert_the_access_point_gave_up_before_the_fetch(&story);
    let (requests, acknowledged) = server.served();
    assert!(requests >= 2 && acknowledged >= 12, "{requests} requests, {acknowledged} blocks acknowledged");
}

/// A server from which no image comes, and one access point that waits for it.
struct Story {
    /// From where the image is to come.
    profile: String,
    /// How long the controller asks a silent server, in seconds: 40 in the field.
    fetch_timeout: u32,
    /// From the start of the first failed fetch to the next, in seconds: 30 in the field; it doubles.
    retry_delay: u32,
    /// How long the access point waits for its image, in seconds: 30 in the field.
    image_timer: u32,
    /// The reason in the error's line.
    error: &'static str,
    /// How the line that ends the reference's window ends.
    reference: &'static str,
    /// What `show ap image reason` says: what is the matter, the other side's own words, and what to do.
    reason: [&'static str; 3],
}

/// The window of the log from one try's `Disjoined` to the next try's error.
#[derive(Debug)]
struct Tries {
    /// Lines of the access point that are in the window beside the one that it begins with.
    set_aside: Vec<String>,
    disjoined_to_started: Duration,
    started_to_error: Duration,
}

impl Story {
    /// A TFTP server that is silent, from the first datagram on or after some: the reference's fourth story.
    fn of_silence(server: SocketAddr, words: &'static str) -> Story {
        Story {
            profile: by_tftp(server, "/EWC/17_9_4a"),
            // As the reference's 40 s and 30 s, and a rejoin comes before the fetch is given up.
            fetch_timeout: 12,
            retry_delay: 9,
            image_timer: 6,
            error: "Timed out",
            reference: "/EWC/17_9_4a/ap1g6: Timed out",
            reason: [
                "Why     : its image could not be fetched from tftp://SERVER/EWC/17_9_4a/ap1g6: Timed out",
                words,
                "Next    : NEXT TRY; check tftp-image-server and the route to 127.0.0.1; UDP PORT blocked?, \
                 or the ports that the server answers from?",
            ],
        }
    }

    /// Plays until the second try has failed, compares its window with the reference's and tells the rest.
    fn play(&self) -> Tries {
        let collector = Collector::start();
        let dir = tempfile::tempdir().expect("a directory");
        let config = format!(
            "{}ap image retry-delay {}\n{}  tftp-image-timeout {}\n",
            collector.logging_host(),
            self.retry_delay,
            self.profile,
            self.fetch_timeout
        );
        let place = Place::new(dir.path(), &config);
        let controller = place.start(place.serve());
        let timer = self.image_timer.to_string();
        let further = ["--image-timer", &timer, "--name-prefix", "AP-9117"];
        let simulate = Simulate::start(place.ac(), 1, &["C9117AXI-B"], &further);
        collector.wait_for(2, &["%INSTALL-3-OPERATION_ERROR_MESSAGE", self.error], PATIENCE * 2);
        self.assert_the_reason_is_named(&place);
        drop(simulate);
        controller.stop();
        place.verify();
        let lines: Vec<_> = collector.lines().iter().map(|line| bare(&line.text).to_owned()).collect();
        self.second_try(&lines)
    }

    /// Between two tries, it stands in `show ap image reason`.
    fn assert_the_reason_is_named(&self, place: &Place) {
        let shown = wait_for("a reason between two tries", PATIENCE, || {
            let shown = place.exec(&["show ap image reason"]);
            shown.contains("could not be fetched").then_some(shown)
        });
        let masks = [
            (r"next try (in \d\d:\d\d:\d\d|is due)", "NEXT TRY"),
            (r"UDP \d+ blocked", "UDP PORT blocked"),
            (r"\d+\.\d+\.\d+\.\d+:\d+", "SERVER"),
        ];
        let masked = |line: &str| {
            masks.iter().fold(masked(line.trim_start()), |line, (what, mask)| {
                Regex::new(what).expect("a pattern").replace(&line, *mask).into_owned()
            })
        };
        let lines: Vec<_> = shown
            .lines()
            .filter(|line| ["    Why", "    Words", "    Next"].iter().any(|label| line.starts_with(label)))
            .map(masked)
            .collect();
        assert_eq!(lines, self.reason, "{shown}");
        assert!(shown.contains("APs not at it   : 1 of 1\n"), "{shown}");
        assert!(shown.contains("\nAP-9117"), "{shown}");
        assert!(shown.contains("    Since   : *"), "{shown}");
    }

    fn second_try(&self, lines: &[String]) -> Tries {
        let places = |words: &str| -> Vec<usize> {
            lines.iter().enumerate().filter(|(_, line)| line.contains(words)).map(|(at, _)| at).collect()
        };
        let error = places("Failed to install_add package")[1];
        let started = places("Started install add")[1];
        let disjoined = places(FAILED).into_iter().rfind(|at| *at < started).expect("the first try ended");
        let (mut window, mut set_aside) = (Vec::new(), Vec::new());
        for (at, line) in lines.iter().enumerate().take(error + 1).skip(disjoined) {
            if at != disjoined && line.contains("AP_JOIN_DISJOIN") {
                set_aside.push(masked(line));
            } else {
                window.push(masked(line));
            }
        }
        assert_eq!(window, reference(self.reference, 2), "{lines:#?}");
        Tries {
            set_aside,
            disjoined_to_started: between(&lines[disjoined], &lines[started]),
            started_to_error: between(&lines[started], &lines[error]),
        }
    }
}

impl Tries {
    /// As in the field, where a server that answers does so within seconds.
    fn assert_the_error_came_at_once(&self) {
        assert!(self.set_aside.is_empty(), "the error comes before the access point gives up: {self:#?}");
        assert!(self.started_to_error < Duration::from_secs(2), "{self:#?}");
    }

    /// As in the field, where 30 s are less than 40 s: the waiting access point leaves before the error is known.
    fn assert_the_access_point_gave_up_before_the_fetch(&self, story: &Story) {
        let disjoined = reference(story.reference, 2).swap_remove(0);
        // After its third wait in vain it is let in with the version that it has.
        let joined = disjoined.replace(FAILED, "Ethernet MAC: MAC Joined");
        assert_eq!(self.set_aside, [disjoined, joined], "the second try's own, and no other");
        let timeout = Duration::from_secs(story.fetch_timeout.into());
        assert!(self.started_to_error >= timeout, "{self:#?}");
        assert!(self.started_to_error < timeout + Duration::from_secs(6), "{self:#?}");
        // The reference's 3 s: the access point's way back to the controller.
        assert!(self.disjoined_to_started >= Duration::from_millis(2_700), "{self:#?}");
        assert!(self.disjoined_to_started < Duration::from_secs(6), "{self:#?}");
    }
}
