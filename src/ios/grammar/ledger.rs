//! The ledger in the table: `show ledger`, which tells what others typed and is for the privileged.

use super::arg::LAST_NUMBER;
use super::exec::{SHOW, SHOW_AP, privileged, user};
use super::{Arg, Entry, Token, arg, kw};
use crate::ios::action::{Action, LedgerView, Show};

const LEDGER: Token = kw("ledger", "The events of the ledger");

fn ledger(view: LedgerView) -> Action {
    Action::Show(Show::Ledger(view))
}

pub(super) static TABLE: &[Entry] = &[
    privileged(&[SHOW, LEDGER], |_| ledger(LedgerView::Summary)),
    privileged(&[SHOW, LEDGER, kw("summary", "How many of each kind, and the head of the chain")], |_| {
        ledger(LedgerView::Summary)
    }),
    privileged(&[SHOW, LEDGER, kw("last", "The last ones"), arg(Arg::Number(1, 10_000), "Number of events")], |a| {
        ledger(LedgerView::Last(a.fit(0)))
    }),
    privileged(
        &[SHOW, LEDGER, kw("ap", "Those about an access point"), arg(Arg::Word, "AP name or MAC address")],
        |a| ledger(LedgerView::Ap(a.text(0))),
    ),
    privileged(
        &[
            SHOW,
            LEDGER,
            kw("operation", "Those of an operation or upgrade"),
            arg(Arg::Number(1, LAST_NUMBER), "Its number, see `show operation`"),
        ],
        |a| ledger(LedgerView::Operation(a.number(0))),
    ),
    user(
        &[
            SHOW,
            SHOW_AP,
            kw("name", "One access point"),
            arg(Arg::Word, "AP name or MAC address"),
            kw("image", "Its images"),
            kw("history", "Every download of it that the ledger tells of"),
        ],
        |a| Action::Show(Show::ApImageHistory(a.text(0))),
    ),
    privileged(&[SHOW, kw("tech-support", "All that somebody who helps may want to see; no secret is in it")], |_| {
        Action::Show(Show::TechSupport)
    }),
];
