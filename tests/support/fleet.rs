//! Simulated access points: `capledger simulate` in a process of its own, or a fleet in this one, with timers that the
//! command does not offer.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use capledger::simulate::fleet::FleetSpec;
use capledger::simulate::{Report, Simulation, SimulationConfig};
use capledger::wtp::{Knobs, WtpState, WtpTimers};
use capledger_schema::image::ImageVersion;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::bundle::{MODELS, OLD, version};
use super::controller::{capledger, text};
use super::wait_until;

/// `capledger simulate` that runs until it is told to end. Dropping it kills it.
pub(crate) struct Simulate(Option<Child>);

impl Simulate {
    /// Access points of the models of the bundle in turn, which run the old version and keep a demonstration's times.
    pub(crate) fn start(ac: SocketAddr, aps: usize, models: &[&str], further: &[&str]) -> Simulate {
        Simulate::running(OLD, ac, aps, models, further)
    }

    /// As that, but they run this version.
    pub(crate) fn running(of: &str, ac: SocketAddr, aps: usize, models: &[&str], further: &[&str]) -> Simulate {
        let mut command = capledger();
        command.args(["simulate", "--quiet", "--fast-timers", "--version", of]);
        if !further.contains(&"--seed") {
            command.args(["--seed", "7"]);
        }
        command.args(["--ac", &ac.to_string(), "--aps", &aps.to_string(), "--model", &models.join(",")]).args(further);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Simulate(Some(command.spawn().expect("the program that was just built runs")))
    }

    /// Ends it in order; what it sums up.
    pub(crate) fn stop(mut self) -> String {
        let process = self.0.take().expect("it is there until it is stopped");
        kill(Pid::from_raw(process.id() as i32), Signal::SIGINT).expect("our own child");
        let out = process.wait_with_output().expect("our own child");
        let summary = String::from_utf8_lossy(&out.stderr).into_owned();
        text(out);
        summary
    }
}

impl Drop for Simulate {
    fn drop(&mut self) {
        if let Some(process) = &mut self.0 {
            // It may have ended by itself; then there is nothing to end.
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

/// A fleet in this process. Dropping it ends it.
pub(crate) struct Fleet {
    simulation: Simulation,
    aps: usize,
    told: Arc<Mutex<BTreeMap<usize, (WtpState, ImageVersion)>>>,
}

impl Fleet {
    /// So many access points of the models of the bundle in turn, which run the old version.
    pub(crate) fn start(ac: SocketAddr, aps: usize, timers: WtpTimers, knobs: Knobs) -> Fleet {
        let spec = FleetSpec {
            ac,
            aps,
            models: MODELS.iter().map(|(model, _)| (*model).to_owned()).collect(),
            name_prefix: Some("AP".to_owned()),
            site: "lab".to_owned(),
            version: version(OLD),
            backup: None,
            seed: 7,
            console: None,
            knobs,
            faulty: aps,
            timers,
        };
        let told = Arc::new(Mutex::new(BTreeMap::new()));
        let kept = Arc::clone(&told);
        let report = move |report: Report<'_>| {
            if let Report::State { ap, state, active, .. } = report {
                kept.lock().unwrap_or_else(PoisonError::into_inner).insert(ap, (state, active));
            }
        };
        let simulation = Simulation::start(&SimulationConfig::new(ac, spec.members()), report).expect("a simulation");
        Fleet { simulation, aps, told }
    }

    /// Whether all of them serve on this version.
    pub(crate) fn all_run(&self, wanted: ImageVersion) -> bool {
        assert!(self.simulation.is_running(), "the simulation has ended");
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.len() == self.aps && told.values().all(|(state, active)| *state == WtpState::Run && *active == wanted)
    }

    /// Waits until all of them serve on this version.
    pub(crate) fn wait_until_all_run(&self, wanted: ImageVersion, patience: Duration) {
        wait_until(&format!("every access point serves on {wanted}"), patience, || self.all_run(wanted));
    }

    /// Ends every session.
    pub(crate) fn stop(self) {
        self.simulation.stop().expect("it ran on");
    }
}
