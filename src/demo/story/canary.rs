//! The canary of an upgrade in stages comes back on its old version: the upgrade stops, and nobody else was reset.

use capledger_schema::Event;
use capledger_schema::event::CampaignOutcome;

use super::{NEXT, Play, RUNNING, is, listed, must, steps};
use crate::demo::DemoError;
use crate::demo::stage::SFTP_PASSWORD;

pub(super) fn acts() -> Vec<String> {
    vec![
        format!("the APs serve on {RUNNING}; {NEXT} is fetched by SFTP and staged"),
        "`ap image upgrade canary 1`: after a check AP-9105-01 alone is reset; it finds its new image damaged as it boots"
            .to_owned(),
        format!("it comes back with {RUNNING}: the upgrade stops by itself, and no other AP was reset"),
        format!("`show ap upgrade` says so; the fleet serves on {RUNNING}"),
    ]
}

pub(super) async fn play(play: &mut Play<'_, '_>) -> Result<(), DemoError> {
    let names: Vec<&str> = play.stage.cast.iter().map(|(name, _)| name.as_str()).collect();
    let (canary, others) = names.split_first().map_or(("", &[][..]), |(first, rest)| (*first, rest));
    play.all_serve(RUNNING).await?;
    play.serves_sftp().await?;
    play.types(&play.stage.sftp_profile(SFTP_PASSWORD)).await?;
    play.stages().await?;
    play.act(format!("{} serve on {RUNNING}; {NEXT} is staged", listed(&names)))?;

    play.types(&["ap image upgrade canary 1 iteration 25"]).await?;
    let reports = play
        .until(&format!("{canary} comes back"), play.stage.patience, |seen| {
            let reset = seen.find(|e| {
                let Event::WtpResetRequested { wtp, version, .. } = &e.event else { return None };
                (is(wtp, canary) && *version == Some(NEXT)).then_some(e.seq)
            })?;
            seen.find(|e| {
                let Event::WtpJoined { wtp, inventory, .. } = &e.event else { return None };
                if is(wtp, canary) && e.seq > reset { inventory.version } else { None }
            })
        })
        .await?;
    let (what, expected) = (format!("{canary} comes back"), format!("with {RUNNING}"));
    must(reports == RUNNING, &what, &expected, &format!("with {reports}"))?;
    play.act(format!("{canary} was to run {NEXT} and came back with {RUNNING}"))?;

    let (outcome, words) = play
        .until("the upgrade ends", play.stage.patience, |seen| {
            seen.find(|e| {
                let Event::CampaignEnded { outcome, words, .. } = &e.event else { return None };
                Some((*outcome, words.clone()))
            })
        })
        .await?;
    must(outcome == CampaignOutcome::Stopped, "the upgrade", "it stops by itself", &words)?;
    let reset: Vec<&str> = others.iter().copied().filter(|name| steps::disjoined_of(play.seen(), name) > 0).collect();
    must(reset.is_empty(), "the other access points", "none is reset", &format!("{} were", listed(&reset)))?;
    play.act(format!("the upgrade stopped: {words}; no other AP was reset"))?;

    let shown = play.types(&["show ap upgrade", "show ap upgrade ap-list"]).await?;
    must(shown.contains("Stopped"), "`show ap upgrade`", "it says that the upgrade stopped", "it does not")?;
    play.all_serve(RUNNING).await?;
    play.act(format!("{} serve on {RUNNING}", listed(&names)))
}
