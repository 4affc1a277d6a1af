//! Two ways in which an image is not what it should be: on the server, where the controller finds it before an access
//! point is touched, and on an access point, which keeps what it has.

use std::time::Duration;

use capledger_schema::Event;
use capledger_schema::failure::FetchFailureKind;

use super::{FACTORY, Pace, Play, RUNNING, fetch_failed, is, listed};
use crate::demo::DemoError;
use crate::demo::watch::Seen;

pub(super) fn acts(_: &Pace) -> Vec<String> {
    vec![
        "the C9120's image on the server is half of one: the controller refuses it and sends nobody an octet"
            .to_owned(),
        format!(
            "AP-9105-01 finds its image's signature bad: it answers the last block with an error and keeps {FACTORY}"
        ),
        format!("the other APs are brought to {RUNNING}; the C9120s are let in with {FACTORY} and serve"),
        format!(
            "an operator puts the right file on the server: the C9120s are brought to {RUNNING}; AP-9105-01 keeps {FACTORY}"
        ),
    ]
}

pub(super) async fn play(play: &mut Play<'_, '_>) -> Result<(), DemoError> {
    let cut = play.stage.images[1].family.clone();
    let failed = play
        .until("the image that is cut short is refused", Duration::from_secs(60), |seen| {
            fetch_failed(seen, &cut, FetchFailureKind::CutShort)
        })
        .await?;
    play.act(format!("{cut}: {}", failed.words))?;

    let bad = play.stage.cast[0].0.clone();
    let words =
        play.until(&format!("{bad} refuses its image"), play.stage.patience, |seen| refused(seen, &bad)).await?;
    play.act(format!("{bad}: {words}"))?;

    let of_cut = |(_, family): &&(String, _)| *family == cut;
    let cast = &play.stage.cast;
    let waiting: Vec<&str> = cast.iter().filter(of_cut).map(|(name, _)| name.as_str()).collect();
    let healthy: Vec<&str> =
        cast.iter().filter(|ap| !of_cut(ap) && ap.0 != bad).map(|(name, _)| name.as_str()).collect();
    let limit = play.stage.patience + play.pace.timers.image_data_start * 2;
    let what = format!("{} serve on {RUNNING}, and {} on {FACTORY}", listed(&healthy), listed(&waiting));
    play.until(&what, limit, |seen| {
        let all = |names: &[&str], version| names.iter().all(|name| seen.serves(name, version));
        (all(&healthy, RUNNING) && all(&waiting, FACTORY)).then_some(())
    })
    .await?;
    let touched =
        play.until("it is looked who was sent octets", Duration::ZERO, |seen| Some(touched(seen, &waiting))).await?;
    if let Some(name) = touched {
        let what = "an image that is cut short on the server".to_owned();
        let (expected, happened) = ("no octet of it is sent".to_owned(), format!("{name} was sent some"));
        return Err(DemoError::Otherwise { what, expected, happened });
    }
    let (healthy, waiting_names) = (listed(&healthy), listed(&waiting));
    play.act(format!("{healthy} serve on {RUNNING}, {waiting_names} on {FACTORY}"))?;

    play.stage.repair_bundle()?;
    play.types(&["install add profile default"]).await?;
    let limit = play.stage.patience + play.pace.timers.image_data_start * 2;
    let what = format!("{waiting_names} serve on {RUNNING}");
    play.until(&what, limit, |seen| waiting.iter().all(|name| seen.serves(name, RUNNING)).then_some(())).await?;
    let what = format!("{bad} serves on {FACTORY}");
    play.until(&what, limit, |seen| seen.serves(&bad, FACTORY).then_some(())).await?;
    play.act(format!("{waiting_names} serve on {RUNNING}; {bad} serves on {FACTORY}"))
}

/// How an access point refused its image.
fn refused(seen: &Seen, name: &str) -> Option<String> {
    seen.find(|e| {
        let Event::ImageDownloadFailed { wtp, kind, words, octets, .. } = &e.event else { return None };
        is(wtp, name).then(|| format!("{kind}, {words}, after {octets} octets"))
    })
}

/// The first of these that was sent octets of an image.
fn touched(seen: &Seen, names: &[&str]) -> Option<String> {
    seen.find(|e| {
        let (wtp, octets) = if let Event::ImageDownloadFailed { wtp, octets, .. } = &e.event {
            (wtp, *octets)
        } else if let Event::ImageDownloadCompleted { wtp, image, .. } = &e.event {
            (wtp, image.octets)
        } else {
            return None;
        };
        (octets > 0 && names.contains(&wtp.name.as_str())).then(|| wtp.name.clone())
    })
}
