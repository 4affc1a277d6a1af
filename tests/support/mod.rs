//! What the tests with real programs and real processes share: finding a program, free ports, waiting for a condition,
//! and (in the modules below) a tftpd-hpa, a `capledger serve`, a syslog collector and a fleet of access points.
//!
//! Everything is on loopback, on ports of its own, and ends with the value that started it.

#![allow(dead_code, reason = "each test program takes its own part of this")]

pub(crate) mod bundle;
pub(crate) mod certificate;
pub(crate) mod collector;
pub(crate) mod controller;
pub(crate) mod fleet;
pub(crate) mod password_server;
pub(crate) mod python;
pub(crate) mod session;
pub(crate) mod ssh;
pub(crate) mod sshd;
pub(crate) mod stalling;
pub(crate) mod syslogd;
pub(crate) mod tftpd;
pub(crate) mod tmux;
pub(crate) mod window;

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// How long anything may take that takes well under a second on a machine that does nothing else.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Says that a test is skipped, and why; fails where programs are required (`CAPLEDGER_REQUIRE_PEERS=1`).
pub(crate) fn skipped(why: &str) {
    assert!(!peers_are_required(), "{why}, and CAPLEDGER_REQUIRE_PEERS=1 asks for it");
    eprintln!("SKIPPED: {why}");
}

/// Whether a missing program is a failure.
pub(crate) fn peers_are_required() -> bool {
    std::env::var_os("CAPLEDGER_REQUIRE_PEERS").is_some_and(|value| value == "1")
}

/// Says that a test which lasts is skipped, so that the tests as a whole stay quick; with `CAPLEDGER_REQUIRE_PEERS=1` it
/// runs.
pub(crate) fn too_long(seconds: u32) -> bool {
    if !peers_are_required() {
        eprintln!("SKIPPED: it lasts about {seconds} s; CAPLEDGER_REQUIRE_PEERS=1 runs it");
    }
    !peers_are_required()
}

/// The program of this name, if it is installed.
pub(crate) fn program(name: &str) -> Option<PathBuf> {
    programs(name).next()
}

/// Every program of this name, in the path's order.
pub(crate) fn programs(name: &str) -> impl Iterator<Item = PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    // Ordinary users do not have the directory of servers in their path.
    let directories: Vec<_> =
        std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]).map(|d| d.join(name)).collect();
    directories.into_iter().filter(|program| program.is_file())
}

/// A loopback address whose UDP port and the next one are free: a control port and its data port.
///
/// The ports are below those that the system hands out, so that no client's socket takes one in the meantime.
pub(crate) fn free_ports() -> SocketAddr {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    for _ in 0..1_000 {
        let step = NEXT.fetch_add(2, Ordering::Relaxed);
        // Where another test program began is nobody's guess.
        let port = 10_000 + (std::process::id() as u16).wrapping_mul(122).wrapping_add(step) % 20_000;
        let free = |port| UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).is_ok();
        if free(port) && free(port + 1) {
            return (Ipv4Addr::LOCALHOST, port).into();
        }
    }
    panic!("no two free ports in a row");
}

/// Asks again and again until there is an answer; panics with `what` was waited for when patience is at its end.
pub(crate) fn wait_for<T>(what: &str, patience: Duration, mut ask: impl FnMut() -> Option<T>) -> T {
    let end = now() + patience;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(now() < end, "waited {} s in vain: {what}", patience.as_secs());
        thread::sleep(Duration::from_millis(20));
    }
}

/// Waits until something is so.
pub(crate) fn wait_until(what: &str, patience: Duration, mut is_so: impl FnMut() -> bool) {
    wait_for(what, patience, || is_so().then_some(()));
}

#[expect(clippy::disallowed_methods, reason = "tests with real processes wait for real time")]
pub(crate) fn now() -> Instant {
    Instant::now()
}
