//! tmux: a real terminal of any size for a program under test, which a test types at and looks at.

use std::path::PathBuf;
use std::process::Command;

use super::{PATIENCE, program, skipped, wait_for};

/// A tmux server of its own with one window, in which a shell runs. Dropping it ends both.
pub(crate) struct Tmux {
    program: PathBuf,
    sockets: tempfile::TempDir,
}

/// What the shell says when it waits.
pub(crate) const PROMPT: &str = "shell-waits>";

impl Tmux {
    /// Starts it at a size, or says why the test is skipped. `env` is set for the shell.
    pub(crate) fn start(columns: u16, rows: u16, env: &[(&str, &str)]) -> Option<Tmux> {
        let Some(program) = program("tmux") else {
            skipped("tmux is not installed");
            return None;
        };
        let tmux = Tmux { program, sockets: tempfile::tempdir().expect("a directory") };
        let (columns, rows) = (columns.to_string(), rows.to_string());
        tmux.run(&["-f", "/dev/null", "-u", "new-session", "-d", "-x", &columns, "-y", &rows, "exec sh"]);
        let env: Vec<_> = env.iter().map(|(name, value)| format!("{name}={value}")).collect();
        // In two parts, so that the line itself is not taken for the prompt.
        let (first, rest) = PROMPT.split_at(5);
        tmux.line(&format!("export {}; PS1='{first}''{rest} '; clear", env.join(" ")));
        tmux.wait_to_see(PROMPT);
        Some(tmux)
    }

    /// Types a line and Enter.
    pub(crate) fn line(&self, line: &str) {
        self.run(&["send-keys", "-l", line]);
        self.key("Enter");
    }

    /// Presses a key, by tmux's name for it.
    pub(crate) fn key(&self, key: &str) {
        self.run(&["send-keys", key]);
    }

    /// Gives the terminal another size.
    pub(crate) fn resize(&self, columns: u16, rows: u16) {
        self.run(&["resize-window", "-x", &columns.to_string(), "-y", &rows.to_string()]);
    }

    /// What stands on the screen.
    pub(crate) fn screen(&self) -> String {
        self.run(&["capture-pane", "-p"])
    }

    /// Waits until this stands on the screen; gives back all of it.
    pub(crate) fn wait_to_see(&self, words: &str) -> String {
        self.wait_until_screen(words, |screen| screen.contains(words))
    }

    /// Waits until the screen is as it should be; gives it back.
    pub(crate) fn wait_until_screen(&self, what: &str, is_so: impl Fn(&str) -> bool) -> String {
        let mut last = String::new();
        let waited = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            wait_for(what, PATIENCE, || {
                last = self.screen();
                is_so(&last).then(|| last.clone())
            })
        }));
        waited.unwrap_or_else(|_| panic!("waited in vain for {what:?}; the screen is\n{}", self.screen()))
    }

    /// Whether a program has the alternate screen, and whether the cursor is shown.
    pub(crate) fn alternate_and_cursor(&self) -> (bool, bool) {
        let told = self.run(&["display-message", "-p", "#{alternate_on} #{cursor_flag}"]);
        (told.starts_with('1'), told.trim_end().ends_with('1'))
    }

    fn run(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(&self.program);
        // Neither somebody's own server nor his variables have a say.
        command.env("TMUX_TMPDIR", self.sockets.path()).env_remove("TMUX").args(["-L", "test"]).args(arguments);
        let out = command.output().expect("tmux runs");
        assert!(out.status.success(), "tmux {arguments:?}: {}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8_lossy(&out.stdout).into_owned()
    }
}

impl Drop for Tmux {
    fn drop(&mut self) {
        // Without a window it ends by itself; then there is nothing to end.
        let mut command = Command::new(&self.program);
        command.env("TMUX_TMPDIR", self.sockets.path()).env_remove("TMUX").args(["-L", "test", "kill-server"]);
        let _ = command.output();
    }
}
