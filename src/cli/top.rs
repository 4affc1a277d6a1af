//! `capledger top`: the live dashboard of a running controller; plain lines where standard output is no terminal. With
//! `--replay` the same dashboard goes back and forth along the ledger, whether a controller runs or not.
//!
//! Live, it reads the daemon's local socket and nothing else, and comes back by itself when the daemon does.

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::Duration;

use capledger_schema::Envelope;
use capledger_schema::feed::{PROTOCOL, ServerMessage};
use capledger_schema::id::Seq;
use capledger_tui::plain::Printer;
use capledger_tui::replay::{Place, Player, Tape};
use capledger_tui::{End, Options};
use clap::Args;

use super::replay::{Moment, Source, on_the_day_of};
use crate::net::feed::client::Since;
use crate::net::feed::{Client, ClientError};

/// Envelopes from before the start that the log and the APs' stories begin with: an upgrade of two thousand APs.
const BACKLOG: u64 = 50_000;

/// Envelopes of them in a message.
const BATCH: usize = 1_000;

/// Between two tries to reach a daemon that has gone.
const RETRY: Duration = Duration::from_secs(1);

/// Messages between the socket and the screen; then the socket waits, and the daemon re-reads for us later.
const QUEUE: usize = 16;

const EXAMPLES: &str = "\
Examples:
  capledger top --data-dir DIR
  capledger top --data-dir DIR --replay
  capledger top --data-dir DIR --replay --at 17:05:37

`?` shows the keys. Without a terminal it prints a line per change. NO_COLOR=1 leaves the colours out; a locale
without UTF-8 gets ASCII alone.";

/// `capledger top ...`
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct TopArgs {
    /// The data directory of the controller
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
    /// Prints a line per change instead of the dashboard, as without a terminal
    #[arg(long)]
    plain: bool,
    /// Goes back and forth along the ledger, instead of showing what happens now
    #[arg(long, conflicts_with = "plain")]
    replay: bool,
    /// Begins the replay at this moment: 2024-02-01T17:05:37.108Z, or 17:05:37 (UTC) on the last day of the ledger
    #[arg(long, value_name = "TIME", requires = "replay", conflicts_with = "seq")]
    at: Option<Moment>,
    /// Begins the replay at the event of this sequence number
    #[arg(long, value_name = "N", requires = "replay")]
    seq: Option<u64>,
}

/// Shows the fleet until the user leaves. Exits with 0, with 1 if no controller answers or the terminal fails, or with
/// 128 and the number of the signal that ended it.
pub fn run(args: &TopArgs) -> ExitCode {
    let dir = &args.data_dir;
    let shown = if args.replay { replay(args) } else { live(args) };
    match shown {
        Ok(End::Quit | End::Source) => ExitCode::SUCCESS,
        Ok(End::Signal(number)) => ExitCode::from(128 + number),
        Err(error) => {
            eprintln!("capledger top: {error}");
            if !args.replay
                && matches!(Client::connect(dir), Err(ClientError::NotRunning(_)))
                && Source::of(dir).is_ok()
            {
                eprintln!("its past is there: capledger top --data-dir {} --replay", dir.display());
            }
            ExitCode::FAILURE
        }
    }
}

fn live(args: &TopArgs) -> io::Result<End> {
    let dir = &args.data_dir;
    Client::connect(dir).map_err(io::Error::other).and_then(|first| {
        if args.plain || !io::stdout().is_terminal() {
            plain(first).map(|()| End::Source)
        } else {
            dashboard(dir, first)
        }
    })
}

/// The ledger of a data directory as the player reads it.
struct Past<'a>(Source<'a>);

impl Tape for Past<'_> {
    fn last(&self) -> Seq {
        self.0.last()
    }

    fn read(&self, after: Seq) -> io::Result<Box<dyn Iterator<Item = io::Result<Envelope>> + '_>> {
        let envelopes = self.0.read(after).map_err(io::Error::other)?;
        Ok(Box::new(envelopes.map(|envelope| envelope.map_err(io::Error::other))))
    }
}

fn replay(args: &TopArgs) -> io::Result<End> {
    if !io::stdout().is_terminal() {
        let what = "--replay needs a terminal; elsewhere there is `capledger replay --at TIME \"show ...\"`";
        return Err(io::Error::other(what));
    }
    let past = Past(Source::of(&args.data_dir).map_err(io::Error::other)?);
    let last = past.last();
    let place = match (args.seq, args.at) {
        (Some(seq), _) => Place::Event(seq),
        (None, Some(Moment::Exact(at))) => Place::At(at),
        (None, Some(Moment::LastDay(time))) => {
            let at = past.0.one(last).map_err(io::Error::other)?.at;
            Place::At(on_the_day_of(at, time).map_err(io::Error::other)?)
        }
        (None, None) => Place::End,
    };
    let mut player = Player::open(&past, place)?;
    capledger_tui::replay(&mut player, &Options::from_env(|name| std::env::var(name).ok()))
}

fn dashboard(dir: &Path, first: Client) -> io::Result<End> {
    let (tx, rx) = sync_channel(QUEUE);
    let dir = dir.to_owned();
    std::thread::Builder::new().name("feed-client".into()).spawn(move || feed(&dir, first, &tx))?;
    capledger_tui::run(rx, &Options::from_env(|name| std::env::var(name).ok()))
}

/// The dashboard has ended.
struct Ended;

/// Forwards the feed, and finds the daemon again when it is gone, until nobody takes it any more.
fn feed(dir: &Path, first: Client, tx: &SyncSender<ServerMessage>) {
    let mut client = Some(first);
    let mut seen = Seq(0);
    loop {
        let session = match client.take() {
            Some(client) => forward(dir, client, &mut seen, tx),
            None => Client::connect(dir)
                .map_or_else(|error| Ok(error.to_string()), |client| forward(dir, client, &mut seen, tx)),
        };
        let Ok(why) = session else { return };
        if tx.send(ServerMessage::Bye(why)).is_err() {
            return;
        }
        std::thread::sleep(RETRY);
    }
}

/// What happened up to an envelope, as far as it was not seen: for the log alone, since the snapshot that follows is the
/// state. Without it there is less to read and nothing else is lost, so its errors are not told.
fn backlog(dir: &Path, seen: Seq, until: Seq, tx: &SyncSender<ServerMessage>) -> Result<(), Ended> {
    let after = Seq(until.0.saturating_sub(BACKLOG)).max(seen);
    if after >= until {
        return Ok(());
    }
    let Ok(client) = Client::connect(dir) else { return Ok(()) };
    let Ok(history) = client.history(after) else { return Ok(()) };
    let mut history = history.map_while(Result::ok).take_while(|envelope| envelope.seq <= until);
    loop {
        let batch: Vec<_> = history.by_ref().take(BATCH).collect();
        if batch.is_empty() {
            return Ok(());
        }
        tx.send(ServerMessage::Events(batch)).map_err(|_| Ended)?;
    }
}

/// Until the connection ends; why it did.
fn forward(dir: &Path, client: Client, seen: &mut Seq, tx: &SyncSender<ServerMessage>) -> Result<String, Ended> {
    let daemon = client.daemon().clone();
    let hello = ServerMessage::Hello {
        protocol: PROTOCOL,
        controller: daemon.controller,
        software: daemon.software,
        seq: daemon.seq,
    };
    tx.send(hello).map_err(|_| Ended)?;
    let subscription = match client.subscribe(Since::Now) {
        Ok(subscription) => subscription,
        Err(error) => return Ok(why(error)),
    };
    for message in subscription {
        match message {
            Ok(message) => {
                match &message {
                    ServerMessage::Snapshot(state) => {
                        backlog(dir, *seen, state.seq, tx)?;
                        *seen = state.seq;
                    }
                    ServerMessage::Events(batch) => *seen = batch.last().map_or(*seen, |e| e.seq),
                    ServerMessage::Hello { .. }
                    | ServerMessage::Output { .. }
                    | ServerMessage::Reply { .. }
                    | ServerMessage::Shown(_)
                    | ServerMessage::Bye(_) => {}
                }
                tx.send(message).map_err(|_| Ended)?;
            }
            Err(error) => return Ok(why(error)),
        }
    }
    Ok("the feed ended".to_owned())
}

fn why(error: ClientError) -> String {
    match error {
        ClientError::Bye(words) => words,
        ClientError::Broken(_, error) => error.to_string(),
        error @ (ClientError::NotRunning(_) | ClientError::Path(_) | ClientError::Denied(..)) => error.to_string(),
    }
}

/// Prints lines until the daemon ends, or nobody reads them.
fn plain(client: Client) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let mut printer = Printer::default();
    for message in client.subscribe(Since::Now).map_err(io::Error::other)? {
        let lines: Vec<_> = match message {
            Ok(ServerMessage::Snapshot(state)) => {
                printer = Printer::new(*state);
                vec![printer.standing()]
            }
            Ok(ServerMessage::Events(batch)) => batch.iter().filter_map(|envelope| printer.apply(envelope)).collect(),
            Ok(
                ServerMessage::Hello { .. }
                | ServerMessage::Output { .. }
                | ServerMessage::Reply { .. }
                | ServerMessage::Shown(_)
                | ServerMessage::Bye(_),
            ) => continue,
            Err(ClientError::Bye(words)) => {
                eprintln!("capledger top: {words}");
                return Ok(());
            }
            Err(error) => return Err(io::Error::other(error)),
        };
        let written = lines.iter().try_for_each(|line| writeln!(out, "{line}")).and_then(|()| out.flush());
        match written {
            Err(e) if e.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
            written => written?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::mpsc::Receiver;

    use capledger_schema::project::State;
    use tempfile::TempDir;
    use tokio::sync::watch;

    use super::*;
    use crate::net::feed::{Answer, CommandLine, Output, Server, Session, User};
    use crate::net::hub::Hub;
    use crate::story::Story;

    struct NoCommands;

    impl CommandLine for NoCommands {
        fn open(&self, _: User) -> Box<dyn Session> {
            Box::new(NoCommands)
        }
    }

    impl Session for NoCommands {
        fn line(&mut self, _: &str, _: &mut dyn Output) -> Answer {
            Answer { text: String::new(), ok: false, ends: false }
        }
        fn prompt(&self) -> String {
            String::new()
        }
    }

    fn daemon(dir: &TempDir, story: &Story) -> (Arc<Hub>, Server) {
        let hub = Arc::new(Hub::new(State::default(), Arc::new(|_, _| Ok(Vec::new()))));
        hub.publish(&story.envelopes);
        let server = Server::start(dir.path(), Arc::clone(&hub), Arc::new(NoCommands), watch::channel(true).1)
            .expect("a server");
        (hub, server)
    }

    fn next(rx: &Receiver<ServerMessage>) -> ServerMessage {
        rx.recv_timeout(Duration::from_secs(20)).expect("a message in time")
    }

    #[test]
    fn the_dashboard_gets_what_happened_before_then_the_state_then_what_happens() {
        let dir = tempfile::tempdir().expect("a directory");
        let mut story = Story::begin("2024-02-01T17:05:37Z");
        story.configured(vec![]);
        let (hub, _server) = daemon(&dir, &story);
        let (tx, rx) = sync_channel(QUEUE);
        let (path, first) = (dir.path().to_owned(), Client::connect(dir.path()).expect("a connection"));
        let feeding = std::thread::spawn(move || feed(&path, first, &tx));
        assert!(matches!(next(&rx), ServerMessage::Hello { .. }));
        assert_eq!(next(&rx), ServerMessage::Events(story.envelopes.clone()));
        assert_eq!(next(&rx), ServerMessage::Snapshot(Box::new(story.state.clone())));
        story.configured(vec![]);
        hub.publish(&story.envelopes);
        assert_eq!(next(&rx), ServerMessage::Events(story.envelopes[2..].to_vec()));
        drop(rx);
        story.configured(vec![]);
        hub.publish(&story.envelopes);
        feeding.join().expect("it ends when nobody takes its messages");
    }

    #[test]
    fn a_daemon_that_comes_back_is_found_again() {
        let dir = tempfile::tempdir().expect("a directory");
        let mut story = Story::begin("2024-02-01T17:05:37Z");
        let (_, server) = daemon(&dir, &story);
        let (tx, rx) = sync_channel(QUEUE);
        let (path, first) = (dir.path().to_owned(), Client::connect(dir.path()).expect("a connection"));
        std::thread::spawn(move || feed(&path, first, &tx));
        while !matches!(next(&rx), ServerMessage::Snapshot(_)) {}
        drop(server);
        assert_eq!(next(&rx), ServerMessage::Bye("the controller stops".into()));
        assert!(matches!(next(&rx), ServerMessage::Bye(words) if words.starts_with("no controller is running on")));
        story.configured(vec![]);
        let _server = daemon(&dir, &story);
        while !matches!(next(&rx), ServerMessage::Hello { .. }) {}
        assert_eq!(next(&rx), ServerMessage::Events(story.envelopes[1..].to_vec()), "what it did not see meanwhile");
        assert_eq!(next(&rx), ServerMessage::Snapshot(Box::new(story.state.clone())));
    }
}
