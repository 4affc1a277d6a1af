//! What a command line is to whoever carries it: lines in, text out. The socket knows nothing of its grammar.

use capledger_schema::feed::Privilege;

use crate::ios::debug::Debugs;
use crate::ios::shell::Terminal;

/// Opens sessions of a command line.
pub trait CommandLine: Send + Sync + 'static {
    /// A session for one connection. Must not block.
    fn open(&self, user: User) -> Box<dyn Session>;
}

/// Who is at the other end: what `Cause::Operator` records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The name, as the operating system vouches for it.
    pub name: String,
    /// Where from: `vty3 (172.16.5.9)`, or `console` for the local socket.
    pub from: String,
    /// What it may do.
    pub privilege: Privilege,
}

/// One operator's session of the command line.
pub trait Session: Send {
    /// Runs one line to its end. It may block for as long as the command takes: it has a thread of its own.
    ///
    /// What a running command has to say goes to `out`, what is left at its end into the answer.
    fn line(&mut self, line: &str, out: &mut dyn Output) -> Answer;

    /// The prompt that stands now.
    fn prompt(&self) -> String;

    /// What `?` prints after `typed`.
    fn help(&self, typed: &str) -> String {
        let _ = typed;
        String::new()
    }

    /// What Tab makes of `typed`, if it makes anything of it.
    fn complete(&self, typed: &str) -> Option<String> {
        let _ = typed;
        None
    }

    /// What `terminal ...` has set.
    fn terminal(&self) -> Terminal {
        Terminal { length: 0, width: 0 }
    }

    /// The terminal has told its size.
    fn set_terminal(&mut self, terminal: Terminal) {
        let _ = terminal;
    }

    /// Whether it is in a configuration mode, which Ctrl-Z and Ctrl-C leave.
    fn configures(&self) -> bool {
        false
    }

    /// What is to be printed as it happens.
    fn debugs(&self) -> Debugs {
        Debugs::NONE
    }

    /// How many settings wait for the end of their sub-mode.
    fn uncommitted(&self) -> usize {
        0
    }

    /// The session is over, however that came: what waits for the end of its sub-mode is applied. It may block.
    fn close(&mut self) {}

    /// Whether new lines of the log are to be printed as they come.
    fn monitors(&self) -> bool {
        false
    }
}

/// Takes what a running command says, with `\n` line ends.
pub trait Output {
    /// Hands text to the operator; waits while the operator's end is slow.
    fn write(&mut self, text: &str) -> Result<(), Gone>;

    /// Whether the operator has left, so that a command which only watches can stop watching.
    fn is_gone(&self) -> bool;

    /// Whether somebody sits at a terminal who can be asked. A program that sends lines has decided already.
    fn is_interactive(&self) -> bool {
        false
    }

    /// Asks, and waits for the answer.
    ///
    /// # Errors
    /// [`Gone`], also where nobody can be asked or the question is refused with Ctrl-C.
    fn ask(&mut self, question: &str, wanted: Wanted) -> Result<String, Gone> {
        let _ = (question, wanted);
        Err(Gone)
    }

    /// Whether the operator agrees, with Enter or `y`, to `question`: `Proceed with reload? [confirm]`. Where nobody
    /// sits at a terminal there is no question, and it goes ahead.
    fn confirm(&mut self, question: &str) -> bool {
        !self.is_interactive() || self.ask(question, Wanted::Key).is_ok_and(|key| matches!(&*key, "" | "y" | "Y"))
    }
}

/// What answers a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// A line, echoed: `Destination filename [startup-config]? `.
    Line,
    /// A line that is not echoed: a password.
    Secret,
    /// One key; Enter is the empty answer.
    Key,
}

/// Nobody reads any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the operator has left")]
pub struct Gone;

/// How a line ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// What is left of its output, with `\n` line ends.
    pub text: String,
    /// Whether it was accepted.
    pub ok: bool,
    /// Whether it ends the session.
    pub ends: bool,
}
