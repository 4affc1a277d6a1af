//! How fetches fail: each kind with its words, and nothing left on the disk; and what the embedded server refuses.

use super::*;

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
    assert!(begin.elapsed() < Duration::from_secs(15), "it did not wait for the limit of silence");
}

#[test]
fn a_server_that_never_answers_times_out_at_the_limit() {
    let house = House::new(10_000);
    let deaf = UdpSocket::bind(loopback()).expect("a socket");
    let mut request = request(deaf.local_addr().expect("its address"), "EWC/ap1g8");
    request.timeout = Duration::from_millis(2_500);
    let begin = now();
    let failure = failure(&run(request, &house.cache));
    assert_eq!(failure.kind, FetchFailureKind::TimedOut);
    assert!(failure.words.contains("no answer for 2.5 s"), "{failure}");
    assert!((2_500..15_000).contains(&begin.elapsed().as_millis()), "{:?}", begin.elapsed());
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
    request.timeout = Duration::from_secs(2);
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
    assert!(begin.elapsed() < Duration::from_secs(10), "{:?}", begin.elapsed());
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
    let news: Vec<ServeReport> = news.iter().filter(|n| n.file != "EWC/SHA256SUMS").collect();
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
