//! The views of access points in the table, beside `show ap image`.

use super::exec::{SHOW, SHOW_AP, SHOW_AP_IMAGE, SHOW_WIRELESS, user};
use super::{Arg, Entry, Token, arg, kw};
use crate::ios::action::{Action, Show};

const EWC: Token = kw("ewc-ap", "Images for the access points of this controller");
const EWC_PREDOWNLOAD: Token = kw("predownload", "Images for access points that serve");

pub(super) static TABLE: &[Entry] = &[
    user(
        &[
            SHOW,
            SHOW_AP,
            SHOW_AP_IMAGE,
            kw("file", "Image files on the controller"),
            kw("summary", "Those that the controller holds, and those on their way"),
        ],
        |_| Action::Show(Show::ApImageFiles),
    ),
    user(&[SHOW, SHOW_AP, kw("status", "Whether the access points serve, and if not, why")], |_| {
        Action::Show(Show::ApStatus)
    }),
    user(
        &[
            SHOW,
            SHOW_AP,
            kw("name", "One access point"),
            arg(Arg::Word, "Name or MAC address of the access point"),
            kw("config", "What is known of it"),
            kw("general", "Everything that is known of one access point"),
        ],
        |a| Action::Show(Show::ApConfig(a.text(0))),
    ),
    user(
        &[
            SHOW,
            SHOW_WIRELESS,
            EWC,
            kw("ap", "Access points, one by one"),
            kw("image", "Their images"),
            EWC_PREDOWNLOAD,
            kw("status", "How far each access point is, and how long it takes"),
        ],
        |_| Action::Show(Show::Predownloads),
    ),
    user(
        &[SHOW, SHOW_WIRELESS, EWC, EWC_PREDOWNLOAD, kw("status", "How far all of them are, and how long it takes")],
        |_| Action::Show(Show::PredownloadStatus),
    ),
    user(
        &[
            SHOW,
            SHOW_WIRELESS,
            kw("stats", "Statistics"),
            kw("ap", "Access points"),
            kw("join", "How they joined and left"),
            kw("summary", "How access points joined, left and were turned away"),
        ],
        |_| Action::Show(Show::ApJoins),
    ),
    user(
        &[
            SHOW,
            SHOW_WIRELESS,
            kw("dtls", "How access points are spoken with"),
            kw("connections", "Version and cipher suite of every session"),
        ],
        |_| Action::Show(Show::DtlsConnections),
    ),
];
