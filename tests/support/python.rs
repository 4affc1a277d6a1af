//! Python with the clients that operators automate with: the interpreter of the virtual environment that
//! `CAPLEDGER_PYTHON` names, and scripts under `tests/clients`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::wait_for;

/// How long a script may take.
const SCRIPT: Duration = Duration::from_secs(180);

/// An interpreter.
pub(crate) struct Python(PathBuf);

impl Python {
    /// The interpreter that is to be used. Where none is named the test is skipped, even where programs are required:
    /// its packages come from a registry, which may be out of reach.
    pub(crate) fn find() -> Option<Python> {
        let found = std::env::var_os("CAPLEDGER_PYTHON").filter(|path| !path.is_empty());
        if found.is_none() {
            eprintln!("SKIPPED: CAPLEDGER_PYTHON names no interpreter that has the clients of tests/clients");
        }
        found.map(|path| Python(path.into()))
    }

    /// A program of the same environment, if it is there.
    pub(crate) fn beside(&self, program: &str) -> Option<PathBuf> {
        Some(self.0.with_file_name(program)).filter(|path| path.is_file())
    }

    /// Runs a script of `tests/clients` with one argument; panics with what it said unless it ends well.
    pub(crate) fn run(&self, script: &str, argument: &str) -> String {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients").join(script);
        let mut command = Command::new(&self.0);
        command.arg("-B").arg(file).arg(argument).stdin(Stdio::null());
        let dir = tempfile::tempdir().expect("a directory");
        let (out, err) = (dir.path().join("out"), dir.path().join("err"));
        let file = |path: &Path| std::fs::File::create(path).expect("a file");
        let mut process = command.stdout(file(&out)).stderr(file(&err)).spawn().expect("CAPLEDGER_PYTHON runs");
        let ended = wait_for(script, SCRIPT, || process.try_wait().expect("our own child"));
        let said = |path: &Path| std::fs::read_to_string(path).unwrap_or_default();
        assert!(ended.success(), "{script} {argument} ended with {ended}:\n{}{}", said(&out), said(&err));
        said(&out)
    }
}
