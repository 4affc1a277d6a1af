//! `show image-server`: what listens, and the transfers that run or ran last.

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use capledger_schema::project::serves::{ServeEnd, ServeTransfer, ServerState, TRANSFERS_KEPT};
use capledger_schema::setting::ServeProtocol;
use capledger_schema::time::Timestamp;
use serde::Serialize;

use super::table::table;
use super::words;
use crate::ios::View;
use crate::ios::setting::protocol_word;

/// What the view tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Facts {
    /// Those that are configured.
    pub servers: Vec<Server>,
    /// Who may read from the SFTP server.
    pub sftp_login: Option<String>,
    /// Transfers under way.
    pub running: usize,
    /// Files that were sent whole, ever.
    pub completed: u64,
    /// Transfers that were not, ever.
    pub failed: u64,
    /// The last ones, newest first.
    pub transfers: Vec<Transfer>,
}

/// A configured server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Server {
    /// What it speaks.
    pub protocol: ServeProtocol,
    /// Where it listens.
    pub address: IpAddr,
    /// Where it listens.
    pub port: u16,
    /// The folder that it serves.
    pub root: String,
    /// Whether it listens.
    pub state: Listening,
    /// Since when; none while it starts.
    pub since: Option<Timestamp>,
    /// Why it does not listen, and what to do about it.
    pub words: Option<String>,
}

/// Whether a configured server listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Listening {
    /// Not yet.
    Starting,
    /// It does.
    Listening,
    /// It could not.
    NotListening,
}

/// One file to one client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Transfer {
    /// When it began.
    pub started_at: Timestamp,
    /// By which protocol.
    pub protocol: ServeProtocol,
    /// Who asks.
    pub client: SocketAddr,
    /// As whom, where the protocol has users.
    pub user: Option<String>,
    /// The file, below the server's root.
    pub file: String,
    /// Sent so far.
    pub octets: u64,
    /// Of how many; none if the file could not be served.
    pub total_octets: Option<u64>,
    /// How much of it, rounded down.
    pub percent: u8,
    /// From its beginning to its end; to now while it runs.
    pub duration_us: u64,
    /// The mean rate; none before the first octet.
    pub octets_per_second: Option<u64>,
    /// How it stands with it.
    pub state: TransferState,
    /// Why it failed.
    pub words: Option<String>,
}

/// How it stands with a transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TransferState {
    /// It is under way.
    Running,
    /// The client has it all.
    Completed,
    /// It has not.
    Failed,
}

/// What the view tells.
pub fn facts(view: &View) -> Facts {
    let (serve, serves) = (&view.state.config.serve, &view.state.serves);
    let servers = serve.listen.iter().map(|((protocol, listen), root)| {
        let (state, since, words) = match serves.servers.get(&(*protocol, *listen)) {
            Some(ServerState::Listening(since)) => (Listening::Listening, Some(*since), None),
            Some(ServerState::Failed { at, words }) => (Listening::NotListening, Some(*at), Some(words.clone())),
            None => (Listening::Starting, None, None),
        };
        let (address, port) = (listen.ip(), listen.port());
        Server { protocol: *protocol, address, port, root: root.clone(), state, since, words }
    });
    Facts {
        servers: servers.collect(),
        sftp_login: serve.login.as_ref().map(|l| l.user.clone()),
        running: serves.transfers.values().filter(|t| t.end.is_none()).count(),
        completed: serves.completed,
        failed: serves.failed,
        transfers: serves.transfers.values().rev().map(|t| transfer(t, view.now)).collect(),
    }
}

/// The whole view.
pub fn show(view: &View) -> String {
    let facts = facts(view);
    if facts.servers.is_empty() && facts.transfers.is_empty() {
        return "No image server is configured: `image-server tftp|sftp listen ADDRESS [port N] root DIRECTORY`.\n"
            .into();
    }
    let mut failures = String::new();
    let mut rows = Vec::new();
    for s in &facts.servers {
        let word = protocol_word(s.protocol).to_uppercase();
        let listen = SocketAddr::new(s.address, s.port);
        if let Some(words) = &s.words {
            let _ = writeln!(failures, "{word} {listen}: {words}");
        }
        let state = match (s.state, s.since) {
            (Listening::Listening, Some(since)) => format!("listening since {}", view.time.format(since)),
            (Listening::Listening, None) => "listening".to_owned(),
            (Listening::NotListening, _) => "NOT LISTENING".to_owned(),
            (Listening::Starting, _) => "starting".to_owned(),
        };
        rows.push([word, listen.to_string(), state, s.root.clone()]);
    }
    let mut out = table(["Server", "Address", "State", "Root"], &rows);
    out.push_str(&failures);
    let login = facts.sftp_login.as_deref().unwrap_or("none");
    let _ = writeln!(out, "\nSFTP login     : {login}");
    let (running, completed, failed) = (facts.running, facts.completed, facts.failed);
    let _ = writeln!(out, "Transfers      : {running} running, {completed} completed, {failed} failed");
    if facts.transfers.is_empty() {
        return out;
    }
    let rows: Vec<_> = facts.transfers.into_iter().map(|t| cells(t, view)).collect();
    let headers = ["Started", "Client", "User", "File", "Octets", "%", "Duration", "kB/s", "State"];
    let _ = write!(out, "\nThe last {TRANSFERS_KEPT} at most, newest first:\n{}", table(headers, &rows));
    out
}

fn transfer(t: &ServeTransfer, now: Timestamp) -> Transfer {
    let percent = match t.total {
        Some(0) => 100,
        Some(total) => u128::from(t.octets.min(total)) * 100 / u128::from(total),
        None => 0,
    };
    let (took, state, words) = match &t.end {
        None => (now.since(t.started_at), TransferState::Running, None),
        Some(ServeEnd::Completed { duration_us }) => {
            (Duration::from_micros(*duration_us), TransferState::Completed, None)
        }
        Some(ServeEnd::Failed { words }) => {
            (t.moved_at.since(t.started_at), TransferState::Failed, Some(words.clone()))
        }
        Some(ServeEnd::Lost) => {
            let words = "the controller was restarted".to_owned();
            (t.moved_at.since(t.started_at), TransferState::Failed, Some(words))
        }
    };
    let rate = u128::from(t.octets) * 1_000_000 / took.as_micros().max(1);
    Transfer {
        started_at: t.started_at,
        protocol: t.protocol,
        client: t.client,
        user: t.user.clone(),
        file: t.file.clone(),
        octets: t.octets,
        total_octets: t.total,
        percent: u8::try_from(percent).unwrap_or(100),
        duration_us: u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
        octets_per_second: (t.octets > 0).then(|| u64::try_from(rate).unwrap_or(u64::MAX)),
        state,
        words,
    }
}

fn cells(t: Transfer, view: &View) -> [String; 9] {
    let not = || "-".to_owned();
    [
        view.time.format(t.started_at),
        format!("{} {}", protocol_word(t.protocol), t.client),
        t.user.unwrap_or_else(not),
        t.file,
        t.octets.to_string(),
        t.percent.to_string(),
        words::span(Duration::from_micros(t.duration_us)),
        t.octets_per_second.map_or_else(not, |r| (r / 1_000).to_string()),
        match (t.state, t.words) {
            (TransferState::Running, _) => "running".to_owned(),
            (TransferState::Completed, _) => "completed".to_owned(),
            (TransferState::Failed, words) => format!("failed: {}", words.unwrap_or_default()),
        },
    ]
}
