//! `show tech-support`: the views that tell how a controller is, one behind the other, to be sent to somebody who helps.
//!
//! Every view is built by itself, so its size is that of its views: it grows with the access points, and of the ledger
//! and the log it holds the last lines only. Of secrets not even the ciphertexts are in it.

use std::fmt::Write as _;

use capledger_schema::feed::Privilege;
use capledger_schema::id::SecretId;

use super::{json, show};
use crate::ios::View;
use crate::ios::action::{InstallPart, LedgerView, Show};
use crate::secrets::{Sealed, SecretError, Secrets, Typed};

/// Events and lines of the log that are in it.
const EVENTS: u32 = 200;
const LINES: u32 = 500;

/// What it is made of, and the command that prints each.
fn parts() -> Vec<(String, Show)> {
    [
        ("clock", Show::Clock),
        ("version", Show::Version),
        ("inventory", Show::Inventory),
        ("running-config", Show::RunningConfig),
        ("startup-config", Show::StartupConfig),
        ("users", Show::Users { own: None }),
        ("ip interface brief", Show::IpInterfaces),
        ("ip ssh", Show::IpSsh),
        ("ap summary", Show::ApSummary),
        ("ap status", Show::ApStatus),
        ("wireless stats ap join summary", Show::ApJoins),
        ("wireless dtls connections", Show::DtlsConnections),
        ("ap image", Show::ApImage),
        ("ap image reason", Show::ApImageReason),
        ("ap image file summary", Show::ApImageFiles),
        ("wireless ewc-ap predownload status", Show::PredownloadStatus),
        ("wireless ewc-ap ap image predownload status", Show::Predownloads),
        ("ap upgrade", Show::ApUpgrade),
        ("ap upgrade ap-list", Show::ApUpgradeList),
        ("ap upgrade summary", Show::ApUpgradeSummary),
        ("wireless profile image-download detailed default", Show::ProfileDetailed),
        ("install summary", Show::InstallSummary),
        ("install inactive", Show::InstallPart(InstallPart::Inactive)),
        ("install rollback", Show::InstallRollback),
        ("install log", Show::InstallLog),
        ("image-server", Show::ImageServer),
        ("operation", Show::Operations),
        ("ledger summary", Show::Ledger(LedgerView::Summary)),
        (&format!("ledger last {EVENTS}"), Show::Ledger(LedgerView::Last(EVENTS))),
        (&format!("logging last {LINES}"), Show::Logging { last: Some(LINES) }),
    ]
    .map(|(words, what)| (format!("show {words}"), what))
    .into()
}

/// The whole bundle.
pub fn text(view: &View, privilege: Privilege) -> String {
    let view = View { secrets: &Removed, ..*view };
    let mut out = String::new();
    for (command, what) in parts() {
        let _ = writeln!(out, "\n------------------ {command} ------------------\n");
        out.push_str(&show(&what, &view, privilege));
    }
    out
}

/// The whole bundle as one document: each view's under its command's words, with `_` between them.
pub fn document(view: &View, privilege: Privilege) -> String {
    let view = View { secrets: &Removed, ..*view };
    let mut out = String::from("{");
    for (n, (command, what)) in parts().into_iter().enumerate() {
        let key: String = command.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
        let comma = if n == 0 { "" } else { "," };
        let _ = write!(out, "{comma}\n\"{key}\": {}", json::json(&what, &view, privilege).trim_end());
    }
    out + "\n}\n"
}

/// Prints every secret as the word that it was left out.
#[derive(Clone, Copy, Debug)]
struct Removed;

impl Secrets for Removed {
    fn seal(&self, _: &Typed) -> Result<Sealed, SecretError> {
        Err(SecretError::NoKey)
    }

    fn sealed(&self, _: SecretId) -> Option<Sealed> {
        None
    }

    fn text(&self, _: SecretId) -> String {
        "<removed>".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use capledger_schema::setting::Setting;

    use super::*;
    use crate::ios::Shell;
    use crate::ios::action::Action;
    use crate::ios::grammar::{Mode, Token, entries, parse};
    use crate::secrets::Vault;
    use crate::story::{Story, ap};
    use crate::syslog::TimeFormat;

    fn said(story: &Story, secrets: &dyn Secrets, line: &str) -> String {
        let time = TimeFormat::default();
        let (state, log, history) = (&story.state, &story.log, &story.envelopes);
        let view = View { state, log, now: story.at, time: &time, secrets, history };
        let output = Shell::new(Privilege::Privileged).line(line, &view);
        assert!(!output.refused, "{line}: {}", output.text);
        output.text
    }

    #[test]
    fn every_part_is_the_view_whose_command_stands_above_it() {
        let story = crate::ios::show::tests::middle_of_an_upgrade();
        let bundle = said(&story, &crate::secrets::NoSecrets, "show tech-support");
        for (command, _) in parts() {
            let head = format!("\n------------------ {command} ------------------\n\n");
            let (_, below) = bundle.split_once(&head).unwrap_or_else(|| panic!("{command} in {bundle}"));
            let alone = said(&story, &crate::secrets::NoSecrets, &command);
            assert!(below.starts_with(&alone), "{command}:\n{alone}");
        }
    }

    /// What says nothing of the controller, or what another part says already.
    const LEFT_OUT: [&str; 11] = [
        "show debugging",
        "show history",
        "show hosts",
        "show install active",
        "show install committed",
        "show logging",
        "show privilege",
        "show switch virtual",
        "show tech-support",
        "show terminal",
        "show wireless profile image-download summary",
    ];

    #[test]
    fn every_view_that_needs_no_argument_is_in_it_or_left_out_for_a_reason() {
        let parts: Vec<Show> = parts().into_iter().map(|(_, what)| what).collect();
        for entry in entries(Mode::Privileged) {
            let words = entry.tokens.iter().map(|token| match token {
                Token::Keyword { word, .. } => Some(*word),
                Token::Arg { .. } => None,
            });
            let Some(words) = words.collect::<Option<Vec<_>>>() else { continue };
            let line = words.join(" ");
            if let Ok(Some(Action::Show(what))) = parse(Mode::Privileged, &line) {
                let left_out = LEFT_OUT.contains(&line.as_str()) || line.starts_with("show vlan");
                assert_ne!(parts.contains(&what), left_out, "{line}");
            }
        }
    }

    #[test]
    fn as_json_it_is_one_document_of_those_of_its_views() {
        let story = crate::ios::show::tests::middle_of_an_upgrade();
        let read = |line: &str| -> serde_json::Value {
            serde_json::from_str(&said(&story, &crate::secrets::NoSecrets, line)).expect("json")
        };
        let bundle = read("show tech-support | json");
        assert_eq!(bundle["show_ap_summary"], read("show ap summary | json"));
        assert_eq!(bundle.as_object().map(serde_json::Map::len), Some(parts().len()));
    }

    #[test]
    fn of_a_secret_not_even_its_ciphertext_is_in_it() {
        let dir = tempfile::tempdir().expect("a directory");
        let vault = Vault::open(dir.path()).expect("a vault");
        let sealed = vault.seal(&Typed::Clear(crate::secrets::Plain::new("SECRETWORD"))).expect("sealed");
        let _kept = vault.keep(std::slice::from_ref(&sealed)).expect("kept");
        let mut story = Story::begin("2024-02-01T17:00:00Z");
        story.configured(vec![Setting::SftpPassword(Some(sealed.id())), Setting::EnableSecret(Some(sealed.id()))]);
        let ciphertext = vault.text(sealed.id());
        assert!(said(&story, &vault, "show running-config").contains(&ciphertext));
        for line in ["show tech-support", "show tech-support | json"] {
            let bundle = said(&story, &vault, line);
            assert!(!bundle.contains(&ciphertext) && !bundle.contains("SECRETWORD"), "{bundle}");
            assert!(bundle.contains("<removed>"), "{bundle}");
        }
    }

    #[test]
    fn two_thousand_access_points_fit_in_a_few_megabytes() {
        let mut story = Story::begin("2024-02-01T17:00:00Z");
        for n in 0..2_000 {
            let mac = format!("2c5a.{:04x}.{:04x}", n / 256, n % 256 * 256);
            let wtp = ap(&format!("AP-{n}"), &mac, &format!("172.16.{}.{}:5248", n / 250, n % 250));
            let session = story.joined(&wtp, "C9105AXI", "17.3.3.26", None, None);
            story.in_run(session, &wtp);
        }
        let text = said(&story, &crate::secrets::NoSecrets, "show tech-support");
        assert!(text.contains("Number of APs: 2000") && text.contains("AP-1999"), "{}", &text[..2_000]);
        assert!(text.len() < 4 << 20, "{} octets", text.len());
    }
}
