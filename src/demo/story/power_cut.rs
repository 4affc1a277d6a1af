//! An access point loses power in the middle of its download.

use capledger_schema::Event;

use super::{FACTORY, Pace, Play, RUNNING, is, seconds};
use crate::demo::DemoError;
use crate::demo::watch::Seen;

pub(super) fn acts(pace: &Pace) -> Vec<String> {
    vec![
        format!(
            "AP-9105-01 loses power for {} with half of its image: the controller notes how far it came",
            seconds(pace.power_cut)
        ),
        format!("it boots, still with {FACTORY}, and joins again"),
        format!("it is given its image anew; all APs are brought to {RUNNING}"),
    ]
}

pub(super) async fn play(play: &mut Play<'_, '_>) -> Result<(), DemoError> {
    let name = play.stage.cast[0].0.clone();
    let (lost, words) = play
        .until(&format!("{name} loses power"), play.stage.patience, |seen| {
            let (seq, octets, words) = failed(seen, &name)?;
            (octets > 0).then_some((seq, words))
        })
        .await?;
    play.act(format!("{name}: {words}"))?;

    let limit = play.pace.power_cut + play.pace.timers.reboot + play.pace.timers.max_discovery_interval * 2;
    let version = play
        .until(&format!("{name} joins again"), limit, |seen| {
            seen.find(|e| {
                let Event::WtpJoined { wtp, inventory, .. } = &e.event else { return None };
                if is(wtp, &name) && e.seq > lost { inventory.version } else { None }
            })
        })
        .await?;
    if version != FACTORY {
        let (expected, happened) = (format!("it runs {FACTORY}"), format!("it runs {version}"));
        return Err(DemoError::Otherwise { what: format!("{name} joins again"), expected, happened });
    }
    play.act(format!("{name} joined with {version}"))?;

    play.all_serve(RUNNING).await?;
    let aps = play.aps();
    play.act(format!("{aps} APs serve on {RUNNING}"))
}

/// The first failed download of an access point: its envelope's number, how far it came, and the controller's words.
fn failed(seen: &Seen, name: &str) -> Option<(capledger_schema::id::Seq, u64, String)> {
    seen.find(|e| {
        let Event::ImageDownloadFailed { wtp, kind, words, octets, .. } = &e.event else { return None };
        is(wtp, name).then(|| (e.seq, *octets, format!("{kind} after {octets} octets: {words}")))
    })
}
