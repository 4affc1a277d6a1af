//! An operator at the command line of a running controller, and a transcript of what was typed and shown.

use std::fmt::Write as _;
use std::path::Path;

use capledger::net::feed::Client;
use regex::Regex;

use super::controller::Place;

/// A session at the controller's socket.
pub(crate) struct Session {
    client: Client,
    prompt: String,
    transcript: String,
}

impl Session {
    pub(crate) fn open(place: &Place) -> Session {
        let mut client = Client::connect(&place.data_dir()).expect("the daemon runs");
        let prompt = client.command("", |_| {}).expect("it answers").prompt;
        Session { client, prompt, transcript: String::new() }
    }

    /// A line between commands that says what happens there.
    pub(crate) fn remark(&mut self, text: &str) {
        let _ = writeln!(self.transcript, "\n! {text}");
    }

    /// Types a line that is accepted, or the test fails; what it printed, which goes into the transcript.
    pub(crate) fn types(&mut self, line: &str) -> String {
        let (shown, accepted) = self.enter(line);
        assert!(accepted, "{line}: {shown}");
        shown
    }

    /// Types a line that is refused, or the test fails; what it printed, which goes into the transcript.
    pub(crate) fn types_in_vain(&mut self, line: &str) -> String {
        let (shown, accepted) = self.enter(line);
        assert!(!accepted, "{line}: {shown}");
        shown
    }

    /// Puts a command and what it showed, at another time, into the transcript.
    pub(crate) fn showed(&mut self, line: &str, shown: &str) {
        let _ = write!(self.transcript, "{}{line}\n{shown}", self.prompt);
    }

    /// All of it so far, without what differs from run to run.
    pub(crate) fn transcript(&self) -> String {
        normalised(&self.transcript)
    }

    fn enter(&mut self, line: &str) -> (String, bool) {
        let mut shown = String::new();
        let reply = self.client.command(line, |text| shown.push_str(text)).expect("it answers");
        shown += &reply.text;
        self.showed(line, &shown);
        self.prompt = reply.prompt;
        (shown, reply.ok)
    }
}

/// Times, ports and places of this run, each by a word as long as itself where a column depends on it.
fn normalised(text: &str) -> String {
    let masks = [
        (r"\*[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d\.\d{3}", "*Mmm dd hh:mm:ss.mmm"),
        (r"[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d UTC \d{4}", "Ddd Mmm dd hh:mm:ss UTC yyyy"),
        (r"\b\d\d:\d\d:\d\d\b", "hh:mm:ss"),
        (r"127\.0\.0\.1:\d{5}", "127.0.0.1:PPPPP"),
        (r"(port|Server Port +:) \d{5}\b", "$1 PPPPP"),
        (r"sftp-username \S+", "sftp-username images"),
        (r"/\S*/user\b", "/etc/keys/user"),
    ];
    let text = masks.iter().fold(text.to_owned(), |text, (what, mask)| {
        Regex::new(what).expect("a pattern").replace_all(&text, *mask).into_owned()
    });
    text.lines().map(|line| line.trim_end_matches('\r').to_owned() + "\n").collect()
}

/// Compares with a golden file, or writes it where `CAPLEDGER_UPDATE_GOLDEN` is set.
pub(crate) fn assert_golden(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("CAPLEDGER_UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, text).expect("the golden file is written");
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = golden.lines().zip(text.lines()).position(|(g, t)| g != t);
    assert!(
        golden == text,
        "{} differs (first in line {:?}); CAPLEDGER_UPDATE_GOLDEN=1 writes it:\n{text}",
        path.display(),
        differs.map(|n| n + 1)
    );
}
