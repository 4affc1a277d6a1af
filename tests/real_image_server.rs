//! The embedded image servers against real clients: OpenSSH's `sftp`, curl, tftp-hpa and atftp fetch what they should and
//! nothing else, and every transfer is in the ledger.
//!
//! A client that is not installed is skipped, and says so; with `CAPLEDGER_REQUIRE_PEERS=1` that is a failure.

mod support;

use std::fs::{self, Permissions};
use std::io::BufWriter;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::mpsc;

use capledger::fetch::tftp::client::ClientConfig;
use capledger::fetch::{Cancel, FetchReport, FetchRequest, Login, spawn};
use capledger::image::bundle::ImageSpec;
use capledger::image::cache::ImageCache;
use capledger::secrets::Plain;
use capledger_schema::failure::FetchFailureKind;
use capledger_schema::id::OperationId;
use capledger_schema::image::ImageVersion;

use support::controller::{Controller, Place};
use support::{PATIENCE, program, skipped, wait_until};

const OCTETS: u64 = 5_000_192;
const USER: &str = "images";
const PASSWORD: &str = "open sesame";

/// A controller that hands out a bundle by both protocols.
struct Site {
    dir: tempfile::TempDir,
    place: Place,
    tftp: SocketAddr,
    sftp: SocketAddr,
    _controller: Controller,
}

/// A port that is free in both worlds.
fn free_port() -> SocketAddr {
    for _ in 0..100 {
        let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let addr = tcp.local_addr().expect("bound");
        if UdpSocket::bind(addr).is_ok() {
            return addr;
        }
    }
    panic!("no free port");
}

impl Site {
    fn start() -> Site {
        let dir = tempfile::tempdir().expect("a directory");
        let root = dir.path().join("srv");
        fs::create_dir_all(root.join("EWC")).expect("a folder");
        let spec = ImageSpec {
            family: "ap1g8".parse().expect("a family"),
            version: ImageVersion([17, 9, 4, 27]),
            octets: OCTETS,
            seed: 3,
        };
        spec.write(BufWriter::new(fs::File::create(root.join("EWC/ap1g8")).expect("a file"))).expect("an image");
        fs::write(dir.path().join("secret"), b"secret").expect("a file");
        symlink(dir.path().join("secret"), root.join("link")).expect("a link");
        symlink(dir.path(), root.join("way-out")).expect("a link");
        let (tftp, sftp) = (free_port(), free_port());
        let line = |word: &str, at: SocketAddr| {
            format!("image-server {word} listen {} port {} root {}\n", at.ip(), at.port(), root.display())
        };
        let config =
            format!("{}{}image-server login {USER} password 0 {PASSWORD}\n", line("tftp", tftp), line("sftp", sftp));
        let place = Place::new(dir.path(), &config);
        let controller = place.start(place.serve());
        let site = Site { dir, place, tftp, sftp, _controller: controller };
        wait_until("both servers listen", PATIENCE, || site.show().matches("listening since").count() == 2);
        site
    }

    fn show(&self) -> String {
        self.place.exec(&["show image-server"])
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// What a client fetched is what is served.
    fn same(&self, fetched: &Path) {
        let served = fs::read(self.path("srv/EWC/ap1g8")).expect("the image");
        assert!(fs::read(fetched).expect("it was fetched") == served, "{} is another file", fetched.display());
        fs::remove_file(fetched).expect("removed");
    }

    /// OpenSSH's client, with its commands on standard input and the password by the way that scripts have.
    fn sftp(&self, password: &str, commands: &str) -> Output {
        let ask = self.path("ask");
        fs::write(&ask, format!("#!/bin/sh\necho '{password}'\n")).expect("a script");
        fs::set_permissions(&ask, Permissions::from_mode(0o700)).expect("permissions");
        let batch = self.path("batch");
        fs::write(&batch, commands).expect("a batch");
        let mut sftp = Command::new("setsid");
        sftp.args(["-w", "sftp", "-P", &self.sftp.port().to_string(), "-oBatchMode=no", "-b"])
            .arg(&batch)
            .args(["-oStrictHostKeyChecking=accept-new", "-oPubkeyAuthentication=no", "-oNumberOfPasswordPrompts=1"])
            .arg(format!("-oUserKnownHostsFile={}", self.path("known_hosts").display()))
            .args(["-F", "none", &format!("{USER}@{}", self.sftp.ip())])
            .env("SSH_ASKPASS", &ask)
            .env("SSH_ASKPASS_REQUIRE", "force")
            .env("DISPLAY", ":0")
            .stdin(Stdio::null());
        sftp.output().expect("sftp runs")
    }
}

fn curl(args: &[&str]) -> Output {
    Command::new("curl").args(["-sS", "--max-time", "30"]).args(args).output().expect("curl runs")
}

fn said(out: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr))
}

fn installed(name: &str) -> bool {
    let there = program(name).is_some();
    if !there {
        skipped(&format!("{name} is not installed"));
    }
    there
}

#[test]
fn openssh_fetches_lists_and_is_denied_everything_else() {
    if !installed("sftp") || !installed("setsid") {
        return;
    }
    let site = Site::start();
    let here = site.path("fetched");
    let out = site.sftp(PASSWORD, &format!("ls -l EWC\nget EWC/ap1g8 {}\n", here.display()));
    assert!(out.status.success(), "{}", said(&out));
    assert!(said(&out).contains(&OCTETS.to_string()), "{}", said(&out));
    site.same(&here);

    let wrong = site.sftp("open sesam", "ls\n");
    assert!(!wrong.status.success() && said(&wrong).contains("Permission denied"), "{}", said(&wrong));

    for (command, words) in [
        (format!("put {} new", site.path("secret").display()), "Permission denied"),
        ("rm EWC/ap1g8".to_owned(), "Permission denied"),
        ("mkdir new".to_owned(), "Permission denied"),
        ("rmdir EWC".to_owned(), "Permission denied"),
        ("rename EWC/ap1g8 EWC/x".to_owned(), "Permission denied"),
        ("chmod 777 EWC/ap1g8".to_owned(), "Permission denied"),
        ("ln -s EWC/ap1g8 x".to_owned(), "Permission denied"),
        (format!("get link {}", here.display()), "not found"),
        (format!("get way-out/secret {}", here.display()), "not found"),
        (format!("get ../secret {}", here.display()), "not found"),
        (format!("get EWC/../../secret {}", here.display()), "not found"),
        (format!("get missing {}", here.display()), "not found"),
    ] {
        let out = site.sftp(PASSWORD, &format!("{command}\n"));
        assert!(!out.status.success() && said(&out).contains(words), "{command}: {}", said(&out));
        assert!(!here.exists(), "{command}");
    }
    let listed = said(&site.sftp(PASSWORD, "ls -1\n"));
    assert!(listed.contains("EWC") && !listed.contains("link") && !listed.contains("way-out"), "{listed}");
    assert!(site.path("srv/EWC/ap1g8").exists() && !site.path("srv/new").exists());
    assert_eq!(
        fs::metadata(site.path("ledger/ssh_host_ed25519_key")).expect("a key").permissions().mode() & 0o777,
        0o600
    );

    let show = site.show();
    assert!(show.contains("completed") && show.contains(&format!("{OCTETS}  100")), "{show}");
    assert!(show.contains("failed: this server is read-only"), "{show}");
    assert!(show.contains(USER) && !show.contains(PASSWORD), "{show}");
}

#[test]
fn curl_fetches_by_both_protocols_and_cannot_write() {
    if !installed("curl") {
        return;
    }
    let site = Site::start();
    let here = site.path("fetched");
    let out_file = here.display().to_string();
    let (sftp, tftp) = (format!("sftp://{}", site.sftp), format!("tftp://{}", site.tftp));
    let login = format!("{USER}:{PASSWORD}");
    let fetched = curl(&["-k", "-u", &login, "-o", &out_file, &format!("{sftp}/EWC/ap1g8")]);
    assert!(fetched.status.success(), "{}", said(&fetched));
    site.same(&here);
    let refused = curl(&["-k", "-u", "images:wrong", "-o", &out_file, &format!("{sftp}/EWC/ap1g8")]);
    assert_eq!(refused.status.code(), Some(67), "{}", said(&refused));
    let secret = site.path("secret").display().to_string();
    let put = curl(&["-k", "-u", &login, "-T", &secret, &format!("{sftp}/new")]);
    assert!(!put.status.success(), "{}", said(&put));

    for block in ["512", "1428", "16384"] {
        let url = format!("{tftp}/EWC/ap1g8");
        let fetched = curl(&["--tftp-blksize", block, "-o", &out_file, &url]);
        assert!(fetched.status.success(), "{}", said(&fetched));
        site.same(&here);
    }
    let put = curl(&["-T", &secret, &format!("{tftp}/new")]);
    assert!(!put.status.success(), "{}", said(&put));
    let escape = curl(&["--path-as-is", "-o", &out_file, &format!("{tftp}/../secret")]);
    assert!(!escape.status.success(), "{}", said(&escape));
    let show = site.show();
    assert!(show.contains("failed: Access violation") && show.contains("failed: this server is read-only"), "{show}");
    assert!(!site.path("srv/new").exists());
    assert!(fs::read(&here).map_or(true, |octets| octets != b"secret"), "nothing leaked");
}

#[test]
fn other_tftp_clients_fetch_the_same_and_each_transfer_is_in_the_ledger() {
    let site = Site::start();
    let here = site.path("fetched");
    let (host, port) = (site.tftp.ip().to_string(), site.tftp.port().to_string());
    let mut fetches = 0;
    if installed("atftp") {
        let out = Command::new("atftp")
            .args(["--option", "blksize 1428", "--option", "windowsize 16", "-g", "-r", "EWC/ap1g8", "-l"])
            .arg(&here)
            .args([&host, &port])
            .output()
            .expect("atftp runs");
        assert!(out.status.success(), "{}", said(&out));
        site.same(&here);
        fetches += 1;
    }
    if installed("tftp") {
        let out = Command::new("tftp")
            .args(["-m", "binary", &host, &port, "-c", "get", "EWC/ap1g8"])
            .arg(&here)
            .output()
            .expect("tftp runs");
        assert!(here.exists(), "{}", said(&out));
        site.same(&here);
        fetches += 1;
    }
    let show = site.show();
    assert!(show.contains(&format!("0 running, {fetches} completed")), "{show}");
    assert_eq!(show.matches(" completed\n").count(), fetches, "{show}");
    // The past shows the same, from the ledger alone.
    let past = site.place.replay(&[], "show image-server");
    assert_eq!(past.matches(" completed\n").count(), fetches, "{past}");
}

#[test]
fn servers_come_and_go_with_the_configuration_and_a_port_that_is_taken_is_refused_in_words() {
    let site = Site::start();
    let taken = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let port = taken.local_addr().expect("bound").port();
    let root = site.path("srv").display().to_string();
    let line = format!("image-server tftp listen 127.0.0.1 port {port} root {root}");
    let refused = Command::new(env!("CARGO_BIN_EXE_capledger"))
        .arg("exec")
        .arg("--data-dir")
        .arg(site.place.data_dir())
        .args(["configure terminal", &line])
        .output()
        .expect("it runs");
    assert!(!refused.status.success());
    assert!(said(&refused).contains("another program has this port"), "{}", said(&refused));
    drop(taken);
    site.place.exec(&["configure terminal", &line, "end"]);
    wait_until("a third server listens", PATIENCE, || site.show().matches("listening since").count() == 3);
    site.place.exec(&["configure terminal", &format!("no image-server tftp listen 127.0.0.1 port {port}"), "end"]);
    wait_until("its port is free", PATIENCE, || UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).is_ok());
    assert_eq!(site.show().matches("listening since").count(), 2);
}

#[test]
fn our_own_clients_fetch_the_image_and_compare_it_with_the_list_beside_it() {
    let site = Site::start();
    let data = tempfile::tempdir().expect("a directory");
    let cache = ImageCache::open(data.path()).expect("a cache");
    let fetch = |url: String, password: &str| {
        let login = Login { user: USER.to_owned(), password: Some(Plain::new(password)), key: None };
        let request =
            FetchRequest { login: Some(login), ..FetchRequest::new(OperationId(1), url.parse().expect("a URL")) };
        let (to, reports) = mpsc::channel();
        let report = move |report| to.send(report).expect("the test listens");
        let thread = spawn(request, cache.clone(), ClientConfig::default(), Cancel::new(), report).expect("a thread");
        let last = reports.iter().last().expect("an end");
        thread.join().expect("the fetch did not panic");
        last
    };
    let (sftp, tftp) = (format!("sftp://{}/EWC/ap1g8", site.sftp), format!("tftp://{}/EWC/ap1g8", site.tftp));
    let mut digests = Vec::new();
    for url in [&sftp, &tftp] {
        let end = fetch(url.clone(), PASSWORD);
        let FetchReport::Done { image, .. } = end else { panic!("{url}: {end:?}") };
        assert_eq!(image.octets, OCTETS);
        digests.push(image.sha256);
    }
    assert_eq!(digests[0], digests[1]);
    let failure = |end| if let FetchReport::Failed { failure, .. } = end { failure.kind } else { panic!("{end:?}") };
    assert_eq!(failure(fetch(sftp.clone(), "wrong")), FetchFailureKind::AuthenticationFailed);
    let missing = fetch(format!("sftp://{}/EWC/ap1g7", site.sftp), PASSWORD);
    assert_eq!(failure(missing), FetchFailureKind::NotFound);
    // Of another image: what is served is not what is listed.
    fs::write(site.path("srv/EWC/SHA256SUMS"), format!("{}  ap1g8\n", "ab".repeat(32))).expect("a list");
    for url in [sftp, tftp] {
        assert_eq!(failure(fetch(url, PASSWORD)), FetchFailureKind::Corrupt);
    }
}
