//! Fleets by numbers: so many access points of these models, each with a name and addresses of its own.

use std::net::SocketAddr;

use capledger_schema::id::MacAddr;
use capledger_schema::image::ImageVersion;

use crate::wtp::{Dialect, Knobs, WtpConfig, WtpTimers};

/// Most access points of one fleet: what the serial numbers have room for.
pub const MAX_APS: usize = 65_535;

/// What the access points of a fleet have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FleetSpec {
    /// The controller's control address.
    pub ac: SocketAddr,
    /// How many, up to [`MAX_APS`].
    pub aps: usize,
    /// Their models, in turn. Not empty.
    pub models: Vec<String>,
    /// `PREFIX-01`, ...; none: named after their Ethernet MAC, as real ones are.
    pub name_prefix: Option<String>,
    /// Location Data; empty: the default.
    pub site: String,
    /// The version that they run.
    pub version: ImageVersion,
    /// The version in their other partition.
    pub backup: Option<ImageVersion>,
    /// Their addresses and jitter follow from it.
    pub seed: u64,
    /// The dialect of their consoles; none: silent.
    pub console: Option<Dialect>,
    /// What is unusual about them.
    pub knobs: Knobs,
    /// Of how many of them, from the first; the others are healthy.
    pub faulty: usize,
    /// How long they wait for what.
    pub timers: WtpTimers,
}

impl FleetSpec {
    /// The access points, in order.
    pub fn members(&self) -> Vec<WtpConfig> {
        (0..self.aps).map(|index| self.member(index)).collect()
    }

    fn member(&self, index: usize) -> WtpConfig {
        let model = &self.models[index % self.models.len()];
        let (base_mac, ethernet_mac) = addresses(self.seed, index);
        let width = self.aps.to_string().len().max(2);
        let name = self.name_prefix.as_ref().map(|prefix| format!("{prefix}-{:0width$}", index + 1));
        let mut config = WtpConfig::new(model, &name.unwrap_or_default(), base_mac, self.version, self.ac);
        config.ethernet_mac = ethernet_mac;
        config.serial = serial(base_mac, index);
        self.site.clone_into(&mut config.location);
        config.backup = self.backup;
        config.seed ^= self.seed;
        config.console = self.console;
        config.timers = self.timers.clone();
        config.knobs = if index < self.faulty { self.knobs.clone() } else { healthy(&self.knobs) };
        config
    }
}

/// The knobs that are no faults.
fn healthy(knobs: &Knobs) -> Knobs {
    Knobs { digests: knobs.digests, events: knobs.events, speaks: knobs.speaks, ..Knobs::default() }
}

/// Base MAC, with room for a radio's sixteen BSSIDs, and Ethernet MAC. Both are of the kind that no vendor owns.
fn addresses(seed: u64, index: usize) -> (MacAddr, MacAddr) {
    let hash = blake3::hash(&seed.to_be_bytes());
    let [a, b, ..] = *hash.as_bytes();
    let [_, hi, mid, lo] = ((index as u32) << 4).to_be_bytes();
    (MacAddr([0x02, a, b, hi, mid, lo]), MacAddr([0x06, a, b, hi, mid, lo | 0x0c]))
}

/// As the vendor writes them: a plant, a year and week, four digits.
fn serial(base_mac: MacAddr, index: usize) -> String {
    let MacAddr([_, a, b, ..]) = base_mac;
    format!("FCW{:02}{:02}{index:04X}", 20 + a % 6, 1 + b % 52)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::time::Duration;

    fn spec() -> FleetSpec {
        FleetSpec {
            ac: SocketAddr::from(([127, 0, 0, 1], 5246)),
            aps: 5,
            models: vec!["C9105AXI-B".to_owned(), "C9120AXI-B".to_owned()],
            name_prefix: Some("AP".to_owned()),
            site: String::new(),
            version: ImageVersion([17, 3, 3, 26]),
            backup: None,
            seed: 1,
            console: None,
            knobs: Knobs::default(),
            faulty: usize::MAX,
            timers: WtpTimers::default(),
        }
    }

    #[test]
    fn models_take_turns_and_names_are_numbered_to_one_width() {
        let members = spec().members();
        let names: Vec<_> = members.iter().map(|m| (m.name.as_str(), &m.model[..5])).collect();
        assert_eq!(
            names,
            [("AP-01", "C9105"), ("AP-02", "C9120"), ("AP-03", "C9105"), ("AP-04", "C9120"), ("AP-05", "C9105")]
        );
        let many = FleetSpec { aps: 1_000, ..spec() }.members();
        assert_eq!((many[0].name.as_str(), many[999].name.as_str()), ("AP-0001", "AP-1000"));
    }

    #[test]
    fn no_two_interfaces_of_a_fleet_share_an_address() {
        let members = FleetSpec { aps: MAX_APS, ..spec() }.members();
        let macs: BTreeSet<_> = members.iter().flat_map(|m| [m.base_mac, m.ethernet_mac]).collect();
        assert_eq!(macs.len(), 2 * MAX_APS);
        let serials: BTreeSet<_> = members.iter().map(|m| &m.serial).collect();
        assert_eq!(serials.len(), MAX_APS);
    }

    #[test]
    fn another_seed_is_another_fleet() {
        let macs = |seed| FleetSpec { seed, ..spec() }.members()[0].base_mac;
        assert_eq!(macs(1), macs(1));
        assert_ne!(macs(1), macs(2));
    }

    #[test]
    fn faults_befall_only_as_many_as_are_named() {
        let knobs = Knobs { flash_full: true, events: Some(Duration::from_secs(9)), ..Knobs::default() };
        let members = FleetSpec { knobs, faulty: 2, ..spec() }.members();
        let full: Vec<_> = members.iter().map(|m| m.knobs.flash_full).collect();
        assert_eq!(full, [true, true, false, false, false]);
        assert!(members.iter().all(|m| m.knobs.events.is_some()), "what is no fault is for all");
    }
}
