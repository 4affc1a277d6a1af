//! `debug capwap`: what a session wants to be told of while it happens, and how it is told what it wants.

use serde::Serialize;

/// What a session debugs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Debugs {
    /// `debug capwap events`: what the ledger says of access points, progress included.
    pub capwap_events: bool,
    /// `debug capwap messages`: control messages, decrypted.
    pub capwap_messages: bool,
}

impl Debugs {
    /// Nothing.
    pub const NONE: Debugs = Debugs { capwap_events: false, capwap_messages: false };
    /// `debug capwap events`
    pub const EVENTS: Debugs = Debugs { capwap_events: true, capwap_messages: false };
    /// `debug capwap messages`
    pub const MESSAGES: Debugs = Debugs { capwap_events: false, capwap_messages: true };
    /// `debug capwap`
    pub const CAPWAP: Debugs = Debugs { capwap_events: true, capwap_messages: true };

    /// Switches these on or off, and says so as IOS does.
    pub fn switch(&mut self, these: Debugs, on: bool) -> String {
        let word = if on { "on" } else { "off" };
        let mut out = String::new();
        for (mine, wanted, name) in [
            (&mut self.capwap_events, these.capwap_events, EVENTS),
            (&mut self.capwap_messages, these.capwap_messages, MESSAGES),
        ] {
            if wanted {
                *mine = on;
                out.extend([name, " debugging is ", word, "\n"]);
            }
        }
        out
    }

    /// `show debugging`
    pub fn show(self) -> String {
        let on = Debugs::default().switch(self, true);
        if on.is_empty() {
            return "No debugging is on\n".to_owned();
        }
        on.lines().fold("CAPWAP:\n".to_owned(), |out, line| out + "  " + line + "\n")
    }
}

const EVENTS: &str = "CAPWAP events";
const MESSAGES: &str = "CAPWAP messages";

/// What `undebug all` prints.
pub const ALL_OFF: &str = "All possible debugging has been turned off\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_switched_is_told_and_shown() {
        let mut debugs = Debugs::default();
        assert_eq!(debugs.show(), "No debugging is on\n");
        let told = debugs.switch(Debugs::CAPWAP, true);
        assert_eq!(told, "CAPWAP events debugging is on\nCAPWAP messages debugging is on\n");
        assert_eq!(debugs.switch(Debugs::EVENTS, false), "CAPWAP events debugging is off\n");
        assert_eq!(debugs, Debugs::MESSAGES);
        assert_eq!(debugs.show(), "CAPWAP:\n  CAPWAP messages debugging is on\n");
    }
}
