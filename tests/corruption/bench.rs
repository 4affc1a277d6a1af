//! One controller's core and one simulated access point, joined without a network, with the real fetch, the real cache
//! and a real TFTP server beside them, and a place for one fault.

use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::sync::mpsc;
use std::time::Duration;

use capledger::ac::{Ac, CloseReason, Effect, Identity, Input, Mark, Outbox, Peer, Seed};
use capledger::fetch::tftp::client::ClientConfig;
use capledger::fetch::{Cancel, FetchRequest, spawn};
use capledger::image::bundle::ImageSpec;
use capledger::image::cache::{ImageCache, OpenImage};
use capledger::image::sums::Sums;
use capledger::ios::action::Show;
use capledger::ios::show::show;
use capledger::ios::{NoHistory, View};
use capledger::secrets::NoSecrets;
use capledger::serve::tftp::{ServeConfig, TftpServer};
use capledger::syslog::{Log, TimeFormat};
use capledger::wtp::{FlashDamage, FlashMoment, StoredImage, Wtp, WtpConfig, WtpEffect, WtpInput};
use capledger_schema::failure::{DownloadFailureKind, FetchFailure};
use capledger_schema::feed::Privilege;
use capledger_schema::id::{MacAddr, Md5, Seq, Sha256};
use capledger_schema::image::{ImageFacts, ImageVersion};
use capledger_schema::project::State;
use capledger_schema::project::fleet::ImageStatus;
use capledger_schema::setting::{ImageDownloadMode, ImageJoin, ImageServer, Setting};
use capledger_schema::time::{Monotonic, Now, Timestamp};
use capledger_schema::{Envelope, Event};

/// Octets of the image.
pub(crate) const IMAGE: u64 = 40_960;
/// What the access point leaves the factory with.
pub(crate) const OLD: ImageVersion = ImageVersion([17, 3, 3, 26]);
/// What it is to run.
pub(crate) const NEW: ImageVersion = ImageVersion([17, 9, 4, 27]);

const AC: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(172, 16, 4, 26)), 5246);
const AP: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)), 5248);
/// How long anything may take, in virtual time.
const PATIENCE: Duration = Duration::from_secs(4 * 3_600);

/// Whether the access point downloads before it serves, or while it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Join,
    Predownload,
}

/// A bit that flips, once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// In the cache's file, before it is opened.
    CacheAtRest { at: u64, bit: u8 },
    /// In the cache's file, after it was opened and verified.
    CacheInUse { at: u64, bit: u8 },
    /// In a block that the access point receives.
    Wire { at: u64, bit: u8 },
}

/// The image server, and what it serves.
pub(crate) struct Source {
    root: tempfile::TempDir,
    server: TftpServer,
    image: Vec<u8>,
    facts: ImageFacts,
}

impl Source {
    /// A server with the image and the list of its digest.
    pub(crate) fn start() -> Source {
        let root = tempfile::tempdir().expect("a directory");
        let spec = ImageSpec { family: "ap1g8".parse().expect("a family"), version: NEW, octets: IMAGE, seed: 11 };
        let image = spec.to_vec().expect("an image");
        let facts = spec.facts().expect("its facts");
        let mut sums = Sums::new();
        sums.insert("ap1g8", facts.sha256);
        fs::write(root.path().join("SHA256SUMS"), sums.to_string()).expect("a list");
        let server =
            TftpServer::start(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), ServeConfig::new(root.path()), |_| ());
        let source = Source { server: server.expect("a server"), root, image, facts };
        source.repair();
        source
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Flips a bit of the file.
    pub(crate) fn flip(&self, at: u64, bit: u8) {
        let mut image = self.image.clone();
        image[at as usize] ^= 1 << bit;
        fs::write(self.root.path().join("ap1g8"), image).expect("the file");
    }

    /// Puts the file right.
    pub(crate) fn repair(&self) {
        fs::write(self.root.path().join("ap1g8"), &self.image).expect("the file");
    }

    /// Takes the list of digests away.
    pub(crate) fn remove_list(&self) {
        fs::remove_file(self.root.path().join("SHA256SUMS")).expect("the list");
    }
}

enum ToWtp {
    Connected,
    Message(Vec<u8>),
    Clear(Vec<u8>),
    Data(Vec<u8>),
    Closed,
}

pub(crate) struct Bench {
    pub(crate) fault: Option<Fault>,
    now: Monotonic,
    ac: Ac,
    outbox: Outbox,
    wtp: Wtp,
    peer: Option<Peer>,
    generation: u32,
    to_ac: VecDeque<Input>,
    to_wtp: VecDeque<ToWtp>,
    envelopes: Vec<Envelope>,
    cache: ImageCache,
    open: BTreeMap<Sha256, OpenImage>,
    facts: ImageFacts,
    mode: Mode,
    _data: tempfile::TempDir,
}

impl Bench {
    /// Everything is switched on; images come from the server at this address.
    pub(crate) fn new(source: &Source, server: SocketAddr, mode: Mode) -> Bench {
        Bench::begin(source, server, mode, None)
    }

    /// The same with a flash in which a bit flips as it is written.
    pub(crate) fn with_flash_damage(source: &Source, mode: Mode, at_octet: u64, bit: u8) -> Bench {
        let damage = FlashDamage { at_octet, bit, when: FlashMoment::Written };
        Bench::begin(source, source.address(), mode, Some(damage))
    }

    /// The same with a flash in which a bit flips afterwards.
    pub(crate) fn with_flash_rot(source: &Source) -> Bench {
        let damage = FlashDamage { at_octet: 0, bit: 0, when: FlashMoment::AtRest };
        Bench::begin(source, source.address(), Mode::Join, Some(damage))
    }

    fn begin(source: &Source, server: SocketAddr, mode: Mode, damage: Option<FlashDamage>) -> Bench {
        let data = tempfile::tempdir().expect("a directory");
        let mac = MacAddr([0x2c, 0x5a, 0x0f, 0x40, 0x69, 0x20]);
        let mut config = WtpConfig::new("C9105AXI-B", "AP-1", mac, OLD, AC);
        config.local = AP;
        config.knobs.flash_damage = damage;
        let mut bench = Bench {
            fault: None,
            now: Monotonic(0),
            ac: Ac::new(Seed(1), State::default()),
            outbox: Outbox::new(Seq(0)),
            wtp: Wtp::new(config),
            peer: None,
            generation: 0,
            to_ac: VecDeque::new(),
            to_wtp: VecDeque::new(),
            envelopes: Vec::new(),
            cache: ImageCache::open(data.path()).expect("a cache"),
            open: BTreeMap::new(),
            facts: source.facts.clone(),
            mode,
            _data: data,
        };
        let join = match mode {
            Mode::Join => ImageJoin::Immediate,
            Mode::Predownload => ImageJoin::Defer,
        };
        let tftp = ImageServer { host: server.ip().to_string(), port: Some(server.port()) };
        let changes = vec![
            Setting::SoftwareVersion(Some(NEW)),
            Setting::ImageJoin(join),
            Setting::ImageDownloadMode(Some(ImageDownloadMode::Tftp)),
            Setting::TftpImageServer(Some(tftp)),
        ];
        bench.to_ac.push_back(Input::Start {
            software: "test".to_owned(),
            changes,
            adopted: false,
            missing: Vec::new(),
        });
        bench.tell_wtp(WtpInput::PowerOn);
        bench
    }

    /// Every event so far.
    pub(crate) fn events(&self) -> impl Iterator<Item = &Event> {
        self.envelopes.iter().map(|e| &e.event)
    }

    pub(crate) fn active(&self) -> ImageVersion {
        self.wtp.active_version()
    }

    /// How often it has joined.
    pub(crate) fn joins(&self) -> usize {
        self.events().filter(|e| matches!(e, Event::WtpJoined { .. })).count()
    }

    /// How often the image was fetched, or tried to be.
    pub(crate) fn fetches(&self) -> usize {
        self.events().filter(|e| matches!(e, Event::InstallAddStarted { .. })).count()
    }

    /// Lets time pass until there is an answer.
    pub(crate) fn until<T>(&mut self, what: &str, answer: impl Fn(&Bench) -> Option<T>) -> T {
        let end = self.now + PATIENCE;
        loop {
            if let Some(answer) = answer(self) {
                return answer;
            }
            if self.step() {
                continue;
            }
            let due = [self.ac.deadline(), self.wtp.deadline()].into_iter().flatten().min();
            let due = due.filter(|due| *due <= end).unwrap_or_else(|| {
                let last: Vec<_> = self.envelopes.iter().rev().take(12).map(|e| format!("{:?}", e.event)).collect();
                panic!("{what}: not within {PATIENCE:?} of virtual time; the last, newest first:\n{}", last.join("\n"))
            });
            self.now = self.now.max(due);
            if self.ac.deadline().is_some_and(|due| due <= self.now) {
                self.tell_ac(Input::Tick);
            }
            if self.wtp.deadline().is_some_and(|due| due <= self.now) {
                self.tell_wtp(WtpInput::Tick);
            }
        }
    }

    /// The first fetch that fails, and why; nothing has come of it.
    pub(crate) fn fetch_fails(&mut self) -> FetchFailure {
        let failure = self.until("a fetch fails", |bench| {
            bench.events().find_map(|e| {
                assert!(!matches!(e, Event::InstallAddCompleted { .. }), "an image with a flipped bit was taken");
                if let Event::InstallAddFailed { failure, .. } = e { Some(failure.clone()) } else { None }
            })
        });
        let nothing = self.cache.reconcile(&[]).expect("the cache can be read");
        assert!(nothing.orphans.is_empty(), "nothing of it is left");
        assert_eq!(self.active(), OLD);
        failure
    }

    /// The first download that fails with the image at hand, and why; the access point runs what it ran.
    pub(crate) fn download_fails(&mut self) -> (DownloadFailureKind, String) {
        let failed = self.until("a download fails", |bench| {
            bench.events().find_map(|e| {
                let Event::ImageDownloadFailed { kind, words, .. } = e else { return None };
                (*kind != DownloadFailureKind::ImageUnavailable).then(|| (*kind, words.clone()))
            })
        });
        assert_eq!(self.active(), OLD);
        failed
    }

    /// `show ap image reason` tells the failure's words and what to do.
    pub(crate) fn is_explained(&self, words: &str, next: &str) {
        let (log, time) = (Log::default(), TimeFormat::default());
        let view = View {
            state: self.ac.state(),
            log: &log,
            now: self.clocks().wall,
            time: &time,
            secrets: &NoSecrets,
            history: &NoHistory,
        };
        let text = show(&Show::ApImageReason, &view, Privilege::Privileged);
        let line = text.lines().find_map(|l| l.trim().strip_prefix("Next    : ")).unwrap_or_default();
        // An image that is another one altogether has its own advice.
        let next = line.contains(next) || line.contains("bundle");
        assert!(text.contains(words) && next, "{words} and what to do should be in:\n{text}");
    }

    /// The access point runs the image, or holds it where it is to be reset by hand, to the octet.
    pub(crate) fn is_whole(&self) -> Option<()> {
        let held = match self.mode {
            Mode::Join => self.wtp.active_image().filter(|_| self.active() == NEW),
            Mode::Predownload => self.wtp.backup_image(),
        };
        let known = self.ac.state().fleet.wtps.values().any(|w| match self.mode {
            Mode::Join => w.runs(NEW),
            Mode::Predownload => matches!(w.image, ImageStatus::Complete { .. }),
        });
        (known && held.is_some_and(|image| image.md5 == self.facts.md5)).then_some(())
    }

    /// Nobody was reset into an image but after a download of it that went well.
    pub(crate) fn check_resets(&self) {
        let mut holds = false;
        for event in self.events() {
            if let Event::ImageDownloadCompleted { image, messages, .. } = event {
                assert_eq!(image.sha256, self.facts.sha256);
                assert_eq!(*messages, IMAGE.div_ceil(1_024), "from its first octet on");
                holds = true;
            } else if matches!(event, Event::ImageDownloadFailed { .. }) {
                holds = false;
            } else if matches!(event, Event::WtpResetRequested { .. }) {
                assert!(holds, "reset into what it does not hold");
            }
        }
        assert!(holds);
    }

    fn clocks(&self) -> Now {
        let start: Timestamp = "2024-02-01T17:05:37Z".parse().expect("a moment");
        Now { mono: self.now, wall: start + self.now.since(Monotonic(0)) }
    }

    /// Hands on one thing that is under way; false if there is none.
    fn step(&mut self) -> bool {
        if let Some(input) = self.to_ac.pop_front() {
            self.tell_ac(input);
        } else if let Some(word) = self.to_wtp.pop_front() {
            match &word {
                ToWtp::Connected => self.tell_wtp(WtpInput::Connected),
                ToWtp::Message(bytes) => self.tell_wtp(WtpInput::Message { bytes }),
                ToWtp::Clear(bytes) => self.tell_wtp(WtpInput::Clear { from: AC, bytes }),
                ToWtp::Data(bytes) => self.tell_wtp(WtpInput::Data { bytes }),
                ToWtp::Closed => self.tell_wtp(WtpInput::Closed),
            }
        } else {
            return false;
        }
        true
    }

    fn tell_ac(&mut self, input: Input) {
        let step = self.ac.handle(self.clocks(), input);
        let mut ready = Vec::new();
        self.envelopes.extend(step.envelopes);
        self.outbox.push(step.effects, &mut ready);
        // A ledger that takes no time.
        let last = self.envelopes.last().map_or(Seq(0), |e| e.seq);
        self.outbox.durable(last, &mut ready);
        for effect in ready {
            self.perform(effect);
        }
    }

    fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Send { peer, bytes, mark } => self.send(peer, bytes.to_vec(), mark),
            Effect::SendBlock { peer, prefix, image, offset, len, mark } => {
                let mut bytes = prefix.to_vec();
                bytes.resize(prefix.len() + usize::from(len), 0);
                self.flip_cache(image, |fault| match fault {
                    Fault::CacheInUse { at, bit } => Some((at, bit)),
                    Fault::CacheAtRest { .. } | Fault::Wire { .. } => None,
                });
                let open = self.open.get(&image).expect("only open images are sent");
                if let Err(e) = open.read_at(offset, &mut bytes[prefix.len()..]) {
                    return self.to_ac.push_back(Input::Damaged { sha256: image, words: e.to_string() });
                }
                if let Some(Fault::Wire { at, bit }) = self.fault
                    && (offset..offset + u64::from(len)).contains(&at)
                {
                    bytes[prefix.len() + (at - offset) as usize] ^= 1 << bit;
                    self.fault = None;
                }
                self.send(peer, bytes, mark);
            }
            Effect::SendClear { bytes, .. } => self.to_wtp.push_back(ToWtp::Clear(bytes.to_vec())),
            Effect::SendData { bytes, .. } => self.to_wtp.push_back(ToWtp::Data(bytes.to_vec())),
            Effect::Close { peer } => {
                if self.peer.take_if(|p| *p == peer).is_some() {
                    self.to_wtp.push_back(ToWtp::Closed);
                }
            }
            Effect::StartFetch(order) => {
                let request = FetchRequest {
                    family: order.family.clone(),
                    version: order.version,
                    max_size: order.max_size,
                    timeout: order.timeout,
                    probe: order.probe,
                    ..FetchRequest::new(order.operation, order.url.parse().expect("a URL"))
                };
                let (to, reports) = mpsc::channel();
                let report = move |report| to.send(report).expect("the test listens");
                let thread = spawn(request, self.cache.clone(), ClientConfig::default(), Cancel::new(), report);
                self.to_ac.extend(reports.iter().map(Input::Fetch));
                thread.expect("a thread").join().expect("the fetch did not panic");
            }
            Effect::Load { image } => {
                self.flip_cache(image.sha256, |fault| match fault {
                    Fault::CacheAtRest { at, bit } => Some((at, bit)),
                    Fault::CacheInUse { .. } | Fault::Wire { .. } => None,
                });
                let opened = self.cache.open_image(&image).map(|open| drop(self.open.insert(image.sha256, open)));
                let result = opened.map_err(|e| e.to_string());
                self.to_ac.push_back(Input::Loaded { sha256: image.sha256, result });
            }
            Effect::Remove { sha256 } => {
                self.open.remove(&sha256);
                self.cache.remove(sha256).expect("removed");
            }
            Effect::CancelFetch { .. } | Effect::ServeImages(_) | Effect::Reply { .. } => {}
            Effect::AskDisk => self.to_ac.push_back(Input::DiskFree { octets: None }),
        }
    }

    /// Flips a bit of the cache's file, if that is the fault.
    fn flip_cache(&mut self, image: Sha256, wanted: impl Fn(Fault) -> Option<(u64, u8)>) {
        let Some((at, bit)) = self.fault.and_then(wanted) else { return };
        let path = self.cache.path(image);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("permissions");
        let file = fs::OpenOptions::new().read(true).write(true).open(path).expect("the image");
        let mut octet = [0];
        file.read_exact_at(&mut octet, at).expect("an octet");
        file.write_all_at(&[octet[0] ^ 1 << bit], at).expect("an octet");
        self.fault = None;
    }

    fn send(&mut self, peer: Peer, bytes: Vec<u8>, mark: Mark) {
        if self.peer == Some(peer) {
            self.to_wtp.push_back(ToWtp::Message(bytes));
            if mark != Mark::None {
                self.to_ac.push_back(Input::Sent { peer, mark });
            }
        }
    }

    fn tell_wtp(&mut self, input: WtpInput<'_>) {
        for effect in self.wtp.handle(self.clocks(), input) {
            match effect {
                WtpEffect::SendClear { bytes, .. } => {
                    self.to_ac.push_back(Input::Clear { from: AP, local: AC, bytes: bytes.to_vec() });
                }
                WtpEffect::SendData { bytes, .. } => {
                    let local = SocketAddr::new(AC.ip(), AC.port() + 1);
                    self.to_ac.push_back(Input::Data { from: AP, local, bytes: bytes.to_vec() });
                }
                WtpEffect::Connect { .. } => {
                    self.hang_up(CloseReason::Replaced);
                    self.generation += 1;
                    let peer = Peer { addr: AP, generation: self.generation };
                    let identity = Identity { fingerprint: Some([7; 32]), ..Identity::default() };
                    self.peer = Some(peer);
                    self.to_ac.push_back(Input::Connected { peer, local: AC, identity });
                    self.to_wtp.push_back(ToWtp::Connected);
                }
                WtpEffect::Send { bytes } => {
                    let peer = self.peer.expect("it sends in a session");
                    self.to_ac.push_back(Input::Message { peer, bytes: bytes.to_vec() });
                }
                WtpEffect::Disconnect => self.hang_up(CloseReason::ByPeer),
                WtpEffect::Vanish => self.peer = None,
                WtpEffect::Console(_) | WtpEffect::Store { .. } | WtpEffect::StoreDone | WtpEffect::StoreAborted => {}
            }
        }
        self.check_flash();
    }

    fn hang_up(&mut self, why: CloseReason) {
        if let Some(peer) = self.peer.take() {
            self.to_wtp.clear();
            self.to_ac.push_back(Input::Closed { peer, why });
        }
    }

    /// At every step: what the access point holds or runs is the image to the octet, or what it left the factory with.
    fn check_flash(&self) {
        let right = |image: Option<&StoredImage>| {
            image.is_none_or(|image| (image.md5, image.octets) == (self.facts.md5, self.facts.octets))
        };
        assert!(right(self.wtp.active_image()) && right(self.wtp.backup_image()), "a corrupt image was stored");
        assert!([OLD, NEW].contains(&self.active()));
        let runs_new = self.wtp.active_image().map(|i| i.md5);
        assert!(self.active() == OLD || runs_new == Some(self.facts.md5), "{:?}", runs_new.map(|d: Md5| d.to_string()));
    }
}
