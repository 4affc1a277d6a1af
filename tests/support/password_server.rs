//! An SFTP server of our own that takes one password and serves one file from memory: what OpenSSH's sshd cannot be
//! asked for without a user of the system.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use russh::keys::PrivateKey;
use russh::keys::ssh_key::private::{Ed25519Keypair, KeypairData};
use russh::server::{Auth, ChannelOpenHandle, Config, Handler, Msg, Session, run_stream};
use russh::{Channel, ChannelId, MethodKind, MethodSet};
use russh_sftp::protocol::{Attrs, Data, FileAttributes, Handle, OpenFlags, Status, StatusCode};
use tokio::net::TcpListener;

/// A running server; it ends with the test program.
pub(crate) struct PasswordServer {
    address: SocketAddr,
    tried: Arc<Mutex<Vec<String>>>,
}

impl PasswordServer {
    /// Serves `octets` as `/file` to whoever knows the password, with the host key that the seed makes.
    pub(crate) fn start(seed: u8, password: &str, file: &str, octets: Vec<u8>) -> PasswordServer {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        Self::start_on(listener, seed, password, file, octets)
    }

    /// The same on a socket that listens already.
    pub(crate) fn start_on(
        listener: std::net::TcpListener,
        seed: u8,
        password: &str,
        file: &str,
        octets: Vec<u8>,
    ) -> PasswordServer {
        let address = listener.local_addr().expect("its address");
        let key = KeypairData::from(Ed25519Keypair::from_seed(&[seed; 32]));
        let config = Arc::new(Config {
            keys: vec![PrivateKey::new(key, "test").expect("a key")],
            methods: MethodSet::from(&[MethodKind::Password][..]),
            auth_rejection_time: std::time::Duration::ZERO,
            ..Config::default()
        });
        let tried = Arc::new(Mutex::new(Vec::new()));
        let guest = Guest {
            password: password.to_owned(),
            tried: Arc::clone(&tried),
            served: Served { path: format!("/{file}"), octets: Arc::new(octets) },
            channel: None,
        };
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async move {
                listener.set_nonblocking(true).expect("non-blocking");
                let listener = TcpListener::from_std(listener).expect("a listener");
                while let Ok((stream, _)) = listener.accept().await {
                    let (config, guest) = (Arc::clone(&config), guest.clone());
                    tokio::spawn(async move {
                        if let Ok(session) = run_stream(config, stream, guest).await {
                            let _ = session.await; // a client that leaves early is no error here
                        }
                    });
                }
            });
        });
        PasswordServer { address, tried }
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Every password that was sent to it.
    pub(crate) fn tried(&self) -> Vec<String> {
        self.tried.lock().expect("no test panicked with it").clone()
    }
}

struct Guest {
    password: String,
    tried: Arc<Mutex<Vec<String>>>,
    served: Served,
    channel: Option<Channel<Msg>>,
}

impl Clone for Guest {
    /// For the next connection: without the channel of this one.
    fn clone(&self) -> Self {
        let (password, tried) = (self.password.clone(), Arc::clone(&self.tried));
        Guest { password, tried, served: self.served.clone(), channel: None }
    }
}

impl Handler for Guest {
    type Error = russh::Error;

    async fn auth_password(&mut self, _: &str, password: &str) -> Result<Auth, Self::Error> {
        self.tried.lock().expect("no test panicked with it").push(password.to_owned());
        Ok(if password == self.password { Auth::Accept } else { Auth::reject() })
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        self.channel = Some(channel);
        reply.accept().await;
        Ok(())
    }

    async fn subsystem_request(&mut self, id: ChannelId, _: &str, session: &mut Session) -> Result<(), Self::Error> {
        session.channel_success(id)?;
        if let Some(channel) = self.channel.take() {
            russh_sftp::server::run(channel.into_stream(), self.served.clone()).await;
        }
        Ok(())
    }
}

#[derive(Clone)]
struct Served {
    path: String,
    octets: Arc<Vec<u8>>,
}

impl russh_sftp::server::Handler for Served {
    type Error = StatusCode;

    fn unimplemented(&self) -> StatusCode {
        StatusCode::OpUnsupported
    }

    async fn init(&mut self, _: u32, _: HashMap<String, String>) -> Result<russh_sftp::protocol::Version, StatusCode> {
        Ok(russh_sftp::protocol::Version::new())
    }

    async fn open(&mut self, id: u32, path: String, _: OpenFlags, _: FileAttributes) -> Result<Handle, StatusCode> {
        if path == self.path { Ok(Handle { id, handle: path }) } else { Err(StatusCode::NoSuchFile) }
    }

    async fn fstat(&mut self, id: u32, _: String) -> Result<Attrs, StatusCode> {
        let attrs = FileAttributes { size: Some(self.octets.len() as u64), ..FileAttributes::empty() };
        Ok(Attrs { id, attrs })
    }

    async fn read(&mut self, id: u32, _: String, offset: u64, len: u32) -> Result<Data, StatusCode> {
        let from = usize::try_from(offset).map_err(|_| StatusCode::Failure)?;
        let data = self.octets.get(from..).filter(|rest| !rest.is_empty()).ok_or(StatusCode::Eof)?;
        // Shorter than asked for, as servers may answer.
        Ok(Data { id, data: data[..data.len().min(len as usize).min(30_000)].to_vec() })
    }

    async fn close(&mut self, id: u32, _: String) -> Result<Status, StatusCode> {
        Ok(Status { id, status_code: StatusCode::Ok, error_message: "Ok".into(), language_tag: "en-US".into() })
    }
}
