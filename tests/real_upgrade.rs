//! `capledger serve` and `capledger simulate` as their users run them: twenty access points upgrade from a real
//! tftpd-hpa, and what goes wrong with a server gives the log that operators know, in its order.

mod support;

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use capledger::image::bundle::ImageSpec;
use capledger::net::feed::Client;
use regex::Regex;

use support::bundle::{MODELS, NEW, OLD, version};
use support::collector::Collector;
use support::controller::Place;
use support::fleet::Simulate;
use support::tftpd::Tftpd;
use support::{PATIENCE, bundle, wait_for};

/// Octets of an image: some hundred blocks.
const OCTETS: u64 = 300_000;
const SUCCESS: &str = "Disjoined Image Download Success";
const FAILED: &str = "Disjoined Image Download Failed";

/// The image-download profile as operators write it.
fn profile(server: SocketAddr, path: &str) -> String {
    format!(
        "software version {NEW}\nwireless profile image-download default\n image-download-mode tftp\n  \
         tftp-image-server {} port {}\n  tftp-image-path {path}\n",
        server.ip(),
        server.port()
    )
}

#[test]
fn twenty_access_points_of_five_models_upgrade_from_tftpd_hpa() {
    let Some(tftpd) = Tftpd::start() else { return };
    bundle::write(&tftpd.root().join("EWC/17_9_4a"), version(NEW), OCTETS);
    let collector = Collector::start();
    let dir = tempfile::tempdir().expect("a directory");
    let place =
        Place::new(dir.path(), &format!("{}{}", collector.logging_host(), profile(tftpd.address(), "/EWC/17_9_4a")));
    let controller = place.start(place.serve());
    let models = MODELS.map(|(model, _)| model);
    let simulate = Simulate::start(place.ac(), 20, &models, &[]);

    collector.wait_for(20, &["Ethernet MAC: ", "Joined"], PATIENCE * 2);
    let (seq, image, summary) = settled(&place);
    assert_eq!(rows(&image), 20, "{image}");
    assert!(image.contains("Total number of APs  : 20\n"), "{image}");
    // 17.9.4.27 runs, 17.3.3.26 is the other partition's.
    assert_eq!(image.lines().filter(|row| row.contains(NEW) && row.contains(OLD)).count(), 20, "{image}");
    assert!(summary.contains("Number of APs: 20\n"), "{summary}");
    assert_eq!(rows(&summary), 20, "{summary}");

    for (_, family) in MODELS {
        let url = format!("Completed install add tftp://{}/EWC/17_9_4a/{family}", tftpd.address());
        assert_eq!(collector.lines().iter().filter(|line| line.text.ends_with(&url)).count(), 1, "{url}");
    }
    assert_eq!(collector.count(&["Started install add"]), 5, "one fetch per family");
    assert_eq!(collector.count(&[SUCCESS]), 20);
    assert_eq!(collector.count(&["Ethernet MAC: ", "Joined"]), 20);
    assert_eq!(collector.count(&["%INSTALL-3-"]) + collector.count(&[FAILED]), 0);

    assert_eq!(place.replay(&[], "show ap image"), image, "from the running daemon's ledger");
    let summed_up = simulate.stop();
    assert!(summed_up.contains("20 of 20 access points serve"), "{summed_up}");
    controller.stop();
    assert_eq!(place.replay(&["--seq", &seq], "show ap image"), image, "from the store");
    let replayed = place.replay(&["--seq", &seq], "show ap summary");
    assert_eq!(without_since(&replayed), without_since(&summary), "from the store");
    place.verify();
}

/// `show ap image` and `show ap summary` of one moment at which nothing happens, and the number of its last event.
fn settled(place: &Place) -> (String, String, String) {
    let seq = || Client::connect(&place.data_dir()).expect("the daemon runs").daemon().seq.to_string();
    wait_for("a moment without an event", PATIENCE, || {
        let before = seq();
        let shown = (place.exec(&["show ap image"]), place.exec(&["show ap summary"]));
        (seq() == before).then_some((before, shown.0, shown.1))
    })
}

/// A table without its last column, which counts up to the moment at which it is shown.
fn without_since(table: &str) -> Vec<&str> {
    table.lines().map(|line| line.trim_end().rsplit_once(' ').map_or(line, |(rest, _)| rest)).collect()
}

/// Rows below a table's rule.
fn rows(table: &str) -> usize {
    table.lines().skip_while(|line| !line.starts_with("----")).skip(1).filter(|line| !line.trim().is_empty()).count()
}

#[test]
fn a_wrong_path_gives_the_reference_log_from_one_try_to_the_next() {
    let Some(tftpd) = Tftpd::start() else { return };
    bundle::write(&tftpd.root().join("EWC/17_9_4a"), version(NEW), OCTETS);
    let story = Story {
        server: tftpd.address(),
        path: "/Wrong-Path",
        fetch_timeout: 40,
        image_timer: 4,
        error: "No such file or directory",
        reference: "/Wrong-Path/ap1g6: No such file or directory",
    };
    let tries = story.play();
    assert!(tries.set_aside.is_empty(), "the error comes at once: {tries:#?}");
    assert!(tries.started_to_error < Duration::from_secs(2), "{tries:#?}");
}

#[test]
fn an_unreachable_server_gives_the_reference_log_from_one_try_to_the_next() {
    // A bound socket that nobody reads: requests vanish, and nothing tells the client so.
    let unread = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a socket");
    let story = Story {
        server: unread.local_addr().expect("bound"),
        path: "/EWC/17_9_4a",
        // As the reference's 30 s and 40 s, and a rejoin comes before the fetch is given up.
        fetch_timeout: 12,
        image_timer: 6,
        error: "Timed out",
        reference: "/EWC/17_9_4a/ap1g6: Timed out",
    };
    story.play().assert_the_access_point_gave_up_before_the_fetch(&story);
}

#[test]
fn a_server_that_stalls_gives_the_log_of_an_unreachable_one() {
    let server = stalling::Server::start(6);
    let story = Story {
        server: server.address(),
        path: "/EWC/17_9_4a",
        fetch_timeout: 12,
        image_timer: 6,
        error: "Timed out",
        reference: "/EWC/17_9_4a/ap1g6: Timed out",
    };
    story.play().assert_the_access_point_gave_up_before_the_fetch(&story);
    let (requests, acknowledged) = server.served();
    assert!(requests >= 2 && acknowledged >= 12, "{requests} requests, {acknowledged} blocks acknowledged");
}

/// A server from which no image comes, and one access point that waits for it.
struct Story {
    server: SocketAddr,
    path: &'static str,
    /// How long the controller asks a silent server, in seconds: 40 in the field.
    fetch_timeout: u32,
    /// How long the access point waits for its image, in seconds: 30 in the field.
    image_timer: u32,
    /// The reason in the error's line.
    error: &'static str,
    /// How the line that ends the reference's window ends.
    reference: &'static str,
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
    /// Plays until the second try has failed, compares its window with the reference's and tells the rest.
    fn play(&self) -> Tries {
        let collector = Collector::start();
        let dir = tempfile::tempdir().expect("a directory");
        let config = format!(
            "{}{}  tftp-image-timeout {}\nap image retry-delay 1\n",
            collector.logging_host(),
            profile(self.server, self.path),
            self.fetch_timeout
        );
        let place = Place::new(dir.path(), &config);
        let controller = place.start(place.serve());
        let timer = self.image_timer.to_string();
        let further = ["--image-timer", &timer, "--name-prefix", "AP-9117"];
        let simulate = Simulate::start(place.ac(), 1, &["C9117AXI-B"], &further);
        collector.wait_for(2, &["%INSTALL-3-OPERATION_ERROR_MESSAGE", self.error], PATIENCE * 2);
        drop(simulate);
        controller.stop();
        place.verify();
        let lines: Vec<_> = collector.lines().iter().map(|line| bare(&line.text).to_owned()).collect();
        self.second_try(&lines)
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
        assert_eq!(window, reference(self.reference), "{lines:#?}");
        Tries {
            set_aside,
            disjoined_to_started: between(&lines[disjoined], &lines[started]),
            started_to_error: between(&lines[started], &lines[error]),
        }
    }
}

impl Tries {
    /// As in the field, where 30 s are less than 40 s: the waiting access point leaves before the error is known.
    fn assert_the_access_point_gave_up_before_the_fetch(&self, story: &Story) {
        let disjoined = reference(story.reference).swap_remove(0);
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

/// The reference's window whose last line ends so, masked: `Disjoined`, `Started`, error.
fn reference(ends: &str) -> Vec<String> {
    let lines: Vec<_> = include_str!("golden/syslog_lines.txt").lines().collect();
    let last = lines.iter().rposition(|line| line.ends_with(ends)).expect("the reference has that error");
    lines[last - 2..=last].iter().map(|line| masked(line)).collect()
}

/// A datagram without priority and message count.
fn bare(datagram: &str) -> &str {
    datagram.split_once(": ").expect("`<PRI>N: line`").1
}

/// A line without what differs from network to network: times, names and addresses.
fn masked(line: &str) -> String {
    let masks = [
        (r"^\*[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d\.\d{3}:", "*TIME:"),
        (r"AP Name: \S+", "AP Name: NAME"),
        (r"[0-9a-f]{4}\.[0-9a-f]{4}\.[0-9a-f]{4}", "MAC"),
        (r"\d+\.\d+\.\d+\.\d+\[\d+\]", "ADDRESS[PORT]"),
        (r"tftp://\d+\.\d+\.\d+\.\d+(:\d+)?/", "tftp://SERVER/"),
    ];
    masks.iter().fold(line.to_owned(), |line, (what, mask)| {
        Regex::new(what).expect("a pattern").replace_all(&line, *mask).into_owned()
    })
}

/// The time from one line to a later one, by their own clocks, within a day.
fn between(earlier: &str, later: &str) -> Duration {
    const DAY: u64 = 86_400_000;
    let clock = Regex::new(r"^\*\S+ [ \d]\d (\d\d):(\d\d):(\d\d)\.(\d{3}):").expect("a pattern");
    let ms = |line: &str| {
        let found = clock.captures(line).expect("a line begins with its time");
        let number = |n: usize| found[n].parse::<u64>().expect("digits");
        ((number(1) * 60 + number(2)) * 60 + number(3)) * 1_000 + number(4)
    };
    Duration::from_millis((ms(later) + DAY - ms(earlier)) % DAY)
}

/// A TFTP server that answers the first blocks of a transfer (RFC 1350, no options) and then no more.
mod stalling {
    use super::{Duration, ImageSpec, Ipv4Addr, NEW, OCTETS, SocketAddr, UdpSocket, version};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    use std::thread;

    const BLOCK: usize = 512;

    pub(super) struct Server {
        address: SocketAddr,
        counts: Arc<Counts>,
    }

    #[derive(Default)]
    struct Counts {
        requests: AtomicUsize,
        acknowledged: AtomicUsize,
        over: AtomicBool,
    }

    impl Server {
        /// Serves so many blocks of each transfer.
        pub(super) fn start(blocks: u16) -> Server {
            let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a socket");
            socket.set_read_timeout(Some(Duration::from_millis(100))).expect("a timeout");
            let (address, counts) = (socket.local_addr().expect("bound"), Arc::new(Counts::default()));
            let shared = Arc::clone(&counts);
            thread::spawn(move || {
                let mut datagram = [0; 1_024];
                while !shared.over.load(Ordering::Relaxed) {
                    let Ok((len, client)) = socket.recv_from(&mut datagram) else { continue };
                    assert_eq!(datagram[..2], [0, 1], "a read request: {:?}", &datagram[..len]);
                    shared.requests.fetch_add(1, Ordering::Relaxed);
                    let counts = Arc::clone(&shared);
                    thread::spawn(move || transfer(client, blocks, &counts));
                }
            });
            Server { address, counts }
        }

        pub(super) fn address(&self) -> SocketAddr {
            self.address
        }

        /// Requests that came, and blocks that were acknowledged.
        pub(super) fn served(&self) -> (usize, usize) {
            let count = |of: &AtomicUsize| of.load(Ordering::Relaxed);
            (count(&self.counts.requests), count(&self.counts.acknowledged))
        }
    }

    impl Drop for Server {
        fn drop(&mut self) {
            self.counts.over.store(true, Ordering::Relaxed);
        }
    }

    /// One transfer, from a port of its own (RFC 1350 section 4).
    fn transfer(client: SocketAddr, blocks: u16, counts: &Counts) {
        let family = "ap1g6".parse().expect("a family");
        let image = ImageSpec { family, version: version(NEW), octets: OCTETS, seed: 1 }.to_vec().expect("an image");
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a socket");
        socket.connect(client).expect("loopback");
        for (number, octets) in (1..=blocks).zip(image.chunks(BLOCK)) {
            let mut data = vec![0, 3];
            data.extend_from_slice(&number.to_be_bytes());
            data.extend_from_slice(octets);
            socket.send(&data).expect("loopback takes it");
            let mut answer = [0; 16];
            loop {
                let Ok(len) = socket.recv(&mut answer) else { return };
                if answer[..len] == [[0, 4], number.to_be_bytes()].concat() {
                    break;
                }
            }
            counts.acknowledged.fetch_add(1, Ordering::Relaxed);
        }
        // The port stays open and silent: nothing tells the client that its repetitions are in vain.
        while !counts.over.load(Ordering::Relaxed) {
            thread::sleep(Duration::from_millis(50));
        }
    }
}
