//! What the events of operators at the command line are made of.

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
