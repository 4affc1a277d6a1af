//! The SFTP server shows another host key than the one that was pinned: it is refused before it is told a password.

use std::net::TcpListener;
use std::time::Duration;

use capledger_schema::Event;
use capledger_schema::failure::FetchFailureKind;

use super::{NEXT, Play, RUNNING, listed, must, steps};
use crate::demo::DemoError;
use crate::demo::stage::SFTP_PASSWORD;
use crate::demo::watch::Seen;
use crate::fetch::ServerPin;

pub(super) fn acts() -> Vec<String> {
    vec![
        format!("the APs serve on {RUNNING}; the check of the upgrade passes, and the server's host key is pinned"),
        "the server is set up anew, with another key: every fetch is refused, and the server is told nothing"
            .to_owned(),
        "an operator, who knows why, has the controller forget the key: the next one is pinned, the images come"
            .to_owned(),
        format!("the APs are given {NEXT}, restart into it, and it is committed"),
    ]
}

pub(super) async fn play(play: &mut Play<'_, '_>) -> Result<(), DemoError> {
    let names: Vec<&str> = play.stage.cast.iter().map(|(name, _)| name.as_str()).collect();
    play.all_serve(RUNNING).await?;
    play.serves_sftp().await?;
    play.types(&play.stage.sftp_profile(SFTP_PASSWORD)).await?;
    play.types(&["ap image predownload check"]).await?;
    play.until("a host key is pinned", Duration::from_secs(10), |seen| (pinned(seen).len() == 1).then_some(())).await?;
    let first = pinned(play.seen()).join("");
    play.act(format!("{} serve on {RUNNING}; pinned: {first}", listed(&names)))?;

    set_up_anew(play).await?;
    let served = reads(play.seen());
    let typed = play.tries(&["install add profile default"]).await?;
    must(typed.refused.is_some(), "`install add`", "it is refused", "it was not")?;
    let words = play.fetches_fail(FetchFailureKind::HostKeyChanged).await?;
    let more = reads(play.seen()) - served;
    must(more == 0, "another host key", "nothing is read from the server", &format!("{more} files were"))?;
    play.act(words)?;

    play.types(&[format!("clear image-server key {}", play.stage.sftp.ip())]).await?;
    play.stages().await?;
    let keys = pinned(play.seen());
    let other = keys.len() == 2 && keys[0] != keys[1];
    must(other, "the new host key", "it is pinned instead of the other", &format!("pinned: {keys:?}"))?;
    play.act(format!("pinned: {}; {NEXT} is staged", keys[1]))?;

    play.predownloads(&names).await?;
    play.activates(&names).await?;
    play.commits().await?;
    play.act(format!("{} serve on {NEXT}, which is committed", listed(&names)))
}

/// The server is stopped, loses its key, and is started again.
async fn set_up_anew(play: &mut Play<'_, '_>) -> Result<(), DemoError> {
    let server = play.stage.image_server();
    let stop = server.split(" root ").next().unwrap_or_default();
    play.types(&["configure terminal", &format!("no {stop}"), "end"]).await?;
    let (address, before) = (play.stage.sftp, steps::listening(play.seen()));
    play.until("the SFTP server is gone", Duration::from_secs(10), |_| TcpListener::bind(address).ok().map(drop))
        .await?;
    play.stage.lose_host_key()?;
    play.types(&["configure terminal", &server, "end"]).await?;
    play.sftp_listens(before).await
}

/// The keys that were pinned, in order.
fn pinned(seen: &Seen) -> Vec<String> {
    let key = |e: &capledger_schema::Envelope| {
        let Event::ServerKeyPinned { algorithm, fingerprint, .. } = &e.event else { return None };
        Some(ServerPin { algorithm: algorithm.clone(), fingerprint: *fingerprint }.to_string())
    };
    seen.envelopes.iter().filter_map(key).collect()
}

/// How many files the controller's servers were asked for.
fn reads(seen: &Seen) -> usize {
    seen.envelopes.iter().filter(|e| matches!(e.event, Event::ImageServeStarted { .. })).count()
}
