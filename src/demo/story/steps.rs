//! What several stories have in common: the steps of an upgrade window, each looked up in the ledger once it is done.

use std::time::Duration;

use capledger_schema::failure::FetchFailureKind;
use capledger_schema::image::{ImageFamily, ImageVersion};
use capledger_schema::project::fleet::ImageStatus;
use capledger_schema::setting::ServeProtocol;
use capledger_schema::{Envelope, Event};

use super::{NEXT, Play, RUNNING, must};
use crate::demo::DemoError;
use crate::demo::watch::Seen;

/// What comes at once, on a machine that is not busy.
const SOON: Duration = Duration::from_secs(10);

impl Play<'_, '_> {
    /// The controller hands the bundles out by SFTP.
    pub(super) async fn serves_sftp(&mut self) -> Result<(), DemoError> {
        self.types(&self.stage.serve_sftp()).await?;
        self.sftp_listens(0).await
    }

    /// Waits until the controller's SFTP server has begun to listen more often than so.
    pub(super) async fn sftp_listens(&mut self, before: usize) -> Result<(), DemoError> {
        self.until("the SFTP server listens", SOON, |seen| (listening(seen) > before).then_some(())).await
    }

    /// `install add profile`: every family's image is fetched by SFTP, and their version is staged.
    pub(super) async fn stages(&mut self) -> Result<(), DemoError> {
        self.types(&["install add profile default"]).await?;
        let families = self.families();
        let what = format!("{NEXT} is staged");
        self.until(&what, SOON, |seen| {
            let fetched = |e: &Envelope, family: &ImageFamily| {
                let Event::InstallAddCompleted { url, image, .. } = &e.event else { return None };
                (image.family == *family && image.version == NEXT && url.starts_with("sftp://******@")).then_some(())
            };
            let all = families.iter().all(|family| seen.find(|e| fetched(e, family)).is_some());
            (all && seen.state.installs.staged == Some(NEXT)).then_some(())
        })
        .await
    }

    /// `ap image predownload`: these access points are given the image while they serve.
    pub(super) async fn predownloads(&mut self, aps: &[&str]) -> Result<(), DemoError> {
        let before = disjoined(self.seen());
        self.types(&["ap image predownload"]).await?;
        let what = format!("{} access points hold {NEXT}", aps.len());
        self.until(&what, self.stage.patience, |seen| aps.iter().all(|name| holds(seen, name)).then_some(())).await?;
        let left = disjoined(self.seen()) - before;
        must(left == 0, "predownload", "every access point goes on serving", &format!("{left} sessions ended"))
    }

    /// `install activate`: these access points are reset into it and come back with it.
    pub(super) async fn activates(&mut self, aps: &[&str]) -> Result<(), DemoError> {
        self.types(&["install activate"]).await?;
        let what = format!("{} access points serve on {NEXT}", aps.len());
        let all = |seen: &Seen| aps.iter().all(|name| seen.serves(name, NEXT));
        self.until(&what, self.stage.patience, |seen| all(seen).then_some(())).await
    }

    /// `install commit`
    pub(super) async fn commits(&mut self) -> Result<(), DemoError> {
        self.types(&["install commit"]).await?;
        self.until("the version is committed", SOON, |seen| {
            seen.find(|e| matches!(e.event, Event::VersionCommitted { version } if version == NEXT).then_some(()))
        })
        .await
    }

    /// Waits until the fetch of every family has failed in this way; one failure's words.
    pub(super) async fn fetches_fail(&mut self, kind: FetchFailureKind) -> Result<String, DemoError> {
        let families = self.families();
        let what = format!("every fetch fails: {kind}");
        self.until(&what, self.stage.patience, |seen| {
            let words = families.iter().map(|family| super::fetch_failed(seen, family, kind).map(|f| f.words));
            words.collect::<Option<Vec<_>>>()?.pop()
        })
        .await
    }
}

/// How often an SFTP server of the controller has begun to listen.
pub(super) fn listening(seen: &Seen) -> usize {
    let listens = |e: &&Envelope| matches!(e.event, Event::ImageServerListening { protocol: ServeProtocol::Sftp, .. });
    seen.envelopes.iter().filter(listens).count()
}

/// Whether an access point serves on what it ran and holds the next version.
pub(super) fn holds(seen: &Seen, name: &str) -> bool {
    let complete = |status: &ImageStatus| matches!(status, ImageStatus::Complete { version, .. } if *version == NEXT);
    seen.serves(name, RUNNING)
        && seen.state.fleet.named(name).is_some_and(|w| w.backup() == Some(NEXT) && complete(&w.image))
}

/// How many sessions have ended.
pub(super) fn disjoined(seen: &Seen) -> usize {
    seen.envelopes.iter().filter(|e| matches!(e.event, Event::WtpDisjoined { .. })).count()
}

/// How many sessions of an access point have ended.
pub(super) fn disjoined_of(seen: &Seen, name: &str) -> usize {
    let ended = |e: &&Envelope| matches!(&e.event, Event::WtpDisjoined { wtp, .. } if super::is(wtp, name));
    seen.envelopes.iter().filter(ended).count()
}

/// Whether any image of a version was sent to an access point.
pub(super) fn given(seen: &Seen, name: &str, of: ImageVersion) -> bool {
    seen.find(|e| {
        let Event::ImageDownloadCompleted { wtp, image, .. } = &e.event else { return None };
        (super::is(wtp, name) && image.version == of).then_some(())
    })
    .is_some()
}
