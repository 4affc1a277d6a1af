//! `capledger bundle`: whether an AP bundle can be served, and unpacking it.
//!
//! Exit codes: 0 usable, or unpacked; 1 damaged, still packed where it should not be, or not unpacked; 2 the arguments
//! are wrong.

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::bundle::{
    BundleError, KnownDigest, Limits, Placed, Progress, Stage, UnpackOptions, Unpacked, check, unpack,
};

const UNUSABLE: u8 = 1;
/// Anything faster needs no progress bar.
const PATIENCE: Duration = Duration::from_secs(1);

/// `capledger bundle ...`
#[derive(Debug, Args)]
pub struct BundleArgs {
    #[command(subcommand)]
    command: BundleCommand,
}

#[derive(Debug, Subcommand)]
enum BundleCommand {
    /// Says what an AP bundle holds, and whether it can be served
    ///
    /// Names family, version, length and digest of each image; what is damaged, misnamed, still packed or of another
    /// version; which families are not there; and what to do next. Exits with 0 if every image can be used, else with 1.
    /// Changes nothing. A flipped bit in the content of an image can be told only from a digest: that of the download
    /// (--digest), or a list SHA256SUMS beside the images, as `capledger bundle unpack` and `sha256sum` write it.
    Check {
        /// A folder of images, a bundle as it was downloaded (.zip, .tar, .tar.gz), or one image
        #[arg(value_name = "DIR|FILE")]
        path: PathBuf,
        /// What the vendor publishes for the download: MD5, SHA-256 or SHA-512, in hexadecimal
        #[arg(long, value_name = "HEX")]
        digest: Option<KnownDigest>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Unpacks an AP bundle for an image server
    ///
    /// Writes the images, and a list of their digests (SHA256SUMS) that fetches are compared with. Each file appears
    /// whole or not at all. An archive that is damaged or tries to write elsewhere is refused before anything is written.
    Unpack {
        /// The bundle as it was downloaded (.zip, .tar, .tar.gz)
        #[arg(value_name = "FILE")]
        path: PathBuf,
        /// Where to; made if it is not there
        #[arg(long, value_name = "DIR")]
        into: PathBuf,
        /// Replace files of the same names that differ
        #[arg(long)]
        force: bool,
        /// What the vendor publishes for the download: MD5, SHA-256 or SHA-512, in hexadecimal
        #[arg(long, value_name = "HEX")]
        digest: Option<KnownDigest>,
    },
}

/// Does what was asked and says how it went.
pub fn run(args: &BundleArgs) -> ExitCode {
    let mut out = io::stdout().lock();
    let code = match &args.command {
        BundleCommand::Check { path, digest, json } => run_check(path, digest.as_ref(), *json, &mut out),
        BundleCommand::Unpack { path, into, force, digest } => {
            let (into, digest) = (into.clone(), digest.clone());
            let options = UnpackOptions { into, force: *force, digest, limits: Limits::default() };
            run_unpack(path, &options, &mut out)
        }
    };
    ExitCode::from(code)
}

fn run_check(path: &Path, digest: Option<&KnownDigest>, json: bool, out: &mut impl Write) -> u8 {
    let report = match check(path, digest, &Limits::default()) {
        Ok(report) => report,
        Err(e) => return failed(&e),
    };
    let written = if json {
        serde_json::to_writer_pretty(&mut *out, &report).map_err(io::Error::from).and_then(|()| writeln!(out))
    } else {
        writeln!(out, "{report}")
    };
    // Whoever reads the exit code alone needs no output.
    let _ = written;
    if report.usable { 0 } else { UNUSABLE }
}

fn run_unpack(path: &Path, options: &UnpackOptions, out: &mut impl Write) -> u8 {
    let mut bar = Bar::new(io::stderr().is_terminal());
    let unpacked = unpack(path, options, &mut |progress| bar.show(progress));
    bar.clear();
    match unpacked {
        Ok(unpacked) => {
            // As above.
            let _ = summary(&unpacked, &options.into, out);
            0
        }
        Err(e) => failed(&e),
    }
}

fn summary(unpacked: &Unpacked, into: &Path, out: &mut impl Write) -> io::Result<()> {
    for (name, octets, placed) in &unpacked.files {
        let words = match placed {
            Placed::Written => "",
            Placed::Same => "  there already, the same",
            Placed::Replaced => "  replaced",
        };
        writeln!(out, "{octets:>12}  {name}{words}")?;
    }
    writeln!(out, "{} files in {}", unpacked.files.len(), into.display())?;
    writeln!(out, "Next: capledger bundle check {}", into.display())
}

fn failed(e: &BundleError) -> u8 {
    eprintln!("capledger bundle: {e}");
    UNUSABLE
}

/// A progress bar that appears once things have taken a while.
struct Bar {
    started: Instant,
    terminal: bool,
    shown: Option<ProgressBar>,
}

impl Bar {
    #[allow(clippy::disallowed_methods, reason = "what a user sees of the time")]
    fn new(terminal: bool) -> Self {
        Bar { started: Instant::now(), terminal, shown: None }
    }

    fn show(&mut self, progress: &Progress<'_>) {
        if !self.terminal || self.started.elapsed() < PATIENCE {
            return;
        }
        let bar = self.shown.get_or_insert_with(|| {
            let bar = ProgressBar::with_draw_target(Some(progress.total), ProgressDrawTarget::stderr());
            let template = "{msg:24} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta}";
            bar.with_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()))
        });
        bar.set_length(progress.total);
        bar.set_position(progress.octets);
        bar.set_message(match progress.stage {
            Stage::Judging => "reading the archive".to_owned(),
            Stage::Writing => progress.member.to_owned(),
        });
    }

    fn clear(&self) {
        if let Some(bar) = &self.shown {
            bar.finish_and_clear();
        }
    }
}
