//! An access point has no room for an image: it goes on serving as it is, and the others are not kept waiting.

use std::time::Duration;

use capledger_schema::Event;
use capledger_schema::failure::DownloadFailureKind;

use super::{NEXT, Play, RUNNING, is, listed, must, steps};
use crate::demo::DemoError;
use crate::demo::stage::SFTP_PASSWORD;

pub(super) fn acts() -> Vec<String> {
    vec![
        format!("the APs serve on {RUNNING}; {NEXT} is fetched by SFTP and staged"),
        format!("`ap image predownload`: AP-9105-01 answers that its flash is full, the others hold {NEXT}"),
        format!("`install activate`: the others restart into {NEXT}; AP-9105-01 is not reset and serves on {RUNNING}"),
        format!("`show ap image reason` says why, and what to do; {NEXT} is committed"),
    ]
}

pub(super) async fn play(play: &mut Play<'_, '_>) -> Result<(), DemoError> {
    let names: Vec<&str> = play.stage.cast.iter().map(|(name, _)| name.as_str()).collect();
    let (full, others) = names.split_first().map_or(("", &[][..]), |(first, rest)| (*first, rest));
    play.all_serve(RUNNING).await?;
    play.serves_sftp().await?;
    play.types(&play.stage.sftp_profile(SFTP_PASSWORD)).await?;
    play.stages().await?;
    play.act(format!("{} serve on {RUNNING}; {NEXT} is staged", listed(&names)))?;

    play.predownloads(others).await?;
    let words = play
        .until(&format!("{full} has no room"), play.stage.patience, |seen| {
            seen.find(|e| {
                let Event::ImageDownloadFailed { wtp, kind, words, .. } = &e.event else { return None };
                (is(wtp, full) && *kind == DownloadFailureKind::FlashFull).then(|| format!("{kind}: {words}"))
            })
        })
        .await?;
    play.types(&["show ap image"]).await?;
    play.act(format!("{full}: {words}; {} hold {NEXT}", listed(others)))?;

    play.activates(others).await?;
    let what = format!("{full} serves on {RUNNING}");
    play.until(&what, Duration::from_secs(10), |seen| seen.serves(full, RUNNING).then_some(())).await?;
    let ended = steps::disjoined_of(play.seen(), full);
    must(ended == 0, &format!("the full flash of {full}"), "it is not reset", "its session ended")?;
    play.act(format!("{} serve on {NEXT}; {full} was not reset and serves on {RUNNING}", listed(others)))?;

    let shown = play.types(&["show ap image reason"]).await?;
    let told = shown.contains(full) && shown.contains(&DownloadFailureKind::FlashFull.to_string());
    must(told, "`show ap image reason`", "it names the access point and why", "it does not")?;
    play.commits().await?;
    play.act(format!("the reason is shown; {NEXT} is committed"))
}
