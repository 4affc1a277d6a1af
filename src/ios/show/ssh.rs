//! `show ip ssh`: whether SSH is served, where, and what it asks of who logs in.

use std::net::{IpAddr, Ipv4Addr};

use serde::Serialize;

use crate::ios::View;

/// What the view tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Facts {
    /// Whether there is an account that may log in.
    pub enabled: bool,
    /// Where it is served.
    pub address: IpAddr,
    /// The TCP port.
    pub port: u16,
    /// Seconds that a client may take to log in.
    pub time_out_seconds: u8,
    /// Wrong passwords before a connection is closed.
    pub retries: u8,
    /// Sessions that are open.
    pub sessions: usize,
}

/// What the view tells.
pub fn facts(view: &View) -> Facts {
    let access = &view.state.config.access;
    Facts {
        enabled: !access.users.is_empty(),
        address: access.listen.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
        port: access.port,
        time_out_seconds: access.time_out,
        retries: access.retries,
        sessions: view.state.lines.vty.len(),
    }
}

/// The whole view.
pub fn show(view: &View) -> String {
    let Facts { enabled, address, port, time_out_seconds, retries, sessions } = facts(view);
    let able = if enabled { "Enabled" } else { "Disabled" };
    let advice =
        if enabled { "" } else { "%Please create an account to enable SSH: username NAME privilege 15 secret\n" };
    format!(
        "SSH {able} - version 2.0\n\
         {advice}\
         Authentication methods:publickey,password\n\
         Authentication timeout: {time_out_seconds} secs; Authentication retries: {retries}\n\
         Address: {address}; Port: {port}; Sessions: {sessions}\n"
    )
}

#[cfg(test)]
mod tests {
    use capledger_schema::setting::{Setting, UserChange};

    use crate::ios::action::Show;
    use crate::ios::show::tests::shown;
    use crate::story::Story;

    #[test]
    fn ssh_without_an_account_is_disabled_and_the_view_says_what_to_do() {
        let mut story = Story::begin("2024-02-01T16:00:00Z");
        assert!(shown(&story, &Show::IpSsh).starts_with("SSH Disabled - version 2.0\n%Please create an account"));
        story.configured(vec![
            Setting::User("admin".into(), UserChange { privilege: Some(15), secret: None }),
            Setting::SshPort(2022),
            Setting::SshTimeOut(20),
            Setting::SshRetries(2),
        ]);
        let text = "SSH Enabled - version 2.0\n\
                    Authentication methods:publickey,password\n\
                    Authentication timeout: 20 secs; Authentication retries: 2\n\
                    Address: 0.0.0.0; Port: 2022; Sessions: 0\n";
        assert_eq!(shown(&story, &Show::IpSsh), text);
    }
}
