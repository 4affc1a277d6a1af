//! `write memory`, `copy running-config startup-config` and `reload`: what the shell around the command line does itself.
//!
//! The file is written first, then the ledger says so, then the operator is told: a fact tells what has happened, and a
//! crash in between leaves a file that is the running configuration. Nothing is promised that is not on the disk.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use capledger_schema::id::Sha256;
use sha2::Digest as _;

use super::{LOOK, Operator, refused};
use crate::command::{Command, RELOAD, Refusal};
use crate::daemon::read_config;
use crate::ios::action::Errand;
use crate::ios::show::startup_config;
use crate::net::feed::{Output, Wanted};

/// The name of the startup configuration, and of its file in the data directory.
const NAME: &str = "startup-config";

/// How often a save begins anew because the configuration was changed meanwhile.
const TRIES: u32 = 8;

/// How often a question is asked that was not answered.
const QUESTIONS: u32 = 3;

/// How long the session that asked for a reload waits to be ended by it.
const LAST_WORDS: Duration = Duration::from_secs(10);

/// Where the configuration is saved. One save or reload at a time.
pub(in crate::daemon) struct Startup {
    path: PathBuf,
    /// Whether it is read at the start: the file of `serve --config`.
    is_read: bool,
    turn: Mutex<()>,
    discards: AtomicBool,
}

impl Startup {
    /// The file of `--config`, else one in the data directory.
    pub(in crate::daemon) fn new(dir: &Path, config: Option<&Path>) -> Startup {
        let path = config.map_or_else(|| dir.join(NAME), Path::to_owned);
        let (is_read, discards) = (config.is_some(), AtomicBool::new(false));
        Startup { path, is_read, turn: Mutex::default(), discards }
    }

    /// Whether the operator who asked for the reload gave up what was not saved.
    pub(in crate::daemon) fn discards(&self) -> bool {
        self.discards.load(Ordering::Relaxed)
    }

    /// It guards an order and no data.
    fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// As the ledger names it.
    fn name(&self) -> String {
        if self.is_read { startup_name(&self.path) } else { NAME.to_owned() }
    }
}

/// How the ledger names the file of `--config`, wherever it is named from.
pub(in crate::daemon) fn startup_name(path: &Path) -> String {
    fs::canonicalize(path)
        .or_else(|_| std::path::absolute(path))
        .unwrap_or_else(|_| path.to_owned())
        .display()
        .to_string()
}

impl Operator {
    pub(super) fn errand(&self, errand: Errand, out: &mut dyn Output) -> Result<String, String> {
        match errand {
            Errand::Save { asks } => {
                if asks && out.is_interactive() {
                    let question = format!("Destination filename [{NAME}]? ");
                    // Ctrl-C gives it up.
                    let Ok(typed) = out.ask(&question, Wanted::Line) else { return Ok(String::new()) };
                    let typed = typed.trim();
                    if !matches!(typed, "" | NAME | "nvram:startup-config") {
                        return Err(format!("%Error opening {typed} (the configuration is saved as {NAME} alone)\n"));
                    }
                }
                let _turn = self.startup.turn();
                self.save(out)
            }
            Errand::Reload => self.reload(out),
        }
    }

    /// Whoever calls it has the turn.
    fn save(&self, out: &mut dyn Output) -> Result<String, String> {
        // Whoever is gone wants it saved all the same.
        let _ = out.write("Building configuration...\n");
        let mut result = Err(Refusal::ConfigurationMoved);
        for _ in 0..TRIES {
            let state = self.hub.state();
            let text = startup_config::text(&state.config, &*self.vault);
            let path = &self.startup.path;
            replace(path, text.as_bytes()).map_err(|e| {
                tracing::error!(path = %path.display(), error = %e, "the startup configuration cannot be written");
                format!("%Error writing {} ({}); {}\n", path.display(), cause(&e), advice(&e))
            })?;
            let saved = Command::Saved {
                config: Box::new(state.config.clone()),
                file: self.startup.name(),
                octets: text.len() as u64,
                sha256: Sha256(sha2::Sha256::digest(text.as_bytes()).into()),
            };
            // Held over the wait, the state would be copied with every publication.
            drop(state);
            result = self.handle.command(saved, &self.user.name, &self.user.from);
            if !matches!(result, Err(Refusal::ConfigurationMoved)) {
                break;
            }
        }
        result.map(|_| "[OK]\n".to_owned()).map_err(|refusal| refused(&refusal))
    }

    /// Stops the controller so that it starts again, unless that would lose what nobody gave up.
    fn reload(&self, out: &mut dyn Output) -> Result<String, String> {
        let startup = &self.startup;
        let _turn = startup.turn();
        let mut discards = false;
        if self.hub.state().unsaved {
            if out.is_interactive() {
                match wants_to_save(out) {
                    Some(true) => {
                        let saved = self.save(out)?;
                        // Whoever is gone does not confirm below.
                        let _ = out.write(&saved);
                    }
                    Some(false) => discards = true,
                    None => return Ok(String::new()),
                }
            } else if startup.is_read {
                return Err(
                    "% The configuration was changed and is not saved, and the startup configuration would undo \
                            that; `write memory` first\n"
                        .to_owned(),
                );
            }
        }
        if !out.confirm("Proceed with reload? [confirm]") {
            return Ok(String::new());
        }
        if startup.is_read {
            // One that could not be read would keep the controller from starting again.
            read_config(&startup.path, &*self.vault).map_err(|words| format!("%Error: {words}; not reloaded\n"))?;
        }
        let before = startup.discards.swap(discards, Ordering::Relaxed);
        let stop = Command::Stop { reason: RELOAD.to_owned() };
        if let Err(refusal) = self.handle.command(stop, &self.user.name, &self.user.from) {
            startup.discards.store(before, Ordering::Relaxed);
            return Err(refused(&refusal));
        }
        // The end of the controller ends the session, which is told so.
        let mut waited = Duration::ZERO;
        while out.is_interactive() && !out.is_gone() && waited < LAST_WORDS {
            std::thread::sleep(LOOK);
            waited += LOOK;
        }
        Ok(String::new())
    }
}

/// The answer; none if none is given.
fn wants_to_save(out: &mut dyn Output) -> Option<bool> {
    for _ in 0..QUESTIONS {
        let typed = out.ask("\nSystem configuration has been modified. Save? [yes/no]: ", Wanted::Line).ok()?;
        match typed.trim().to_ascii_lowercase().as_str() {
            "y" | "ye" | "yes" => return Some(true),
            "n" | "no" => return Some(false),
            _ => out.write("% Please answer 'yes' or 'no'.\n").ok()?,
        }
    }
    None
}

/// Puts a whole file in the place of the old one, or leaves that; a link stays one. Nobody else may read it: it holds
/// sealed secrets.
fn replace(path: &Path, octets: &[u8]) -> io::Result<()> {
    let path = match fs::canonicalize(path) {
        Ok(path) => path,
        Err(e) if e.kind() == io::ErrorKind::NotFound => path.to_owned(),
        Err(e) => return Err(e),
    };
    let mut new = path.clone().into_os_string();
    new.push(".new");
    let new = PathBuf::from(new);
    let written = write(&new, octets).and_then(|()| fs::rename(&new, &path));
    if written.is_err() {
        // It may never have been there.
        let _ = fs::remove_file(&new);
    }
    written?;
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(dir)?.sync_all()
}

fn write(path: &Path, octets: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    // It may be left of a save that was cut off.
    file.set_permissions(Permissions::from_mode(0o600))?;
    file.write_all(octets)?;
    file.sync_all()
}

/// What the system said, without its number.
fn cause(e: &io::Error) -> String {
    let words = e.to_string();
    words.split(" (os error").next().unwrap_or(&words).to_owned()
}

fn advice(e: &io::Error) -> &'static str {
    let is_one_of = |kinds: &[io::ErrorKind]| kinds.contains(&e.kind());
    if is_one_of(&[io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded]) {
        "free space there and save again"
    } else if is_one_of(&[io::ErrorKind::PermissionDenied, io::ErrorKind::ReadOnlyFilesystem]) {
        "the controller must be able to write to that directory"
    } else if is_one_of(&[io::ErrorKind::NotFound, io::ErrorKind::NotADirectory]) {
        "make the directory and save again"
    } else {
        "the configuration runs and is not saved"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_saved_file_is_whole_closed_to_others_and_leaves_nothing_beside_it() {
        let dir = tempfile::tempdir().expect("a directory");
        let (path, link) = (dir.path().join("startup.cfg"), dir.path().join("link.cfg"));
        fs::write(&path, "the old one, which is longer\n").expect("written");
        std::os::unix::fs::symlink(&path, &link).expect("a link");
        replace(&link, b"hostname new\n").expect("replaced");
        assert_eq!(fs::read_to_string(&path).expect("text"), "hostname new\n");
        assert_eq!(fs::metadata(&path).expect("a file").permissions().mode() & 0o777, 0o600);
        assert!(fs::symlink_metadata(&link).expect("a link").is_symlink());
        assert_eq!(fs::read_dir(dir.path()).expect("a directory").count(), 2);
    }

    #[test]
    fn a_full_disk_leaves_the_old_file_and_says_what_to_do() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("startup.cfg");
        fs::write(&path, "old\n").expect("written");
        // What is written there ends on a device that is always full.
        std::os::unix::fs::symlink("/dev/full", dir.path().join("startup.cfg.new")).expect("a link");
        let e = replace(&path, b"hostname new\n").expect_err("full");
        assert_eq!((cause(&e).as_str(), advice(&e)), ("No space left on device", "free space there and save again"));
        assert_eq!(fs::read_to_string(&path).expect("text"), "old\n");
    }

    #[test]
    fn a_directory_that_cannot_be_written_to_or_is_not_there_is_an_error_with_a_next_action() {
        // Not even root makes a file there.
        let e = replace(Path::new("/sys/startup.cfg"), b"x").expect_err("closed");
        assert_eq!(advice(&e), "the controller must be able to write to that directory", "{e}");
        let dir = tempfile::tempdir().expect("a directory");
        let e = replace(&dir.path().join("none/startup.cfg"), b"x").expect_err("no directory");
        assert_eq!(advice(&e), "make the directory and save again", "{e}");
    }
}
