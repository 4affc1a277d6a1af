//! `show ... | json`: the facts of a view as one JSON document, out of the same data as its text.
//!
//! Keys are in snake case and stay; numbers are numbers, moments RFC 3339 in UTC, a span's unit ends its key
//! (`_us`, `_seconds`), and what is not known is null. An error is `{"error": "..."}`. Nothing is in it that the text
//! hides: no password, and of a secret no more than its ciphertext in the configuration's own lines.

use capledger_schema::feed::Privilege;
use capledger_schema::time::Timestamp;
use serde::Serialize;

use super::{
    absent, ap_config, ap_image, ap_joins, ap_reason, ap_status, ap_summary, dtls, image_download, image_file,
    image_history, image_server, install, interfaces, inventory, ledger, level, logging, operation, predownload,
    running_config, session, ssh, startup_config, tech_support, upgrade, users, version,
};
use crate::ios::View;
use crate::ios::action::Show;

/// What a view tells a session of this privilege, as one JSON document with a line end behind it.
pub fn json(what: &Show, view: &View, privilege: Privilege) -> String {
    match what {
        Show::ApImage => document(&ap_image::facts(view)),
        Show::ApImageFiles => document(&image_file::facts(view)),
        Show::ApConfig(name) => result(ap_config::facts(name, view)),
        Show::ApStatus => document(&ap_status::facts(view)),
        Show::ApJoins => document(&ap_joins::facts(view)),
        Show::Predownloads => document(&predownload::facts(view)),
        Show::PredownloadStatus => document(&predownload::whole(view)),
        Show::ApImageHistory(name) => result(image_history::facts(name, view)),
        Show::ApImageReason => document(&ap_reason::facts(view)),
        Show::ApSummary => document(&ap_summary::facts(view)),
        Show::ApUpgrade => document(&upgrade::facts(view)),
        Show::ApUpgradeList => document(&upgrade::list_facts(view)),
        Show::ApUpgradeSummary => document(&upgrade::summary_facts(view)),
        Show::Clock => document(&Clock { time: view.now }),
        Show::Debugging { on } => document(on),
        Show::History { lines } => document(&session::History { lines }),
        Show::DtlsConnections => document(&dtls::facts(view)),
        Show::Hosts => document(&absent::hosts()),
        Show::ImageServer => document(&image_server::facts(view)),
        Show::InstallSummary => document(&install::facts(None, view)),
        Show::InstallPart(part) => document(&install::facts(Some(*part), view)),
        Show::InstallRollback => document(&install::rollback_facts(view)),
        Show::InstallLog => document(&install::log_facts(view)),
        Show::Inventory => document(&inventory::facts(view)),
        Show::IpInterfaces => document(&interfaces::facts(view)),
        Show::IpSsh => document(&ssh::facts(view)),
        Show::Operations => document(&operation::facts(view)),
        Show::Operation(number) => result(operation::story(*number, view)),
        Show::Ledger(what) => result(ledger::facts(what, view)),
        Show::Logging { last } => document(&logging::facts(view, *last)),
        Show::Privilege => document(&Level { level: level(privilege) }),
        Show::RunningConfig => document(&running_config::facts(view)),
        Show::StartupConfig => result(startup_config::facts(view)),
        Show::SwitchVirtual => document(&absent::switch()),
        Show::Users { own } => document(&users::facts(view, *own)),
        Show::TechSupport => tech_support::document(view, privilege),
        Show::Terminal { now } => document(now),
        Show::Version => document(&version::facts(view)),
        Show::Vlans => document(&absent::vlans()),
        Show::ProfileSummary => document(&image_download::summary_facts(view)),
        Show::ProfileDetailed => document(&image_download::facts(view)),
    }
}

/// What `show clock` tells.
#[derive(Serialize)]
struct Clock {
    time: Timestamp,
}

/// What `show privilege` tells.
#[derive(Serialize)]
struct Level {
    level: u8,
}

#[derive(Serialize)]
struct Failure {
    error: String,
}

/// Facts, or in which words there are none.
fn result(facts: Result<impl Serialize, String>) -> String {
    match facts {
        Ok(facts) => document(&facts),
        Err(error) => document(&Failure { error }),
    }
}

fn document(facts: &impl Serialize) -> String {
    match serde_json::to_string_pretty(facts) {
        Ok(text) => text + "\n",
        // Only a map whose keys are no text cannot be written.
        Err(e) => result(Err::<(), _>(format!("the view cannot be written as JSON: {e}"))),
    }
}

#[cfg(test)]
mod tests;
