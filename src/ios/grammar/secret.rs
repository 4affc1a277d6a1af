//! How a command takes a secret: three entries, `... 0 WORD` in clear, `... 6 TEXT` sealed, and `... WORD` in clear.
//!
//! The secret is the rest of the line, so that no error ever repeats a part of it as a word too many, and one without a
//! type is taken, so that none is repeated as an unknown word.

use super::{Arg, Args, Token, arg, kw};
use crate::ios::action::{Action, SecretSetting};
use crate::secrets::{Plain, Typed};

/// Before a secret in clear.
pub(super) const CLEAR: Token = kw("0", "The secret follows in clear");
/// Before a sealed secret.
pub(super) const SEALED: Token = kw("6", "The secret follows as `show running-config` prints it");
/// The secret itself: the last word of a command.
pub(super) const SECRET: Token = arg(Arg::Line, "Secret; it is never shown again");

/// What `... 0 SECRET` means, the secret being argument `i`.
pub(super) fn clear(setting: SecretSetting, a: &Args, i: usize) -> Action {
    Action::ConfigureSecret { setting, secret: Typed::Clear(Plain::new(a.text(i))) }
}

/// What `... 6 SECRET` means.
pub(super) fn sealed(setting: SecretSetting, a: &Args, i: usize) -> Action {
    Action::ConfigureSecret { setting, secret: Typed::Sealed(a.text(i)) }
}

/// What `... SECRET` means.
pub(super) fn untold(setting: SecretSetting, a: &Args, i: usize) -> Action {
    Action::ConfigureSecret { setting, secret: Typed::Untold(Plain::new(a.text(i))) }
}
