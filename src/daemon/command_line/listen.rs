//! Whether the machine allows an embedded server that is asked for: an image server's address, or that of SSH. One that
//! could not listen is refused where it is typed, with the cause, and not only in the log: an operator who moves SSH to
//! an address that is not there would be locked out.

use std::net::{IpAddr, Ipv4Addr, TcpListener};
use std::path::Path;

use capledger_schema::project::config::AccessConfig;
use capledger_schema::project::serves::ServerState;
use capledger_schema::setting::Setting;

use crate::command::Command;
use crate::net::hub::Hub;
use crate::serve::can_listen;

/// Why not, in words.
pub(super) fn check(command: &Command, hub: &Hub) -> Result<(), String> {
    let Command::Configure { changes } = command else { return Ok(()) };
    for change in changes {
        let Setting::ImageServe(protocol, listen, root) = change else { continue };
        let key = (*protocol, *listen);
        let listens = matches!(hub.state().serves.servers.get(&key), Some(ServerState::Listening(_)));
        if !listens {
            can_listen(*protocol, *listen, Path::new(root))?;
        }
    }
    ssh(changes, &hub.state().config.access)
}

/// Why SSH could not be moved to where the changes want it.
fn ssh(changes: &[Setting], now: &AccessConfig) -> Result<(), String> {
    let (mut listen, mut port) = (now.listen, now.port);
    for change in changes {
        if let Setting::SshListen(address) = change {
            listen = *address;
        } else if let Setting::SshPort(number) = change {
            port = *number;
        }
    }
    if (listen, port) == (now.listen, now.port) {
        return Ok(());
    }
    let address = listen.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    // The port that SSH has now is taken by SSH itself.
    let tried = if port == now.port { 0 } else { port };
    match TcpListener::bind((address, tried)) {
        Ok(_) => Ok(()),
        Err(e) => {
            let place = listen.map_or_else(|| "every address".to_owned(), |a| a.to_string());
            Err(format!("SSH cannot listen on {place} port {port}: {e}; it stays where it is"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ssh_is_not_moved_to_an_address_that_is_not_here_or_to_a_port_that_is_taken() {
        let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = taken.local_addr().expect("an address").port();
        let now = AccessConfig { listen: Some(Ipv4Addr::LOCALHOST.into()), ..AccessConfig::default() };
        let words = ssh(&[Setting::SshPort(port)], &now).expect_err("the port is taken");
        assert!(words.contains(&format!("127.0.0.1 port {port}")) && words.contains("in use"), "{words}");
        // 192.0.2.0/24 is nobody's (RFC 5737).
        let nowhere = Setting::SshListen(Some(Ipv4Addr::new(192, 0, 2, 1).into()));
        let words = ssh(&[nowhere], &now).expect_err("no address of this machine");
        assert!(words.contains("192.0.2.1"), "{words}");
        drop(taken);
        assert_eq!(ssh(&[Setting::SshPort(port)], &now), Ok(()));
    }

    #[test]
    fn what_leaves_ssh_where_it_is_asks_for_nothing() {
        let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = taken.local_addr().expect("an address").port();
        let now = AccessConfig { listen: Some(Ipv4Addr::LOCALHOST.into()), port, ..AccessConfig::default() };
        assert_eq!(ssh(&[Setting::SshPort(port)], &now), Ok(()));
        // Another address at the port that it holds itself.
        assert_eq!(ssh(&[Setting::SshListen(None)], &now), Ok(()));
    }
}
