//! Plays a made-up upgrade on the dashboard: `cargo run -p capledger-tui --example fleet -- [APS] [AT]`.
//!
//! The first AT seconds of the story have passed when it begins; `--plain` prints lines instead.

#[path = "../tests/fleet/mod.rs"]
mod fleet;

use std::sync::mpsc::sync_channel;
use std::time::Duration;

use capledger_schema::feed::ServerMessage;
use capledger_schema::time::Timestamp;
use capledger_tui::plain::Printer;
use capledger_tui::{Options, run};

const STEP: f64 = 0.25;

fn main() -> std::io::Result<()> {
    let mut numbers = std::env::args().skip(1).filter_map(|a| a.parse::<f64>().ok());
    let (aps, at) = (numbers.next().unwrap_or(24.0), numbers.next().unwrap_or(0.0));
    if std::env::args().any(|a| a == "--plain") {
        let mut printer = Printer::default();
        for line in fleet::Story::new(aps as usize, wall()).pass(120.0).iter().filter_map(|e| printer.apply(e)) {
            println!("{line}");
        }
        return Ok(());
    }
    let mut story = fleet::Story::new(aps as usize, Timestamp(wall().0 - (at * 1e6) as i64));
    let (tx, rx) = sync_channel(16);
    std::thread::spawn(move || {
        loop {
            let behind = wall().since(story.now()).as_secs_f64();
            let batch = story.pass(behind);
            if !batch.is_empty() && tx.send(ServerMessage::Events(batch)).is_err() {
                return;
            }
            std::thread::sleep(Duration::from_secs_f64(STEP));
        }
    });
    let end = run(rx, &Options::from_env(|name| std::env::var(name).ok()))?;
    println!("{end:?}");
    Ok(())
}

#[allow(clippy::disallowed_methods, reason = "an example on a real screen")]
fn wall() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    Timestamp(since.map_or(0, |d| d.as_micros() as i64))
}
