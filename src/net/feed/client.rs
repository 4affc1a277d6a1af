//! The other end of the feed for programs: blocking, one connection, no runtime.
//!
//! A client either sends command lines or turns into a subscription; who wants both opens two.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use capledger_schema::Envelope;
use capledger_schema::feed::{ClientMessage, FRAME_LIMIT, PROTOCOL, ServerMessage};
use capledger_schema::id::{ControllerId, Seq};

use super::{CLIENT_FRAME_LIMIT, PathTooLong, socket_path, wire};

/// A connection to the daemon of a data directory.
pub struct Client {
    stream: UnixStream,
    path: PathBuf,
    daemon: Daemon,
    next: u64,
}

/// Who answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Daemon {
    /// Whose ledger.
    pub controller: ControllerId,
    /// Capledger's version there.
    pub software: String,
    /// The last durable envelope when it answered.
    pub seq: Seq,
}

/// How a command line ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// What was left of its output, with `\n` line ends.
    pub text: String,
    /// Whether it was accepted.
    pub ok: bool,
    /// The prompt that stands now.
    pub prompt: String,
}

/// Where a subscription begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Since {
    /// With the state as it is now, and then what follows.
    Now,
    /// With what follows an envelope; 0 for everything.
    After(Seq),
}

/// Why the daemon cannot be asked.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody answers there.
    #[error("no controller is running on {dir}; start it with `capledger serve --data-dir {dir}`", dir = .0.display())]
    NotRunning(PathBuf),
    /// The data directory's path is too long.
    #[error(transparent)]
    Path(#[from] PathTooLong),
    /// The socket is another user's.
    #[error("{} may not be used: {}; be the user that runs the controller", .0.display(), .1)]
    Denied(PathBuf, io::Error),
    /// The daemon ended the conversation.
    #[error("the controller ended the connection: {0}")]
    Bye(String),
    /// The connection broke, or what came makes no sense.
    #[error("the connection to the controller at {} failed: {}", .0.display(), .1)]
    Broken(PathBuf, io::Error),
}

impl Client {
    /// Connects to the daemon that runs on a data directory.
    pub fn connect(dir: &Path) -> Result<Client, ClientError> {
        let path = socket_path(dir)?;
        let stream = UnixStream::connect(&path).map_err(|e| {
            if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) {
                ClientError::NotRunning(dir.to_owned())
            } else if e.kind() == io::ErrorKind::PermissionDenied {
                ClientError::Denied(path.clone(), e)
            } else {
                ClientError::Broken(path.clone(), e)
            }
        })?;
        let daemon = Daemon { controller: ControllerId(0), software: String::new(), seq: Seq(0) };
        let mut client = Client { stream, path, daemon, next: 1 };
        // The daemon takes the name from the connection itself.
        let greeted = client.send(&ClientMessage::Hello { protocol: PROTOCOL, user: String::new() });
        // A daemon that turns us away may have closed before our Hello went out: what it said is still there to read.
        match client.receive() {
            Ok(ServerMessage::Hello { controller, software, seq, .. }) => {
                client.daemon = Daemon { controller, software, seq };
                Ok(client)
            }
            Ok(other) => Err(client.unexpected(&other)),
            Err(error) => Err(greeted.err().unwrap_or(error)),
        }
    }

    /// Who answered.
    pub fn daemon(&self) -> &Daemon {
        &self.daemon
    }

    /// Runs a command line to its end; what it says meanwhile goes to `output`. The lines of a client are one session.
    pub fn command(&mut self, line: &str, mut output: impl FnMut(&str)) -> Result<Reply, ClientError> {
        let id = self.next;
        self.next += 1;
        self.send(&ClientMessage::Command { id, line: line.to_owned() })?;
        loop {
            let message = self.receive()?;
            match message {
                ServerMessage::Output { id: of, ref text } if of == id => output(text),
                ServerMessage::Reply { id: of, text, ok, prompt } if of == id => {
                    return Ok(Reply { text, ok, prompt });
                }
                ServerMessage::Hello { .. }
                | ServerMessage::Snapshot(_)
                | ServerMessage::Events(_)
                | ServerMessage::Output { .. }
                | ServerMessage::Reply { .. }
                | ServerMessage::Shown(_)
                | ServerMessage::Bye(_) => return Err(self.unexpected(&message)),
            }
        }
    }

    /// Turns the connection into a subscription: a snapshot, if it was asked for, then envelopes without end.
    pub fn subscribe(mut self, since: Since) -> Result<Subscription, ClientError> {
        let (snapshot, after) = match since {
            Since::Now => (true, Seq(0)),
            Since::After(after) => (false, after),
        };
        self.send(&ClientMessage::Subscribe { snapshot, after })?;
        Ok(Subscription { client: self, ended: false })
    }

    /// Turns the connection into a terminal of the command line of this size; 0 columns for a program at a pipe.
    pub fn terminal(mut self, columns: u16, rows: u16) -> Result<(Keys, Screen), ClientError> {
        self.send(&ClientMessage::Terminal { columns, rows })?;
        let stream = self.stream.try_clone().map_err(|e| self.broken(e))?;
        Ok((Keys(stream), Screen(self)))
    }

    /// The ledger from after an envelope up to what was durable at [`Client::connect`], and then an end.
    pub fn history(self, after: Seq) -> Result<impl Iterator<Item = Result<Envelope, ClientError>>, ClientError> {
        let last = self.daemon.seq;
        let mut source = (after < last).then(|| self.subscribe(Since::After(after))).transpose()?;
        let mut batch = Vec::new().into_iter();
        Ok(std::iter::from_fn(move || {
            loop {
                if let Some(envelope) = batch.next() {
                    let envelope: Envelope = envelope;
                    if envelope.seq >= last {
                        source = None;
                    }
                    return (envelope.seq <= last).then_some(Ok(envelope));
                }
                match source.as_mut()?.next()? {
                    Ok(ServerMessage::Events(events)) => batch = events.into_iter(),
                    Ok(other) => {
                        let error = source.take().map(|s| s.client.unexpected(&other));
                        return error.map(Err);
                    }
                    Err(error) => {
                        source = None;
                        return Some(Err(error));
                    }
                }
            }
        }))
    }

    fn send(&mut self, message: &ClientMessage) -> Result<(), ClientError> {
        let sent = wire::encode(message, CLIENT_FRAME_LIMIT).and_then(|frame| self.stream.write_all(&frame));
        sent.map_err(|e| self.broken(e))
    }

    fn receive(&mut self) -> Result<ServerMessage, ClientError> {
        self.read_frame().map_err(|e| self.broken(e))
    }

    fn read_frame(&mut self) -> io::Result<ServerMessage> {
        let mut header = [0; 4];
        self.stream.read_exact(&mut header)?;
        let length = wire::length(header, FRAME_LIMIT)?;
        let mut payload = Vec::new();
        // The buffer grows with what comes, not with what was announced.
        let got = (&self.stream).take(length as u64).read_to_end(&mut payload)?;
        if got < length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        wire::decode(&payload)
    }

    fn broken(&self, error: io::Error) -> ClientError {
        ClientError::Broken(self.path.clone(), error)
    }

    fn unexpected(&self, message: &ServerMessage) -> ClientError {
        let name = match message {
            ServerMessage::Bye(words) => return ClientError::Bye(words.clone()),
            ServerMessage::Hello { .. } => "Hello",
            ServerMessage::Snapshot(_) => "Snapshot",
            ServerMessage::Events(_) => "Events",
            ServerMessage::Output { .. } => "Output",
            ServerMessage::Reply { .. } => "Reply",
            ServerMessage::Shown(_) => "Shown",
        };
        self.broken(io::Error::new(io::ErrorKind::InvalidData, format!("{name} where nothing like it is due")))
    }
}

/// What the daemon publishes, as it becomes durable: [`ServerMessage::Snapshot`] and [`ServerMessage::Events`].
///
/// It ends with an error: the daemon's goodbye ([`ClientError::Bye`]), or what broke the connection.
pub struct Subscription {
    client: Client,
    ended: bool,
}

impl Subscription {
    /// Who answers.
    pub fn daemon(&self) -> &Daemon {
        self.client.daemon()
    }

    /// A handle that ends the subscription from another thread.
    pub fn closer(&self) -> io::Result<Closer> {
        self.client.stream.try_clone().map(Closer)
    }
}

impl Iterator for Subscription {
    type Item = Result<ServerMessage, ClientError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let message = match self.client.receive() {
            Ok(message @ (ServerMessage::Snapshot(_) | ServerMessage::Events(_))) => Ok(message),
            Ok(other) => Err(self.client.unexpected(&other)),
            Err(error) => Err(error),
        };
        self.ended = message.is_err();
        Some(message)
    }
}

/// What is typed at a terminal, on its way to the daemon.
pub struct Keys(UnixStream);

impl Keys {
    /// Octets that were typed.
    pub fn typed(&mut self, octets: &[u8]) -> io::Result<()> {
        octets.chunks(4_096).try_for_each(|piece| self.send(&ClientMessage::Typed(piece.to_vec())))
    }

    /// The terminal has another size.
    pub fn resized(&mut self, columns: u16, rows: u16) -> io::Result<()> {
        self.send(&ClientMessage::Resized { columns, rows })
    }

    /// Nothing more is typed.
    pub fn all(&mut self) -> io::Result<()> {
        self.send(&ClientMessage::TypedAll)
    }

    fn send(&mut self, message: &ClientMessage) -> io::Result<()> {
        self.0.write_all(&wire::encode(message, CLIENT_FRAME_LIMIT)?)
    }
}

/// What the daemon shows at a terminal: octets, until the session is over.
pub struct Screen(Client);

impl Iterator for Screen {
    type Item = Result<Vec<u8>, ClientError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.0.receive() {
            Ok(ServerMessage::Shown(octets)) => Some(Ok(octets)),
            // The daemon closes when the session is over.
            Err(ClientError::Broken(_, e)) if e.kind() == io::ErrorKind::UnexpectedEof => None,
            Ok(other) => Some(Err(self.0.unexpected(&other))),
            Err(error) => Some(Err(error)),
        }
    }
}

/// Ends a [`Subscription`] that another thread waits on.
pub struct Closer(UnixStream);

impl Closer {
    /// Ends it: the subscription's next item is an error.
    pub fn close(self) -> io::Result<()> {
        self.0.shutdown(std::net::Shutdown::Both)
    }
}
