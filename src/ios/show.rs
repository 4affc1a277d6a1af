//! The `show` views: each gathers its facts from a [`View`], and its text and its JSON are made of these alone.
//! Text has `\n` line ends.

pub mod absent;
pub mod ap_config;
pub mod ap_image;
pub mod ap_joins;
pub mod ap_reason;
pub mod ap_status;
pub mod ap_summary;
pub mod dtls;
pub mod image_download;
pub mod image_file;
pub mod image_history;
pub mod image_server;
pub mod install;
pub mod interfaces;
pub mod inventory;
pub mod json;
pub mod ledger;
pub mod logging;
pub mod operation;
pub mod predownload;
pub mod running_config;
pub mod session;
pub mod ssh;
pub mod startup_config;
mod table;
pub mod tech_support;
pub mod upgrade;
pub mod users;
pub mod version;
mod words;

use capledger_schema::feed::Privilege;

use super::View;
use super::action::Show;

/// The text of a view, for a session of this privilege.
pub fn show(what: &Show, view: &View, privilege: Privilege) -> String {
    match what {
        Show::ApImage => ap_image::show(view),
        Show::ApImageFiles => image_file::show(view),
        Show::ApImageHistory(name) => image_history::show(name, view),
        Show::ApImageReason => ap_reason::show(view),
        Show::ApConfig(name) => ap_config::show(name, view),
        Show::ApStatus => ap_status::show(view),
        Show::ApJoins => ap_joins::show(view),
        Show::Predownloads => predownload::show(view),
        Show::PredownloadStatus => predownload::status(view),
        Show::ApSummary => ap_summary::show(view),
        Show::ApUpgrade => upgrade::show(view),
        Show::ApUpgradeList => upgrade::list(view),
        Show::ApUpgradeSummary => upgrade::summary(view),
        Show::Clock => format!("{}\n", view.time.clock(view.now)),
        Show::Debugging { on } => on.show(),
        Show::History { lines } => session::history(lines),
        Show::DtlsConnections => dtls::show(view),
        Show::Hosts => absent::show_hosts(),
        Show::ImageServer => image_server::show(view),
        Show::InstallSummary => install::show(view),
        Show::InstallPart(part) => install::part(*part, view),
        Show::InstallRollback => install::rollback(view),
        Show::InstallLog => install::log(view),
        Show::Inventory => inventory::show(view),
        Show::IpInterfaces => interfaces::show(view),
        Show::IpSsh => ssh::show(view),
        Show::Operations => operation::list(view),
        Show::Operation(number) => operation::show(*number, view),
        Show::Ledger(what) => ledger::show(what, view),
        Show::Logging { last } => logging::show(view, *last),
        Show::Privilege => format!("Current privilege level is {}\n", level(privilege)),
        Show::RunningConfig => running_config::show(view),
        Show::SwitchVirtual => absent::show_switch(),
        Show::Users { own } => users::show(view, *own),
        Show::Vlans => absent::show_vlans(),
        Show::StartupConfig => startup_config::show(view),
        Show::TechSupport => tech_support::text(view, privilege),
        Show::Terminal { now } => session::terminal(*now),
        Show::Version => version::show(view),
        Show::ProfileSummary => image_download::summary(view),
        Show::ProfileDetailed => image_download::detailed(view),
    }
}

/// As IOS counts privileges.
fn level(privilege: Privilege) -> u8 {
    match privilege {
        Privilege::User => 1,
        Privilege::Privileged => 15,
    }
}

#[cfg(test)]
mod tests;
