//! Whether the machine allows an address that is asked for: an image server's, that of SSH, or one for access points. One
//! that could not be listened at is refused where it is typed, with the cause, and not only in the log: an operator who moves SSH to
//! an address that is not there would be locked out.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
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
    let config = &hub.state().config;
    capwap(changes, &config.capwap.listening())?;
    ssh(changes, &config.access)
}

/// Why access points could not be served at an address beside those of now.
fn capwap(changes: &[Setting], now: &[SocketAddr]) -> Result<(), String> {
    for change in changes {
        let Setting::CapwapListen(control) = change else { continue };
        if now.contains(control) {
            continue;
        }
        // The data channel has the next port.
        for port in [control.port(), control.port().saturating_add(1)] {
            // A port that the controller has at another address tells nothing of this one but whether it is here.
            let own = now.iter().any(|at| port == at.port() || port == at.port().saturating_add(1));
            UdpSocket::bind((control.ip(), if own { 0 } else { port }))
                .map_err(|e| format!("access points cannot be served at {} port {port}: {e}", control.ip()))?;
        }
    }
    Ok(())
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
    fn access_points_are_not_served_where_another_program_listens_but_beside_the_controllers_own_ports() {
        let taken = UdpSocket::bind("127.0.0.1:0").expect("a port");
        let at = taken.local_addr().expect("an address");
        let words = capwap(&[Setting::CapwapListen(at)], &[]).expect_err("the port is taken");
        assert!(words.contains(&format!("127.0.0.1 port {}", at.port())) && words.contains("in use"), "{words}");
        // The socket is the controller's own, at every address.
        let own = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), at.port());
        assert_eq!(capwap(&[Setting::CapwapListen(at)], &[own]), Ok(()));
        let nowhere = SocketAddr::new(Ipv4Addr::new(192, 0, 2, 1).into(), at.port());
        assert!(capwap(&[Setting::CapwapListen(nowhere)], &[own]).is_err());
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
