//! HTTP and HTTPS from a server that says what it is told to.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::mpsc::Receiver;

use capledger_schema::event::ServerKeyKind;
use openssl::asn1::Asn1Time;
use openssl::bn::BigNum;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::ssl::{SslAcceptor, SslMethod};
use openssl::x509::extension::SubjectAlternativeName;
use openssl::x509::{X509, X509Builder, X509NameBuilder};

use super::*;

/// Answers every connection with these octets, once it has heard a request; the requests come out of the receiver.
fn http_server(answer: Vec<u8>) -> (SocketAddr, Receiver<String>) {
    serve(move |mut stream, heard| {
        heard(hear(&mut stream));
        let _ = stream.write_all(&answer);
    })
}

fn serve(answer: impl Fn(TcpStream, &dyn Fn(String)) + Send + 'static) -> (SocketAddr, Receiver<String>) {
    let listener = TcpListener::bind(loopback()).expect("a port");
    let address = listener.local_addr().expect("its address");
    let (to, requests) = mpsc::channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let heard = |request| drop(to.send(request));
            answer(stream.expect("a connection"), &heard);
        }
    });
    (address, requests)
}

fn hear(stream: &mut impl Read) -> String {
    let (mut text, mut octet) = (String::new(), [0]);
    while !text.ends_with("\r\n\r\n") && matches!(stream.read(&mut octet), Ok(1)) {
        text.push(char::from(octet[0]));
    }
    text
}

fn answer(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n{headers}\r\n", body.len());
    [head.as_bytes(), body].concat()
}

fn http_request(scheme: &str, server: SocketAddr, path: &str) -> FetchRequest {
    FetchRequest { url: format!("{scheme}://{server}/{path}").parse().expect("url"), ..request(server, path) }
}

#[test]
fn an_image_comes_over_http_and_its_length_is_told() {
    let house = House::new(300_000);
    let octets = spec(300_000).to_vec().expect("image");
    let (server, requests) = http_server(answer("200 OK", "", &octets));
    let reports = run(http_request("http", server, "EWC/17 9/ap1g8"), &house.cache);
    let image = image(&reports);
    assert_eq!(image, spec(300_000).facts().expect("facts"));
    assert!(matches!(reports[0], FetchReport::Progress { octets: 0, total: Some(300_000), .. }), "{:?}", reports[0]);
    house.holds_only(&[&image]);
    let request = requests.recv().expect("a request").to_lowercase();
    assert!(request.starts_with("get /ewc/17%209/ap1g8 http/1.1\r\n"), "{request}");
    assert!(request.contains(&format!("\r\nhost: {server}\r\n")), "{request}");
    assert!(!request.contains("authorization"), "{request}");
}

#[test]
fn a_body_in_chunks_is_read_to_its_end_and_a_login_is_sent_as_the_url_has_it() {
    let house = House::new(4_000);
    let mut body = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    for chunk in spec(100_000).to_vec().expect("image").chunks(33_333) {
        body.extend(format!("{:x}\r\n", chunk.len()).bytes());
        body.extend(chunk);
        body.extend(b"\r\n");
    }
    body.extend(b"0\r\n\r\n");
    let (server, requests) = http_server(body);
    let url = format!("http://bob:p@ss@{server}/ap1g8").parse().expect("url");
    let reports = run(FetchRequest { url, ..request(server, "ap1g8") }, &house.cache);
    assert_eq!(image(&reports), spec(100_000).facts().expect("facts"));
    let request = requests.recv().expect("a request");
    assert!(request.contains(&openssl::base64::encode_block(b"bob:p@ss")), "{request}");
}

#[test]
fn what_a_server_answers_instead_of_the_file_is_told_apart() {
    let house = House::new(4_000);
    let octets = spec(100_000).to_vec().expect("image");
    for (sent, kind, words) in [
        (answer("404 Not Found", "", b"<html>"), FetchFailureKind::NotFound, "404 Not Found"),
        (answer("403 Forbidden", "", b""), FetchFailureKind::Permission, "403 Forbidden"),
        (answer("401 Unauthorized", "", b""), FetchFailureKind::AuthenticationFailed, "401 Unauthorized"),
        (answer("503 Service Unavailable", "", b""), FetchFailureKind::Refused, "503 Service Unavailable"),
        (
            answer("302 Found", "Location: https://u:SECRETWORD@elsewhere/ap1g8\r\n", b""),
            FetchFailureKind::Refused,
            "it points to https://******@elsewhere/ap1g8, and redirects are not followed",
        ),
        (answer("200 OK", "", b"<html>a page</html>"), FetchFailureKind::NotAnImage, "not a tar archive"),
        (answer("200 OK", "", &octets)[..50_000].to_vec(), FetchFailureKind::CutShort, ""),
        (b"220 mail.example ESMTP\r\n".to_vec(), FetchFailureKind::Protocol, ""),
        (Vec::new(), FetchFailureKind::CutShort, ""),
    ] {
        let (server, _requests) = http_server(sent);
        let failure = failure(&run(http_request("http", server, "ap1g8"), &house.cache));
        assert_eq!(failure.kind, kind, "{failure}");
        assert!(failure.words.contains(words) && !failure.words.contains("SECRETWORD"), "{failure}");
    }
    house.holds_only(&[]);
}

#[test]
fn a_web_server_that_falls_silent_is_timed_out() {
    let house = House::new(4_000);
    let octets = spec(100_000).to_vec().expect("image");
    let (server, _requests) = serve(move |mut stream, heard| {
        heard(hear(&mut stream));
        let _ = stream.write_all(&answer("200 OK", "", &octets)[..50_000]);
        let _ = stream.read(&mut [0]); // until the client leaves
    });
    let quick = FetchRequest { timeout: Duration::from_millis(400), ..http_request("http", server, "ap1g8") };
    assert_eq!(failure(&run(quick, &house.cache)).kind, FetchFailureKind::TimedOut);
    house.holds_only(&[]);
}

/// A key and a certificate for a name that signs itself.
fn certificate(name: &str) -> (PKey<Private>, X509) {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).expect("a curve");
    let key = PKey::from_ec_key(EcKey::generate(&group).expect("a key")).expect("a key");
    let mut subject = X509NameBuilder::new().expect("a name");
    subject.append_entry_by_nid(Nid::COMMONNAME, "an image server").expect("a name");
    let subject = subject.build();
    let mut builder = X509Builder::new().expect("a certificate");
    builder.set_version(2).expect("a version");
    builder
        .set_serial_number(&BigNum::from_u32(1).expect("a number").to_asn1_integer().expect("a number"))
        .expect("set");
    builder.set_subject_name(&subject).expect("a subject");
    builder.set_issuer_name(&subject).expect("an issuer");
    builder.set_pubkey(&key).expect("a key");
    builder.set_not_before(&Asn1Time::days_from_now(0).expect("a time")).expect("a time");
    builder.set_not_after(&Asn1Time::days_from_now(1).expect("a time")).expect("a time");
    let mut names = SubjectAlternativeName::new();
    let names = if name.parse::<std::net::IpAddr>().is_ok() { names.ip(name) } else { names.dns(name) };
    let names = names.build(&builder.x509v3_context(None, None)).expect("an extension");
    builder.append_extension(names).expect("an extension");
    builder.sign(&key, MessageDigest::sha256()).expect("signed");
    (key, builder.build())
}

fn https_server((key, certificate): &(PKey<Private>, X509), answer: Vec<u8>) -> (SocketAddr, Receiver<String>) {
    let mut acceptor = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server()).expect("an acceptor");
    acceptor.set_private_key(key).expect("a key");
    acceptor.set_certificate(certificate).expect("a certificate");
    let acceptor = acceptor.build();
    serve(move |stream, heard| {
        let Ok(mut stream) = acceptor.accept(stream) else { return };
        let request = hear(&mut stream);
        if !request.is_empty() {
            heard(request);
            let _ = stream.write_all(&answer);
        }
        let _ = stream.shutdown();
    })
}

#[test]
fn a_certificate_is_checked_against_the_authority_and_the_servers_name() {
    let house = House::new(4_000);
    let ok = answer("200 OK", "", &spec(100_000).to_vec().expect("image"));
    let file = |certificate: &X509| {
        let file = house.root.path().join("ca.pem");
        fs::write(&file, certificate.to_pem().expect("PEM")).expect("written");
        Some(file)
    };
    let own = certificate("127.0.0.1");
    let (server, _requests) = https_server(&own, ok.clone());
    let login = |server: SocketAddr| format!("https://bob:SECRETWORD@{server}/ap1g8").parse().expect("url");
    let fetch = |server: SocketAddr, authority: Option<std::path::PathBuf>| {
        run(FetchRequest { authority, url: login(server), ..request(server, "ap1g8") }, &house.cache)
    };
    assert_eq!(image(&fetch(server, file(&own.1))), spec(100_000).facts().expect("facts"));

    let untrusted = failure(&fetch(server, None));
    assert_eq!(untrusted.kind, FetchFailureKind::CertificateUntrusted, "{untrusted}");
    assert!(untrusted.words.contains("self-signed certificate"), "{untrusted}");

    let other = certificate("images.example");
    let (server, requests) = https_server(&other, ok);
    let misnamed = failure(&fetch(server, file(&other.1)));
    assert_eq!(misnamed.kind, FetchFailureKind::CertificateUntrusted, "{misnamed}");
    assert!(misnamed.words.contains("mismatch"), "{misnamed}");
    let missing = failure(&fetch(server, Some(Path::new("/no/such/ca.pem").to_owned())));
    assert_eq!(missing.kind, FetchFailureKind::CertificateUntrusted, "{missing}");
    assert!(requests.try_recv().is_err(), "nothing was asked of a server that is not trusted");
}

#[test]
fn a_pinned_certificate_is_told_at_first_use_and_another_is_refused_before_anything_is_sent() {
    let house = House::new(4_000);
    let ok = answer("200 OK", "", &spec(100_000).to_vec().expect("image"));
    let (server, requests) = https_server(&certificate("images.example"), ok);
    let fetch = |pin: Option<ServerPin>| {
        run(FetchRequest { trust: HttpsTrust::Pin, pin, ..http_request("https", server, "ap1g8") }, &house.cache)
    };
    let first = fetch(None);
    image(&first);
    let FetchReport::ServerKey { key, .. } = &first[0] else { panic!("{first:?}") };
    assert_eq!((key.kind, key.port, key.algorithm.as_str()), (ServerKeyKind::Tls, server.port(), "x509"));
    let pin = |fingerprint| Some(ServerPin { algorithm: "x509".into(), fingerprint });
    let again = fetch(pin(key.fingerprint));
    image(&again);
    assert!(!again.iter().any(|report| matches!(report, FetchReport::ServerKey { .. })));
    assert_eq!(requests.try_iter().filter(|request| request.starts_with("GET /ap1g8 ")).count(), 2);
    let changed = failure(&fetch(pin(capledger_schema::id::Sha256([7; 32]))));
    assert_eq!(changed.kind, FetchFailureKind::HostKeyChanged, "{changed}");
    assert!(requests.try_recv().is_err(), "nothing was asked of it");
}
