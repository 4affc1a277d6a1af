//! The SFTP server refuses the login. No access point is touched, and the password is in nothing that is written down.

use capledger_schema::failure::FetchFailureKind;

use super::{NEXT, Play, RUNNING, listed, must, steps};
use crate::demo::DemoError;
use crate::demo::stage::{SFTP_PASSWORD, WRONG_PASSWORD};

pub(super) fn acts() -> Vec<String> {
    vec![
        format!("the APs serve on {RUNNING}; an operator mistypes the password of the SFTP server"),
        "every fetch fails: the log and `show ap image reason` say that the login was refused, and what to do"
            .to_owned(),
        format!("an operator corrects the password: the images are fetched at once, and the APs hold {NEXT}"),
        format!("`ap image reset`: they serve on {NEXT}; no password is in the ledger or in the log"),
    ]
}

pub(super) async fn play(play: &mut Play<'_, '_>) -> Result<(), DemoError> {
    let names: Vec<&str> = play.stage.cast.iter().map(|(name, _)| name.as_str()).collect();
    play.all_serve(RUNNING).await?;
    play.serves_sftp().await?;
    play.types(&play.stage.sftp_profile(WRONG_PASSWORD)).await?;
    play.act(format!("{} serve on {RUNNING}", listed(&names)))?;

    play.types(&["configure terminal", &format!("software version {NEXT}"), "end", "ap image predownload"]).await?;
    let words = play.fetches_fail(FetchFailureKind::AuthenticationFailed).await?;
    let shown = play.types(&[format!("show ap image reason | section {}", names[0])]).await?;
    let told = shown.contains("sftp-username");
    must(told, "`show ap image reason`", "it names what to correct", "it does not")?;
    let ended = steps::disjoined(play.seen());
    must(ended == 0, "a refused login", "no access point is touched", &format!("{ended} sessions ended"))?;
    play.act(format!("{words}; nobody was touched"))?;

    play.types(&play.stage.sftp_profile(SFTP_PASSWORD)).await?;
    play.until(&format!("all hold {NEXT}"), play.stage.patience, |seen| {
        names.iter().all(|name| steps::holds(seen, name)).then_some(())
    })
    .await?;
    play.types(&["show ap image"]).await?;
    play.act(format!("{} hold {NEXT}", listed(&names)))?;

    play.types(&["ap image reset"]).await?;
    play.all_serve(NEXT).await?;
    let log = play.stage.log_tail(usize::MAX);
    let in_clear = |text: &str| text.contains(SFTP_PASSWORD) || text.contains(WRONG_PASSWORD);
    let ledger = play.seen().envelopes.iter().filter(|e| in_clear(&format!("{e:?}"))).count();
    let hidden = ledger == 0 && !in_clear(&log);
    must(hidden, "the passwords", "they are nowhere in the clear", &format!("{ledger} events hold one"))?;
    play.act(format!("{} serve on {NEXT}; no password is in the clear", listed(&names)))
}
