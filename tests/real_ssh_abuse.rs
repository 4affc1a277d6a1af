//! Five hundred sessions opened, used and dropped in random ways: half-open, killed, garbage, NUL octets, a line of a
//! megabyte, octets that are no UTF-8. Nothing crashes, other sessions are served meanwhile, and five hundred more take
//! next to no more memory.

mod support;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use capledger::net::hub::TAIL_LIMIT;
use russh::client::{self, Handle};
use russh::keys::ssh_key::private::{Ed25519Keypair, KeypairData};
use russh::keys::{PrivateKey, PrivateKeyWithHashAlg, PublicKeyOrCertificate};
use russh::{ChannelMsg, Disconnect};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use support::controller::{Controller, Place};
use support::ssh::{free_port, served_on, wait_until_served};
use support::{PATIENCE, now};

/// Sessions of a round.
const SESSIONS: u64 = 500;

/// Of them at once.
const AT_ONCE: usize = 6;

/// How long another operator waits for an answer at most, on a machine that other tests share.
const ANSWER: Duration = Duration::from_secs(10);

/// How much more memory the second round may take than the first.
const GROWTH: f64 = 1.05;

struct Friend;

impl client::Handler for Friend {
    type Error = russh::Error;

    async fn check_server_key(&mut self, _: &PublicKeyOrCertificate) -> Result<bool, russh::Error> {
        Ok(true)
    }
}

fn key() -> PrivateKey {
    PrivateKey::new(KeypairData::from(Ed25519Keypair::from_seed(&[7; 32])), "").expect("a key")
}

async fn login(at: SocketAddr) -> Handle<Friend> {
    login_over(TcpStream::connect(at).await.expect("a connection")).await
}

/// Logs in over a connection that a reset ends when it is dropped: its client was killed, or its machine.
async fn login_to_be_killed(at: SocketAddr) -> Handle<Friend> {
    let socket = TcpStream::connect(at).await.expect("a connection");
    socket.set_zero_linger().expect("it is open");
    login_over(socket).await
}

async fn login_over(socket: TcpStream) -> Handle<Friend> {
    let config = Arc::new(client::Config::default());
    let mut handle = client::connect_stream(config, socket, Friend).await.expect("a connection");
    let key = PrivateKeyWithHashAlg::new(Arc::new(key()), None);
    let entered = handle.authenticate_publickey("admin", key).await.expect("an answer");
    assert!(entered.success(), "the key lets in");
    handle
}

/// SplitMix64: the same octets on every run.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn octets(&mut self, n: u64) -> Vec<u8> {
        (0..n).map(|_| self.next() as u8).collect()
    }
}

/// One session, in the way that its number says. What becomes of it is the server's business; it may not hang.
async fn misuse(at: SocketAddr, number: u64, left_open: &AtomicU32, silent: &Mutex<Vec<TcpStream>>) {
    let mut chance = Chance(number);
    match number % 10 {
        // Half-open: it connects and says nothing; it goes at once, goes with a reset after a while, or stays.
        0 => {
            let socket = TcpStream::connect(at).await.expect("a connection");
            match number % 30 {
                0 => drop(socket),
                10 => {
                    tokio::time::sleep(Duration::from_millis(chance.next() % 300)).await;
                    socket.set_zero_linger().expect("it is open");
                }
                _ => silent.lock().expect("no panic").push(socket),
            }
        }
        1 => {
            let mut socket = TcpStream::connect(at).await.expect("a connection");
            let _ = socket.write_all(&chance.octets(1 + number % 3_000)).await;
        }
        2 => {
            let mut socket = TcpStream::connect(at).await.expect("a connection");
            let _ = socket.write_all(b"SSH-2.0-Nobody\r\n").await;
            let _ = socket.write_all(&chance.octets(1 + number % 3_000)).await;
            let mut some = [0; 64];
            let _ = tokio::time::timeout(Duration::from_secs(1), socket.read(&mut some)).await;
        }
        // Logged in, and killed.
        3 => {
            let handle = login_to_be_killed(at).await;
            let _ = handle.channel_open_session().await;
            drop(handle);
        }
        4 => {
            let handle = if number % 20 == 4 { login(at).await } else { login_to_be_killed(at).await };
            let channel = shell(&handle).await;
            let _ = channel.data(&b"show ap image\r\0\0\0show clo"[..]).await;
            drop(handle);
        }
        // A line of a megabyte, which is refused; then one that is answered.
        5 if number % 20 == 5 => {
            let handle = login(at).await;
            let mut channel = shell(&handle).await;
            let line = [vec![b'x'; 1 << 20], b"\rshow privilege\r".to_vec()].concat();
            // The connection's own queue: it goes out as the window opens.
            handle.data(channel.id(), line).await.expect("it is taken");
            until(&mut channel, "level is 15").await;
            let _ = handle.disconnect(Disconnect::ByApplication, "", "").await;
        }
        // Octets that are no text, controls among them.
        5 | 6 => {
            let handle = login(at).await;
            let mut channel = shell(&handle).await;
            let mut noise = chance.octets(2_000);
            // No letters: two of them may be a command, and `l` is one that ends the session. No Ctrl-D either.
            noise.retain(|o| !o.is_ascii_alphabetic() && *o != 0x04);
            channel.data(&noise[..]).await.expect("it is taken");
            channel.data(&b"\x03\rend\rterminal length 0\rshow privilege\r"[..]).await.expect("it is taken");
            until(&mut channel, "level is").await;
            let _ = handle.disconnect(Disconnect::ByApplication, "", "").await;
        }
        // In the middle of a page.
        7 => {
            let handle = login(at).await;
            let mut channel = shell(&handle).await;
            // Not `show logging`, whose length grows with the test.
            channel.data(&b"terminal length 4\rshow running-config\r"[..]).await.expect("it is taken");
            until(&mut channel, "--More--").await;
            drop(handle);
        }
        // As it should be.
        8 => {
            let handle = login(at).await;
            let mut channel = handle.channel_open_session().await.expect("a channel");
            channel.exec(true, "show ap summary").await.expect("it is taken");
            let mut status = None;
            while let Some(message) = channel.wait().await {
                if let ChannelMsg::ExitStatus { exit_status } = message {
                    status = Some(exit_status);
                }
            }
            assert_eq!(status, Some(0));
            let _ = handle.disconnect(Disconnect::ByApplication, "", "").await;
        }
        // Many channels, most of which are refused, and a wrong password now and then.
        _ if number % 100 == 9 => {
            let mut handle =
                client::connect(Arc::new(client::Config::default()), at, Friend).await.expect("a connection");
            let begun = now();
            let entered = handle.authenticate_password("admin", "wrong").await.expect("an answer");
            assert!(!entered.success());
            assert!(begun.elapsed() >= Duration::from_secs(2), "a wrong password is delayed");
        }
        _ => {
            let handle = login(at).await;
            let mut open = Vec::new();
            for _ in 0..8 {
                open.extend(handle.channel_open_session().await.ok());
            }
            left_open.fetch_max(open.len() as u32, Ordering::Relaxed);
            drop(handle);
        }
    }
}

type Channel = russh::Channel<client::Msg>;

async fn shell(handle: &Handle<Friend>) -> Channel {
    let channel = handle.channel_open_session().await.expect("a channel");
    channel.request_pty(true, "vt100", 80, 24, 0, 0, &[]).await.expect("a terminal");
    channel.request_shell(true).await.expect("a shell");
    channel
}

async fn until(channel: &mut Channel, text: &str) {
    let mut seen = String::new();
    while !seen.contains(text) {
        match channel.wait().await {
            Some(ChannelMsg::Data { data }) => seen.push_str(&String::from_utf8_lossy(&data)),
            Some(_) => {}
            None => panic!("the session ended before {text:?}:\n{seen}"),
        }
    }
}

/// A round; another operator asks all the while, and is answered.
async fn round(at: SocketAddr, numbers: std::ops::Range<u64>) {
    let over = Arc::new(AtomicBool::new(false));
    let operator = tokio::spawn({
        let over = Arc::clone(&over);
        async move {
            let handle = login(at).await;
            let mut channel = shell(&handle).await;
            let (mut asked, mut longest) = (0, Duration::ZERO);
            while !over.load(Ordering::Relaxed) {
                channel.data(&b"show privilege\r"[..]).await.expect("it is taken");
                let begun = now();
                let answered = tokio::time::timeout(ANSWER, until(&mut channel, "level is 15")).await;
                assert!(answered.is_ok(), "another operator waited for {ANSWER:?}");
                longest = longest.max(begun.elapsed());
                asked += 1;
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
            eprintln!("another operator asked {asked} times and waited for {longest:?} at most");
            asked
        }
    });
    let places = Arc::new(Semaphore::new(AT_ONCE));
    let left_open = Arc::new(AtomicU32::new(0));
    let silent: Arc<Mutex<Vec<TcpStream>>> = Arc::default();
    let mut sessions = JoinSet::new();
    for number in numbers {
        let (places, left_open, silent) = (Arc::clone(&places), Arc::clone(&left_open), Arc::clone(&silent));
        sessions.spawn(async move {
            let _place = places.acquire().await.expect("it is never closed");
            let done = tokio::time::timeout(PATIENCE, misuse(at, number, &left_open, &silent)).await;
            assert!(done.is_ok(), "session {number} hangs");
        });
    }
    while let Some(done) = sessions.join_next().await {
        done.expect("no session fails where it is to be served");
    }
    over.store(true, Ordering::Relaxed);
    assert!(operator.await.expect("the operator was served") > 5);
    assert_eq!(left_open.load(Ordering::Relaxed), 4, "channels of one connection are limited");
}

/// Fills what has a bound, above all the tail of the ledger that is kept in memory, so that neither round is the one to.
fn fill(place: &Place, dir: &Path) {
    let file = dir.join("lines");
    std::fs::write(&file, "show privilege\n".repeat(TAIL_LIMIT)).expect("written");
    place.exec(&["-f", file.to_str().expect("text")]);
}

/// Resident memory, in KiB.
fn resident(controller: &Controller) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", controller.pid())).expect("it runs");
    let line = status.lines().find(|l| l.starts_with("VmRSS:")).expect("Linux tells");
    line.split_whitespace().nth(1).and_then(|n| n.parse().ok()).expect("a number")
}

#[test]
fn a_thousand_misused_sessions_crash_nothing_starve_nobody_and_leave_no_memory_behind() {
    if support::too_long(30) {
        return;
    }
    let dir = tempfile::tempdir().expect("a directory");
    let port = free_port();
    let public = key().public_key().to_openssh().expect("a key");
    let config = format!(
        "{}username admin privilege 15 secret 0 right\nip ssh pubkey-chain\n username admin\n  key-string {public}\n",
        served_on(port)
    );
    let place = Place::new(dir.path(), &config);
    let controller = place.start(place.serve());
    wait_until_served(port);
    let at = SocketAddr::from(([127, 0, 0, 1], port));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut after = Vec::new();
    fill(&place, dir.path());
    for turn in 0..2 {
        runtime.block_on(round(at, turn * SESSIONS..(turn + 1) * SESSIONS));
        // What is left of the last sessions goes within a moment.
        std::thread::sleep(Duration::from_secs(2));
        after.push(resident(&controller));
    }
    let said = place.said();
    assert!(!said.contains("panicked"), "{said}");
    assert!(place.exec(&["show privilege"]).contains("level is 15"));
    controller.stop();
    place.verify();
    eprintln!("resident after the first round {} KiB, after the second {} KiB", after[0], after[1]);
    assert!(after[1] <= after[0] * GROWTH, "{after:?} KiB");
}
