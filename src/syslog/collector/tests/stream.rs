//! Collectors over TCP on loopback sockets, which come, go, stall and read to the end.

use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpListener, TcpStream};

use capledger_schema::setting::{LogDelivery, LogFraming};

use super::*;

struct Server(TcpListener);

impl Server {
    fn new() -> Server {
        Server(TcpListener::bind("127.0.0.1:0").expect("a socket"))
    }

    fn again(at: SocketAddr) -> Server {
        Server(TcpListener::bind(at).expect("the same port"))
    }

    fn addr(&self) -> SocketAddr {
        self.0.local_addr().expect("an address")
    }

    fn host(&self) -> LogHost {
        LogHost { address: self.addr(), transport: LogTransport::Tcp }
    }

    fn accept(&self) -> BufReader<TcpStream> {
        let (stream, _) = self.0.accept().expect("a connection");
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
        BufReader::new(stream)
    }
}

/// One frame of RFC 6587 section 3.4.1; none at the end of the stream.
fn counted(stream: &mut BufReader<TcpStream>) -> Option<String> {
    let mut count = Vec::new();
    stream.read_until(b' ', &mut count).expect("a count in time");
    let count = String::from_utf8(count).expect("digits");
    let octets = count.strip_suffix(' ')?.parse().expect("a number");
    let mut line = vec![0; octets];
    stream.read_exact(&mut line).expect("a line in time");
    Some(String::from_utf8(line).expect("text"))
}

fn take(stream: &mut BufReader<TcpStream>, n: usize) -> Vec<String> {
    (0..n).map(|_| counted(stream).expect("a line")).collect()
}

fn over(host: LogHost) -> Setting {
    Setting::LoggingHostOver(host, LogDelivery::default())
}

#[test]
fn lines_are_counted_by_their_octets_unless_a_line_feed_is_asked_for() {
    let (mut world, server) = (World::new(), Server::new());
    world.start().expect("collectors");
    world.configure(over(server.host()));
    let mut stream = server.accept();
    assert_eq!(take(&mut stream, 1), world.expected()[1..]);
    let newline = LogDelivery { framing: LogFraming::Newline, ..LogDelivery::default() };
    world.configure(Setting::LoggingHostOver(server.host(), newline));
    let mut line = String::new();
    stream.read_line(&mut line).expect("a line");
    assert_eq!(line, format!("{}\n", world.expected()[2]));
    assert_eq!(world.wait_for_news(|(_, failure)| failure.is_none()), None);
}

#[test]
fn a_collector_that_comes_late_has_every_line_since_it_was_configured() {
    let mut world = World::new();
    let host = Server::new().host();
    world.configure(over(host));
    world.start().expect("collectors");
    world.lines(700);
    let failure = world.wait_for_news(|(of, failure)| *of == host && failure.is_some()).expect("a failure");
    assert_eq!((failure.words.as_str(), failure.lines), ("Connection refused", 2));
    let server = Server::again(host.address);
    assert_eq!(take(&mut server.accept(), 700), world.expected()[2..]);
}

#[test]
fn a_collector_that_breaks_off_gets_what_it_may_not_have_once_more() {
    let (mut world, server) = (World::new(), Server::new());
    world.configure(over(server.host()));
    world.start().expect("collectors");
    world.lines(100);
    let mut first = server.accept();
    let seen = take(&mut first, 60);
    drop(first);
    let mut again = server.accept();
    world.lines(100);
    let all = world.expected()[2..].to_vec();
    assert_eq!(seen, all[..60]);
    assert_eq!(take(&mut again, 200), all, "from where it is sure to be, in order, and nothing is missing");
}

#[test]
fn what_was_read_to_its_end_is_not_sent_again_after_a_restart() {
    let (mut world, server) = (World::new(), Server::new());
    world.configure(over(server.host()));
    world.start().expect("collectors");
    let mut stream = server.accept();
    world.lines(150);
    let reader = std::thread::spawn(move || std::iter::from_fn(|| counted(&mut stream)).collect::<Vec<_>>());
    world.collectors = None;
    assert_eq!(reader.join().expect("the collector"), world.expected()[2..]);
    let before = world.expected().len();
    world.lines(5);
    world.restart();
    assert_eq!(take(&mut server.accept(), 5), world.expected()[before..]);
}

#[test]
fn what_nobody_read_before_the_end_is_sent_again_after_a_restart() {
    let (mut world, server) = (World::new(), Server::new());
    world.configure(over(server.host()));
    world.start().expect("collectors");
    let mut stream = server.accept();
    world.lines(10);
    take(&mut stream, 10);
    // It does not read the end, so nobody knows what it has.
    world.collectors = None;
    drop(stream);
    world.restart();
    assert_eq!(take(&mut server.accept(), 10), world.expected()[2..]);
}

#[test]
fn a_collector_that_reads_nothing_holds_nobody_up() {
    let (mut world, server, other) = (World::new(), Server::new(), Collector::new());
    world.configure(over(server.host()));
    world.configure(Setting::LoggingHost(other.addr()));
    world.start().expect("collectors");
    let mut stalled = server.accept();
    // More than any buffer on the way holds.
    for _ in 0..40 {
        world.lines(1_000);
        other.take(1_000);
    }
    let before = std::time::Duration::from_secs(3);
    let (done, ended) = std::sync::mpsc::channel();
    let collectors = world.collectors.take();
    std::thread::spawn(move || {
        drop(collectors);
        let _ = done.send(());
    });
    ended.recv_timeout(before).expect("the end does not wait for it either");
    take(&mut stalled, 100);
}
