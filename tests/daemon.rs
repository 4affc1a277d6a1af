//! The daemon as its users meet it: over its local socket, and again after a restart.

use std::net::{SocketAddr, UdpSocket};

use capledger::daemon::{Daemon, DaemonError, Options};
use capledger::ios::config_file;
use capledger::net::feed::Client;

/// A control port whose successor is free too.
fn free_ports() -> SocketAddr {
    for _ in 0..100 {
        let control = UdpSocket::bind("127.0.0.1:0").expect("a port");
        let addr = control.local_addr().expect("bound");
        if UdpSocket::bind((addr.ip(), addr.port().wrapping_add(1))).is_ok() {
            return addr;
        }
    }
    panic!("no two free ports in a row");
}

fn options(dir: &std::path::Path, extra: &str) -> Options {
    let at = free_ports();
    let text = format!("hostname 9120-EWC\ncapwap listen 127.0.0.1 port {}\n{extra}", at.port());
    Options {
        data_dir: dir.to_owned(),
        config: Some(config_file::parse(&text).expect("a configuration")),
        ..Options::default()
    }
}

fn say(dir: &std::path::Path, lines: &[&str]) -> String {
    let mut client = Client::connect(dir).expect("a daemon");
    let mut said = String::new();
    for line in lines {
        let reply = client.command(line, |text| print!("{text}")).expect("a reply");
        said.push_str(&reply.text);
    }
    said
}

#[test]
fn a_change_made_on_the_command_line_is_there_after_a_restart() {
    let dir = tempfile::tempdir().expect("a directory");
    let options = options(dir.path(), "");
    let daemon = Daemon::start(&options).expect("started");
    say(dir.path(), &["configure terminal", "software version 17.9.4.27", "end"]);
    let shown = say(dir.path(), &["show running-config"]);
    assert!(shown.contains("software version 17.9.4.27"), "{shown}");
    daemon.stop("test").expect("stopped in order");

    let mut again = options.clone();
    again.config = None;
    let daemon = Daemon::start(&again).expect("started again");
    assert!(say(dir.path(), &["show running-config"]).contains("software version 17.9.4.27"));
    daemon.stop("test").expect("stopped in order");
}

#[test]
fn a_startup_configuration_does_not_silently_undo_what_was_changed_at_run_time() {
    let dir = tempfile::tempdir().expect("a directory");
    let options = options(dir.path(), "");
    let daemon = Daemon::start(&options).expect("started");
    say(dir.path(), &["configure terminal", "software version 17.9.4.27", "end"]);
    daemon.stop("test").expect("stopped in order");

    let refused = Daemon::start(&options).err().expect("refused");
    assert!(matches!(&refused, DaemonError::Unsaved(changes) if changes.len() == 1), "{refused}");
    let replaced = Daemon::start(&Options { replace: true, ..options }).expect("started");
    assert!(!say(dir.path(), &["show running-config"]).contains("software version"));
    replaced.stop("test").expect("stopped in order");
}

#[test]
fn a_failed_install_add_tells_why_on_the_command_line() {
    let dir = tempfile::tempdir().expect("a directory");
    let daemon = Daemon::start(&options(dir.path(), "")).expect("started");
    let said = say(dir.path(), &["install add file /nonexistent/ap1g8"]);
    assert!(said.contains("FAILED: install_add"), "{said}");
    assert!(said.contains("No such file or directory"), "{said}");
    let log = say(dir.path(), &["show logging"]);
    assert!(log.contains("%INSTALL-5-INSTALL_START_INFO"), "{log}");
    assert!(log.contains("%INSTALL-3-OPERATION_ERROR_MESSAGE"), "{log}");
    daemon.stop("test").expect("stopped in order");
}
