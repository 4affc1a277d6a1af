//! `capledger demo`: a fleet goes through an upgrade window, or fails to, on this machine alone.
//!
//! Exit codes: 0 it ended as documented; 1 it did not; 2 the arguments are wrong; 130 interrupted.

use std::fmt::Write as _;
use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::interrupt::interrupted;
use crate::demo::{DemoConfig, DemoError, MAX_APS, MAX_IMAGE, Pace, STORY_OCTETS, Story, run as play};
use crate::image::bundle::{MIN_OCTETS, REFERENCE_OCTETS};

const FAILED: u8 = 1;
const USAGE: u8 = 2;
const INTERRUPTED: u8 = 130;

/// `capledger demo ...`
#[derive(Debug, Args)]
#[command(after_long_help = stories())]
pub struct DemoArgs {
    /// Where the ledger goes: a new directory (default: one among the temporary files, kept and named at the end)
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// How many access points, of up to five models
    #[arg(long, value_name = "N", default_value_t = 12, value_parser = clap::value_parser!(u32).range(1..=MAX_APS as i64))]
    aps: u32,
    /// Octets of the C9105's image; the others' are smaller (default: 70512640 as in the reference, 8000000 with --fail)
    #[arg(long, value_name = "OCTETS", value_parser = clap::value_parser!(u64).range(MIN_OCTETS..=MAX_IMAGE))]
    image_size: Option<u64>,
    /// Play a failure with the protocol's real timers, and how it is put right; see below
    #[arg(long, value_name = "STORY", value_enum)]
    fail: Option<Story>,
    /// Print lines on a terminal, too
    #[arg(long)]
    plain: bool,
}

/// Does what was asked and says how it went.
pub fn run(args: &DemoArgs) -> ExitCode {
    ExitCode::from(show(args))
}

fn show(args: &DemoArgs) -> u8 {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error),
    };
    let on_screen = io::stdout().is_terminal() && io::stdin().is_terminal();
    let config = config(args, on_screen, |name| std::env::var(name).ok());
    let mut out = io::stdout();
    let interrupt = async {
        // Without a handler Ctrl-C ends the program as it does any other.
        if interrupted().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    match runtime.block_on(play(&config, &mut out, interrupt)) {
        Ok(_) => 0,
        // Whoever read along has seen enough.
        Err(DemoError::Print(error)) if error.kind() == io::ErrorKind::BrokenPipe => 0,
        Err(DemoError::Interrupted) => {
            eprintln!("capledger demo: interrupted");
            INTERRUPTED
        }
        Err(error @ (DemoError::Setting(_) | DemoError::Occupied(_))) => {
            eprintln!("capledger demo: {error}");
            USAGE
        }
        Err(error) => failed(&error),
    }
}

/// Stories are told in lines, which stay; the dashboard is for what goes well.
fn config(args: &DemoArgs, on_screen: bool, var: impl Fn(&str) -> Option<String>) -> DemoConfig {
    let dumb = var("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
    let dashboard = on_screen && !dumb && !args.plain && args.fail.is_none();
    DemoConfig {
        data_dir: args.data_dir.clone(),
        aps: args.aps as usize,
        image_octets: args.image_size.unwrap_or(if args.fail.is_some() { STORY_OCTETS } else { REFERENCE_OCTETS }),
        story: args.fail,
        dashboard: dashboard.then(|| capledger_tui::Options::from_env(var)),
        pace: Pace::real(),
    }
}

/// The stories and how each ends, for `--help`.
fn stories() -> String {
    let mut text =
        String::from("Stories for --fail, each within three minutes. The exit code is 0 if it ends like this:\n");
    for story in Story::ALL {
        let _ = write!(text, "\n{}", story.programme(&Pace::real()));
    }
    text
}

fn failed(error: &dyn std::error::Error) -> u8 {
    eprintln!("capledger demo: {error}");
    FAILED
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{CommandFactory, Parser};

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        args: DemoArgs,
    }

    fn line(rest: &str) -> Result<DemoArgs, String> {
        let words = std::iter::once("demo").chain(rest.split_whitespace());
        Line::try_parse_from(words).map(|line| line.args).map_err(|e| e.to_string())
    }

    fn terminal(name: &str) -> Option<String> {
        (name == "TERM").then(|| "xterm".to_owned())
    }

    #[test]
    fn without_options_it_is_a_dozen_access_points_and_the_references_image() {
        let config = config(&line("").expect("arguments"), false, terminal);
        assert_eq!((config.aps, config.image_octets, config.story), (12, 70_512_640, None));
        assert_eq!((config.dashboard, config.data_dir), (None, None));
        assert_eq!(config.pace, Pace::real());
    }

    #[test]
    fn the_dashboard_is_for_a_terminal_that_can_show_it_and_for_no_story() {
        let dashboard = |rest: &str, on_screen, term: &str| {
            let args = line(rest).expect("arguments");
            config(&args, on_screen, |name| (name == "TERM").then(|| term.to_owned())).dashboard.is_some()
        };
        assert!(dashboard("", true, "xterm"));
        assert!(!dashboard("", false, "xterm"));
        assert!(!dashboard("", true, "dumb"));
        assert!(!dashboard("--plain", true, "xterm"));
        assert!(!dashboard("--fail corrupt", true, "xterm"));
    }

    #[test]
    fn a_story_has_a_smaller_image_unless_its_size_is_named() {
        let octets = |rest: &str| config(&line(rest).expect("arguments"), false, terminal).image_octets;
        assert_eq!(octets("--fail wrong-path"), STORY_OCTETS);
        assert_eq!(octets("--fail wrong-path --image-size 100000"), 100_000);
    }

    #[test]
    fn what_is_out_of_range_is_refused_with_the_range() {
        for (bad, reason) in [
            ("--aps 0", "1..=1000"),
            ("--image-size 100", "3584..=1073741824"),
            (
                "--fail fire",
                "wrong-path, unreachable, corrupt, power-cut, wrong-password, host-key, flash-full, canary",
            ),
        ] {
            let error = line(bad).expect_err(bad);
            assert!(error.contains(reason), "{error}");
        }
    }

    #[test]
    fn the_help_says_how_each_story_ends() {
        let help = Line::command().render_long_help().to_string();
        for words in ["wrong-path: the image-download profile", "an operator corrects the path", "`Timed out`"] {
            assert!(help.contains(words), "{help}");
        }
    }
}
