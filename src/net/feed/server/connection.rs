//! One client of the feed, from its `Hello` to its end.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use capledger_schema::Envelope;
use capledger_schema::feed::{ClientMessage, FRAME_LIMIT, PROTOCOL, Privilege, ServerMessage};
use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use super::super::wire::{FrameReader, encode};
use super::super::{
    Answer, CLIENT_FRAME_LIMIT, CONNECTION_LIMIT, CommandLine, Gone, LINE_LIMIT, Output, Session, User,
};
use crate::ios::shell::Terminal;
use crate::net::hub::{Follower, Hub};
use crate::net::terminal::{Dialogue, End, Manner, Screen, Size, pair};

/// A client says `Hello` within this.
const HELLO_TIMEOUT: Duration = Duration::from_secs(10);

/// A client takes [`WRITE_PIECE`] octets within this, or it is gone.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

const WRITE_PIECE: usize = 64 << 10;

/// Lines that wait for the one that runs; more wait in the socket.
const WAITING_LIMIT: usize = 32;

/// Octets of text in one message; longer output goes out in several.
const TEXT_PIECE: usize = 256 << 10;

/// Serves one connection to its end; how it ended is of interest to nobody but the log.
pub(super) async fn serve(
    stream: UnixStream,
    hub: Arc<Hub>,
    commands: Arc<dyn CommandLine>,
    stop: watch::Receiver<bool>,
) {
    let user = match stream.peer_cred() {
        Ok(credentials) => user_name(credentials.uid()),
        Err(error) => return tracing::warn!(%error, "a client of the feed without credentials"),
    };
    let (read, write) = stream.into_split();
    let mut client = Connection { write, hub, commands, user, follower: None };
    let mut reader = FrameReader::new(read, CLIENT_FRAME_LIMIT);
    let end = match client.converse(&mut reader, stop).await {
        Ok(None) => return,
        Ok(Some(bye)) => bye,
        Err(error) => error.to_string(),
    };
    tracing::debug!(user = client.user, %end, "a client of the feed leaves");
    // It may be gone already; then there is nobody to tell.
    let _ = client.send(&ServerMessage::Bye(end)).await;
}

/// Tells a client too many why it is turned away.
pub(super) fn turn_away(stream: &UnixStream) {
    tracing::warn!(limit = CONNECTION_LIMIT, "a client of the feed was turned away: too many connections");
    let words = format!("{CONNECTION_LIMIT} clients are connected, which is the limit; close one and try again");
    // A fresh socket has room for a line; a client that cannot take it has lost nothing else.
    if let Ok(frame) = encode(&ServerMessage::Bye(words), FRAME_LIMIT) {
        let _ = stream.try_write(&frame);
    }
}

/// The name behind a user number, as the operating system knows it.
fn user_name(uid: u32) -> String {
    match nix::unistd::User::from_uid(nix::unistd::Uid::from_raw(uid)) {
        Ok(Some(user)) => user.name,
        Ok(None) | Err(_) => format!("uid{uid}"),
    }
}

struct Connection {
    write: OwnedWriteHalf,
    hub: Arc<Hub>,
    commands: Arc<dyn CommandLine>,
    user: String,
    follower: Option<Follower>,
}

impl Connection {
    /// Until the client closes (none), or something ends the conversation (the words for its goodbye).
    async fn converse(
        &mut self,
        reader: &mut FrameReader<OwnedReadHalf>,
        mut stop: watch::Receiver<bool>,
    ) -> io::Result<Option<String>> {
        let hello = tokio::time::timeout(HELLO_TIMEOUT, reader.next()).await;
        match hello.unwrap_or_else(|_| Err(io::Error::new(io::ErrorKind::TimedOut, "no Hello came")))? {
            Some(ClientMessage::Hello { protocol: PROTOCOL, .. }) => {}
            Some(ClientMessage::Hello { protocol, .. }) => {
                let words = "use the same version of capledger for both";
                return Ok(Some(format!("the controller speaks protocol {PROTOCOL}, not {protocol}; {words}")));
            }
            Some(
                ClientMessage::Subscribe { .. }
                | ClientMessage::Command { .. }
                | ClientMessage::Terminal { .. }
                | ClientMessage::Typed(_)
                | ClientMessage::Resized { .. }
                | ClientMessage::TypedAll,
            ) => return Ok(Some("a client says Hello first".to_owned())),
            None => return Ok(None),
        }
        let hello = ServerMessage::Hello {
            protocol: PROTOCOL,
            controller: self.hub.state().controller.id,
            software: env!("CARGO_PKG_VERSION").to_owned(),
            seq: self.hub.seq(),
        };
        self.send(&hello).await?;

        let mut lines = Lines::default();
        loop {
            tokio::select! {
                _ = stop.changed() => return Ok(Some("the controller stops".to_owned())),
                message = reader.next(), if lines.waiting.len() < WAITING_LIMIT => match message? {
                    None => return Ok(None),
                    Some(ClientMessage::Hello { .. }) => return Ok(Some("a second Hello".to_owned())),
                    Some(ClientMessage::Subscribe { snapshot, after }) => {
                        if self.follower.is_some() {
                            return Ok(Some("a second Subscribe; a connection has one subscription".to_owned()));
                        }
                        let after = if snapshot { self.send_snapshot().await? } else { after };
                        self.follower = Some(self.hub.follow(after));
                    }
                    Some(ClientMessage::Terminal { columns, rows }) => {
                        return self.attend_terminal(reader, Size { columns, rows }, stop).await;
                    }
                    Some(ClientMessage::Typed(_) | ClientMessage::Resized { .. } | ClientMessage::TypedAll) => {
                        return Ok(Some("a client that types says Terminal first".to_owned()));
                    }
                    Some(ClientMessage::Command { id, line }) => {
                        lines.waiting.push_back((id, line));
                        self.run_next(&mut lines).await?;
                    }
                },
                batch = next_batch(&mut self.follower) => self.send(&ServerMessage::Events(batch?)).await?,
                said = next_output(&mut lines.running) => match said {
                    Said::Text(id, text) => self.send_text(id, &text, |id, text| ServerMessage::Output { id, text }).await?,
                    Said::Done(id, answer, session) => {
                        let prompt = session.as_ref().map(|s| s.prompt()).unwrap_or_default();
                        (lines.running, lines.session) = (None, session);
                        self.reply(id, answer.ok, &answer.text, prompt).await?;
                        if answer.ends {
                            return Ok(None);
                        }
                        self.run_next(&mut lines).await?;
                    }
                },
            }
        }
    }

    /// The rest of the conversation: a session at a terminal.
    async fn attend_terminal(
        &mut self,
        reader: &mut FrameReader<OwnedReadHalf>,
        size: Size,
        stop: watch::Receiver<bool>,
    ) -> io::Result<Option<String>> {
        let mut session = self.commands.open(self.user());
        let manner = if size.columns == 0 { Manner::Pipe } else { Manner::Terminal };
        session.set_terminal(Terminal { length: size.rows, width: size.columns });
        let (typist, keyboard) = pair();
        let (shows, mut shown) = mpsc::channel(4);
        let mut dialogue = Dialogue::new(session, keyboard, Shows(shows), manner, false, Arc::clone(&self.hub), stop);
        // The screen goes with it, which is how its end is known.
        tokio::spawn(async move { dialogue.converse().await });
        loop {
            tokio::select! {
                octets = shown.recv() => match octets {
                    Some(octets) => self.send(&ServerMessage::Shown(octets)).await?,
                    None => return Ok(None),
                },
                message = reader.next() => match message? {
                    None => return Ok(None),
                    Some(ClientMessage::Typed(octets)) => typist.octets(&octets).await.map_err(io::Error::other)?,
                    Some(ClientMessage::Resized { columns, rows }) => typist.resize(Size { columns, rows }),
                    Some(ClientMessage::TypedAll) => typist.end(End::Typing),
                    Some(
                        ClientMessage::Hello { .. }
                        | ClientMessage::Subscribe { .. }
                        | ClientMessage::Command { .. }
                        | ClientMessage::Terminal { .. },
                    ) => return Ok(Some("nothing but typing follows Terminal".to_owned())),
                },
            }
        }
    }

    fn user(&self) -> User {
        User { name: self.user.clone(), from: "console".to_owned(), privilege: Privilege::Privileged }
    }

    /// Starts lines until one runs or none waits.
    async fn run_next(&mut self, lines: &mut Lines) -> io::Result<()> {
        while lines.running.is_none() {
            let Some((id, line)) = lines.waiting.pop_front() else { break };
            let session = lines.session.take().unwrap_or_else(|| self.commands.open(self.user()));
            if line.len() > LINE_LIMIT {
                let words = format!("% The line has {} octets; at most {LINE_LIMIT} are taken.\n", line.len());
                let prompt = session.prompt();
                lines.session = Some(session);
                self.reply(id, false, &words, prompt).await?;
            } else {
                lines.running = Some(Running::start(id, line, session));
            }
        }
        Ok(())
    }

    async fn reply(&mut self, id: u64, ok: bool, text: &str, prompt: String) -> io::Result<()> {
        self.send_text(id, text, |id, text| ServerMessage::Reply { id, text, ok, prompt: prompt.clone() }).await
    }

    /// Sends text in pieces of a bounded size, the last one as `last` makes it.
    async fn send_text(&mut self, id: u64, text: &str, last: impl Fn(u64, String) -> ServerMessage) -> io::Result<()> {
        let mut rest = text;
        while rest.len() > TEXT_PIECE {
            let (piece, tail) = rest.split_at(whole_characters(rest, TEXT_PIECE));
            self.send(&ServerMessage::Output { id, text: piece.to_owned() }).await?;
            rest = tail;
        }
        self.send(&last(id, rest.to_owned())).await
    }

    async fn send_snapshot(&mut self) -> io::Result<capledger_schema::id::Seq> {
        let state = self.hub.state();
        let seq = state.seq;
        self.send(&ServerMessage::Snapshot(Box::new(Arc::unwrap_or_clone(state)))).await?;
        Ok(seq)
    }

    async fn send(&mut self, message: &ServerMessage) -> io::Result<()> {
        for piece in encode(message, FRAME_LIMIT)?.chunks(WRITE_PIECE) {
            tokio::time::timeout(WRITE_TIMEOUT, self.write.write_all(piece))
                .await
                .map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "the client takes nothing"))??;
        }
        Ok(())
    }
}

/// A terminal at the other end of the socket.
struct Shows(mpsc::Sender<Vec<u8>>);

impl Screen for Shows {
    async fn show(&mut self, octets: Vec<u8>) -> Result<(), Gone> {
        self.0.send(octets).await.map_err(|_| Gone)
    }
}

/// The most octets, up to `limit`, that do not cut a character.
fn whole_characters(text: &str, limit: usize) -> usize {
    (0..=limit.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

async fn next_batch(follower: &mut Option<Follower>) -> io::Result<Vec<Envelope>> {
    match follower {
        Some(follower) => follower.next().await,
        None => std::future::pending().await,
    }
}

/// The command lines of one connection: one session, one line at a time.
#[derive(Default)]
struct Lines {
    session: Option<Box<dyn Session>>,
    running: Option<Running>,
    waiting: VecDeque<(u64, String)>,
}

/// A line that runs on a thread of its own.
struct Running {
    id: u64,
    said: mpsc::Receiver<String>,
    end: JoinHandle<(Answer, Box<dyn Session>)>,
}

enum Said {
    Text(u64, String),
    Done(u64, Answer, Option<Box<dyn Session>>),
}

impl Running {
    fn start(id: u64, line: String, mut session: Box<dyn Session>) -> Running {
        let (out, said) = mpsc::channel(16);
        let end = tokio::task::spawn_blocking(move || {
            let answer = session.line(&line, &mut Voice(out));
            (answer, session)
        });
        Running { id, said, end }
    }
}

/// What the running line says next; its end comes after all that it said.
async fn next_output(running: &mut Option<Running>) -> Said {
    let Some(Running { id, said, end }) = running else { return std::future::pending().await };
    if let Some(text) = said.recv().await {
        return Said::Text(*id, text);
    }
    match end.await {
        Ok((answer, session)) => Said::Done(*id, answer, Some(session)),
        Err(error) => {
            tracing::error!(%error, "a command panicked; its session is lost");
            let text = "% The command failed inside the controller; a new session begins.\n".to_owned();
            Said::Done(*id, Answer { text, ok: false, ends: false }, None)
        }
    }
}

struct Voice(mpsc::Sender<String>);

impl Output for Voice {
    fn write(&mut self, text: &str) -> Result<(), Gone> {
        self.0.blocking_send(text.to_owned()).map_err(|_| Gone)
    }

    fn is_gone(&self) -> bool {
        self.0.is_closed()
    }
}
