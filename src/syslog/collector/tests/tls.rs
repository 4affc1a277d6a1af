//! Collectors over TLS on loopback sockets, with certificates that are good, unknown, for another name, or none.

use std::io::Read;
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, channel};

use capledger_schema::setting::{LogDelivery, LogFraming};
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

/// A key, and a certificate for a name that signs itself.
struct Identity {
    key: PKey<Private>,
    certificate: X509,
}

impl Identity {
    fn of(name: &str) -> Identity {
        let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).expect("a curve");
        let key = PKey::from_ec_key(EcKey::generate(&group).expect("a key")).expect("a key");
        let mut subject = X509NameBuilder::new().expect("a name");
        subject.append_entry_by_nid(Nid::COMMONNAME, "a collector").expect("a name");
        let subject = subject.build();
        let mut builder = X509Builder::new().expect("a certificate");
        builder.set_version(2).expect("a version");
        let serial = BigNum::from_u32(1).and_then(|n| n.to_asn1_integer()).expect("a number");
        builder.set_serial_number(&serial).expect("set");
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
        Identity { key, certificate: builder.build() }
    }

    fn file(&self, world: &World) -> PathBuf {
        let file = world.dir.path().join("log-ca.pem");
        std::fs::write(&file, self.certificate.to_pem().expect("PEM")).expect("written");
        file
    }
}

/// A collector, and what it was sent, read to the end of a stream.
fn collector(identity: &Identity) -> (LogHost, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a socket");
    let host = LogHost { address: listener.local_addr().expect("an address"), transport: LogTransport::Tls };
    let mut acceptor = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server()).expect("an acceptor");
    acceptor.set_private_key(&identity.key).expect("a key");
    acceptor.set_certificate(&identity.certificate).expect("a certificate");
    let (acceptor, (tell, told)) = (acceptor.build(), channel());
    std::thread::spawn(move || {
        // Ends with the test.
        for stream in listener.incoming() {
            let Ok(mut stream) = acceptor.accept(stream.expect("a connection")) else { continue };
            let mut text = String::new();
            let _ = stream.read_to_string(&mut text);
            let _ = stream.shutdown();
            if tell.send(text).is_err() {
                return;
            }
        }
    });
    (host, told)
}

fn over(host: LogHost, name: Option<&str>) -> Setting {
    Setting::LoggingHostOver(host, LogDelivery { name: name.map(str::to_owned), ..LogDelivery::default() })
}

fn counted(lines: &[String]) -> String {
    let mut stream = Vec::new();
    for line in lines {
        crate::syslog::wire::frame(&mut stream, line, LogFraming::OctetCounting);
    }
    String::from_utf8(stream).expect("text")
}

#[test]
fn lines_go_to_a_collector_whose_certificate_is_good_and_are_counted() {
    for name in ["127.0.0.1", "log.example"] {
        let (mut world, identity) = (World::new(), Identity::of(name));
        let (host, told) = collector(&identity);
        let file = identity.file(&world).display().to_string();
        let named = (name != "127.0.0.1").then_some(name);
        world.configure(Setting::LoggingTlsAuthority(Some(file)));
        world.configure(over(host, named));
        world.start().expect("collectors");
        world.lines(50);
        assert_eq!(world.wait_for_news(|_| true), None);
        world.collectors = None;
        assert_eq!(told.recv().expect("a stream"), counted(&world.expected()[3..]));
    }
}

#[test]
fn a_collector_whose_certificate_is_not_good_gets_nothing_until_the_configuration_says_that_it_is() {
    let (mut world, identity) = (World::new(), Identity::of("log.example"));
    let (host, told) = collector(&identity);
    world.configure(over(host, None));
    world.start().expect("collectors");
    world.lines(5);
    let failure = |world: &World, word: &str| {
        let has = |failure: &Option<CollectorFailure>| failure.as_ref().is_some_and(|f| f.words.contains(word));
        world.wait_for_news(|(_, failure)| has(failure)).expect("a failure").words
    };
    let words = failure(&world, "not trusted");
    assert!(words.starts_with("its certificate is not trusted: self-signed certificate; `logging tls ca"), "{words}");
    let other = Identity::of("127.0.0.1").file(&world).display().to_string();
    world.configure(Setting::LoggingTlsAuthority(Some(other.clone())));
    let words = failure(&world, "did not sign it");
    assert!(words.contains(&other), "{words}");
    identity.file(&world);
    let words = failure(&world, "not for 127.0.0.1");
    assert!(words.contains("`name NAME`"), "{words}");
    world.configure(Setting::LoggingTlsAuthority(Some("/nowhere/ca.pem".into())));
    let words = failure(&world, "/nowhere/ca.pem");
    assert!(words.contains("holds no certificate that can be read"), "{words}");
    assert!(told.try_recv().is_err(), "a line went to a stranger");
    world.configure(Setting::LoggingTlsAuthority(Some(other)));
    world.configure(over(host, Some("log.example")));
    world.wait_for_news(|(_, failure)| failure.is_none());
    world.collectors = None;
    assert_eq!(told.recv().expect("a stream"), counted(&world.expected()[2..]));
}

#[test]
fn a_collector_that_speaks_no_tls_is_told_so() {
    let mut world = World::new();
    let plain = TcpListener::bind("127.0.0.1:0").expect("a socket");
    let host = LogHost { address: plain.local_addr().expect("an address"), transport: LogTransport::Tls };
    world.configure(over(host, None));
    world.start().expect("collectors");
    let (mut stream, _) = plain.accept().expect("a connection");
    std::io::Write::write_all(&mut stream, b"220 a log, but in clear\r\n").expect("written");
    let failure = world.wait_for_news(|(_, failure)| failure.is_some()).expect("a failure");
    assert!(failure.words.starts_with("TLS: "), "{}", failure.words);
}
