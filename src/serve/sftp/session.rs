//! One SSH connection: the login, and channels that speak SFTP and nothing else.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use russh::server::{Auth, ChannelOpenHandle, Handler, Msg};
use russh::{Channel, ChannelId, ChannelOpenFailure};
use sha2::{Digest, Sha256};

use super::Shared;
use super::files::Files;

/// Channels of one connection.
const CHANNELS: usize = 4;

pub(super) struct Session {
    peer: SocketAddr,
    shared: Arc<Shared>,
    entered: Arc<AtomicBool>,
    user: Option<String>,
    opened: usize,
    /// Opened and not used yet.
    channels: BTreeMap<u32, Channel<Msg>>,
}

impl Session {
    pub(super) fn new(peer: SocketAddr, shared: Arc<Shared>, entered: Arc<AtomicBool>) -> Self {
        Session { peer, shared, entered, user: None, opened: 0, channels: BTreeMap::new() }
    }

    fn admits(&self, user: &str, password: &str) -> bool {
        let login = &self.shared.login;
        let wanted = match login.vault.reveal(login.password) {
            Ok(wanted) => wanted,
            Err(e) => {
                tracing::error!("SFTP login: {e}");
                return false;
            }
        };
        // Of digests, so that neither length nor first difference can be told from the time that it takes.
        let same = |a: &str, b: &str| openssl::memcmp::eq(&Sha256::digest(a), &Sha256::digest(b));
        same(user, &login.user) & same(password, wanted.expose())
    }
}

impl Handler for Session {
    type Error = russh::Error;

    async fn auth_password(&mut self, user: &str, password: &str) -> Result<Auth, Self::Error> {
        if !self.shared.attempts.is_barred(self.peer.ip()) && self.admits(user, password) {
            self.entered.store(true, Ordering::Relaxed);
            self.user = Some(user.to_owned());
            return Ok(Auth::Accept);
        }
        self.shared.attempts.failed(self.peer.ip());
        let user: String = user.chars().take(32).map(|c| if c.is_control() { '?' } else { c }).collect();
        tracing::warn!(peer = %self.peer, user, "SFTP login refused");
        Ok(Auth::reject())
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _session: &mut russh::server::Session,
    ) -> Result<(), Self::Error> {
        if self.opened >= CHANNELS {
            reply.reject(ChannelOpenFailure::ResourceShortage).await;
            return Ok(());
        }
        self.opened += 1;
        self.channels.insert(channel.id().into(), channel);
        reply.accept().await;
        Ok(())
    }

    async fn channel_close(
        &mut self,
        channel: ChannelId,
        _session: &mut russh::server::Session,
    ) -> Result<(), Self::Error> {
        self.opened = self.opened.saturating_sub(1);
        self.channels.remove(&channel.into());
        Ok(())
    }

    async fn channel_eof(
        &mut self,
        channel: ChannelId,
        session: &mut russh::server::Session,
    ) -> Result<(), Self::Error> {
        session.close(channel)
    }

    async fn subsystem_request(
        &mut self,
        channel: ChannelId,
        name: &str,
        session: &mut russh::server::Session,
    ) -> Result<(), Self::Error> {
        let Some(stream) = self.channels.remove(&channel.into()).filter(|_| name == "sftp") else {
            return session.channel_failure(channel);
        };
        session.channel_success(channel)?;
        let files = Files::new(Arc::clone(&self.shared), self.peer, self.user.clone());
        russh_sftp::server::run(stream.into_stream(), files).await;
        Ok(())
    }
}
