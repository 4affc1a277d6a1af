//! What the events of operators at the command line are made of.

use std::net::SocketAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// By what an operator logs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LoginMethod {
    /// The password of `username NAME secret`.
    Password,
    /// A key of `ip ssh pubkey-chain`.
    PublicKey,
    /// The password of `enable secret`, in a session.
    Enable,
}

/// A login.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OperatorLogin {
    /// The line that the session has: `vty0`, `vty1`, ...
    pub vty: u16,
    /// As whom.
    pub user: String,
    /// From where.
    pub from: SocketAddr,
    /// The controller's port.
    pub port: u16,
    /// By what.
    pub method: LoginMethod,
    /// The privilege level, 0 to 15.
    pub privilege: u8,
}

/// Somebody was not let in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LoginFailure {
    /// As whom, as far as it was told: at most 64 characters.
    pub user: String,
    /// From where.
    pub from: SocketAddr,
    /// The controller's port.
    pub port: u16,
    /// By what.
    pub method: LoginMethod,
    /// Failures from this address since the last that was recorded, this one included.
    pub tries: u32,
}

/// The end of a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OperatorLogout {
    /// The line that it had.
    pub vty: u16,
    /// Whose.
    pub user: String,
    /// From where.
    pub from: SocketAddr,
    /// Why, in words.
    pub reason: String,
    /// How long it lasted, in microseconds.
    pub duration_us: u64,
}
