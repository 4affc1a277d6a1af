//! What clients ask of every device: its parts, addresses and users.

use super::exec::{SHOW, user};
use super::{Entry, Token, kw};
use crate::ios::action::{Action, Show};
use crate::ios::shell::Terminal;

const IP: Token = kw("ip", "IP information");
const VLAN: Token = kw("vlan", "VLANs");

pub(super) static TABLE: &[Entry] = &[
    user(&[SHOW, kw("hosts", "Names and addresses of hosts")], |_| Action::Show(Show::Hosts)),
    user(&[SHOW, kw("history", "What was typed in this session")], |_| {
        Action::Show(Show::History { lines: Vec::new() })
    }),
    user(&[SHOW, kw("inventory", "What the controller is made of")], |_| Action::Show(Show::Inventory)),
    user(
        &[
            SHOW,
            IP,
            kw("interface", "Where the controller listens"),
            kw("brief", "The addresses where the controller listens, one line for each"),
        ],
        |_| Action::Show(Show::IpInterfaces),
    ),
    user(&[SHOW, IP, kw("ssh", "Whether and where SSH is served")], |_| Action::Show(Show::IpSsh)),
    user(&[SHOW, kw("terminal", "What `terminal` has set for this session")], |_| {
        Action::Show(Show::Terminal { now: Terminal::default() })
    }),
    user(&[SHOW, kw("switch", "Chassis"), kw("virtual", "Whether chassis are joined into one")], |_| {
        Action::Show(Show::SwitchVirtual)
    }),
    user(&[SHOW, kw("users", "Who is logged in")], |_| Action::Show(Show::Users { own: None })),
    user(&[SHOW, VLAN], |_| Action::Show(Show::Vlans)),
    user(&[SHOW, VLAN, kw("brief", "One line for each")], |_| Action::Show(Show::Vlans)),
];
