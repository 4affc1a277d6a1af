//! Whether the machine allows an embedded image server that is asked for. One that could not listen is refused where it
//! is typed, with the cause, and not only in the log.

use std::path::Path;

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
    Ok(())
}
