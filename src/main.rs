//! The `capledger` program: arguments only; the work is in the library.

use std::process::ExitCode;

use capledger::cli::{audit, simulate, top};
use clap::{Parser, Subcommand};

/// An event-sourced CAPWAP controller for upgrading Wi-Fi access points
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Checks the ledger, or exports it
    Audit(audit::AuditArgs),
    /// Plays access points against a controller
    ///
    /// They discover it, set up DTLS, join, fetch images and reboot into them, as real ones do, and print their consoles.
    Simulate(Box<simulate::SimulateArgs>),
    /// Shows the fleet live
    Top(top::TopArgs),
}

fn main() -> ExitCode {
    match Arguments::parse().command {
        Command::Audit(args) => audit::run(&args),
        Command::Simulate(args) => simulate::run(&args),
        Command::Top(args) => top::run(&args),
    }
}
