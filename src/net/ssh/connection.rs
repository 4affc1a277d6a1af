//! One SSH connection: its login, its channels, and what russh asks of a server (RFC 4252, RFC 4254).
//!
//! Shells and commands are served; subsystems, forwardings of every kind, X11 and agents are refused.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use capledger_schema::event::LoginMethod;
use capledger_schema::feed::Privilege;
use russh::keys::{Algorithm, PublicKey};
use russh::server::{Auth, ChannelOpenHandle, Handle, Handler, Msg, PublicKeyOffer, Session, VerifiedPublicKey};
use russh::{Channel, ChannelId, ChannelOpenFailure, Disconnect, MethodKind, MethodSet, Pty, Sig};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::Shared;
use super::gate::{Cutter, LINES};
use super::login::DELAY;
use crate::command::AccessFact;
use crate::ios::shell::Terminal;
use crate::net::feed::{Gone, User};
use crate::net::terminal::{Dialogue, End, Manner, Over, Screen, Size, Typist, pair};

/// Channels of one connection at once: a client may share it among several sessions.
const CHANNELS: usize = 4;

/// A client takes what it is sent within this, or it is gone.
const WRITE_TIMEOUT: Duration = Duration::from_secs(60);

/// Why a connection is ended by us.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectionError {
    /// russh's own.
    #[error(transparent)]
    Ssh(#[from] russh::Error),
    #[error("{0} wrong passwords")]
    Tries(u32),
    #[error(transparent)]
    TypedAhead(#[from] crate::net::terminal::TooMuch),
}

/// What is known of a connection while it lasts, and when it has ended.
pub(super) struct Visit {
    pub(super) from: SocketAddr,
    pub(super) port: u16,
    /// Its number at the gate until it is logged in.
    pub(super) number: u64,
    pub(super) cutter: Cutter,
    pub(super) logged_in: Notify,
    /// Channels that are open.
    pub(super) channels: AtomicUsize,
    guest: Mutex<Option<Guest>>,
    /// Why the last session ended.
    over: Mutex<Option<Over>>,
    /// Whether an operator ended it.
    cleared: AtomicBool,
}

/// Who is logged in.
#[derive(Clone, Debug)]
pub(super) struct Guest {
    pub(super) user: String,
    pub(super) vty: u16,
    pub(super) since: Instant,
    privilege: u8,
}

impl Visit {
    pub(super) fn new(from: SocketAddr, port: u16, number: u64, cutter: Cutter) -> Visit {
        Visit {
            from,
            port,
            number,
            cutter,
            logged_in: Notify::new(),
            channels: AtomicUsize::new(0),
            guest: Mutex::default(),
            over: Mutex::default(),
            cleared: AtomicBool::new(false),
        }
    }

    pub(super) fn guest(&self) -> Option<Guest> {
        self.guest.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Ends it, because an operator says so.
    pub(super) fn clear(&self) {
        self.cleared.store(true, Ordering::Relaxed);
        self.cutter.cut();
    }

    pub(super) fn over(&self) -> Over {
        if self.cleared.load(Ordering::Relaxed) {
            return Over::Cleared;
        }
        self.over.lock().unwrap_or_else(PoisonError::into_inner).unwrap_or(Over::Gone)
    }

    /// Where a session is, as its lines and their effects are recorded.
    fn line(&self, vty: u16) -> String {
        format!("vty{vty} ({})", self.address())
    }

    /// The address as it is recorded.
    pub(super) fn address(&self) -> IpAddr {
        self.from.ip()
    }
}

/// The server's side of one connection.
pub(super) struct Connection {
    shared: Arc<Shared>,
    visit: Arc<Visit>,
    wrong: u32,
    /// Who was let in, until the client is told.
    accepted: Option<(String, u8, LoginMethod)>,
    channels: BTreeMap<ChannelId, State>,
}

/// What a channel is used for.
enum State {
    /// For nothing yet; with the size of its terminal, if it has one.
    Open(Option<Size>),
    /// For a session.
    Busy(Typist),
}

impl Connection {
    pub(super) fn new(shared: Arc<Shared>, visit: Arc<Visit>) -> Connection {
        Connection { shared, visit, wrong: 0, accepted: None, channels: BTreeMap::new() }
    }

    /// A session on a channel: a shell, or these lines.
    fn start(&mut self, id: ChannelId, lines: Option<String>, session: &mut Session) -> Result<(), ConnectionError> {
        let size = match self.channels.get(&id) {
            Some(State::Open(size)) => *size,
            Some(State::Busy(_)) | None => return Ok(session.channel_failure(id)?),
        };
        let Some(guest) = self.visit.guest() else { return Ok(session.channel_failure(id)?) };
        let (typist, keyboard) = pair();
        self.channels.insert(id, State::Busy(typist));
        session.channel_success(id)?;

        let privilege = if guest.privilege == 15 { Privilege::Privileged } else { Privilege::User };
        let user = User { name: guest.user, from: self.visit.line(guest.vty), privilege };
        let mut shell = self.shared.commands.open(user);
        if let Some(size) = size {
            shell.set_terminal(Terminal { length: size.rows, width: size.columns });
        }
        let manner = if size.is_some() { Manner::Terminal } else { Manner::Pipe };
        let visit = Arc::clone(&self.visit);
        let screen = Output { handle: session.handle(), id, visit: Arc::clone(&visit) };
        let (hub, stop) = (Arc::clone(&self.shared.hub), self.shared.stop.clone());
        let mut dialogue = Dialogue::new(shell, keyboard, screen, manner, true, hub, stop);
        let handle = session.handle();
        tokio::spawn(async move {
            let (over, status) = match lines {
                None => (dialogue.converse().await, 0),
                Some(lines) => match dialogue.execute(&lines).await {
                    Ok(accepted) => (Over::Exit, u32::from(!accepted)),
                    Err(over) => (over, 1),
                },
            };
            *visit.over.lock().unwrap_or_else(PoisonError::into_inner) = Some(over);
            // A client that is gone needs to be told nothing.
            let _ = handle.exit_status_request(id, status).await;
            let _ = handle.eof(id).await;
            let _ = handle.close(id).await;
        });
        Ok(())
    }

    /// Who wants to log in, as it is recorded.
    fn name(user: &str) -> String {
        user.chars().map(|c| if c.is_control() { '?' } else { c }).take(64).collect()
    }

    fn refuse(methods: &[MethodKind]) -> Auth {
        Auth::Reject { proceed_with_methods: Some(MethodSet::from(methods)), partial_success: false }
    }

    fn end(&mut self, id: ChannelId) {
        if self.channels.remove(&id).is_some() {
            self.visit.channels.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// How one may log in.
pub(super) const METHODS: &[MethodKind] = &[MethodKind::PublicKey, MethodKind::Password];

impl Handler for Connection {
    type Error = ConnectionError;

    async fn auth_none(&mut self, _: &str) -> Result<Auth, ConnectionError> {
        Ok(Self::refuse(METHODS))
    }

    async fn auth_password(&mut self, user: &str, password: &str) -> Result<Auth, ConnectionError> {
        let tries = self.shared.logins.tries();
        if self.wrong >= tries {
            return Err(ConnectionError::Tries(self.wrong));
        }
        let until = Instant::now() + DELAY;
        if let Some(privilege) = self.shared.logins.password(user, password).await {
            self.accepted = Some((user.to_owned(), privilege, LoginMethod::Password));
            return Ok(Auth::Accept);
        }
        self.wrong += 1;
        if let Some(failures) = self.shared.logins.failed(self.visit.address()) {
            let (user, from, port, method) =
                (Self::name(user), self.visit.from, self.visit.port, LoginMethod::Password);
            let fact = AccessFact::LoginFailed { user: user.clone(), from, port, method, tries: failures };
            self.shared.record(fact, &user, self.visit.address()).await;
        }
        tokio::time::sleep_until(until).await;
        Ok(Self::refuse(if self.wrong < tries { METHODS } else { &[] }))
    }

    async fn auth_publickey_offered(&mut self, user: &str, offer: PublicKeyOffer<'_>) -> Result<Auth, ConnectionError> {
        let known = self.shared.logins.key(user, offer.public_key, offer.algorithm).is_some();
        Ok(if known { Auth::Accept } else { Self::refuse(METHODS) })
    }

    async fn auth_publickey(&mut self, user: &str, key: VerifiedPublicKey<'_>) -> Result<Auth, ConnectionError> {
        let (key, algorithm): (&PublicKey, &Algorithm) = (key.public_key, key.algorithm);
        let Some(privilege) = self.shared.logins.key(user, key, algorithm) else { return Ok(Self::refuse(METHODS)) };
        self.accepted = Some((user.to_owned(), privilege, LoginMethod::PublicKey));
        Ok(Auth::Accept)
    }

    async fn auth_succeeded(&mut self, session: &mut Session) -> Result<(), ConnectionError> {
        let Some((user, privilege, method)) = self.accepted.take() else {
            return Ok(session.disconnect(Disconnect::ByApplication, "nobody logged in", "")?);
        };
        let from = self.visit.address();
        let seat = self.shared.gate().sit();
        let vty = match seat {
            Ok(vty) => vty,
            Err(first) => {
                if first {
                    let fact = AccessFact::LimitReached { limit: "line vty".to_owned(), value: LINES as u64 };
                    self.shared.record(fact, &user, from).await;
                }
                let words = format!("all {LINES} lines are in use; try again when one is free");
                return Ok(session.disconnect(Disconnect::TooManyConnections, &words, "")?);
            }
        };
        let guest = Guest { user: user.clone(), vty, since: Instant::now(), privilege };
        *self.visit.guest.lock().unwrap_or_else(PoisonError::into_inner) = Some(guest);
        self.shared.guests().insert(vty, Arc::clone(&self.visit));
        self.shared.gate().leave(self.visit.number);
        self.visit.logged_in.notify_one();
        let (address, port) = (self.visit.from, self.visit.port);
        let fact = AccessFact::LoggedIn { vty, user: user.clone(), from: address, port, method, privilege };
        self.shared.record(fact, &user, from).await;
        Ok(())
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), ConnectionError> {
        if self.channels.len() >= CHANNELS {
            reply.reject(ChannelOpenFailure::ResourceShortage).await;
            return Ok(());
        }
        self.visit.channels.fetch_add(1, Ordering::Relaxed);
        self.channels.insert(channel.id(), State::Open(None));
        reply.accept().await;
        Ok(())
    }

    async fn pty_request(
        &mut self,
        id: ChannelId,
        _: &str,
        columns: u32,
        rows: u32,
        _: u32,
        _: u32,
        _: &[(Pty, u32)],
        session: &mut Session,
    ) -> Result<(), ConnectionError> {
        match self.channels.get_mut(&id) {
            Some(State::Open(size)) => {
                *size = Some(sized(columns, rows));
                Ok(session.channel_success(id)?)
            }
            Some(State::Busy(_)) | None => Ok(session.channel_failure(id)?),
        }
    }

    async fn window_change_request(
        &mut self,
        id: ChannelId,
        columns: u32,
        rows: u32,
        _: u32,
        _: u32,
        _: &mut Session,
    ) -> Result<(), ConnectionError> {
        match self.channels.get_mut(&id) {
            Some(State::Open(size)) => *size = Some(sized(columns, rows)),
            Some(State::Busy(typist)) => typist.resize(sized(columns, rows)),
            None => {}
        }
        Ok(())
    }

    async fn shell_request(&mut self, id: ChannelId, session: &mut Session) -> Result<(), ConnectionError> {
        self.start(id, None, session)
    }

    async fn exec_request(&mut self, id: ChannelId, data: &[u8], session: &mut Session) -> Result<(), ConnectionError> {
        self.start(id, Some(String::from_utf8_lossy(data).into_owned()), session)
    }

    async fn subsystem_request(
        &mut self,
        id: ChannelId,
        _: &str,
        session: &mut Session,
    ) -> Result<(), ConnectionError> {
        Ok(session.channel_failure(id)?)
    }

    async fn env_request(
        &mut self,
        id: ChannelId,
        _: &str,
        _: &str,
        session: &mut Session,
    ) -> Result<(), ConnectionError> {
        Ok(session.channel_failure(id)?)
    }

    async fn x11_request(
        &mut self,
        id: ChannelId,
        _: bool,
        _: &str,
        _: &str,
        _: u32,
        session: &mut Session,
    ) -> Result<(), ConnectionError> {
        Ok(session.channel_failure(id)?)
    }

    async fn signal(&mut self, id: ChannelId, signal: Sig, session: &mut Session) -> Result<(), ConnectionError> {
        if matches!(signal, Sig::INT) {
            return self.data(id, b"\x03", session).await;
        }
        Ok(())
    }

    async fn data(&mut self, id: ChannelId, data: &[u8], _: &mut Session) -> Result<(), ConnectionError> {
        if let Some(State::Busy(typist)) = self.channels.get(&id) {
            typist.octets(data).await?;
        }
        Ok(())
    }

    async fn channel_eof(&mut self, id: ChannelId, _: &mut Session) -> Result<(), ConnectionError> {
        if let Some(State::Busy(typist)) = self.channels.get(&id) {
            typist.end(End::Typing);
        }
        Ok(())
    }

    async fn channel_close(&mut self, id: ChannelId, _: &mut Session) -> Result<(), ConnectionError> {
        self.end(id);
        Ok(())
    }
}

/// A size as it was told; a terminal that tells none has IOS's.
fn sized(columns: u32, rows: u32) -> Size {
    let or = |told: u32, default: u16| if told == 0 { default } else { told.min(u16::MAX.into()) as u16 };
    Size { columns: or(columns, 80), rows: or(rows, 24) }
}

/// A channel's way to the client.
struct Output {
    handle: Handle,
    id: ChannelId,
    visit: Arc<Visit>,
}

impl Screen for Output {
    async fn show(&mut self, octets: Vec<u8>) -> Result<(), Gone> {
        let sent = tokio::time::timeout(WRITE_TIMEOUT, self.handle.data(self.id, octets)).await;
        if let Ok(sent) = sent {
            return sent.map_err(|_| Gone);
        }
        tracing::debug!(from = %self.visit.from, "a client of SSH takes nothing");
        self.visit.cutter.cut();
        Err(Gone)
    }
}
