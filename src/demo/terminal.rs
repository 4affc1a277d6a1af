//! An operator's hands: lines typed at the controller's own command line, while the audience goes on watching.
//!
//! What comes back is what a terminal would show. A password is never in it, however it was typed.

use std::fmt::Write as _;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};

use capledger_schema::feed::Privilege;

use super::DemoError;
use crate::net::feed::{CommandLine, Gone, Output, User};

/// What stands before a password in the clear.
const CLEAR: &str = "password 0 ";

/// Lines that are being typed. Dropping it leaves the terminal.
#[derive(Debug)]
pub(super) struct Typing {
    typed: Receiver<Typed>,
    gone: Arc<AtomicBool>,
}

/// Lines that were typed, up to the first that was refused.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Typed {
    /// What the terminal shows of it.
    pub(super) transcript: String,
    /// The line that was refused, and what the controller said.
    pub(super) refused: Option<(String, String)>,
}

impl Typed {
    /// What the terminal shows, if nothing was refused.
    pub(super) fn accepted(self) -> Result<String, DemoError> {
        match self.refused {
            None => Ok(self.transcript),
            Some((command, refusal)) => Err(DemoError::Refused { command, refusal }),
        }
    }
}

/// Opens a session and types these lines, one after the other.
pub(super) fn type_lines(command_line: &dyn CommandLine, lines: &[&str]) -> io::Result<Typing> {
    let user = User { name: "operator".to_owned(), from: "127.0.0.1".to_owned(), privilege: Privilege::Privileged };
    let mut session = command_line.open(user);
    let lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
    let gone = Arc::new(AtomicBool::new(false));
    let (done, typed) = sync_channel(1);
    let mut screen = Screen { text: String::new(), gone: Arc::clone(&gone) };
    std::thread::Builder::new().name("operator".to_owned()).spawn(move || {
        let mut refused = None;
        for line in &lines {
            let _ = writeln!(screen.text, "{}{}", session.prompt(), hidden(line));
            let before = screen.text.len();
            let answer = session.line(line, &mut screen);
            screen.text.push_str(&answer.text);
            if !answer.ok {
                refused = Some((hidden(line), screen.text[before..].trim().to_owned()));
                break;
            }
        }
        // Whoever typed may have left.
        let _ = done.send(Typed { transcript: screen.text, refused });
    })?;
    Ok(Typing { typed, gone })
}

impl Typing {
    /// What was typed, once the last line has its answer.
    pub(super) fn done(&self) -> Option<Typed> {
        match self.typed.try_recv() {
            Ok(typed) => Some(typed),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => {
                let refused = Some(("the command line".to_owned(), "it ended without an answer".to_owned()));
                Some(Typed { refused, ..Typed::default() })
            }
        }
    }
}

impl Drop for Typing {
    fn drop(&mut self) {
        self.gone.store(true, Ordering::Relaxed);
    }
}

struct Screen {
    text: String,
    gone: Arc<AtomicBool>,
}

impl Output for Screen {
    fn write(&mut self, text: &str) -> Result<(), Gone> {
        self.text.push_str(text);
        Ok(())
    }

    fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Relaxed)
    }
}

/// A line without its password.
fn hidden(line: &str) -> String {
    match line.split_once(CLEAR) {
        Some((before, _)) => format!("{before}{CLEAR}******"),
        None => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_not_shown() {
        assert_eq!(hidden("sftp-password 0 Secret-1"), "sftp-password 0 ******");
        assert_eq!(hidden("image-server login images password 0 a b"), "image-server login images password 0 ******");
        assert_eq!(hidden("show ap image"), "show ap image");
    }

    #[test]
    fn a_line_that_was_refused_is_an_error_with_the_controllers_words() {
        let refused = Some(("reload".to_owned(), "% not now".to_owned()));
        let typed = Typed { transcript: "demo#reload\n% not now\n".to_owned(), refused };
        let error = typed.accepted().expect_err("refused").to_string();
        assert_eq!(error, "`reload` was refused: % not now");
        let typed = Typed { transcript: "demo#end\n".to_owned(), refused: None };
        assert_eq!(typed.accepted().expect("accepted"), "demo#end\n");
    }
}
