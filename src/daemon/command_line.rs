//! The command line of the running daemon: the IOS shell over the hub's folds, its wishes sent to the core.
//!
//! An `install add` stays until its fetch ends and tells how it goes, as clients expect.

mod check;
mod install;
mod listen;
mod notes;
mod startup;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use capledger_schema::event::LoginMethod;
use capledger_schema::project::lines;

use crate::command::{AccessFact, Command, Refusal};
use crate::ios::debug::Debugs;
use crate::ios::{View, shell};
use crate::ledger::Reader;
use crate::net::clock::Clock;
use crate::net::control::Handle;
use crate::net::feed::{Answer, CommandLine, Output, Session, User, Wanted};
use crate::net::hub::Hub;
use crate::secrets::{Vault, password};
use crate::syslog::{Log, TimeFormat};

use super::history::Durable;
pub(super) use startup::{Startup, startup_name};

/// How often a command that waits looks whether its operator has left.
const LOOK: Duration = Duration::from_millis(500);

/// How often the password of `enable secret` is asked for.
const ENABLE_TRIES: u32 = 3;

/// How long a wrong one takes.
const ENABLE_DELAY: Duration = Duration::from_secs(1);

/// Opens sessions of the command line.
pub(super) struct Operators {
    pub(super) hub: Arc<Hub>,
    pub(super) log: Arc<Mutex<Log>>,
    pub(super) handle: Handle,
    pub(super) vault: Arc<Vault>,
    pub(super) startup: Arc<Startup>,
    pub(super) reader: Reader,
    pub(super) clock: Clock,
}

impl CommandLine for Operators {
    fn open(&self, user: User) -> Box<dyn Session> {
        Box::new(Operator {
            hub: Arc::clone(&self.hub),
            log: Arc::clone(&self.log),
            handle: self.handle.clone(),
            vault: Arc::clone(&self.vault),
            reader: self.reader.clone(),
            startup: Arc::clone(&self.startup),
            clock: self.clock,
            time: TimeFormat::default(),
            shell: shell::Shell::new(user.privilege).on_line(lines::vty(&user.from)),
            user,
        })
    }
}

struct Operator {
    hub: Arc<Hub>,
    log: Arc<Mutex<Log>>,
    handle: Handle,
    vault: Arc<Vault>,
    reader: Reader,
    startup: Arc<Startup>,
    clock: Clock,
    /// As it is configured when a line is typed.
    time: TimeFormat,
    shell: shell::Shell,
    user: User,
}

impl Session for Operator {
    fn line(&mut self, line: &str, out: &mut dyn Output) -> Answer {
        self.time = TimeFormat::of(&self.hub.state().config);
        // First the record, then what it leads to.
        if let Some(entered) = self.shell.recorded(line) {
            let fact = AccessFact::Entered { mode: self.shell.mode().prompt().to_owned(), line: entered };
            if let Err(refusal) = self.handle.command(Command::Record(fact), &self.user.name, &self.user.from) {
                return Answer { text: refused(&refusal), ok: false, ends: false };
            }
        }
        let said = self.shell_line(line, out);
        let mut answer = Answer { text: said.text, ok: !said.refused, ends: said.close };
        if said.enable {
            match self.enable(out) {
                Ok(()) => self.shell.grant(),
                Err(text) => return Answer { text, ok: false, ..answer },
            }
        }
        if let Some(question) = &said.confirm
            && !out.confirm(question)
        {
            return answer;
        }
        // They are durable before the event that names them, and stay while it is under way.
        let _kept = match self.vault.keep(&said.secrets) {
            Ok(kept) => kept,
            Err(e) => return Answer { text: shell::refused(&e.to_string()), ok: false, ..answer },
        };
        for command in said.commands {
            match self.run(command, out) {
                Ok(text) => answer.text.push_str(&text),
                Err(text) => {
                    answer.ok = false;
                    answer.text.push_str(&text);
                    break;
                }
            }
        }
        if let Some(errand) = said.errand
            && answer.ok
        {
            let (Ok(text) | Err(text)) = self.errand(errand, out).inspect_err(|_| answer.ok = false);
            answer.text.push_str(&text);
        }
        answer
    }

    fn prompt(&self) -> String {
        self.shell.prompt(&self.hub.state())
    }

    fn help(&self, typed: &str) -> String {
        self.shell.help(typed)
    }

    fn complete(&self, typed: &str) -> Option<String> {
        self.shell.complete(typed)
    }

    fn terminal(&self) -> shell::Terminal {
        self.shell.terminal()
    }

    fn set_terminal(&mut self, terminal: shell::Terminal) {
        self.shell.set_terminal(terminal);
    }

    fn configures(&self) -> bool {
        self.shell.mode().is_config()
    }

    fn debugs(&self) -> Debugs {
        self.shell.debugs()
    }

    fn uncommitted(&self) -> usize {
        self.shell.pending().len()
    }

    fn close(&mut self) {
        let said = self.shell.close();
        last_will(&self.handle, &self.vault, &self.user, said);
    }

    fn monitors(&self) -> bool {
        self.shell.monitors()
    }
}

impl Drop for Operator {
    /// For a session that nobody closed: its connection broke while a command ran.
    fn drop(&mut self) {
        let said = self.shell.close();
        if said.commands.is_empty() {
            return;
        }
        let (handle, vault, user) = (self.handle.clone(), Arc::clone(&self.vault), self.user.clone());
        // Whoever drops it may have other sessions to attend to.
        let begun = std::thread::Builder::new().name("close".to_owned()).spawn(move || {
            last_will(&handle, &vault, &user, said);
        });
        if let Err(error) = begun {
            tracing::error!(%error, user = self.user.name, "what was typed in a sub-mode is not applied");
        }
    }
}

/// Sends what a session held when it ended. Nobody is there to be told of a refusal.
fn last_will(handle: &Handle, vault: &Vault, user: &User, said: shell::Output) {
    let lost = |why: &dyn std::fmt::Display| {
        tracing::warn!(user = user.name, from = user.from, %why, "what was typed in a sub-mode is not applied");
    };
    let _kept = match vault.keep(&said.secrets) {
        Ok(kept) => kept,
        Err(e) => return lost(&e),
    };
    for command in said.commands {
        if let Err(refusal) = handle.command(command, &user.name, &user.from) {
            lost(&refusal);
        }
    }
}

impl Operator {
    /// What the shell makes of a line.
    fn shell_line(&mut self, line: &str, out: &dyn Output) -> shell::Output {
        let state = self.hub.state();
        let is_gone = || out.is_gone();
        let history = Durable::new(self.reader.clone(), state.seq, &is_gone);
        let (now, secrets) = (self.clock.now().wall, &*self.vault);
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.shell.reads_history(line) {
            let view = View { state: &state, log: &log, now, time: &self.time, secrets, history: &history };
            return self.shell.line(line, &view);
        }
        // It takes as long as the ledger is long, and whoever publishes would wait for the log meanwhile.
        let copy = log.clone();
        drop(log);
        let view = View { state: &state, log: &copy, now, time: &self.time, secrets, history: &history };
        self.shell.line(line, &view)
    }

    /// Asks for the password of `enable secret`, as often as IOS does.
    fn enable(&self, out: &mut dyn Output) -> Result<(), String> {
        let Some(secret) = self.hub.state().config.access.enable else {
            return Err("% No password set\n".to_owned());
        };
        let hash = self.vault.reveal(secret).map_err(|e| shell::refused(&e.to_string()))?;
        for _ in 0..ENABLE_TRIES {
            let Ok(typed) = out.ask("Password: ", Wanted::Secret) else { break };
            if password::verify(&typed, &hash) {
                return Ok(());
            }
            self.enable_failed();
            std::thread::sleep(ENABLE_DELAY);
        }
        Err("% Access denied\n".to_owned())
    }

    /// Records a wrong password to `enable`. Whoever is on the local socket has every privilege and is never asked.
    fn enable_failed(&self) {
        let state = self.hub.state();
        let Some(line) = lines::vty(&self.user.from).and_then(|vty| state.lines.vty.get(&vty)) else { return };
        let (user, from, port) = (self.user.name.clone(), line.from, state.config.access.port);
        let fact = AccessFact::LoginFailed { user, from, port, method: LoginMethod::Enable, tries: 1 };
        if let Err(refusal) = self.handle.command(Command::Record(fact), &self.user.name, &self.user.from) {
            tracing::debug!(%refusal, "a wrong password to `enable` is not recorded");
        }
    }

    /// Has the core do something; what is printed if it did, or if it did not.
    fn run(&self, command: Command, out: &mut dyn Output) -> Result<String, String> {
        listen::check(&command, &self.hub).map_err(|words| shell::refused(&words))?;
        let before = self.hub.seq();
        let access = self.hub.state().config.access.clone();
        let asked = command.clone();
        let result = self.handle.command(command, &self.user.name, &self.user.from);
        if let Some(action) = install::action(&asked) {
            return self.installed(action, before, result, out);
        }
        let accepted = result.map_err(|refusal| refused(&refusal))?;
        Ok(match asked {
            Command::Predownload { .. } if !accepted.operations.is_empty() => {
                told("nothing is staged: the profile's images are fetched first;", "image", accepted.operations.len())
            }
            Command::Predownload { .. } => told("predownload was requested for", "AP", accepted.wtps),
            Command::PredownloadAbort => told("predownload was called off for", "AP", accepted.wtps),
            Command::Swap { .. } => {
                told("primary and backup image change places at the next reset of", "AP", accepted.wtps)
            }
            Command::Reset { .. } => told("reset was requested for", "AP", accepted.wtps),
            Command::Preflight | Command::Upgrade { .. } => return self.watch_check(before, &accepted, out),
            Command::UpgradePause => "no further AP is touched until `ap image upgrade resume`\n".to_owned(),
            Command::UpgradeResume => "the AP upgrade goes on\n".to_owned(),
            Command::UpgradeAbort => "the AP upgrade is aborted\n".to_owned(),
            Command::ForgetServerKey { host, .. } => {
                format!("The key of {host} is forgotten; the next one that it shows is pinned.\n")
            }
            Command::ClearLine { .. } => " [OK]\n".to_owned(),
            Command::Configure { changes } => notes::notes(&changes, &access, &self.hub.state().config.access),
            Command::ClearLog
            | Command::Record(_)
            | Command::Saved { .. }
            | Command::Stop { .. }
            | Command::InstallAdd { .. }
            | Command::InstallAddProfile
            | Command::Activate { .. }
            | Command::Commit
            | Command::AbortInstall
            | Command::Rollback
            | Command::RemoveInactive => String::new(),
        })
    }
}

fn refused(refusal: &Refusal) -> String {
    shell::refused(&refusal.to_string())
}

fn told(what: &str, unit: &str, n: usize) -> String {
    format!("{what} {n} {unit}{}\n", if n == 1 { "" } else { "s" })
}
