//! What the events of image servers, preflight checks, installs and campaigns are made of.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::image::ImageFamily;

/// What kind of key an image server showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ServerKeyKind {
    /// An SSH host key.
    Ssh,
    /// A TLS certificate.
    Tls,
}

/// What the install family does beside fetching.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum InstallAction {
    /// `install add profile`: from its fetches follows which version is staged.
    Add,
    /// `install activate`
    Activate,
    /// `install commit`
    Commit,
    /// `install abort`
    Abort,
    /// `install rollback`
    Rollback,
    /// `install remove`
    Remove,
}

impl InstallAction {
    /// Its word, as it is typed.
    pub fn word(self) -> &'static str {
        match self {
            InstallAction::Add => "add",
            InstallAction::Activate => "activate",
            InstallAction::Commit => "commit",
            InstallAction::Abort => "abort",
            InstallAction::Rollback => "rollback",
            InstallAction::Remove => "remove",
        }
    }
}

/// What led back to an earlier version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RollbackReason {
    /// `install abort`
    Abort,
    /// `install rollback`
    Rollback,
    /// The auto-abort timer.
    AutoAbort,
}

/// One line of a preflight check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// What was looked at.
    pub subject: FindingSubject,
    /// How it stands.
    pub verdict: Verdict,
    /// What was found, in words: the other side's own where there are any.
    pub words: String,
    /// What to do about it; empty if nothing.
    pub action: String,
}

/// What a preflight check looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FindingSubject {
    /// The image of a family: server, login, path, file, version.
    Image(ImageFamily),
    /// The controller's disk.
    Disk,
    /// The flash of a WTP, by name.
    Flash(String),
    /// Models whose image family is not known.
    Models,
}

/// How one thing stands in a preflight check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// As it must be.
    Passed,
    /// An upgrade can begin, but not for everyone.
    Warned,
    /// No upgrade can begin.
    Failed,
}

/// How a campaign goes about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CampaignPlan {
    /// WTPs that go first, alone; 0 for none.
    pub canaries: u32,
    /// Of the rest, in percent, per iteration: 1 to 100; 100 is `one-shot`.
    pub percent: u8,
    /// Only this site's WTPs; none for all.
    pub site: Option<String>,
    /// What an error does.
    pub on_error: OnError,
    /// Failed or missing WTPs, in percent of those tried, at which the campaign stops by itself: 1 to 100.
    pub error_threshold: u8,
}

/// What an error does to a campaign.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnError {
    /// It stops at the threshold.
    #[default]
    Stop,
    /// It goes on.
    Continue,
}

/// The phases of a campaign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CampaignPhase {
    /// Everything is checked before anything is touched.
    Preflight,
    /// Images come to the controller.
    Fetch,
    /// Images go to the WTPs, which serve meanwhile.
    Predownload,
    /// The WTPs of an iteration are reset into the image.
    Activate,
    /// They come back.
    Rejoin,
}

/// How a campaign ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CampaignOutcome {
    /// Every iteration is done.
    Completed,
    /// It stopped by itself, at its threshold or after its canaries.
    Stopped,
    /// An operator ended it.
    Aborted,
    /// Its preflight failed: no WTP was touched.
    PreflightFailed,
}
