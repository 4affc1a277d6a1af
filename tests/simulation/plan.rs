//! What a simulated world is made of, and the seeds that it is run with.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

use capledger::image::family::families;
use capledger::wtp::{FlashDamage, FlashMoment, Knobs, WtpTimers};
use capledger_schema::image::ImageVersion;
use capledger_schema::setting::{ImageDownloadMode, ImageServer, Setting};

use crate::link::LinkPlan;

/// The variable that chooses another seed: a number, or `random` for a fresh one.
const SEED: &str = "CAPLEDGER_SIM_SEED";

/// A world.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// Everything that is left to chance follows from this.
    pub(crate) seed: u64,
    /// How many access points.
    pub(crate) wtps: usize,
    /// Blocks of an image, of 1,024 octets.
    pub(crate) blocks: u64,
    /// The network.
    pub(crate) link: LinkPlan,
    /// How long a flush of the ledger takes.
    pub(crate) flush: (Duration, Duration),
    /// How long a fetch takes.
    pub(crate) fetch: Duration,
    /// So many fetches of each family fail before one succeeds.
    pub(crate) fail_fetches: usize,
    /// The access points are switched on within this.
    pub(crate) power_on: Duration,
    /// They stand in so many sites, in turn; 0: nobody is told where they stand.
    pub(crate) sites: usize,
    /// This site is behind a network of its own.
    pub(crate) wan: Option<(usize, LinkPlan)>,
    /// What the access points run at first.
    pub(crate) runs: ImageVersion,
    /// Those of this model cannot start an image that they are given: a bit of it changes in their flash.
    pub(crate) spoiled: Option<&'static str>,
    /// Configuration beside the target version and the image server.
    pub(crate) settings: Vec<Setting>,
    /// The access points' models, in turn; none: one of every family.
    pub(crate) models: Vec<&'static str>,
    /// What is unusual about the access points.
    pub(crate) knobs: Knobs,
    /// Their patience.
    pub(crate) timers: WtpTimers,
    /// The whole state is compared with the fold once per so many envelopes.
    pub(crate) compare_every: u64,
}

impl Plan {
    /// Access points of every family that run the old version, a controller that wants the new one, and a network that
    /// loses nothing.
    pub(crate) fn new(seed: u64, wtps: usize) -> Self {
        Plan {
            seed,
            wtps,
            blocks: 64,
            link: LinkPlan::quiet(),
            flush: (Duration::from_micros(300), Duration::from_millis(3)),
            fetch: Duration::from_secs(2),
            fail_fetches: 0,
            power_on: Duration::from_secs(1),
            sites: 0,
            wan: None,
            runs: factory(),
            spoiled: None,
            settings: Vec::new(),
            models: Vec::new(),
            knobs: Knobs::default(),
            timers: WtpTimers::default(),
            compare_every: if wtps > 50 { 500 } else { 1 },
        }
    }

    /// With this network.
    pub(crate) fn on(self, link: LinkPlan) -> Self {
        Plan { link, ..self }
    }

    /// With this in the configuration.
    pub(crate) fn with(mut self, setting: Setting) -> Self {
        self.settings.push(setting);
        self
    }

    /// The site of the access point of this number: every site has some of each model.
    pub(crate) fn site_of(&self, ap: usize) -> Option<usize> {
        (ap / families().count()).checked_rem(self.sites)
    }

    /// The network of the access point of this number.
    pub(crate) fn link_of(&self, ap: usize) -> LinkPlan {
        match self.wan {
            Some((site, link)) if self.site_of(ap) == Some(site) => link,
            Some(_) | None => self.link,
        }
    }

    /// What is unusual about those that cannot start their image.
    pub(crate) fn spoiled_knobs(&self) -> Knobs {
        let damage = FlashDamage { at_octet: 5_000, bit: 3, when: FlashMoment::AtRest };
        Knobs { flash_damage: Some(damage), ..self.knobs.clone() }
    }

    /// The startup configuration.
    pub(crate) fn configuration(&self) -> Vec<Setting> {
        let server = ImageServer { host: "172.16.5.27".to_owned(), port: None };
        let mut all = vec![
            Setting::Hostname("9120-EWC".to_owned()),
            Setting::SoftwareVersion(Some(target())),
            Setting::ImageDownloadMode(Some(ImageDownloadMode::Tftp)),
            Setting::TftpImageServer(Some(server)),
            Setting::TftpImagePath(Some("/EWC/17_9_4a".to_owned())),
        ];
        all.extend(self.settings.iter().cloned());
        all
    }
}

/// What the access points leave the factory with.
pub(crate) fn factory() -> ImageVersion {
    ImageVersion([17, 3, 3, 26])
}

/// What they are to run.
pub(crate) fn target() -> ImageVersion {
    ImageVersion([17, 9, 4, 27])
}

/// The seeds to run a test with: its own, unless the environment names another.
pub(crate) fn seeds(own: impl IntoIterator<Item = u64>) -> Vec<u64> {
    match std::env::var(SEED) {
        Ok(word) if word == "random" => {
            let seed = RandomState::new().build_hasher().finish();
            println!("{SEED}={seed}");
            vec![seed]
        }
        Ok(number) => vec![number.parse().unwrap_or_else(|e| panic!("{SEED}={number}: {e}; use a number or `random`"))],
        Err(_) => own.into_iter().collect(),
    }
}

/// Says which seed failed and how to run it again.
#[derive(Debug)]
pub(crate) struct Confession {
    pub(crate) seed: u64,
    /// What else tells this world from others.
    pub(crate) note: String,
}

impl Drop for Confession {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let name = std::thread::current().name().unwrap_or("").to_owned();
            let Confession { seed, note } = self;
            println!("seed {seed} fails {note}");
            println!("again: {SEED}={seed} cargo test --test simulation {name}");
        }
    }
}
