//! What clients ask of every device: its parts, addresses and users.

use super::exec::{SHOW, user};
use super::{Entry, Token, kw};
use crate::ios::action::{Action, Show};

const VLAN: Token = kw("vlan", "VLANs");

pub(super) static TABLE: &[Entry] = &[
    user(&[SHOW, kw("hosts", "Names and addresses of hosts")], |_| Action::Show(Show::Hosts)),
    user(&[SHOW, kw("inventory", "What the controller is made of")], |_| Action::Show(Show::Inventory)),
    user(
        &[
            SHOW,
            kw("ip", "IP information"),
            kw("interface", "Where the controller listens"),
            kw("brief", "The addresses where the controller listens, one line for each"),
        ],
        |_| Action::Show(Show::IpInterfaces),
    ),
    user(&[SHOW, kw("switch", "Chassis"), kw("virtual", "Whether chassis are joined into one")], |_| {
        Action::Show(Show::SwitchVirtual)
    }),
    user(&[SHOW, kw("users", "Who is logged in")], |_| Action::Show(Show::Users { own: None })),
    user(&[SHOW, VLAN], |_| Action::Show(Show::Vlans)),
    user(&[SHOW, VLAN, kw("brief", "One line for each")], |_| Action::Show(Show::Vlans)),
];
