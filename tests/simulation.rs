//! Deterministic simulation: the core, its outbox, a ledger that forgets what was not flushed, and simulated access
//! points on links that lose, double, delay and reorder, all on virtual time and from one seed.
//!
//! Every step is held against the invariants; once faults stop, every access point must come to run the target. A
//! failure prints its seed: `CAPLEDGER_SIM_SEED=N cargo test --test simulation NAME` plays it again.

#[path = "simulation/ap.rs"]
mod ap;
#[path = "simulation/campaign.rs"]
mod campaign;
#[path = "simulation/campaign_rules.rs"]
mod campaign_rules;
#[path = "simulation/chance.rs"]
mod chance;
#[path = "simulation/controller.rs"]
mod controller;
#[path = "simulation/crashes.rs"]
mod crashes;
#[path = "simulation/dtls.rs"]
mod dtls;
#[path = "simulation/faults.rs"]
mod faults;
#[path = "simulation/fleet.rs"]
mod fleet;
#[path = "simulation/install.rs"]
mod install;
#[path = "simulation/library.rs"]
mod library;
#[path = "simulation/link.rs"]
mod link;
#[path = "simulation/odd.rs"]
mod odd;
#[path = "simulation/operator.rs"]
mod operator;
#[path = "simulation/plan.rs"]
mod plan;
#[path = "simulation/scheduler.rs"]
mod scheduler;
#[path = "simulation/share.rs"]
mod share;
#[path = "simulation/shell.rs"]
mod shell;
#[path = "simulation/story.rs"]
mod story;
#[path = "simulation/trouble.rs"]
mod trouble;
#[path = "simulation/watch.rs"]
mod watch;
#[path = "simulation/wire.rs"]
mod wire;
#[path = "simulation/world.rs"]
mod world;
