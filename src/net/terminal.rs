//! A session of the command line at a terminal: the line editor, paging and new lines of the log around a [`Session`].
//!
//! Whoever carries it (SSH, the local socket) hands octets in and takes octets out; one task per session. A command runs
//! on a thread of its own, and Ctrl-C ends the waiting for it, not what it has begun.

mod keyboard;
mod news;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use capledger_schema::{Envelope, Event};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::feed::{Answer, Gone, Output, Session, Wanted};
use super::hub::Hub;
use crate::command::RELOAD;
use crate::ios::line_editor::{Echo, LINE_LIMIT, LineEditor, Typed};
use crate::ios::pager::{Pager, Pressed};
use crate::ios::shell::Terminal;
use crate::syslog::{Entry, TimeFormat, format};

use keyboard::Next;
pub(crate) use keyboard::{End, Keyboard, Size, TooMuch, Typist, pair};
use news::News;

/// Octets that are sent at once at most.
const PIECE: usize = 16 << 10;

/// Octets that are looked at before other sessions have their turn.
const TURN: u32 = 512;

/// Takes what is to be shown.
pub(crate) trait Screen: Send {
    /// Sends octets; waits while the other end is slow.
    fn show(&mut self, octets: Vec<u8>) -> impl Future<Output = Result<(), Gone>> + Send;
}

/// Who types, and at what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    /// At a terminal: echo, prompt, paging, `\r\n`.
    Terminal,
    /// A program at the other end of a pipe: only what the lines lead to, with `\n`.
    Pipe,
}

/// Why a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Over {
    /// By a command.
    Exit,
    /// Nobody is there any more.
    Gone,
    /// Nothing was typed for too long.
    Idle,
    /// The controller stops.
    Stopped,
    /// A command panicked.
    Failed,
    /// An operator ended it: `clear line`.
    Cleared,
}

impl Over {
    /// In words, for the record.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Over::Exit => "exit",
            Over::Gone => "the connection ended",
            Over::Idle => "exec-timeout",
            Over::Stopped => "the controller stops",
            Over::Failed => "a command failed inside the controller",
            Over::Cleared => "cleared by an operator",
        }
    }
}

/// A session and what is around it.
pub(crate) struct Dialogue<S> {
    /// None while a command runs.
    session: Option<Box<dyn Session>>,
    keyboard: Keyboard,
    screen: S,
    manner: Manner,
    /// Whether `exec-timeout` counts.
    may_idle: bool,
    hub: Arc<Hub>,
    stop: watch::Receiver<bool>,
    editor: LineEditor,
    /// The size that the terminal has told while a command ran.
    resized: Option<Terminal>,
    news: News,
    typed_at: Instant,
}

impl<S: Screen> Dialogue<S> {
    pub(crate) fn new(
        session: Box<dyn Session>,
        keyboard: Keyboard,
        screen: S,
        manner: Manner,
        may_idle: bool,
        hub: Arc<Hub>,
        stop: watch::Receiver<bool>,
    ) -> Self {
        let width = session.terminal().width;
        let news = News::new(Arc::clone(&hub));
        Dialogue {
            session: Some(session),
            keyboard,
            screen,
            manner,
            may_idle,
            hub,
            stop,
            editor: LineEditor::new(width),
            resized: None,
            news,
            typed_at: Instant::now(),
        }
    }

    /// Prompts for lines and runs them until the session ends.
    pub(crate) async fn converse(&mut self) -> Over {
        let over = self.turns().await;
        self.close().await;
        over
    }

    async fn turns(&mut self) -> Over {
        loop {
            if let Err(over) = self.turn().await {
                let farewell = match over {
                    Over::Idle => "% The session ends: nothing was typed for the time of exec-timeout.",
                    Over::Stopped => "% The session ends: the controller stops.",
                    Over::Failed => "% The command failed inside the controller; the session ends.",
                    Over::Exit | Over::Gone | Over::Cleared => return over,
                };
                let stopped = over == Over::Stopped;
                let reload = if stopped { self.reload() } else { String::new() };
                let lost = self.session.as_ref().map_or(0, |session| session.uncommitted());
                if stopped && lost > 0 {
                    let lines = if lost == 1 { "1 line" } else { &format!("{lost} lines") };
                    // It may be gone as well.
                    let _ = self.send(&format!("\r\n% Not applied: {lines} of this sub-mode.")).await;
                }
                // It may be gone as well.
                let _ = self.send(&format!("\r\n{reload}{farewell}\r\n")).await;
                return over;
            }
        }
    }

    /// The line of the log that tells of a reload, if the controller stops for that.
    fn reload(&self) -> String {
        let stop = self.hub.last(|e| matches!(&e.event, Event::ControllerStopped { reason } if reason == RELOAD));
        let line = stop.as_ref().and_then(|e| log_line(e, &self.hub));
        line.map_or_else(String::new, |line| format!("{line}\r\n"))
    }

    /// Runs lines without prompting, up to the first that is refused: whether all were accepted.
    pub(crate) async fn execute(&mut self, lines: &str) -> Result<bool, Over> {
        let executed = self.run_all(lines).await;
        self.close().await;
        executed
    }

    async fn run_all(&mut self, lines: &str) -> Result<bool, Over> {
        for line in lines.lines() {
            if line.len() > LINE_LIMIT {
                self.send(&too_long()).await?;
                return Ok(false);
            }
            let answer = self.run(line).await?;
            if !answer.ok || answer.ends {
                return Ok(answer.ok);
            }
        }
        Ok(true)
    }

    /// Ends the session; one whose command still runs ends with that.
    async fn close(&mut self) {
        if let Some(mut session) = self.session.take()
            && tokio::task::spawn_blocking(move || session.close()).await.is_err()
        {
            tracing::error!("the end of a session panicked");
        }
    }

    /// One prompt and what is typed behind it.
    async fn turn(&mut self) -> Result<(), Over> {
        let (prompt, terminal, configures) = {
            let session = self.session()?;
            (session.prompt(), session.terminal(), session.configures())
        };
        self.editor.resize(terminal.width);
        let echo = if self.manner == Manner::Terminal { Echo::On } else { Echo::Off };
        self.editor.begin(&prompt, echo);
        match self.read().await? {
            Typed::Line(line) => {
                let answer = self.run(&line).await?;
                if answer.ends {
                    return Err(Over::Exit);
                }
            }
            Typed::EndMode(line) => {
                self.run(&line).await?;
                if configures && self.session()?.configures() {
                    self.run("end").await?;
                }
            }
            Typed::Interrupt if configures => {
                self.run("end").await?;
            }
            Typed::End if !configures => return Err(Over::Exit),
            Typed::Interrupt | Typed::End => {}
            Typed::TooLong => self.send(&too_long()).await?,
            // `read` answers them itself.
            Typed::Help | Typed::Tab(_) => {}
        }
        let session = self.session()?;
        let (monitors, debugs) = (session.monitors(), session.debugs());
        self.news.want(monitors, debugs);
        Ok(())
    }

    /// A line, or what else ends the typing of one.
    async fn read(&mut self) -> Result<Typed, Over> {
        let mut looked = 0;
        loop {
            match self.keyboard.next() {
                Next::Octet(octet) => {
                    self.typed_at = Instant::now();
                    looked += 1;
                    match self.editor.put(octet) {
                        Some(Typed::Help) => self.help().await?,
                        Some(Typed::Tab(times)) => self.complete(times).await?,
                        Some(typed) => {
                            self.echo().await?;
                            return Ok(typed);
                        }
                        None => {}
                    }
                    if looked % TURN == 0 {
                        self.echo().await?;
                        tokio::task::yield_now().await;
                    }
                    self.echo_much().await?;
                }
                Next::Size(size) => self.resize(size),
                Next::End(End::Typing) => return Err(Over::Exit),
                Next::End(End::Gone) => return Err(Over::Gone),
                Next::Nothing => {
                    self.echo().await?;
                    self.wait().await?;
                }
            }
        }
    }

    /// Waits for something to be typed, and prints what the log says meanwhile.
    async fn wait(&mut self) -> Result<(), Over> {
        let idle_at = self.idle_at();
        tokio::select! {
            () = self.keyboard.changed() => Ok(()),
            lines = self.news.next() => {
                self.editor.hide();
                self.echo().await?;
                self.send(&(lines.join("\r\n") + "\r\n")).await?;
                self.editor.redraw();
                self.echo().await
            }
            () = sleep_until(idle_at) => Err(Over::Idle),
            _ = self.stop.changed() => Err(Over::Stopped),
        }
    }

    /// When the session has been idle for too long; none: never.
    fn idle_at(&self) -> Option<Instant> {
        let seconds = if self.may_idle { self.hub.state().config.access.exec_timeout } else { 0 };
        (seconds > 0).then(|| self.typed_at + Duration::from_secs(seconds.into()))
    }

    async fn help(&mut self) -> Result<(), Over> {
        let before = self.editor.before_cursor();
        let text = self.session()?.help(&before);
        self.echo().await?;
        let mut pager = self.pager()?;
        pager.push(&text);
        self.page(&mut pager).await?;
        self.editor.redraw();
        Ok(())
    }

    async fn complete(&mut self, times: u32) -> Result<(), Over> {
        let before = self.editor.before_cursor();
        let completed = self.session()?.complete(&before);
        let stuck = completed.is_none();
        self.editor.complete(completed.as_deref());
        if stuck && times > 1 && self.manner == Manner::Terminal && !before.trim().is_empty() {
            // Nothing was typed since the bell: what are the choices?
            self.send("\r\n").await?;
            self.help().await?;
        }
        Ok(())
    }

    /// Runs a line to its end, or until its operator has left.
    async fn run(&mut self, line: &str) -> Result<Answer, Over> {
        let mut pager = self.pager()?;
        let session = self.session.take().ok_or(Over::Failed)?;
        let prompt = session.prompt();
        let mut running = Running::start(line, session, self.manner);
        let mut done: Option<Answer> = None;
        loop {
            self.page(&mut pager).await?;
            if pager.has_quit() {
                running.interrupt();
            }
            if let Some(answer) = done {
                return Ok(answer);
            }
            tokio::select! {
                heard = running.heard.recv() => match heard {
                    Some(Heard::Text(text)) => pager.push(&text),
                    Some(Heard::Question(question, wanted, reply)) => {
                        let answer = match wanted {
                            Wanted::Line | Wanted::Secret => self.ask(&question, wanted).await?,
                            Wanted::Key => self.ask_key(&question).await?,
                        };
                        // A command that panicked waits for nothing.
                        let _ = reply.send(answer);
                    }
                    None => {
                        let (answer, mut session) = running.end().await?;
                        if let Some(size) = self.resized.take() {
                            session.set_terminal(size);
                        }
                        self.session = Some(session);
                        if self.manner == Manner::Pipe && points_at_the_line(&answer.text) {
                            pager.push(&format!("{prompt}{line}\n"));
                        }
                        pager.push(&answer.text);
                        done = Some(answer);
                    }
                },
                () = self.keyboard.changed() => {
                    if self.keyboard.is_gone() {
                        running.interrupt();
                        return Err(Over::Gone);
                    }
                    if self.manner == Manner::Terminal && self.keyboard.interrupted() {
                        running.interrupt();
                        self.send("^C\r\n").await?;
                    }
                }
                _ = self.stop.changed() => return Err(Over::Stopped),
            }
        }
    }

    /// A line that answers a question; none if no answer is given.
    async fn ask(&mut self, question: &str, wanted: Wanted) -> Result<Option<String>, Over> {
        self.editor.ask(question, self.echo_of(wanted));
        Ok(match self.read().await? {
            Typed::Line(line) => Some(line),
            Typed::EndMode(_) | Typed::Interrupt | Typed::End | Typed::TooLong | Typed::Help | Typed::Tab(_) => None,
        })
    }

    /// The first key behind a question, without waiting for Enter; none if no answer is given.
    async fn ask_key(&mut self, question: &str) -> Result<Option<String>, Over> {
        self.editor.ask(question, self.echo_of(Wanted::Key));
        loop {
            self.echo().await?;
            match self.keyboard.next() {
                Next::Octet(octet) if octet.is_ascii_graphic() => {
                    self.typed_at = Instant::now();
                    self.send(if self.manner == Manner::Terminal { "\r\n" } else { "" }).await?;
                    return Ok(Some(char::from(octet).to_string()));
                }
                Next::Octet(octet) => {
                    self.typed_at = Instant::now();
                    match self.editor.put(octet) {
                        Some(Typed::Line(line)) => {
                            self.echo().await?;
                            return Ok(Some(line));
                        }
                        Some(Typed::EndMode(_) | Typed::Interrupt | Typed::End | Typed::TooLong) => {
                            self.echo().await?;
                            return Ok(None);
                        }
                        Some(Typed::Help | Typed::Tab(_)) | None => {}
                    }
                }
                Next::Size(size) => self.resize(size),
                Next::End(End::Typing) => return Err(Over::Exit),
                Next::End(End::Gone) => return Err(Over::Gone),
                Next::Nothing => self.wait().await?,
            }
        }
    }

    fn echo_of(&self, wanted: Wanted) -> Echo {
        match (self.manner, wanted) {
            (Manner::Pipe, _) => Echo::Off,
            (Manner::Terminal, Wanted::Secret) => Echo::Secret,
            (Manner::Terminal, Wanted::Line | Wanted::Key) => Echo::On,
        }
    }

    /// Sends what a pager has, and keys to it while it waits for them.
    async fn page(&mut self, pager: &mut Pager) -> Result<(), Over> {
        loop {
            let text = pager.take();
            let text = if self.manner == Manner::Pipe { text.replace("\r\n", "\n") } else { text };
            self.send(&text).await?;
            if !pager.waits() {
                return Ok(());
            }
            match self.keyboard.next() {
                Next::Octet(octet) => {
                    self.typed_at = Instant::now();
                    if pager.key(octet) == Pressed::Passed {
                        self.keyboard.unread(octet);
                    }
                }
                Next::Size(size) => self.resize(size),
                Next::End(End::Typing) => return Err(Over::Exit),
                Next::End(End::Gone) => return Err(Over::Gone),
                Next::Nothing => {
                    let idle_at = self.idle_at();
                    tokio::select! {
                        () = self.keyboard.changed() => {}
                        () = sleep_until(idle_at) => return Err(Over::Idle),
                        _ = self.stop.changed() => return Err(Over::Stopped),
                    }
                }
            }
        }
    }

    fn pager(&mut self) -> Result<Pager, Over> {
        let terminal = self.session()?.terminal();
        Ok(match self.manner {
            Manner::Terminal => Pager::new(terminal.length, terminal.width),
            Manner::Pipe => Pager::new(0, 0),
        })
    }

    fn resize(&mut self, size: Size) {
        self.editor.resize(size.columns);
        let size = Terminal { length: size.rows, width: size.columns };
        match &mut self.session {
            Some(session) => session.set_terminal(size),
            None => self.resized = Some(size),
        }
    }

    fn session(&mut self) -> Result<&mut Box<dyn Session>, Over> {
        self.session.as_mut().ok_or(Over::Failed)
    }

    async fn echo(&mut self) -> Result<(), Over> {
        let echo = self.editor.take_echo();
        self.send(&echo).await
    }

    /// Keeps what gathers of the echo small, whatever is typed.
    async fn echo_much(&mut self) -> Result<(), Over> {
        if self.editor.echo_waits() > PIECE { self.echo().await } else { Ok(()) }
    }

    async fn send(&mut self, text: &str) -> Result<(), Over> {
        for piece in text.as_bytes().chunks(PIECE) {
            self.screen.show(piece.to_vec()).await.map_err(|Gone| Over::Gone)?;
        }
        Ok(())
    }
}

fn too_long() -> String {
    format!("% Line is longer than {LINE_LIMIT} octets; it was not run.\r\n\r\n")
}

/// Whether the text begins with the `^` that IOS prints under the word it does not know: it needs the line above it.
fn points_at_the_line(text: &str) -> bool {
    text.lines().next().is_some_and(|first| first.trim() == "^")
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// An event as a line of the log.
fn log_line(e: &Envelope, hub: &Hub) -> Option<String> {
    let (line, state) = (format(e)?, hub.state());
    // A terminal is not told how many lines there were before.
    let time = TimeFormat { numbers: false, ..TimeFormat::of(&state.config) };
    let started = state.controller.started_at;
    Some(Entry { ordinal: 0, seq: e.seq, at: e.at, started, line }.bare(&time))
}

/// A line that runs.
struct Running {
    heard: mpsc::Receiver<Heard>,
    interrupted: Arc<AtomicBool>,
    task: JoinHandle<(Answer, Box<dyn Session>)>,
}

enum Heard {
    Text(String),
    Question(String, Wanted, oneshot::Sender<Option<String>>),
}

impl Running {
    fn start(line: &str, mut session: Box<dyn Session>, manner: Manner) -> Running {
        let (said, heard) = mpsc::channel(16);
        let interrupted = Arc::new(AtomicBool::new(false));
        let (line, mut voice) = (line.to_owned(), Voice { said, interrupted: Arc::clone(&interrupted), manner });
        let task = tokio::task::spawn_blocking(move || {
            let answer = session.line(&line, &mut voice);
            (answer, session)
        });
        Running { heard, interrupted, task }
    }

    fn interrupt(&self) {
        self.interrupted.store(true, Ordering::Relaxed);
    }

    async fn end(&mut self) -> Result<(Answer, Box<dyn Session>), Over> {
        (&mut self.task).await.map_err(|error| {
            tracing::error!(%error, "a command panicked; its session ends");
            Over::Failed
        })
    }
}

struct Voice {
    said: mpsc::Sender<Heard>,
    interrupted: Arc<AtomicBool>,
    manner: Manner,
}

impl Output for Voice {
    fn write(&mut self, text: &str) -> Result<(), Gone> {
        self.said.blocking_send(Heard::Text(text.to_owned())).map_err(|_| Gone)
    }

    fn is_gone(&self) -> bool {
        self.said.is_closed() || self.interrupted.load(Ordering::Relaxed)
    }

    fn is_interactive(&self) -> bool {
        self.manner == Manner::Terminal
    }

    fn ask(&mut self, question: &str, wanted: Wanted) -> Result<String, Gone> {
        let (reply, answer) = oneshot::channel();
        self.said.blocking_send(Heard::Question(question.to_owned(), wanted, reply)).map_err(|_| Gone)?;
        answer.blocking_recv().ok().flatten().ok_or(Gone)
    }
}
