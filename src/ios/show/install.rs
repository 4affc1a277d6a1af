//! `show install summary`: the versions on the controller, as packages.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use capledger_schema::image::ImageVersion;
use capledger_schema::project::State;

use crate::ios::View;

/// The whole view.
pub fn show(view: &View) -> String {
    let running = view.state.running_version();
    let mut versions: BTreeSet<ImageVersion> = view.state.installs.catalogue.keys().map(|(_, v)| *v).collect();
    versions.extend(running);
    let rule = "-".repeat(80);
    let mut out = String::from("[ Chassis 1 R0 ] Installed Package(s) Information:\n");
    out.push_str("State (St): I - Inactive, U - Activated & Uncommitted,\n");
    out.push_str("            C - Activated & Committed, D - Deactivated & Uncommitted\n");
    let _ = writeln!(out, "{rule}\nType  St   Filename/Version\n{rule}");
    for version in versions {
        let state = if Some(version) == running { 'C' } else { 'I' };
        let _ = writeln!(out, "IMG   {state}    {version}");
    }
    let _ = writeln!(out, "\n{rule}\nAuto abort timer: inactive\n{rule}");
    out
}

/// The version of the image that came into the catalogue last.
pub fn last_added(state: &State) -> Option<ImageVersion> {
    state.installs.catalogue.values().max_by_key(|e| (e.added_at, e.image.version)).map(|e| e.image.version)
}
