//! The embedded servers that the configuration asks for: started and stopped as it changes, on a thread of their own,
//! so that nobody waits for a transfer to be cut off.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use capledger_schema::project::config::ServeConfig;
use capledger_schema::setting::{ServeLogin, ServeProtocol};

use super::sftp::{Login, SftpServer};
use super::tftp::{self, ServeReport, Served, TftpServer};
use super::{advise_listen, advise_root, files::Root, host_key};
use crate::ac::ServeNews;
use crate::secrets::Vault;

/// Where news of the servers go.
pub(super) type Tell = Arc<dyn Fn(ServeNews) + Send + Sync>;

/// The embedded servers of a controller. Dropping it stops them.
#[derive(Debug)]
pub struct Servers {
    wishes: Option<Sender<ServeConfig>>,
    thread: Option<JoinHandle<()>>,
}

impl Servers {
    /// No server yet; `tell` is called on threads of the servers.
    ///
    /// # Errors
    /// The system has no thread left.
    pub fn new(
        data_dir: &Path,
        vault: Arc<Vault>,
        tell: impl Fn(ServeNews) + Send + Sync + 'static,
    ) -> std::io::Result<Self> {
        let (wishes, wanted) = channel();
        let keeper = Keeper { data_dir: data_dir.to_owned(), vault, tell: Arc::new(tell), running: BTreeMap::new() };
        let thread = std::thread::Builder::new().name("image-servers".into()).spawn(move || keeper.run(&wanted))?;
        Ok(Servers { wishes: Some(wishes), thread: Some(thread) })
    }

    /// Has the servers be these. Returns at once; what becomes of each is told.
    pub fn follow(&self, config: ServeConfig) {
        if let Some(wishes) = &self.wishes {
            // The thread ends only after this sender.
            let _ = wishes.send(config);
        }
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        self.wishes = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the image servers panicked");
        }
    }
}

/// What makes a server another one.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Wish {
    root: String,
    /// Of SFTP alone.
    login: Option<ServeLogin>,
}

enum Running {
    Tftp(#[expect(dead_code, reason = "dropped to stop it")] TftpServer),
    Sftp(#[expect(dead_code, reason = "dropped to stop it")] SftpServer),
    Failed(String),
}

struct Keeper {
    data_dir: PathBuf,
    vault: Arc<Vault>,
    tell: Tell,
    running: BTreeMap<(ServeProtocol, SocketAddr), (Wish, Running)>,
}

impl Keeper {
    fn run(mut self, wanted: &Receiver<ServeConfig>) {
        while let Ok(config) = wanted.recv() {
            self.follow(&config);
        }
    }

    fn follow(&mut self, config: &ServeConfig) {
        self.running.retain(|(protocol, listen), (wish, _)| {
            let wanted = config.listen.get(&(*protocol, *listen));
            wanted.is_some_and(|root| wish_for(*protocol, root, config) == *wish)
        });
        for ((protocol, listen), root) in &config.listen {
            let key = (*protocol, *listen);
            // One that failed is tried again with every change: the operator may have made room for it.
            let before = match self.running.remove(&key) {
                Some((_, Running::Failed(words))) => Some(words),
                Some(running) => {
                    self.running.insert(key, running);
                    continue;
                }
                None => None,
            };
            let wish = wish_for(*protocol, root, config);
            let running = self.start(*protocol, *listen, &wish).unwrap_or_else(Running::Failed);
            self.report(*protocol, *listen, &running, before.as_deref());
            self.running.insert(key, (wish, running));
        }
    }

    fn report(&self, protocol: ServeProtocol, listen: SocketAddr, running: &Running, before: Option<&str>) {
        match running {
            Running::Tftp(_) | Running::Sftp(_) => {
                tracing::info!(?protocol, %listen, "image server listens");
                (self.tell)(ServeNews::Listening { protocol, listen });
            }
            Running::Failed(words) if before == Some(words) => {}
            Running::Failed(words) => {
                tracing::error!(?protocol, %listen, "image server: {words}");
                (self.tell)(ServeNews::NotListening { protocol, listen, words: words.clone() });
            }
        }
    }

    fn start(&self, protocol: ServeProtocol, listen: SocketAddr, wish: &Wish) -> Result<Running, String> {
        let root = Path::new(&wish.root);
        Root::open(root).map_err(|e| advise_root(root, &e))?;
        match protocol {
            ServeProtocol::Tftp => {
                let tell = Arc::clone(&self.tell);
                let report = move |report: &ServeReport| tell_of_tftp(report, &*tell);
                let server = TftpServer::start(listen, tftp::ServeConfig::new(root), report);
                server.map(Running::Tftp).map_err(|e| advise_listen(&e, listen))
            }
            ServeProtocol::Sftp => {
                let login = wish
                    .login
                    .clone()
                    .ok_or("nobody may log in yet; configure `image-server login NAME password 0 WORD`")?;
                let key = host_key::load_or_make(&self.data_dir).map_err(|e| e.to_string())?;
                let login = Login { user: login.user, password: login.password, vault: Arc::clone(&self.vault) };
                let server = SftpServer::start(listen, root, key, login, Arc::clone(&self.tell));
                server.map(Running::Sftp).map_err(|e| advise_listen(&e, listen))
            }
        }
    }
}

fn wish_for(protocol: ServeProtocol, root: &str, config: &ServeConfig) -> Wish {
    let login = config.login.clone().filter(|_| protocol == ServeProtocol::Sftp);
    Wish { root: root.to_owned(), login }
}

/// A TFTP transfer's news, in the core's words.
fn tell_of_tftp(report: &ServeReport, tell: &(dyn Fn(ServeNews) + Send + Sync)) {
    let transfer = report.transfer;
    let started = |octets| ServeNews::Started {
        transfer,
        protocol: ServeProtocol::Tftp,
        client: report.peer,
        user: None,
        file: report.file.clone(),
        octets,
    };
    match &report.what {
        Served::Started => tell(started(Some(report.total))),
        Served::Progress => tell(ServeNews::Progress { transfer, octets: report.octets }),
        Served::Completed => tell(ServeNews::Completed { transfer, octets: report.octets }),
        Served::Failed(words) => {
            tell(ServeNews::Failed { transfer, words: words.clone(), octets: report.octets });
        }
        Served::Refused(words) => {
            tell(started(None));
            tell(ServeNews::Failed { transfer, words: words.clone(), octets: 0 });
        }
    }
}

#[cfg(test)]
mod tests;
