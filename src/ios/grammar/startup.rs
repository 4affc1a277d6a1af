//! What keeps the configuration, and starts the controller again with it.

use super::exec::{SHOW, privileged};
use super::{Entry, Token, kw};
use crate::ios::action::{Action, Errand, Show};

const WRITE: Token = kw("write", "Write the running configuration to the disk or the terminal");
const SAVE: Action = Action::Errand(Errand::Save { asks: false });

pub(super) static TABLE: &[Entry] = &[
    privileged(&[SHOW, kw("startup-config", "The configuration that was saved")], |_| {
        Action::Show(Show::StartupConfig)
    }),
    privileged(
        &[
            kw("copy", "Copy from one file to another"),
            kw("running-config", "The configuration that is in force"),
            kw("startup-config", "The one that the controller starts with"),
        ],
        |_| Action::Errand(Errand::Save { asks: true }),
    ),
    privileged(&[WRITE], |_| SAVE),
    privileged(&[WRITE, kw("memory", "Save it as the startup configuration")], |_| SAVE),
    privileged(&[WRITE, kw("terminal", "Print it here")], |_| Action::Show(Show::RunningConfig)),
    privileged(&[kw("reload", "Stop the controller and start it again")], |_| Action::Errand(Errand::Reload)),
];
