//! The upgrade window as it should go: an access point from the shelf is brought to the fleet's version at join, then
//! the whole fleet to the next, checked and given the image ahead, with one restart each.

use std::time::Duration;

use capledger_schema::Event;
use capledger_schema::event::{DownloadMode, FindingSubject, Verdict};

use super::{FACTORY, NEXT, Play, RUNNING, is, listed, must, steps};
use crate::demo::DemoError;
use crate::demo::summary::plural;

pub(super) const NAME: &str = "upgrade-window";
pub(super) const PLOT: &str = "a fleet of several models, images by TFTP and SFTP, one restart per AP";

pub(super) fn acts() -> Vec<String> {
    vec![
        format!("the APs join and serve on {RUNNING}; the last has {FACTORY}, and is given {RUNNING} at join, by TFTP"),
        format!("an operator hands {NEXT} out by SFTP and checks what the upgrade needs: the host key is pinned"),
        format!("`install add profile default` fetches {NEXT} for every family and stages it"),
        format!("`ap image predownload`: the APs are given {NEXT} while they serve"),
        format!("`install activate`: they restart, each once, and are back on {NEXT}"),
        "`install commit`: it stays".to_owned(),
    ]
}

pub(super) async fn play(play: &mut Play<'_, '_>) -> Result<(), DemoError> {
    let names: Vec<&str> = play.stage.cast.iter().map(|(name, _)| name.as_str()).collect();
    let (newcomer, family) = play.stage.cast.last().cloned().expect("there is an access point: `check` sees to it");
    play.all_serve(RUNNING).await?;
    let seen = play.seen();
    let at_join = seen.find(|e| {
        let Event::ImageDownloadStarted { wtp, mode: DownloadMode::Join, .. } = &e.event else { return None };
        is(wtp, &newcomer).then_some(())
    });
    let by_tftp = seen.find(|e| {
        let Event::InstallAddCompleted { url, image, .. } = &e.event else { return None };
        (image.family == family && image.version == RUNNING && url.starts_with("tftp://")).then_some(())
    });
    let others = names.iter().filter(|name| **name != newcomer && steps::given(seen, name, RUNNING)).count();
    let alone = at_join.is_some() && by_tftp.is_some() && steps::given(seen, &newcomer, RUNNING) && others == 0;
    let what = format!("{newcomer} joins with {FACTORY}");
    must(alone, &what, "it alone is given an image, which came by TFTP", "the ledger says otherwise")?;
    play.act(format!("{} serve on {RUNNING}; {newcomer} came with {FACTORY} and took it at join", listed(&names)))?;

    play.serves_sftp().await?;
    play.types(&play.stage.sftp_profile(crate::demo::stage::SFTP_PASSWORD)).await?;
    play.types(&["ap image predownload check"]).await?;
    let families = play.families().len();
    let pinned = play
        .until("the check passes, and the host key is pinned", Duration::from_secs(10), |seen| {
            let findings = seen.state.campaigns.preflight.as_ref()?.findings.as_ref().map(|(findings, _)| findings)?;
            let images = findings.iter().filter(|f| matches!(f.subject, FindingSubject::Image(_))).count();
            let passed = findings.iter().all(|f| f.verdict == Verdict::Passed);
            seen.find(|e| {
                let Event::ServerKeyPinned { host, port, algorithm, .. } = &e.event else { return None };
                (passed && images == families).then(|| format!("{algorithm} of {host} port {port}"))
            })
        })
        .await?;
    play.act(format!("{} passed the check; pinned: {pinned}", plural(families as u64, "image")))?;

    play.stages().await?;
    play.act(format!("{} of {NEXT} fetched by SFTP; the version is staged", plural(families as u64, "image")))?;

    play.predownloads(&names).await?;
    play.types(&["show ap image"]).await?;
    play.act(format!("{} serve on {RUNNING} and hold {NEXT}", listed(&names)))?;

    let before: Vec<usize> = names.iter().map(|name| steps::disjoined_of(play.seen(), name)).collect();
    play.activates(&names).await?;
    let after: Vec<usize> = names.iter().map(|name| steps::disjoined_of(play.seen(), name)).collect();
    let once = before.iter().zip(&after).all(|(before, after)| before + 1 == *after);
    must(once, "the restart", "one per access point", &format!("sessions ended: {before:?}, then {after:?}"))?;
    play.act(format!("{} serve on {NEXT}, after one restart each", listed(&names)))?;

    play.commits().await?;
    play.types(&["show install summary"]).await?;
    play.act(format!("{NEXT} is committed"))
}
