//! The `capledger` program: arguments only; the work is in the library.

use std::process::ExitCode;

use capledger::cli::{audit, bundle, console, demo, docs, exec, replay, serve, simulate, top};
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
    /// Runs the controller
    ///
    /// Access points join it, fetch their images from it and are upgraded by it; every fact is written to its ledger.
    Serve(serve::ServeArgs),
    /// Runs command lines on a running controller
    Exec(exec::ExecArgs),
    /// Opens the command line of a running controller at this terminal
    Console(console::ConsoleArgs),
    /// Shows the fleet live
    Top(top::TopArgs),
    /// Shows any moment of the past
    ///
    /// Answers a `show` from the ledger as it stood then, whether or not the controller runs.
    Replay(replay::ReplayArgs),
    /// Checks the ledger, or exports it
    Audit(audit::AuditArgs),
    /// Checks an AP bundle, or unpacks it
    Bundle(bundle::BundleArgs),
    /// Shows a fleet being upgraded, on this machine alone
    ///
    /// A TFTP server, a controller and a dozen access points in one process, over real sockets and real DTLS.
    Demo(demo::DemoArgs),
    /// Writes the reference of the command line
    Docs(docs::DocsArgs),
    /// Plays access points against a controller
    ///
    /// They discover it, set up DTLS, join, fetch images and reboot into them, as real ones do, and print their consoles.
    Simulate(Box<simulate::SimulateArgs>),
}

fn main() -> ExitCode {
    match Arguments::parse().command {
        Command::Serve(args) => serve::run(&args),
        Command::Exec(args) => exec::run(&args),
        Command::Console(args) => console::run(&args),
        Command::Top(args) => top::run(&args),
        Command::Replay(args) => replay::run(&args),
        Command::Audit(args) => audit::run(&args),
        Command::Bundle(args) => bundle::run(&args),
        Command::Demo(args) => demo::run(&args),
        Command::Docs(args) => docs::run(&args),
        Command::Simulate(args) => simulate::run(&args),
    }
}
