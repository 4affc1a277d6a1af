//! `show users`: who has a line of the command line over SSH, how long it has been idle, and from where.

use std::fmt::Write as _;
use std::net::IpAddr;

use capledger_schema::project::lines::Line;
use capledger_schema::time::Timestamp;
use serde::Serialize;

use super::words;
use crate::ios::View;

/// What the view tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Facts {
    /// By line.
    pub users: Vec<Row>,
}

/// A line that is taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    /// `vty 3` is 3.
    pub vty: u16,
    /// Whether it is the line that asks.
    pub own: bool,
    /// By whom.
    pub user: String,
    /// The account's privilege level, 0 to 15.
    pub privilege: u8,
    /// From where.
    pub location: IpAddr,
    /// Since when.
    pub since: Timestamp,
    /// How long nothing has been done on it.
    pub idle_seconds: u64,
}

/// What the view tells; `own` is the line of the session that asks.
pub fn facts(view: &View, own: Option<u16>) -> Facts {
    let row = |(vty, line): (&u16, &Line)| Row {
        vty: *vty,
        own: own == Some(*vty),
        user: line.user.clone(),
        privilege: line.privilege,
        location: line.from.ip().to_canonical(),
        since: line.since,
        idle_seconds: view.now.since(line.used_at).as_secs(),
    };
    Facts { users: view.state.lines.vty.iter().map(row).collect() }
}

/// The whole view. The console is line 0; its sessions, on the local socket, are not listed.
pub fn show(view: &View, own: Option<u16>) -> String {
    let mut out = "    Line       User       Host(s)              Idle       Location\n".to_owned();
    for r in facts(view, own).users {
        let (mark, number) = (if r.own { '*' } else { ' ' }, u32::from(r.vty) + 1);
        let idle = words::span(std::time::Duration::from_secs(r.idle_seconds));
        let _ = writeln!(
            out,
            "{mark}{number:>3} {:<9} {:<10} {:<20} {idle:<10} {}",
            format!("vty {}", r.vty),
            r.user,
            "idle",
            r.location
        );
    }
    out + "\n  Interface    User               Mode         Idle     Peer Address\n"
}

#[cfg(test)]
mod tests {
    use capledger_schema::event::{LoginMethod, OperatorLogin};
    use capledger_schema::{Cause, Event, Subject};

    use super::*;
    use crate::secrets::NoSecrets;
    use crate::story::{Story, assert_golden};
    use crate::syslog::TimeFormat;

    /// Two operators; the first has typed a minute ago, the second two days ago.
    fn two() -> Story {
        let mut story = Story::begin("2024-02-01T16:00:00Z");
        for (vty, user, from) in [(0, "admin", "172.16.5.9:40000"), (1, "automation-of-nights", "[2001:db8::9]:40001")]
        {
            let (from, method) = (from.parse().expect("an address"), LoginMethod::Password);
            let event = Event::OperatorLoggedIn(OperatorLogin {
                vty,
                user: user.into(),
                from,
                port: 2222,
                method,
                privilege: 15,
            });
            let cause = Cause::Operator { user: user.into(), from: "172.16.5.9".into() };
            story.tell(cause, Subject::Controller, event);
        }
        let cause = Cause::Operator { user: "admin".into(), from: "vty0 (172.16.5.9)".into() };
        let event = Event::OperatorCommandEntered { mode: "#".into(), line: "show clock".into() };
        story.at("2024-02-03T18:00:00Z").tell(cause, Subject::Controller, event);
        story.at("2024-02-03T18:01:00Z");
        story
    }

    #[test]
    fn lines_are_told_with_their_users_and_the_own_one_is_marked() {
        let (story, time) = (two(), TimeFormat::default());
        let view = View {
            state: &story.state,
            log: &story.log,
            now: story.at,
            time: &time,
            secrets: &NoSecrets,
            history: &story.envelopes,
        };
        assert_golden("show_users.txt", &show(&view, Some(0)));
        let idle: Vec<u64> = facts(&view, None).users.iter().map(|r| r.idle_seconds).collect();
        assert_eq!(idle, [60, 2 * 86_400 + 7_260]);
    }
}
