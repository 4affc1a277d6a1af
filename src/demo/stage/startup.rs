//! How the controller is started: in a directory of its own, with a configuration as an operator would write it, on ports
//! that nobody has.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::BLOCK;
use crate::daemon::{Daemon, DaemonError, Options};
use crate::demo::bundle::folder;
use crate::demo::{DemoConfig, DemoError, RUNNING, Story};
use crate::ios::config_file;

/// Tries to find two free ports in a row.
const PORT_TRIES: usize = 16;

/// A directory that is ours alone. What somebody has there already is not touched.
pub(super) fn data_dir(wanted: Option<&Path>) -> Result<PathBuf, DemoError> {
    let Some(dir) = wanted else {
        let made = tempfile::Builder::new().prefix("capledger-demo-").tempdir();
        return made.map(TempDir::keep).map_err(|source| DemoError::File { path: std::env::temp_dir(), source });
    };
    let failed = |source| DemoError::File { path: dir.to_owned(), source };
    fs::create_dir_all(dir).map_err(failed)?;
    if fs::read_dir(dir).map_err(failed)?.next().is_some() {
        return Err(DemoError::Occupied(dir.to_owned()));
    }
    dir.canonicalize().map_err(failed)
}

/// The startup configuration, as an operator would write it.
fn startup(config: &DemoConfig, port: u16, server: SocketAddr) -> String {
    let folder = if config.story == Some(Story::WrongPath) { "Wrong-Path".to_owned() } else { folder(RUNNING) };
    let pace = &config.pace;
    format!(
        "hostname demo\n\
         software version {RUNNING}\n\
         capwap listen 127.0.0.1 port {port}\n\
         capwap block-size {BLOCK}\n\
         ap image retry-delay {retry}\n\
         wireless profile image-download default\n \
          image-download-mode tftp\n  \
           tftp-image-server {host} port {tftp}\n  \
           tftp-image-path {folder}\n  \
           tftp-image-timeout {timeout}\n\
         end\n",
        retry = pace.retry_delay,
        host = server.ip(),
        tftp = server.port(),
        timeout = pace.tftp_timeout,
    )
}

/// Starts the controller on two free ports in a row; others may take them between the look and the start.
pub(super) fn start_controller(
    config: &DemoConfig,
    data_dir: &Path,
    server: SocketAddr,
) -> Result<(Daemon, SocketAddr), DemoError> {
    let mut tries = 0;
    loop {
        tries += 1;
        let address = free_pair().map_err(|source| DemoError::Io { what: "find two free ports", source })?;
        let text = startup(config, address.port(), server);
        let path = data_dir.join("startup.cfg");
        fs::write(&path, &text).map_err(|source| DemoError::File { path: path.clone(), source })?;
        let parsed = config_file::parse(&text).expect("the demonstration's own configuration is in the grammar");
        let options = Options { data_dir: data_dir.to_owned(), config: Some(parsed), ..Options::default() };
        match Daemon::start(&options) {
            Ok(daemon) => return Ok((daemon, address)),
            Err(DaemonError::Udp(_)) if tries < PORT_TRIES => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// A free control port whose neighbour, the data port, is free too.
fn free_pair() -> io::Result<SocketAddr> {
    let mut last = None;
    for _ in 0..PORT_TRIES {
        let control = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = control.local_addr()?;
        let Some(data) = address.port().checked_add(1) else { continue };
        match UdpSocket::bind((Ipv4Addr::LOCALHOST, data)) {
            Ok(_) => return Ok(address),
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or_else(|| io::ErrorKind::AddrInUse.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_that_holds_something_is_left_alone() {
        let dir = tempfile::tempdir().expect("a directory");
        assert!(data_dir(Some(dir.path())).is_ok());
        fs::write(dir.path().join("ledger.head"), "x").expect("written");
        let error = data_dir(Some(dir.path())).expect_err("occupied").to_string();
        assert!(error.contains("is not empty; name a new directory"), "{error}");
        assert_eq!(fs::read(dir.path().join("ledger.head")).expect("there"), b"x");
    }

    #[test]
    fn the_startup_configuration_is_in_the_grammar_and_says_where_images_are() {
        let family = "ap1g8".parse().expect("a family");
        let server = SocketAddr::from((Ipv4Addr::LOCALHOST, 6969));
        let url = |story| {
            let config = DemoConfig { story, ..DemoConfig::new() };
            let parsed = config_file::parse(&startup(&config, 5246, server)).expect("in the grammar");
            assert_eq!((parsed.software_version, parsed.capwap.block_size), (Some(RUNNING), 1_377));
            parsed.image.url(&family).expect("a profile")
        };
        assert_eq!(url(None), "tftp://127.0.0.1:6969/EWC/17_9_4_27/ap1g8");
        assert_eq!(url(Some(Story::WrongPath)), "tftp://127.0.0.1:6969/Wrong-Path/ap1g8");
    }

    #[test]
    fn the_ports_that_are_found_are_free() {
        let address = free_pair().expect("ports");
        let control = UdpSocket::bind(address).expect("free");
        let data = UdpSocket::bind((Ipv4Addr::LOCALHOST, address.port() + 1)).expect("free");
        drop((control, data));
    }
}
