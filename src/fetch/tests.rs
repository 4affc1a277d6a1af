//! Fetches over real sockets on loopback: from the embedded server, through a bad link, and from bad servers.

use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::sync::mpsc;
use std::time::Instant;

use capledger_schema::image::ImageVersion;

use super::tftp::packet::{ErrorCode, ErrorPacket, Options, Packet};
use super::*;
use crate::image::bundle::ImageSpec;
use crate::serve::tftp::{ServeConfig, ServeReport, Served, TftpServer};

fn spec(octets: u64) -> ImageSpec {
    let family = "ap1g8".parse().expect("family");
    ImageSpec { family, version: ImageVersion([17, 9, 4, 27]), octets, seed: 1 }
}

/// A directory that is served, and a cache.
struct House {
    root: tempfile::TempDir,
    data: tempfile::TempDir,
    cache: ImageCache,
}

impl House {
    /// With an image of this length as `EWC/ap1g8`.
    fn new(octets: u64) -> Self {
        let root = tempfile::tempdir().expect("a directory");
        fs::create_dir(root.path().join("EWC")).expect("a directory");
        fs::write(root.path().join("EWC/ap1g8"), spec(octets).to_vec().expect("image")).expect("a file");
        let data = tempfile::tempdir().expect("a directory");
        let cache = ImageCache::open(data.path()).expect("a cache");
        House { root, data, cache }
    }

    fn server(&self) -> TftpServer {
        self.server_with(|config| config, |_| ())
    }

    fn server_with(
        &self,
        change: impl Fn(ServeConfig) -> ServeConfig,
        report: impl Fn(&ServeReport) + Send + Sync + 'static,
    ) -> TftpServer {
        TftpServer::start(loopback(), change(ServeConfig::new(self.root.path())), report).expect("a server")
    }

    /// Nothing but whole images may be left on the disk.
    fn holds_only(&self, images: &[&ImageFacts]) {
        let reconciled = self.cache.reconcile(images.iter().copied()).expect("reconciled");
        assert_eq!(reconciled, crate::image::cache::Reconciled::default());
        let files = fs::read_dir(self.data.path().join("images")).expect("a directory").count();
        assert_eq!(files, images.len(), "no half image is left");
    }
}

#[allow(clippy::disallowed_methods, reason = "these tests are about real time")]
fn now() -> Instant {
    Instant::now()
}

fn loopback() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

fn request(server: SocketAddr, path: &str) -> FetchRequest {
    FetchRequest {
        operation: OperationId(7),
        url: format!("tftp://{server}/{path}").parse().expect("url"),
        family: Some("ap1g8".parse().expect("family")),
        version: Some(ImageVersion([17, 9, 4, 27])),
        max_size: 1 << 30,
        timeout: Duration::from_secs(20),
    }
}

/// Runs a fetch to its end.
fn run(request: FetchRequest, cache: &ImageCache) -> Vec<FetchReport> {
    run_with(request, cache, ClientConfig::default(), Cancel::new())
}

fn run_with(request: FetchRequest, cache: &ImageCache, client: ClientConfig, cancel: Cancel) -> Vec<FetchReport> {
    let (to, reports) = mpsc::channel();
    let report = move |report| to.send(report).expect("the test listens");
    let thread = spawn(request, cache.clone(), client, cancel, report).expect("a thread");
    let reports = reports.iter().collect();
    thread.join().expect("the fetch did not panic");
    reports
}

fn image(reports: &[FetchReport]) -> ImageFacts {
    match reports.last() {
        Some(FetchReport::Done { image, operation: OperationId(7) }) => image.clone(),
        other => panic!("not done: {other:?}"),
    }
}

fn failure(reports: &[FetchReport]) -> FetchFailure {
    match reports.last() {
        Some(FetchReport::Failed { failure, operation: OperationId(7), .. }) => failure.clone(),
        other => panic!("not failed: {other:?}"),
    }
}

/// A server that does what it is told: it answers the first request from a port of its own.
fn scripted(script: impl FnOnce(&UdpSocket) + Send + 'static) -> SocketAddr {
    let socket = UdpSocket::bind(loopback()).expect("a socket");
    let address = socket.local_addr().expect("its address");
    thread::spawn(move || {
        let mut buffer = [0; 600];
        let (_, client) = socket.recv_from(&mut buffer).expect("a request");
        let own = UdpSocket::bind(loopback()).expect("a socket");
        own.set_read_timeout(Some(Duration::from_secs(20))).expect("a limit");
        own.connect(client).expect("connected");
        script(&own);
    });
    address
}

fn say(socket: &UdpSocket, packet: &Packet<'_>) {
    socket.send(&packet.encode()).expect("sent");
}

fn hear_ack(socket: &UdpSocket, number: u16) {
    let mut buffer = [0; 600];
    loop {
        let len = socket.recv(&mut buffer).expect("an ACK");
        match Packet::parse(&buffer[..len]) {
            Ok(Packet::Ack(n)) if n == number => return,
            // A copy of the one before, repeated by its timer.
            Ok(Packet::Ack(n)) if n == number.wrapping_sub(1) => {}
            other => panic!("not ACK {number}: {other:?}"),
        }
    }
}

/// Agrees to blocks of 1,428 without windows, and announces a length.
fn agree(socket: &UdpSocket, tsize: u64) {
    say(socket, &Packet::OptionAck(Options { blksize: Some(1428), tsize: Some(tsize), ..Options::default() }));
    hear_ack(socket, 0);
}

#[test]
fn an_image_comes_whole_and_its_progress_is_told() {
    let house = House::new(3_000_000);
    let server = house.server();
    let reports = run(request(server.address(), "EWC/ap1g8"), &house.cache);
    let image = image(&reports);
    assert_eq!(image, spec(3_000_000).facts().expect("facts"));
    house.holds_only(&[&image]);
    house.cache.open_image(&image).expect("it can be opened");
    let mut seen = 0;
    for report in &reports[..reports.len() - 1] {
        let FetchReport::Progress { operation: OperationId(7), octets, total: Some(3_000_000) } = report else {
            panic!("not progress: {report:?}");
        };
        assert!(*octets >= seen);
        seen = *octets;
    }
    assert_eq!(seen, 3_000_000);
    assert!((50..=110).contains(&reports.len()), "{} reports", reports.len());
}

#[test]
fn an_image_comes_over_ipv6_and_by_name() {
    let house = House::new(100_000);
    let v6 = SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], 0));
    let server = TftpServer::start(v6, ServeConfig::new(house.root.path()), |_| ()).expect("a server");
    image(&run(request(server.address(), "EWC/ap1g8"), &house.cache));
    let server = house.server();
    let mut by_name = request(server.address(), "EWC/ap1g8");
    by_name.url = format!("tftp://localhost:{}/EWC/ap1g8", server.address().port()).parse().expect("url");
    image(&run(by_name, &house.cache));
}

#[test]
fn block_numbers_wrap_over_real_sockets() {
    let house = House::new(8 * 66_000);
    let server = house.server();
    let client = ClientConfig { blksize: 8, windowsize: 64, ..ClientConfig::default() };
    image(&run_with(request(server.address(), "EWC/ap1g8"), &house.cache, client, Cancel::new()));
}

#[test]
fn a_link_that_loses_datagrams_delays_an_image_and_damages_nothing() {
    let house = House::new(400_000);
    let server = house.server_with(|c| ServeConfig { interval: Duration::from_millis(150), ..c }, |_| ());
    let relay = lossy_relay(server.address());
    let reports = run(request(relay, "EWC/ap1g8"), &house.cache);
    assert_eq!(image(&reports), spec(400_000).facts().expect("facts"));
}

/// Passes datagrams between one client and the server, and drops every 40th each way. The server's port for the
/// transfer becomes a port of the relay's own, as with any address translation.
fn lossy_relay(server: SocketAddr) -> SocketAddr {
    let front = UdpSocket::bind(loopback()).expect("a socket");
    let address = front.local_addr().expect("its address");
    thread::spawn(move || {
        let mut buffer = [0; 2048];
        let back = UdpSocket::bind(loopback()).expect("a socket");
        let own = UdpSocket::bind(loopback()).expect("a socket");
        for socket in [&front, &back, &own] {
            socket.set_nonblocking(true).expect("non-blocking");
        }
        let (mut client, mut transfer) = (None, None);
        let mut counts = [0u32; 2];
        let mut drops = |way: usize| {
            counts[way] += 1;
            counts[way].is_multiple_of(40)
        };
        let mut idle_since = now();
        while idle_since.elapsed() < Duration::from_secs(15) {
            let mut idle = true;
            for socket in [&front, &own] {
                if let Ok((len, from)) = socket.recv_from(&mut buffer) {
                    (client, idle) = (Some(from), false);
                    if !drops(0) {
                        let _ = back.send_to(&buffer[..len], transfer.unwrap_or(server));
                    }
                }
            }
            if let Ok((len, from)) = back.recv_from(&mut buffer) {
                (transfer, idle) = (Some(from), false);
                if let Some(client) = client.filter(|_| !drops(1)) {
                    let _ = own.send_to(&buffer[..len], client);
                }
            }
            if idle {
                thread::sleep(Duration::from_micros(50));
            } else {
                idle_since = now();
            }
        }
    });
    address
}

#[test]
fn a_plain_server_of_1981_is_read_too() {
    let octets = spec(5_000).to_vec().expect("image");
    let house = House::new(5_000);
    let address = scripted(move |socket| {
        for (i, block) in octets.chunks(512).enumerate() {
            say(socket, &Packet::Data { block: i as u16 + 1, data: block });
            hear_ack(socket, i as u16 + 1);
        }
    });
    let reports = run(request(address, "EWC/ap1g8"), &house.cache);
    assert_eq!(image(&reports), spec(5_000).facts().expect("facts"));
}

#[test]
fn packets_from_foreign_ports_are_turned_away_and_do_no_harm() {
    let octets = spec(5_000).to_vec().expect("image");
    let house = House::new(5_000);
    let (to, told) = mpsc::channel();
    let address = scripted(move |socket| {
        let client = socket.peer_addr().expect("the client");
        let stranger = UdpSocket::bind(loopback()).expect("a socket");
        stranger.set_read_timeout(Some(Duration::from_secs(20))).expect("a limit");
        agree(socket, 5_000);
        for (i, block) in octets.chunks(1428).enumerate() {
            let number = i as u16 + 1;
            let forged = Packet::Data { block: number, data: &[0xff; 1428] }.encode();
            stranger.send_to(&forged, client).expect("sent");
            let mut buffer = [0; 600];
            let len = stranger.recv(&mut buffer).expect("an answer");
            to.send(buffer[..len].to_vec()).expect("the test listens");
            say(socket, &Packet::Data { block: number, data: block });
            hear_ack(socket, number);
        }
    });
    let reports = run(request(address, "EWC/ap1g8"), &house.cache);
    assert_eq!(image(&reports), spec(5_000).facts().expect("facts"));
    let told: Vec<_> = told.iter().collect();
    assert_eq!(told.len(), 4);
    for datagram in told {
        assert!(matches!(Packet::parse(&datagram), Ok(Packet::Error(ErrorPacket { code: ErrorCode::UNKNOWN_ID, .. }))));
    }
}

#[test]
fn a_wrong_path_is_not_found_in_the_servers_words() {
    let house = House::new(10_000);
    let server = house.server();
    let reports = run(request(server.address(), "Wrong-Path/ap1g8"), &house.cache);
    assert_eq!(failure(&reports), FetchFailure::new(FetchFailureKind::NotFound, "File not found"));
    assert_eq!(reports.len(), 1);
    house.holds_only(&[]);
}

#[test]
fn words_without_a_number_are_understood() {
    for (words, kind) in [
        ("Permission denied", FetchFailureKind::Permission),
        ("No such file or directory", FetchFailureKind::NotFound),
        ("server is shutting down", FetchFailureKind::Refused),
    ] {
        let house = House::new(10_000);
        let address = scripted(move |socket| {
            say(socket, &Packet::Error(ErrorPacket { code: ErrorCode::UNDEFINED, words: words.into() }));
        });
        let reports = run(request(address, "EWC/ap1g8"), &house.cache);
        assert_eq!(failure(&reports), FetchFailure::new(kind, words));
    }
}

#[test]
fn a_port_where_nothing_listens_refuses_at_once() {
    let house = House::new(10_000);
    let address = UdpSocket::bind(loopback()).expect("a socket").local_addr().expect("its address");
    let begin = now();
    let failure = failure(&run(request(address, "EWC/ap1g8"), &house.cache));
    assert_eq!(failure.kind, FetchFailureKind::Refused);
    assert!(failure.words.contains("Connection refused"), "{failure}");
    assert!(begin.elapsed() < Duration::from_secs(5), "it did not wait for the limit of silence");
}

#[test]
fn a_server_that_never_answers_times_out_at_the_limit() {
    let house = House::new(10_000);
    let deaf = UdpSocket::bind(loopback()).expect("a socket");
    let mut request = request(deaf.local_addr().expect("its address"), "EWC/ap1g8");
    request.timeout = Duration::from_millis(1_200);
    let begin = now();
    let failure = failure(&run(request, &house.cache));
    assert_eq!(failure.kind, FetchFailureKind::TimedOut);
    assert!(failure.words.contains("no answer for 1.2 s"), "{failure}");
    assert!((1_200..3_000).contains(&begin.elapsed().as_millis()), "{:?}", begin.elapsed());
    let mut buffer = [0; 600];
    deaf.set_nonblocking(true).expect("non-blocking");
    let asked = std::iter::from_fn(|| deaf.recv(&mut buffer).ok()).count();
    assert_eq!(asked, 2, "the request was repeated");
}

#[test]
fn a_server_that_stalls_times_out_and_leaves_nothing() {
    let octets = spec(50_000).to_vec().expect("image");
    let house = House::new(10_000);
    let address = scripted(move |socket| {
        agree(socket, 50_000);
        for (i, block) in octets.chunks(1428).enumerate().take(3) {
            say(socket, &Packet::Data { block: i as u16 + 1, data: block });
            hear_ack(socket, i as u16 + 1);
        }
        thread::sleep(Duration::from_secs(5));
    });
    let mut request = request(address, "EWC/ap1g8");
    request.timeout = Duration::from_millis(700);
    let reports = run(request, &house.cache);
    let failure = failure(&reports);
    assert_eq!(failure.kind, FetchFailureKind::TimedOut);
    assert!(failure.words.contains("after 4284 octets"), "{failure}");
    assert!(matches!(reports.last(), Some(FetchReport::Failed { octets: 4284, .. })));
    house.holds_only(&[]);
}

#[test]
fn more_octets_than_announced_are_too_large_and_the_server_is_told() {
    let octets = spec(50_000).to_vec().expect("image");
    let house = House::new(10_000);
    let (to, told) = mpsc::channel();
    let address = scripted(move |socket| {
        agree(socket, 2_000);
        for (i, block) in octets.chunks(1428).enumerate().take(2) {
            say(socket, &Packet::Data { block: i as u16 + 1, data: block });
        }
        let mut buffer = [0; 600];
        while let Ok(len) = socket.recv(&mut buffer) {
            if let Ok(Packet::Error(error)) = Packet::parse(&buffer[..len]) {
                to.send(error.code).expect("the test listens");
                return;
            }
        }
    });
    let failure = failure(&run(request(address, "EWC/ap1g8"), &house.cache));
    assert_eq!(failure.kind, FetchFailureKind::TooLarge);
    assert!(failure.words.contains("more than the announced 2000 octets"), "{failure}");
    assert_eq!(told.recv(), Ok(ErrorCode::FULL));
}

#[test]
fn fewer_octets_than_announced_are_cut_short() {
    let octets = spec(50_000).to_vec().expect("image");
    let house = House::new(10_000);
    let address = scripted(move |socket| {
        agree(socket, 50_000);
        say(socket, &Packet::Data { block: 1, data: &octets[..1428] });
        hear_ack(socket, 1);
        say(socket, &Packet::Data { block: 2, data: &octets[1428..2000] });
        hear_ack(socket, 2);
    });
    let failure = failure(&run(request(address, "EWC/ap1g8"), &house.cache));
    assert_eq!(failure.kind, FetchFailureKind::CutShort);
    assert!(failure.words.contains("2000 of the announced 50000 octets"), "{failure}");
    house.holds_only(&[]);
}

#[test]
fn a_file_beyond_the_limit_is_refused_before_it_comes() {
    let house = House::new(100_000);
    let server = house.server();
    let request = FetchRequest { max_size: 99_999, ..request(server.address(), "EWC/ap1g8") };
    let reports = run(request, &house.cache);
    assert_eq!(failure(&reports).kind, FetchFailureKind::TooLarge);
    assert_eq!(reports.len(), 1, "not an octet was taken");
}

#[test]
fn a_wrong_file_is_told_from_its_first_octets() {
    let house = House::new(2_000_000);
    fs::write(house.root.path().join("bundle.zip"), [b"PK\x03\x04".repeat(100_000)].concat()).expect("a file");
    let server = house.server();
    let any = |path: &str| request(server.address(), path);
    for (request, kind, words) in [
        (any("bundle.zip"), FetchFailureKind::NotAnImage, "not unpacked?"),
        (
            FetchRequest { family: Some("ap1g7".parse().expect("family")), ..any("EWC/ap1g8") },
            FetchFailureKind::WrongFamily,
            "family ap1g8, not ap1g7",
        ),
        (
            FetchRequest { version: Some(ImageVersion([17, 12, 1, 5])), ..any("EWC/ap1g8") },
            FetchFailureKind::WrongVersion,
            "version 17.9.4.27, not 17.12.1.5",
        ),
    ] {
        let reports = run(request, &house.cache);
        let failure = failure(&reports);
        assert_eq!(failure.kind, kind);
        assert!(failure.words.contains(words), "{failure}");
        match reports.last() {
            Some(FetchReport::Failed { octets, .. }) => assert!(*octets < 50_000, "{octets} octets came first"),
            other => panic!("{other:?}"),
        }
    }
    house.holds_only(&[]);
}

#[test]
fn a_cancelled_fetch_ends_soon_and_leaves_nothing() {
    let house = House::new(10_000);
    let deaf = UdpSocket::bind(loopback()).expect("a socket");
    let cancel = Cancel::new();
    let soon = cancel.clone();
    thread::spawn(move || {
        thread::sleep(Duration::from_millis(100));
        soon.cancel();
    });
    let begin = now();
    let request = request(deaf.local_addr().expect("its address"), "EWC/ap1g8");
    let reports = run_with(request, &house.cache, ClientConfig::default(), cancel);
    assert_eq!(failure(&reports).kind, FetchFailureKind::Cancelled);
    assert!(begin.elapsed() < Duration::from_secs(3), "{:?}", begin.elapsed());
    house.holds_only(&[]);
}

#[test]
fn a_local_file_is_taken_and_its_failures_are_told_apart() {
    let house = House::new(300_000);
    let local = |path: &str| FetchRequest {
        url: house.root.path().join(path).to_str().expect("text").parse().expect("url"),
        ..request(SocketAddr::from(([127, 0, 0, 1], 69)), "x")
    };
    let reports = run(local("EWC/ap1g8"), &house.cache);
    assert_eq!(image(&reports), spec(300_000).facts().expect("facts"));
    let missing = failure(&run(local("EWC/ap1g6"), &house.cache));
    assert_eq!(missing.kind, FetchFailureKind::NotFound);
    assert!(missing.words.ends_with("No such file or directory"), "{missing}");
    assert_eq!(failure(&run(local("EWC"), &house.cache)).kind, FetchFailureKind::NotAnImage);
}

#[test]
fn a_name_that_does_not_resolve_is_a_local_error() {
    let house = House::new(10_000);
    let mut request = request(SocketAddr::from(([127, 0, 0, 1], 69)), "x");
    // RFC 6761 section 6.4: this never resolves.
    request.url = "tftp://no-such-host.invalid/EWC/ap1g8".parse().expect("url");
    let failure = failure(&run(request, &house.cache));
    assert_eq!(failure.kind, FetchFailureKind::Local);
    assert!(failure.words.starts_with("no-such-host.invalid: "), "{failure}");
}

#[test]
fn the_server_holds_its_limits_and_says_so() {
    let house = House::new(1_000_000);
    let (to, news) = mpsc::channel();
    let report = move |report: &ServeReport| {
        let _ = to.send(report.clone());
    };
    let server = house.server_with(|c| ServeConfig { max_transfers: 0, ..c }, report);
    let failure = failure(&run(request(server.address(), "EWC/ap1g8"), &house.cache));
    assert_eq!(failure, FetchFailure::new(FetchFailureKind::Refused, "too many transfers; try again later"));
    let refused = news.recv().expect("news");
    assert_eq!(refused.what, Served::Refused("too many transfers; try again later".to_owned()));
    drop(server);
    let (to, news) = mpsc::channel();
    let report = move |report: &ServeReport| {
        let _ = to.send(report.clone());
    };
    let server = house.server_with(|c| c, report);
    image(&run(request(server.address(), "EWC/ap1g8"), &house.cache));
    drop(server);
    let news: Vec<ServeReport> = news.iter().collect();
    assert_eq!(news.first().map(|n| &n.what), Some(&Served::Started));
    let last = news.last().expect("news");
    assert_eq!((&last.what, last.octets, last.total), (&Served::Completed, 1_000_000, 1_000_000));
    assert_eq!(last.file, "EWC/ap1g8");
}

#[test]
fn uploads_and_other_modes_are_refused() {
    let house = House::new(10_000);
    let server = house.server();
    let socket = UdpSocket::bind(loopback()).expect("a socket");
    socket.set_read_timeout(Some(Duration::from_secs(20))).expect("a limit");
    for (datagram, code) in [
        (&b"\0\x02EWC/ap1g8\0octet\0"[..], ErrorCode::ACCESS),
        (b"\0\x01EWC/ap1g8\0netascii\0", ErrorCode::UNDEFINED),
        (b"\0\x01../EWC/ap1g8\0octet\0", ErrorCode::ACCESS),
    ] {
        socket.send_to(datagram, server.address()).expect("sent");
        let mut buffer = [0; 600];
        let (len, _) = socket.recv_from(&mut buffer).expect("an answer");
        match Packet::parse(&buffer[..len]) {
            Ok(Packet::Error(error)) => assert_eq!(error.code, code),
            other => panic!("not an ERROR: {other:?}"),
        }
    }
}
