//! Simulated access points over real sockets and real DTLS: any number of [`Wtp`]s on one thread.
//!
//! It carries what the sans-IO access points want and hear, keeps what they have in their flash if it is told where,
//! and reports their consoles and states. It decides nothing of the protocol, which is `wtp`'s.

mod driver;
pub mod fleet;
pub mod store;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;
use std::time::SystemTime;

use capledger_schema::image::ImageVersion;

use crate::net::client::{ClientError, Clients};
use crate::net::dtls::DtlsConfig;
use crate::net::pki::{Credentials, PkiError};
use crate::net::wake::{Poller, Waker};
use crate::wtp::{Wtp, WtpConfig, WtpState};
use driver::{Ap, Driver};
use store::{ApFlash, Identity, Store, StoreError};

/// Passes without work before the thread sleeps: an AC that waits for every answer waits for this thread.
const SPIN: u32 = 400;

/// What is simulated.
#[derive(Clone, Debug)]
pub struct SimulationConfig {
    /// The controller's control address.
    pub ac: SocketAddr,
    /// The access points; their own `ac` and `local` follow from the network.
    pub aps: Vec<WtpConfig>,
    /// Where they keep what a restart must not change; none: they are new ones every time.
    pub image_state: Option<PathBuf>,
    /// Per cent of the datagrams that the link loses, each way.
    pub loss: f64,
    /// Which of them it loses.
    pub loss_seed: u64,
    /// How DTLS is spoken.
    pub dtls: DtlsConfig,
    /// Their certificates have RSA keys, as those of old access points; each takes up to a second to make.
    pub rsa: bool,
}

impl SimulationConfig {
    /// These access points on a good link, keeping nothing.
    pub fn new(ac: SocketAddr, aps: Vec<WtpConfig>) -> Self {
        SimulationConfig {
            ac,
            aps,
            image_state: None,
            loss: 0.0,
            loss_seed: 0,
            dtls: DtlsConfig::default(),
            rsa: false,
        }
    }
}

/// What one of them did. Their numbers are from 0, in the order of the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Report<'a> {
    /// A line on a console, without its newline.
    Console {
        /// Whose.
        ap: usize,
        /// Its name.
        name: &'a str,
        /// As printed.
        line: &'a str,
    },
    /// It went from one state to another, or runs or holds another version.
    State {
        /// Whose.
        ap: usize,
        /// Its name.
        name: &'a str,
        /// Where it stands now.
        state: WtpState,
        /// The version that runs.
        active: ImageVersion,
        /// The version in the other partition.
        backup: Option<ImageVersion>,
    },
}

/// Why access points could not be simulated (any longer).
#[derive(Debug, thiserror::Error)]
pub enum SimulationError {
    /// Their network.
    #[error(transparent)]
    Network(#[from] ClientError),
    /// A certificate.
    #[error(transparent)]
    Pki(#[from] PkiError),
    /// What they keep.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Another access point has that number.
    #[error(
        "access point {number} in {dir} is a {there}, not a {wanted}; choose another --image-state, or the same models",
        dir = dir.display()
    )]
    OtherModel {
        /// From 1.
        number: usize,
        /// The directory.
        dir: PathBuf,
        /// Its model.
        there: String,
        /// The model asked for.
        wanted: String,
    },
    /// The machine.
    #[error("cannot {what}: {source}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// It panicked: a defect, and the panic's own words are on stderr.
    #[error("the simulation's thread panicked")]
    Panicked,
}

/// What a simulation has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Datagrams sent.
    pub sent: u64,
    /// Datagrams received.
    pub received: u64,
    /// Datagrams that the simulated link lost.
    pub lost: u64,
    /// Images stored.
    pub images_stored: u64,
    /// Images that were begun and not stored.
    pub images_failed: u64,
    /// Requests that had to be sent again.
    pub retransmitted: u64,
}

/// Something that happens to an access point from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happening {
    /// The power goes.
    PowerCut,
    /// The power comes.
    PowerOn,
    /// Worth a WTP Event Request.
    Event,
}

/// Access points that run. Dropping it stops them, and does not wait for it.
#[derive(Debug)]
pub struct Simulation {
    orders: Sender<Order>,
    waker: Waker,
    thread: Option<JoinHandle<Result<Totals, SimulationError>>>,
}

/// From the handle to the thread.
#[derive(Clone, Copy, Debug)]
enum Order {
    Happen(usize, Happening),
    Stop,
}

impl Simulation {
    /// Makes the access points and switches them on. Reports come on the simulation's thread, which they hold up.
    ///
    /// # Errors
    /// Before anything is sent: sockets, certificates, the directory.
    pub fn start(
        config: &SimulationConfig,
        report: impl FnMut(Report<'_>) + Send + 'static,
    ) -> Result<Simulation, SimulationError> {
        let poller = Poller::new(SPIN).map_err(|source| SimulationError::Io { what: "make a wake-up", source })?;
        let (waker, (orders, taken), (made, is_made)) = (poller.waker(), channel(), channel());
        let config = config.clone();
        // Sockets are made on the thread that they belong to.
        let thread = std::thread::Builder::new()
            .name("simulation".to_owned())
            .spawn(move || {
                let (clients, aps, store) = make(&config)?;
                // Whoever waits for this is in `start`.
                let _ = made.send(());
                Driver::new(clients, aps, store, poller, taken, report).run()
            })
            .map_err(|source| SimulationError::Io { what: "start a thread", source })?;
        if is_made.recv().is_err() {
            return match thread.join() {
                Ok(Err(error)) => Err(error),
                Ok(Ok(_)) | Err(_) => Err(SimulationError::Panicked),
            };
        }
        Ok(Simulation { orders, waker, thread: Some(thread) })
    }

    /// Makes something happen to the access point of this number, from 0.
    pub fn happen(&self, ap: usize, what: Happening) {
        self.order(Order::Happen(ap, what));
    }

    /// Whether it runs on.
    pub fn is_running(&self) -> bool {
        self.thread.as_ref().is_some_and(|thread| !thread.is_finished())
    }

    /// Ends every session and stops.
    ///
    /// # Errors
    /// What ended it before.
    pub fn stop(mut self) -> Result<Totals, SimulationError> {
        self.order(Order::Stop);
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(result)) => result,
            Some(Err(_)) | None => Err(SimulationError::Panicked),
        }
    }

    fn order(&self, order: Order) {
        // A thread that has ended has an error to tell, which `stop` gives.
        let _ = self.orders.send(order);
        self.waker.wake();
    }
}

impl Drop for Simulation {
    fn drop(&mut self) {
        self.order(Order::Stop);
    }
}

fn make(config: &SimulationConfig) -> Result<(Clients, Vec<Ap>, Option<Store>), SimulationError> {
    let mut clients = Clients::new(&config.dtls, config.ac)?;
    clients.lose(config.loss, config.loss_seed);
    let store = config.image_state.as_deref().map(Store::open).transpose()?;
    let (mut aps, rsa) = (Vec::with_capacity(config.aps.len()), config.rsa);
    for (index, ap) in config.aps.iter().enumerate() {
        let config = WtpConfig { ac: config.ac, ..ap.clone() };
        let make = if rsa { Credentials::self_signed_rsa_wtp } else { Credentials::self_signed_wtp };
        aps.push(make_ap(index + 1, config, make, store.as_ref(), &mut clients)?);
    }
    Ok((clients, aps, store))
}

/// A certificate of this subject, and its key.
type MakeCredentials = fn(&str, SystemTime) -> Result<Credentials, PkiError>;

/// An access point of this number, from 1: as it was left, or new.
fn make_ap(
    number: usize,
    mut config: WtpConfig,
    make: MakeCredentials,
    store: Option<&Store>,
    clients: &mut Clients,
) -> Result<Ap, SimulationError> {
    config.settle();
    let (flash, credentials) = if let Some(store) = store {
        let (flash, credentials) = keep(number, &mut config, make, store)?;
        config.knobs.hand_out_octets = true;
        (Some(flash), credentials)
    } else {
        let name = store::common_name(&config.model, config.base_mac);
        (None, make(&name, today())?)
    };
    let (id, local) = clients.add(credentials)?;
    // A socket that is bound to every address has yet to learn which one is its own.
    if !local.ip().is_unspecified() {
        config.local = local;
    }
    Ok(Ap::new(id, Wtp::new(config), flash))
}

/// Finds an access point in the store, or puts it there.
fn keep(
    number: usize,
    config: &mut WtpConfig,
    make: MakeCredentials,
    store: &Store,
) -> Result<(ApFlash, Credentials), SimulationError> {
    let Some(there) = store.identity(number)? else {
        let identity = Identity {
            model: config.model.clone(),
            name: config.name.clone(),
            site: config.location.clone(),
            base_mac: config.base_mac,
            ethernet_mac: config.ethernet_mac,
            serial: config.serial.clone(),
            active: config.version,
            backup: config.backup,
        };
        return Ok(store.create(number, identity, make, today())?);
    };
    if there.model != config.model {
        let (there, wanted) = (there.model, config.model.clone());
        return Err(SimulationError::OtherModel { number, dir: store.dir().to_owned(), there, wanted });
    }
    config.name.clone_from(&there.name);
    config.location.clone_from(&there.site);
    config.serial.clone_from(&there.serial);
    (config.base_mac, config.ethernet_mac) = (there.base_mac, there.ethernet_mac);
    (config.version, config.backup) = (there.active, there.backup);
    Ok(store.load(number, there)?)
}

#[expect(clippy::disallowed_methods, reason = "certificates are dated, and this is the shell that does it")]
fn today() -> SystemTime {
    SystemTime::now()
}

#[cfg(test)]
mod tests;
