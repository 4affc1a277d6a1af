//! `image-server ...`, `install ...` and `ap upgrade ...`: the embedded servers, and how campaigns go about it.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::setting::{ServeLogin, ServeProtocol};

/// `image-server ...`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServeConfig {
    /// What listens where, and the folder that it serves.
    pub listen: BTreeMap<(ServeProtocol, SocketAddr), String>,
    /// Who may read from the SFTP server.
    pub login: Option<ServeLogin>,
}

/// `install ...`, `ap upgrade ...`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpgradeConfig {
    /// From `install activate` to the return to the committed version, in minutes (120); 0: never.
    pub auto_abort: u32,
    /// Flash and integrity failures after which a campaign pauses (3).
    pub integrity_limit: u32,
    /// How much of one site may be down at once in a campaign, in percent (25); at least one WTP.
    pub site_share: u8,
    /// Of an iteration's WTPs, in percent, that must be back before the next begins (90).
    pub rejoin_percent: u8,
    /// How long an iteration's WTPs may take to rejoin, in seconds (540).
    pub iteration_expiry: u32,
}

impl Default for UpgradeConfig {
    fn default() -> Self {
        UpgradeConfig { auto_abort: 120, integrity_limit: 3, site_share: 25, rejoin_percent: 90, iteration_expiry: 540 }
    }
}
