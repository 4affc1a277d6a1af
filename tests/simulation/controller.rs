//! The controller's machine: the process that holds the core and its outbox, and what outlives it, the disk.

use std::collections::BTreeSet;
use std::time::Duration;

use capledger::ac::{Ac, Effect, Input, Outbox, Seed};
use capledger::fetch::report::FetchReport;
use capledger::ledger::{History, Memory};
use capledger_schema::Envelope;
use capledger_schema::id::{OperationId, Sha256};
use capledger_schema::project::{Config, State};
use capledger_schema::setting::Setting;
use capledger_schema::time::{Monotonic, Now};

use crate::chance::Rng;
use crate::dtls::Table;
use crate::faults::CrashPoint;
use crate::plan::Plan;
use crate::watch::Watch;

/// The process.
#[derive(Debug)]
struct Process {
    ac: Ac,
    outbox: Outbox,
    /// Written while a flush runs: the next batch.
    gathering: Vec<Envelope>,
    /// How many envelopes the running flush is to make durable.
    flushing: Option<usize>,
    wake: Option<Monotonic>,
    fetches_over: BTreeSet<OperationId>,
}

/// What a flush came to.
#[derive(Debug)]
pub(crate) enum Settled {
    /// All of it is durable; the next flush has begun and takes so long.
    Done { next: Option<Duration> },
    /// The disk is full.
    DiskFull,
}

/// The machine.
#[derive(Debug)]
pub(crate) struct Controller {
    process: Option<Process>,
    pub(crate) life: u64,
    pub(crate) table: Table,
    pub(crate) ledger: Memory,
    pub(crate) cache: BTreeSet<Sha256>,
    pub(crate) watch: Watch,
    pub(crate) crash: Option<CrashPoint>,
    seed: Seed,
    configuration: Vec<Setting>,
    flush: (Duration, Duration),
    rng: Rng,
}

impl Controller {
    /// A machine that is off, with an empty disk.
    pub(crate) fn new(plan: &Plan, mut rng: Rng) -> Self {
        Controller {
            process: None,
            life: 0,
            table: Table::default(),
            ledger: Memory::new(),
            cache: BTreeSet::new(),
            watch: Watch::new(plan.compare_every),
            crash: None,
            seed: Seed(rng.next()),
            configuration: plan.configuration(),
            flush: plan.flush,
            rng,
        }
    }

    /// Whether the process runs.
    pub(crate) fn is_up(&self) -> bool {
        self.process.is_some()
    }

    /// The core.
    pub(crate) fn ac(&self) -> Option<&Ac> {
        self.process.as_ref().map(|p| &p.ac)
    }

    /// What the durable ledger adds up to, folded from its beginning.
    pub(crate) fn fold(&self) -> State {
        self.ledger.fold().expect("a ledger in memory can be read")
    }

    /// Starts the process over what the disk holds: the input that it begins with.
    pub(crate) fn start(&mut self) -> Input {
        assert!(!self.is_up());
        self.life += 1;
        self.table = Table::default();
        let state = self.fold();
        self.watch.start(state.clone());
        let mut wanted = Config::default();
        for setting in &self.configuration {
            wanted.set(setting);
        }
        // As the daemon: what an operator changed at run time is not overwritten.
        let changes = if state.unsaved { Vec::new() } else { state.config.difference(&wanted) };
        let lost = |e: &&capledger_schema::project::installs::CatalogueEntry| !self.cache.contains(&e.image.sha256);
        let missing = state.installs.catalogue.values().filter(lost).map(|e| e.image.clone()).collect();
        self.process = Some(Process {
            outbox: Outbox::new(state.seq),
            ac: Ac::new(self.seed, state),
            gathering: Vec::new(),
            flushing: None,
            wake: None,
            fetches_over: BTreeSet::new(),
        });
        Input::Start { software: "0.1.0".to_owned(), changes, adopted: false, missing }
    }

    /// One step of the core. Gives the time that a flush takes, if one begins.
    pub(crate) fn handle(&mut self, now: Now, input: Input, effects: &mut Vec<Effect>) -> Option<Duration> {
        let process = self.process.as_mut()?;
        let from = if let Input::Message { peer, .. } = &input { Some(*peer) } else { None };
        let step = process.ac.handle(now, input);
        self.watch.step(&process.ac, from, &step);
        if let Some(crash) = &mut self.crash {
            crash.see(&step.envelopes);
        }
        process.gathering.extend(step.envelopes);
        process.outbox.push(step.effects, effects);
        self.begin_flush()
    }

    fn begin_flush(&mut self) -> Option<Duration> {
        let process = self.process.as_mut()?;
        if process.flushing.is_some() || process.gathering.is_empty() {
            return None;
        }
        process.flushing = Some(process.gathering.len());
        self.ledger.write(process.gathering.drain(..)).expect("the core numbers its envelopes one by one");
        Some(self.rng.between(self.flush.0, self.flush.1))
    }

    /// The running flush ends.
    pub(crate) fn flushed(&mut self, effects: &mut Vec<Effect>) -> Settled {
        let Some(process) = self.process.as_mut() else { return Settled::Done { next: None } };
        let written = process.flushing.take().expect("a flush that ends has begun");
        let Ok(batch) = self.ledger.flush() else { return Settled::DiskFull };
        assert_eq!(batch.len(), written);
        self.watch.durable(batch);
        if let Some(crash) = &mut self.crash {
            crash.durable(self.ledger.last_seq());
        }
        process.outbox.durable(self.ledger.last_seq(), effects);
        Settled::Done { next: self.begin_flush() }
    }

    /// The process is gone. What a running flush was writing is on the disk or not, and nobody was told.
    pub(crate) fn crash(&mut self, flush_ends_well: bool) {
        let Some(process) = self.process.take() else { return };
        self.watch.compare(&process.ac);
        if flush_ends_well
            && process.flushing.is_some()
            && let Ok(batch) = self.ledger.flush()
        {
            self.watch.durable(batch);
        }
        self.ledger.crash();
    }

    /// When the core is to be woken, if that is not planned yet.
    pub(crate) fn wake(&mut self, now: Monotonic) -> Option<Monotonic> {
        let process = self.process.as_mut()?;
        let due = process.ac.deadline()?.max(now);
        if process.wake.is_some_and(|wake| wake <= due) {
            return None;
        }
        process.wake = Some(due);
        Some(due)
    }

    /// The planned wake-up has come.
    pub(crate) fn woken(&mut self) {
        if let Some(process) = &mut self.process {
            process.wake = None;
        }
    }

    /// Whether this is news of a fetch that has ended; takes note if it ends it.
    pub(crate) fn fetch_is_over(&mut self, report: &FetchReport) -> bool {
        let Some(process) = &mut self.process else { return true };
        match report {
            FetchReport::Progress { operation, .. } | FetchReport::ServerKey { operation, .. } => {
                process.fetches_over.contains(operation)
            }
            FetchReport::Done { operation, .. }
            | FetchReport::Probed { operation, .. }
            | FetchReport::Failed { operation, .. } => !process.fetches_over.insert(*operation),
        }
    }

    /// Whether nothing waits: no envelope for the disk, no effect for an envelope.
    pub(crate) fn is_quiet(&self) -> bool {
        self.process.as_ref().is_none_or(|p| p.gathering.is_empty() && p.flushing.is_none() && p.outbox.is_empty())
    }
}
