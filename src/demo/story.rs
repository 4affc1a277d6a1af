//! The stories: how an upgrade window goes, how one fails, what an operator sees of it, and how it is put right. Each act
//! has to happen as it is announced, or the demonstration has failed.

mod canary;
mod corrupt;
mod flash_full;
mod host_key;
mod power_cut;
mod steps;
mod unreachable;
mod window;
mod wrong_password;
mod wrong_path;

use std::fmt::Write as _;
use std::time::Duration;

use capledger_schema::event::WtpAddress;
use capledger_schema::failure::FetchFailureKind;
use capledger_schema::image::{ImageFamily, ImageVersion};
use capledger_schema::time::Timestamp;
use capledger_schema::{Envelope, Event};
use clap::ValueEnum;

use super::stage::Stage;
use super::terminal::Typed;
use super::watch::{Seen, Watch};
use super::{DemoError, FACTORY, NEXT, Pace, RUNNING};

/// What fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Story {
    /// The image-download profile names a folder that the server does not have
    WrongPath,
    /// Nobody answers at the server's address
    Unreachable,
    /// An image on the server is cut short, and one access point finds the signature of its own bad
    Corrupt,
    /// An access point loses power in the middle of its download
    PowerCut,
    /// The SFTP server refuses the login
    WrongPassword,
    /// The SFTP server shows another host key than the one that was pinned
    HostKey,
    /// An access point has no room for an image
    FlashFull,
    /// The canary of an upgrade in stages comes back on its old version
    Canary,
}

impl Story {
    /// Every story.
    pub const ALL: [Story; 8] = [
        Story::WrongPath,
        Story::Unreachable,
        Story::Corrupt,
        Story::PowerCut,
        Story::WrongPassword,
        Story::HostKey,
        Story::FlashFull,
        Story::Canary,
    ];

    /// As it is named on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Story::WrongPath => "wrong-path",
            Story::Unreachable => "unreachable",
            Story::Corrupt => "corrupt",
            Story::PowerCut => "power-cut",
            Story::WrongPassword => "wrong-password",
            Story::HostKey => "host-key",
            Story::FlashFull => "flash-full",
            Story::Canary => "canary",
        }
    }

    /// What goes wrong.
    pub fn plot(self) -> &'static str {
        match self {
            Story::WrongPath => "the image-download profile names a folder that the server does not have",
            Story::Unreachable => "nobody answers at the address of the TFTP server",
            Story::Corrupt => "an image on the server is cut short, and one AP finds its own image's signature bad",
            Story::PowerCut => "an AP loses power in the middle of its download",
            Story::WrongPassword => "the SFTP server refuses the login",
            Story::HostKey => "the SFTP server shows another host key than the one that was pinned",
            Story::FlashFull => "an AP has no room for an image",
            Story::Canary => "the canary of an upgrade in stages comes back on its old version",
        }
    }

    /// What is expected to happen, in order, and how it ends.
    pub fn acts(self, pace: &Pace) -> Vec<String> {
        match self {
            Story::WrongPath => wrong_path::acts(pace),
            Story::Unreachable => unreachable::acts(pace),
            Story::Corrupt => corrupt::acts(pace),
            Story::PowerCut => power_cut::acts(pace),
            Story::WrongPassword => wrong_password::acts(),
            Story::HostKey => host_key::acts(),
            Story::FlashFull => flash_full::acts(),
            Story::Canary => canary::acts(),
        }
    }

    /// Access points that it takes at least.
    pub fn least_aps(self) -> usize {
        match self {
            // One whose image is refused by the controller, one that refuses its image, and a healthy one.
            Story::Corrupt => 3,
            // One that it befalls, and one that goes on.
            Story::FlashFull | Story::Canary => 2,
            Story::WrongPath | Story::Unreachable | Story::PowerCut | Story::WrongPassword | Story::HostKey => 1,
        }
    }

    /// The plot and the acts, for people.
    pub fn programme(self, pace: &Pace) -> String {
        numbered(&format!("{}: {}", self.name(), self.plot()), &self.acts(pace))
    }
}

/// The plot and the acts of a story, or of the upgrade window in which nothing fails.
pub(super) fn programme(story: Option<Story>, pace: &Pace) -> String {
    match story {
        Some(story) => story.programme(pace),
        None => numbered(&format!("{}: {}", window::NAME, window::PLOT), &window::acts()),
    }
}

/// What most of the access points run at first, and what they are brought to.
pub(super) fn versions(story: Option<Story>) -> (ImageVersion, ImageVersion) {
    match story {
        Some(Story::WrongPath | Story::Unreachable | Story::Corrupt | Story::PowerCut) => (FACTORY, RUNNING),
        Some(Story::WrongPassword | Story::HostKey | Story::FlashFull | Story::Canary) | None => (RUNNING, NEXT),
    }
}

/// Plays a story, or the upgrade window in which nothing fails, to its end.
pub(super) async fn play(
    story: Option<Story>,
    pace: &Pace,
    stage: &Stage,
    watch: &mut Watch<'_>,
) -> Result<(), DemoError> {
    let mut play = Play { pace, stage, watch, happened: Vec::new() };
    match story {
        None => window::play(&mut play).await?,
        Some(Story::WrongPath) => wrong_path::play(&mut play).await?,
        Some(Story::Unreachable) => unreachable::play(&mut play).await?,
        Some(Story::Corrupt) => corrupt::play(&mut play).await?,
        Some(Story::PowerCut) => power_cut::play(&mut play).await?,
        Some(Story::WrongPassword) => wrong_password::play(&mut play).await?,
        Some(Story::HostKey) => host_key::play(&mut play).await?,
        Some(Story::FlashFull) => flash_full::play(&mut play).await?,
        Some(Story::Canary) => canary::play(&mut play).await?,
    }
    let name = story.map_or(window::NAME, Story::name);
    let text = numbered(&format!("\n{name} ended as documented"), &play.happened);
    play.watch.say(&text)
}

fn numbered(head: &str, acts: &[String]) -> String {
    let mut text = format!("{head}\n");
    for (number, act) in (1..).zip(acts) {
        let _ = writeln!(text, "  {number}. {act}");
    }
    text
}

/// A story that is being played.
struct Play<'p, 'w> {
    pace: &'p Pace,
    stage: &'p Stage,
    watch: &'p mut Watch<'w>,
    happened: Vec<String>,
}

impl Play<'_, '_> {
    /// An act is over: what happened in it.
    fn act(&mut self, happened: String) -> Result<(), DemoError> {
        let number = self.happened.len() + 1;
        self.watch.say(&format!("          ==> {number}. {happened}\n"))?;
        self.happened.push(happened);
        Ok(())
    }

    async fn until<T>(
        &mut self,
        what: &str,
        limit: Duration,
        found: impl Fn(&Seen) -> Option<T>,
    ) -> Result<T, DemoError> {
        self.watch.until(self.stage, what, limit + self.pace.slack, found).await
    }

    /// Types as an operator does, and shows it; every line has to be accepted. What the terminal shows.
    async fn types<L: AsRef<str>>(&mut self, lines: &[L]) -> Result<String, DemoError> {
        self.tries(lines).await?.accepted()
    }

    /// Types as an operator does, and shows it, up to the first line that is refused.
    async fn tries<L: AsRef<str>>(&mut self, lines: &[L]) -> Result<Typed, DemoError> {
        let lines: Vec<&str> = lines.iter().map(AsRef::as_ref).collect();
        let typing = self.stage.types(&lines)?;
        let what = format!("the controller answers `{}`", lines.last().unwrap_or(&""));
        let typed = self.until(&what, self.stage.patience, |_| typing.done()).await?;
        let mut text = String::from("\n");
        for line in typed.transcript.lines() {
            let _ = writeln!(text, "{}", format!("          {line}").trim_end());
        }
        text.push('\n');
        self.watch.say(&text)?;
        Ok(typed)
    }

    /// All that has happened.
    fn seen(&self) -> &Seen {
        self.watch.seen()
    }

    fn families(&self) -> Vec<ImageFamily> {
        self.stage.images.iter().map(|i| i.family.clone()).collect()
    }

    fn aps(&self) -> usize {
        self.stage.cast.len()
    }

    /// Waits until the fetch of every family has failed in this way; the last failure's time since its start.
    async fn all_fetches_fail(&mut self, kind: FetchFailureKind, within: Duration) -> Result<Duration, DemoError> {
        let families = self.families();
        let what = format!("every fetch fails: {kind}");
        self.until(&what, within, |seen| {
            let took = families.iter().map(|family| fetch_failed(seen, family, kind).map(|f| f.took));
            took.collect::<Option<Vec<_>>>()?.into_iter().max()
        })
        .await
    }

    /// Waits until the first access point gives up its download at join, which must be when its timer says.
    async fn an_ap_gives_up(&mut self) -> Result<GivenUp, DemoError> {
        let timer = self.pace.timers.image_data_start;
        let given_up = self
            .until("an access point gives up", timer + Duration::from_secs(10), |seen| {
                let (left, name) = seen.first_failed_join()?;
                let asked = seen.find(|e| {
                    let Event::ImageDownloadStarted { wtp, .. } = &e.event else { return None };
                    is(wtp, name).then_some(e.at)
                })?;
                Some(GivenUp { name: name.to_owned(), at: left.at, waited: left.at.since(asked) })
            })
            .await?;
        self.in_time("an access point gives up", timer, given_up.waited)?;
        Ok(given_up)
    }

    /// Refuses what came too early, or later than a busy machine excuses.
    fn in_time(&self, what: &str, expected: Duration, happened: Duration) -> Result<(), DemoError> {
        let early = happened + Duration::from_millis(500) < expected;
        if early || happened > expected + self.pace.slack {
            let words = |d: Duration| format!("after {:.1} s", d.as_secs_f64());
            let (expected, happened) = (words(expected), words(happened));
            return Err(DemoError::Otherwise { what: what.to_owned(), expected, happened });
        }
        Ok(())
    }

    /// Waits until all serve on a version.
    async fn all_serve(&mut self, version: ImageVersion) -> Result<(), DemoError> {
        let aps = self.aps();
        let what = format!("all {aps} access points serve on {version}");
        self.until(&what, self.stage.patience, |seen| seen.all_serve(aps, version).then_some(())).await
    }
}

/// Fails unless it is as documented.
fn must(holds: bool, what: &str, expected: &str, happened: &str) -> Result<(), DemoError> {
    if holds {
        return Ok(());
    }
    let (what, expected, happened) = (what.to_owned(), expected.to_owned(), happened.to_owned());
    Err(DemoError::Otherwise { what, expected, happened })
}

/// A failed fetch.
struct FetchFailed {
    /// From its start.
    took: Duration,
    /// As told.
    words: String,
}

/// An access point that waited in vain for its image.
struct GivenUp {
    name: String,
    at: Timestamp,
    waited: Duration,
}

/// The first failure of this kind of a family's fetch.
fn fetch_failed(seen: &Seen, family: &ImageFamily, kind: FetchFailureKind) -> Option<FetchFailed> {
    fetch_failed_after(seen, family, kind, Timestamp(i64::MIN))
}

/// The first failure of this kind of a fetch of a family that began after a moment.
fn fetch_failed_after(
    seen: &Seen,
    family: &ImageFamily,
    kind: FetchFailureKind,
    after: Timestamp,
) -> Option<FetchFailed> {
    seen.find(|e| {
        let Event::InstallAddFailed { operation, family: of, failure, .. } = &e.event else { return None };
        let began = seen.find(|e| began(e, *operation)).filter(|began| *began > after)?;
        let fits = of.as_ref() == Some(family) && failure.kind == kind;
        fits.then(|| FetchFailed { took: e.at.since(began), words: failure.to_string() })
    })
}

fn began(envelope: &Envelope, wanted: capledger_schema::id::OperationId) -> Option<Timestamp> {
    let Event::InstallAddStarted { operation, .. } = &envelope.event else { return None };
    (*operation == wanted).then_some(envelope.at)
}

/// Names in a sentence, cut where there are many.
fn listed(names: &[&str]) -> String {
    match names {
        [] => "nobody".to_owned(),
        [one] => (*one).to_owned(),
        [first, .., last] if names.len() > 4 => format!("{first} ... {last} ({} access points)", names.len()),
        [rest @ .., last] => format!("{} and {last}", rest.join(", ")),
    }
}

/// `30.0 s`
fn seconds(d: Duration) -> String {
    format!("{:.1} s", d.as_secs_f64())
}

/// Whether an envelope's access point is this one.
fn is(wtp: &WtpAddress, name: &str) -> bool {
    wtp.name == name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_story_announces_its_acts_and_goes_by_the_name_of_the_command_line() {
        for story in Story::ALL {
            let value = story.to_possible_value().expect("a value");
            assert_eq!(value.get_name(), story.name());
            let programme = story.programme(&Pace::real());
            assert!(programme.starts_with(&format!("{}: ", story.name())), "{programme}");
            assert!(story.acts(&Pace::real()).len() >= 3, "{programme}");
        }
    }

    #[test]
    fn the_upgrade_window_announces_its_acts_too() {
        let programme = programme(None, &Pace::real());
        assert!(
            programme.starts_with("upgrade-window: ") && programme.contains("  6. `install commit`"),
            "{programme}"
        );
    }

    #[test]
    fn the_acts_tell_the_protocols_own_times() {
        let acts = |story: Story| story.acts(&Pace::real()).join("\n");
        assert!(acts(Story::WrongPath).contains("30.0 s"));
        assert!(acts(Story::Unreachable).contains("40.0 s"));
    }

    #[test]
    fn many_names_are_cut_to_the_first_and_the_last() {
        assert_eq!(listed(&["a", "b", "c"]), "a, b and c");
        assert_eq!(listed(&["a", "b", "c", "d", "e"]), "a ... e (5 access points)");
    }
}
