//! The two ends of the feed over a real socket in a temporary directory.

use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use capledger_schema::feed::{ClientMessage, PROTOCOL, Privilege, ServerMessage};
use capledger_schema::id::{ControllerId, Seq};
use capledger_schema::project::State;
use capledger_schema::time::Timestamp;
use capledger_schema::{Cause, Envelope, Event, Source, Subject};
use tempfile::TempDir;
use tokio::sync::watch;

use super::client::Since;
use super::*;
use crate::net::hub::{Hub, TAIL_LIMIT};

fn envelope(seq: u64) -> Envelope {
    let event = match seq {
        1 => Event::ControllerStarted { controller: ControllerId(77), software: "1".into() },
        _ => Event::ControllerStopped { reason: format!("reason {seq}") },
    };
    Envelope {
        seq: Seq(seq),
        at: Timestamp(seq as i64),
        cause: Cause::Start,
        source: Source::Local,
        subject: Subject::Controller,
        observed_at: None,
        event,
    }
}

fn envelopes(seqs: std::ops::RangeInclusive<u64>) -> Vec<Envelope> {
    seqs.map(envelope).collect()
}

/// A store that holds whatever is asked of it.
fn hub() -> Arc<Hub> {
    let reread = |after: Seq, limit: usize| Ok(envelopes(after.0 + 1..=after.0 + limit as u64));
    Arc::new(Hub::new(State::default(), Arc::new(reread)))
}

/// `echo WORDS` says them, `slow N` says N lines while it runs, `who` says who asks, `bad` is refused, `exit` ends,
/// `panic` panics, `watch` runs until nobody listens and then tells the test.
struct Echo {
    left: mpsc::Sender<()>,
}

struct EchoSession {
    user: User,
    count: u32,
    left: mpsc::Sender<()>,
}

impl CommandLine for Echo {
    fn open(&self, user: User) -> Box<dyn Session> {
        Box::new(EchoSession { user, count: 0, left: self.left.clone() })
    }
}

impl Session for EchoSession {
    fn line(&mut self, line: &str, out: &mut dyn Output) -> Answer {
        self.count += 1;
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let mut answer = Answer { text: String::new(), ok: true, ends: false };
        match word {
            "echo" => answer.text = format!("{rest}\n"),
            "big" => answer.text = "é".repeat(rest.parse().expect("a number")),
            "who" => answer.text = format!("{} {} {:?}\n", self.user.name, self.user.from, self.user.privilege),
            "slow" => {
                for n in 1..=rest.parse().expect("a number") {
                    out.write(&format!("line {n}\n")).expect("the client listens");
                }
                answer.text = "done\n".into();
            }
            "watch" => {
                out.write("watching\n").expect("the client listens");
                while !out.is_gone() {
                    std::thread::sleep(Duration::from_millis(5));
                }
                assert_eq!(out.write("anyone?"), Err(Gone));
                self.left.send(()).expect("the test waits");
            }
            "exit" => answer.ends = true,
            "panic" => panic!("as the test asks"),
            _ => (answer.ok, answer.text) = (false, "% Invalid input\n".into()),
        }
        answer
    }

    fn prompt(&self) -> String {
        format!("host{}#", self.count)
    }
}

struct World {
    dir: TempDir,
    hub: Arc<Hub>,
    server: Option<Server>,
    left: mpsc::Receiver<()>,
}

impl World {
    fn new() -> World {
        let (dir, hub) = (tempfile::tempdir().expect("a directory"), hub());
        let (tx, left) = mpsc::channel();
        let server = Server::start(dir.path(), Arc::clone(&hub), Arc::new(Echo { left: tx }), watch::channel(true).1)
            .expect("a server");
        World { dir, hub, server: Some(server), left }
    }

    fn client(&self) -> Client {
        Client::connect(self.dir.path()).expect("a connection")
    }

    /// A connection that says what the test wants it to say.
    fn raw(&self) -> UnixStream {
        let stream = UnixStream::connect(self.dir.path().join(SOCKET)).expect("a connection");
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
        stream
    }
}

/// The next message on a raw connection.
fn hear(stream: &mut UnixStream) -> ServerMessage {
    let mut header = [0; 4];
    stream.read_exact(&mut header).expect("a frame");
    let mut payload = vec![0; u32::from_be_bytes(header) as usize];
    stream.read_exact(&mut payload).expect("a whole frame");
    wire::decode(&payload).expect("a message")
}

/// What a raw connection is told before it is closed.
fn last_words(stream: &mut UnixStream) -> String {
    loop {
        if let ServerMessage::Bye(words) = hear(stream) {
            return words;
        }
    }
}

fn say(stream: &mut UnixStream, message: &ClientMessage) {
    stream.write_all(&wire::encode(message, u32::MAX).expect("a frame")).expect("it is taken");
}

fn events(subscription: &mut client::Subscription, until: u64) -> Vec<Envelope> {
    let mut got = Vec::new();
    while got.last().is_none_or(|e: &Envelope| e.seq.0 < until) {
        let message = subscription.next().expect("more").expect("a message");
        let ServerMessage::Events(batch) = message else { panic!("{message:?}") };
        got.extend(batch);
    }
    got
}

#[test]
fn a_client_learns_who_answers_and_up_to_where() {
    let world = World::new();
    world.hub.publish(&envelopes(1..=5));
    let client = world.client();
    assert_eq!((client.daemon().controller, client.daemon().seq), (ControllerId(77), Seq(5)));
    assert_eq!(client.daemon().software, env!("CARGO_PKG_VERSION"));
}

#[test]
fn the_socket_is_for_its_owner_alone_and_goes_when_the_daemon_does() {
    let mut world = World::new();
    let path = world.dir.path().join(SOCKET);
    assert_eq!(std::fs::metadata(&path).expect("a socket").permissions().mode() & 0o777, 0o600);
    world.server = None;
    assert!(!path.exists());
}

#[test]
fn a_snapshot_is_followed_by_exactly_what_comes_after_it() {
    let world = World::new();
    world.hub.publish(&envelopes(1..=5));
    let mut subscription = world.client().subscribe(Since::Now).expect("a subscription");
    let first = subscription.next().expect("a message").expect("a message");
    assert_eq!(first, ServerMessage::Snapshot(Box::new((*world.hub.state()).clone())));
    world.hub.publish(&envelopes(6..=9));
    assert_eq!(events(&mut subscription, 9), envelopes(6..=9));
}

#[test]
fn a_subscriber_from_the_start_gets_what_has_left_the_tail_and_then_what_is_new() {
    let world = World::new();
    let last = TAIL_LIMIT as u64 + 3_000;
    world.hub.publish(&envelopes(1..=last));
    let mut subscription = world.client().subscribe(Since::After(Seq(0))).expect("a subscription");
    let mut got = events(&mut subscription, 1_000);
    world.hub.publish(&envelopes(last + 1..=last + 10));
    got.extend(events(&mut subscription, last + 10));
    assert!(got == envelopes(1..=last + 10), "envelopes were lost, doubled or reordered");
}

#[test]
fn history_ends_with_what_was_durable_when_it_was_asked_for() {
    let world = World::new();
    world.hub.publish(&envelopes(1..=5));
    let client = world.client();
    world.hub.publish(&envelopes(6..=9));
    let got: Result<Vec<_>, _> = client.history(Seq(2)).expect("history").collect();
    assert_eq!(got.expect("no error"), envelopes(3..=5));
    assert_eq!(world.client().history(Seq(9)).expect("history").count(), 0);
}

#[test]
fn a_client_that_does_not_read_holds_nobody_up() {
    let world = World::new();
    let mut idle = world.raw();
    say(&mut idle, &ClientMessage::Hello { protocol: PROTOCOL, user: String::new() });
    say(&mut idle, &ClientMessage::Subscribe { snapshot: false, after: Seq(0) });
    let mut busy = world.client().subscribe(Since::After(Seq(0))).expect("a subscription");
    let last = 3 * TAIL_LIMIT as u64;
    for first in (1..=last).step_by(1_024) {
        world.hub.publish(&envelopes(first..=first + 1_023));
    }
    assert_eq!(events(&mut busy, last).len() as u64, last);
}

#[test]
fn the_lines_of_a_connection_are_one_session_and_each_ends_with_its_prompt() {
    let world = World::new();
    let mut client = world.client();
    let mut said = String::new();
    let reply = client.command("echo hello", |text| said.push_str(text)).expect("a reply");
    assert_eq!((reply.text.as_str(), reply.ok, reply.prompt.as_str()), ("hello\n", true, "host1#"));
    let reply = client.command("bad", |text| said.push_str(text)).expect("a reply");
    assert_eq!((reply.text.as_str(), reply.ok, reply.prompt.as_str()), ("% Invalid input\n", false, "host2#"));
    assert_eq!(said, "");
    assert_eq!(world.client().command("echo", |_| ()).expect("a reply").prompt, "host1#");
}

#[test]
fn what_a_command_says_while_it_runs_comes_before_its_reply() {
    let world = World::new();
    let mut said = String::new();
    let reply = world.client().command("slow 100", |text| said.push_str(text)).expect("a reply");
    assert_eq!(said, (1..=100).map(|n| format!("line {n}\n")).collect::<Vec<_>>().concat());
    assert_eq!(reply.text, "done\n");
}

#[test]
fn lines_sent_ahead_are_run_one_after_the_other() {
    let world = World::new();
    let mut stream = world.raw();
    say(&mut stream, &ClientMessage::Hello { protocol: PROTOCOL, user: String::new() });
    for id in 0..100 {
        say(&mut stream, &ClientMessage::Command { id, line: format!("echo {id}") });
    }
    let mut replies = Vec::new();
    while replies.len() < 100 {
        if let ServerMessage::Reply { id, text, .. } = hear(&mut stream) {
            replies.push((id, text));
        }
    }
    assert_eq!(replies, (0..100).map(|id| (id, format!("{id}\n"))).collect::<Vec<_>>());
}

#[test]
fn long_output_arrives_whole() {
    let world = World::new();
    let mut whole = String::new();
    let reply = world.client().command("big 500000", |text| whole.push_str(text)).expect("a reply");
    whole.push_str(&reply.text);
    assert_eq!(whole, "é".repeat(500_000));
}

#[test]
fn the_operator_is_who_the_system_says() {
    let world = World::new();
    let uid = nix::unistd::getuid();
    let me = nix::unistd::User::from_uid(uid).expect("the database").map_or(format!("uid{uid}"), |u| u.name);
    let reply = world.client().command("who", |_| ()).expect("a reply");
    assert_eq!(reply.text, format!("{me} console {:?}\n", Privilege::Privileged));
}

#[test]
fn a_line_over_the_limit_is_refused_with_the_limit_and_the_session_goes_on() {
    let world = World::new();
    let mut client = world.client();
    let reply = client.command(&"x".repeat(LINE_LIMIT + 1), |_| ()).expect("a reply");
    assert_eq!((reply.ok, reply.text.as_str()), (false, "% The line has 4097 octets; at most 4096 are taken.\n"));
    assert!(client.command(&format!("echo {}", "x".repeat(LINE_LIMIT - 5)), |_| ()).expect("a reply").ok);
}

#[test]
fn a_frame_over_the_limit_ends_the_connection_with_the_limit() {
    let world = World::new();
    let mut stream = world.raw();
    stream.write_all(&(CLIENT_FRAME_LIMIT + 1).to_be_bytes()).expect("it is taken");
    assert_eq!(last_words(&mut stream), "a frame of 65537 octets; at most 65536 are taken");
}

#[test]
fn a_client_that_does_not_say_hello_first_or_speaks_another_protocol_is_told_so() {
    let world = World::new();
    let mut stream = world.raw();
    say(&mut stream, &ClientMessage::Command { id: 1, line: "echo".into() });
    assert_eq!(last_words(&mut stream), "a client says Hello first");
    let mut stream = world.raw();
    say(&mut stream, &ClientMessage::Hello { protocol: 999, user: String::new() });
    assert!(last_words(&mut stream).starts_with("the controller speaks protocol 1, not 999"));
    let mut stream = world.raw();
    stream.write_all(b"\0\0\0\x04abcd").expect("it is taken");
    assert!(last_words(&mut stream).starts_with("a message that cannot be read"));
}

#[test]
fn a_command_notices_that_its_operator_has_left() {
    let world = World::new();
    let mut stream = world.raw();
    say(&mut stream, &ClientMessage::Hello { protocol: PROTOCOL, user: String::new() });
    say(&mut stream, &ClientMessage::Command { id: 1, line: "watch".into() });
    assert!(matches!(hear(&mut stream), ServerMessage::Hello { .. }));
    assert_eq!(hear(&mut stream), ServerMessage::Output { id: 1, text: "watching\n".into() });
    drop(stream);
    world.left.recv_timeout(Duration::from_secs(20)).expect("the command noticed");
}

#[test]
fn a_command_that_panics_costs_its_session_and_nothing_else() {
    let world = World::new();
    let mut client = world.client();
    let reply = client.command("panic", |_| ()).expect("a reply");
    assert_eq!((reply.ok, reply.prompt.as_str()), (false, ""));
    assert_eq!(client.command("echo x", |_| ()).expect("a reply").text, "x\n");
}

#[test]
fn a_session_that_ends_closes_its_connection() {
    let world = World::new();
    let mut client = world.client();
    assert!(client.command("exit", |_| ()).expect("a reply").ok);
    assert!(matches!(client.command("echo x", |_| ()), Err(ClientError::Broken(..))));
}

#[test]
fn a_client_too_many_is_turned_away_with_the_limit_and_may_come_back() {
    let world = World::new();
    let mut clients: Vec<_> = (0..CONNECTION_LIMIT).map(|_| world.client()).collect();
    let error = Client::connect(world.dir.path()).err().expect("turned away").to_string();
    assert!(error.contains("64 clients are connected, which is the limit"), "{error}");
    clients.pop();
    let came_back = (0..200).any(|_| {
        std::thread::sleep(Duration::from_millis(10));
        Client::connect(world.dir.path()).is_ok()
    });
    assert!(came_back);
}

#[test]
fn subscribers_are_told_when_the_controller_stops() {
    let mut world = World::new();
    let mut subscription = world.client().subscribe(Since::After(Seq(0))).expect("a subscription");
    world.server = None;
    let last = subscription.next();
    assert!(matches!(&last, Some(Err(ClientError::Bye(words))) if words == "the controller stops"), "{last:?}");
    assert!(subscription.next().is_none());
}

#[test]
fn a_subscription_can_be_ended_from_another_thread() {
    let world = World::new();
    let mut subscription = world.client().subscribe(Since::After(Seq(0))).expect("a subscription");
    let closer = subscription.closer().expect("a handle");
    let waiting = std::thread::spawn(move || subscription.next().is_some_and(|item| item.is_err()));
    closer.close().expect("it closes");
    assert!(waiting.join().expect("no panic"));
}

#[test]
fn no_daemon_is_said_with_what_to_do() {
    let dir = tempfile::tempdir().expect("a directory");
    let shown = dir.path().display();
    let expected = format!("no controller is running on {shown}; start it with `capledger serve --data-dir {shown}`");
    let error = Client::connect(dir.path()).err().expect("nobody is there").to_string();
    assert_eq!(error, expected);
    // A socket that a killed daemon left says the same.
    drop(UnixListener::bind(dir.path().join(SOCKET)).expect("a socket"));
    let error = Client::connect(dir.path()).err().expect("nobody is there").to_string();
    assert_eq!(error, expected);
}

fn start(dir: &Path) -> Result<Server, ServerError> {
    Server::start(dir, hub(), Arc::new(Echo { left: mpsc::channel().0 }), watch::channel(true).1)
}

#[test]
fn whoever_comes_before_the_start_is_durable_waits_and_finds_what_it_did() {
    let (dir, hub) = (tempfile::tempdir().expect("a directory"), hub());
    let (begin, begun) = watch::channel(false);
    let _server = Server::start(dir.path(), Arc::clone(&hub), Arc::new(Echo { left: mpsc::channel().0 }), begun)
        .expect("a server");
    let (told, found) = mpsc::channel();
    let place = dir.path().to_owned();
    let early = std::thread::spawn(move || {
        let client = Client::connect(&place).expect("a connection");
        told.send(client.daemon().seq).expect("the test waits");
    });
    assert!(found.recv_timeout(Duration::from_millis(200)).is_err(), "nobody is greeted before");
    hub.publish(&envelopes(1..=2));
    begin.send_replace(true);
    assert_eq!(found.recv_timeout(Duration::from_secs(20)), Ok(Seq(2)));
    early.join().expect("no panic");
}

#[test]
fn a_socket_that_nobody_answers_on_is_replaced_and_a_live_one_is_not() {
    let dir = tempfile::tempdir().expect("a directory");
    drop(UnixListener::bind(dir.path().join(SOCKET)).expect("a socket"));
    let server = start(dir.path()).expect("the stale one is replaced");
    assert!(matches!(start(dir.path()), Err(ServerError::Taken(_))));
    assert!(Client::connect(dir.path()).is_ok());
    drop(server);
}

#[test]
fn a_file_in_the_sockets_place_is_left_alone() {
    let dir = tempfile::tempdir().expect("a directory");
    std::fs::write(dir.path().join(SOCKET), "mine").expect("a file");
    assert!(matches!(start(dir.path()), Err(ServerError::NotASocket(_))));
    assert_eq!(std::fs::read_to_string(dir.path().join(SOCKET)).expect("a file"), "mine");
}

#[test]
fn a_data_directory_with_too_long_a_path_is_refused_with_the_limit() {
    let dir = tempfile::tempdir().expect("a directory");
    let deep = dir.path().join("d".repeat(120));
    std::fs::create_dir(&deep).expect("a directory");
    for error in
        [start(&deep).err().expect("too long").to_string(), Client::connect(&deep).err().expect("too long").to_string()]
    {
        assert!(error.contains("takes at most 107; choose a shorter --data-dir"), "{error}");
    }
}
