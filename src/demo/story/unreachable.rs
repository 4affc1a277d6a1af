//! Nobody answers at the server's address: a bound socket that is never read, so that not even a refusal comes back.

use std::time::Duration;

use capledger_schema::failure::FetchFailureKind;

use super::{Pace, Play, RUNNING, seconds};
use crate::demo::DemoError;

pub(super) fn acts(pace: &Pace) -> Vec<String> {
    let (timer, timeout) = (seconds(pace.timers.image_data_start), seconds(tftp_timeout(pace)));
    vec![
        format!("the APs wait {timer} for their images (ImageDataStartTimer): `Disjoined Image Download Failed`"),
        format!("the fetches go on meanwhile, and end {timeout} after `Started install add`: `Timed out`"),
        format!("an operator names the right server and has the images fetched: all APs are brought to {RUNNING}"),
    ]
}

pub(super) async fn play(play: &mut Play<'_, '_>) -> Result<(), DemoError> {
    let given_up = play.an_ap_gives_up().await?;
    play.act(format!("{} gave up after {}: `Image Download Failed`", given_up.name, seconds(given_up.waited)))?;

    let timeout = tftp_timeout(play.pace);
    let took = play.all_fetches_fail(FetchFailureKind::TimedOut, timeout + Duration::from_secs(10)).await?;
    play.in_time("the fetches end", timeout, took)?;
    let families = play.families().len();
    play.act(format!("{families} families: `Timed out`, {} after their start", seconds(took)))?;

    play.types(&play.stage.tftp_profile()).await?;
    play.types(&["install add profile default"]).await?;
    play.all_serve(RUNNING).await?;
    let aps = play.aps();
    play.act(format!("{aps} APs serve on {RUNNING}"))
}

fn tftp_timeout(pace: &Pace) -> Duration {
    Duration::from_secs(u64::from(pace.tftp_timeout))
}
