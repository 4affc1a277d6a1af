//! The profile names a folder that the server does not have: each try is an outage, until the controller holds back.

use std::time::Duration;

use capledger_schema::Event;
use capledger_schema::failure::FetchFailureKind;
use capledger_schema::image::ImageFamily;

use super::{FACTORY, Pace, Play, RUNNING, fetch_failed_after, seconds};
use crate::demo::DemoError;

pub(super) fn acts(pace: &Pace) -> Vec<String> {
    let (timer, rejoin) = (seconds(pace.timers.image_data_start), seconds(pace.timers.rejoin));
    vec![
        "every fetch fails at once: `No such file or directory`".to_owned(),
        format!("the APs wait {timer} for their images (ImageDataStartTimer): `Disjoined Image Download Failed`"),
        format!("they are back {rejoin} later and ask anew: `Started install add`, `No such file or directory`"),
        format!("the next try is held back, and the APs are let in with {FACTORY}: they serve"),
        format!("an operator corrects the path: all APs are brought to {RUNNING}"),
    ]
}

pub(super) async fn play(play: &mut Play<'_, '_>) -> Result<(), DemoError> {
    const NOT_FOUND: FetchFailureKind = FetchFailureKind::NotFound;
    let took = play.all_fetches_fail(NOT_FOUND, Duration::from_secs(30)).await?;
    let families = play.families().len();
    play.act(format!("{families} families: `No such file or directory`, within {}", seconds(took)))?;

    let given_up = play.an_ap_gives_up().await?;
    play.act(format!("{} gave up after {}: `Image Download Failed`", given_up.name, seconds(given_up.waited)))?;

    let family = family_of_ap(play, &given_up.name)?;
    let again = play
        .until("its image is fetched anew", play.pace.timers.rejoin + Duration::from_secs(10), |seen| {
            let failed = fetch_failed_after(seen, &family, NOT_FOUND, given_up.at)?;
            let started = seen.find(|e| {
                let Event::InstallAddStarted { family: of, .. } = &e.event else { return None };
                (of.as_ref() == Some(&family) && e.at > given_up.at).then_some(e.at)
            })?;
            Some((started.since(given_up.at), failed.words))
        })
        .await?;
    play.in_time("the next try begins", play.pace.timers.rejoin, again.0)?;
    play.act(format!("{family} was asked for again {} later: {}", seconds(again.0), again.1))?;

    let (aps, limit) = (play.aps(), play.pace.timers.image_data_start + Duration::from_secs(30));
    let what = format!("all {aps} access points serve on {FACTORY}");
    play.until(&what, limit, |seen| seen.all_serve(aps, FACTORY).then_some(())).await?;
    play.act(format!("{aps} APs serve on {FACTORY}"))?;

    play.types(&play.stage.tftp_profile()).await?;
    play.all_serve(RUNNING).await?;
    play.act(format!("{aps} APs serve on {RUNNING}"))
}

fn family_of_ap(play: &Play<'_, '_>, name: &str) -> Result<ImageFamily, DemoError> {
    let found = play.stage.cast.iter().find(|(ap, _)| ap == name).map(|(_, family)| family.clone());
    found.ok_or_else(|| DemoError::Otherwise {
        what: "an access point gives up".to_owned(),
        expected: "one of the cast".to_owned(),
        happened: name.to_owned(),
    })
}
