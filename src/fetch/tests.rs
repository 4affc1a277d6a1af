//! Fetches over real sockets on loopback: from the embedded server, through a bad link, and from scripted servers.

mod failures;
mod http;

use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::sync::mpsc;
use std::time::Instant;

use capledger_schema::image::{ImageFacts, ImageVersion};

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
        family: Some("ap1g8".parse().expect("family")),
        version: Some(ImageVersion([17, 9, 4, 27])),
        max_size: 1 << 30,
        timeout: Duration::from_secs(20),
        ..FetchRequest::new(OperationId(7), format!("tftp://{server}/{path}").parse().expect("url"))
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
fn a_probe_says_what_the_file_is_and_keeps_nothing() {
    let house = House::new(3_000_000);
    let server = house.server();
    let probe = |change: fn(&mut FetchRequest)| {
        let mut request = FetchRequest { probe: true, ..request(server.address(), "EWC/ap1g8") };
        change(&mut request);
        run(request, &house.cache)
    };
    let reports = probe(|_| ());
    let [FetchReport::Probed { operation: OperationId(7), family, version, octets: Some(3_000_000) }] = &reports[..]
    else {
        panic!("{reports:?}");
    };
    assert_eq!((family.as_str(), *version), ("ap1g8", ImageVersion([17, 9, 4, 27])));
    let wrong = probe(|r| r.version = Some(ImageVersion([17, 12, 1, 5])));
    assert_eq!(failure(&wrong).kind, FetchFailureKind::WrongVersion);
    let large = probe(|r| r.max_size = 2_999_999);
    assert_eq!(failure(&large).kind, FetchFailureKind::TooLarge);
    fs::write(house.root.path().join("EWC/ap1g8"), vec![0x20; 1 << 20]).expect("a file");
    assert_eq!(failure(&probe(|_| ())).kind, FetchFailureKind::NotAnImage);
    fs::remove_file(house.root.path().join("EWC/ap1g8")).expect("removed");
    assert_eq!(failure(&probe(|_| ())).kind, FetchFailureKind::NotFound);
    house.holds_only(&[]);
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

fn list(house: &House, digest: &str, name: &str) {
    let text = format!("{digest}  {name}\n");
    fs::write(house.root.path().join("EWC/SHA256SUMS"), text).expect("a list");
}

#[test]
fn an_image_that_is_not_what_the_list_beside_it_says_is_refused_and_leaves_no_file() {
    let house = House::new(100_000);
    let server = house.server();
    let right = image(&run(request(server.address(), "EWC/ap1g8"), &house.cache));
    house.cache.remove(right.sha256).expect("removed");
    list(&house, &"ab".repeat(32), "ap1g8");
    let failed = failure(&run(request(server.address(), "EWC/ap1g8"), &house.cache));
    assert_eq!(failed.kind, FetchFailureKind::Corrupt);
    let words = format!("SHA-256 is {}, and SHA256SUMS beside the image says abab", right.sha256);
    assert!(failed.words.starts_with(&words), "{failed}");
    house.holds_only(&[]);
    list(&house, &right.sha256.to_string(), "ap1g8");
    assert_eq!(image(&run(request(server.address(), "EWC/ap1g8"), &house.cache)), right);
    // A list of other files says nothing of this one, and what is no list says nothing at all.
    list(&house, &"ab".repeat(32), "ap1g7");
    assert_eq!(image(&run(request(server.address(), "EWC/ap1g8"), &house.cache)), right);
    list(&house, "no digest", "ap1g8");
    assert_eq!(image(&run(request(server.address(), "EWC/ap1g8"), &house.cache)), right);
}
