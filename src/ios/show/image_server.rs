//! `show image-server`: what listens, and the transfers that run or ran last.

use std::fmt::Write as _;
use std::time::Duration;

use capledger_schema::project::serves::{ServeEnd, ServeTransfer, ServerState, TRANSFERS_KEPT};

use super::table::table;
use super::words;
use crate::ios::View;
use crate::ios::setting::protocol_word;

/// The whole view.
pub fn show(view: &View) -> String {
    let (serve, serves) = (&view.state.config.serve, &view.state.serves);
    if serve.listen.is_empty() && serves.transfers.is_empty() {
        return "No image server is configured: `image-server tftp|sftp listen ADDRESS [port N] root DIRECTORY`.\n"
            .into();
    }
    let mut failures = String::new();
    let mut rows = Vec::new();
    for ((protocol, listen), root) in &serve.listen {
        let word = protocol_word(*protocol).to_uppercase();
        let state = match serves.servers.get(&(*protocol, *listen)) {
            Some(ServerState::Listening(since)) => format!("listening since {}", view.time.format(*since)),
            Some(ServerState::Failed { words, .. }) => {
                let _ = writeln!(failures, "{word} {listen}: {words}");
                "NOT LISTENING".to_owned()
            }
            None => "starting".to_owned(),
        };
        rows.push([word, listen.to_string(), state, root.clone()]);
    }
    let mut out = table(["Server", "Address", "State", "Root"], &rows);
    out.push_str(&failures);
    let login = serve.login.as_ref().map_or("none", |l| l.user.as_str());
    let _ = writeln!(out, "\nSFTP login     : {login}");
    let running = serves.transfers.values().filter(|t| t.end.is_none()).count();
    let _ =
        writeln!(out, "Transfers      : {running} running, {} completed, {} failed", serves.completed, serves.failed);
    if serves.transfers.is_empty() {
        return out;
    }
    let rows: Vec<_> = serves.transfers.values().rev().map(|t| row(t, view)).collect();
    let headers = ["Started", "Client", "User", "File", "Octets", "%", "Duration", "kB/s", "State"];
    let _ = write!(out, "\nThe last {TRANSFERS_KEPT} at most, newest first:\n{}", table(headers, &rows));
    out
}

fn row(t: &ServeTransfer, view: &View) -> [String; 9] {
    let percent = match t.total {
        Some(0) => 100,
        Some(total) => u128::from(t.octets.min(total)) * 100 / u128::from(total),
        None => 0,
    };
    let (took, state) = match &t.end {
        None => (view.now.since(t.started_at), "running".to_owned()),
        Some(ServeEnd::Completed { duration_us }) => (Duration::from_micros(*duration_us), "completed".to_owned()),
        Some(ServeEnd::Failed { words }) => (t.moved_at.since(t.started_at), format!("failed: {words}")),
        Some(ServeEnd::Lost) => (t.moved_at.since(t.started_at), "failed: the controller was restarted".to_owned()),
    };
    let micros = took.as_micros().max(1);
    let rate = if t.octets == 0 { "-".to_owned() } else { (u128::from(t.octets) * 1_000 / micros).to_string() };
    [
        view.time.format(t.started_at),
        format!("{} {}", protocol_word(t.protocol), t.client),
        t.user.clone().unwrap_or_else(|| "-".to_owned()),
        t.file.clone(),
        t.octets.to_string(),
        percent.to_string(),
        words::span(took),
        rate,
        state,
    ]
}
