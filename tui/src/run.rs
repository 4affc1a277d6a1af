//! The shell around the dashboard: the terminal, the clock, and the one channel that everything arrives on.
//!
//! Draws when something changed, at most every 16 ms. The terminal is given back as it was on every way out: the end,
//! an error, a panic, a signal that asks the program to end.

use std::io::{self, Stdout};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, sync_channel};
use std::sync::{Arc, Once};
use std::thread;
use std::time::{Duration, Instant};

use capledger_schema::feed::ServerMessage;
use capledger_schema::time::Timestamp;
use crossterm::cursor::{Hide, Show};
use crossterm::event::{self, Event};
use crossterm::execute;
use crossterm::terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::{SigId, flag, low_level};

use crate::replay::Player;
use crate::state::{After, Dashboard, Input};
use crate::theme::{Colour, Theme};
use crate::view;

/// Between two frames at least.
const FRAME: Duration = Duration::from_millis(16);

/// A frame that costs more than it should, on a slow machine or over a slow line, makes room: so many times its cost.
const REST: u32 = 4;

/// Between two ticks of the clock.
const TICK: Duration = Duration::from_millis(250);

/// Inputs that wait at most; a source that is faster waits, and its transport with it.
const QUEUE: usize = 256;

/// Inputs that are taken in before the next frame at most.
const GULP: usize = 1_024;

/// How the dashboard is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// How many colours.
    pub colour: Colour,
    /// Whether the terminal shows Unicode.
    pub unicode: bool,
    /// Whether the end of the source ends the dashboard; else it stays, and says that it is cut off.
    pub leave_at_end: bool,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The user left.
    Quit,
    /// The source ended.
    Source,
    /// SIGHUP, SIGINT or SIGTERM asked for it, by this number.
    Signal(u8),
}

impl Options {
    /// What the environment asks for: `NO_COLOR`, `COLORTERM`, `TERM`, and the locale.
    pub fn from_env(var: impl Fn(&str) -> Option<String>) -> Options {
        let set = |name: &str| var(name).filter(|value| !value.is_empty());
        let colour = if set("NO_COLOR").is_some() || set("TERM").is_none_or(|t| t == "dumb") {
            Colour::None
        } else if set("COLORTERM").is_some_and(|c| c == "truecolor" || c == "24bit") {
            Colour::True
        } else {
            Colour::Ansi
        };
        let locale = set("LC_ALL").or_else(|| set("LC_CTYPE")).or_else(|| set("LANG")).unwrap_or_default();
        let locale = locale.to_lowercase();
        let unicode = locale.contains("utf-8") || locale.contains("utf8");
        Options { colour, unicode, leave_at_end: false }
    }
}

/// Shows the dashboard on the terminal until the user leaves, or the source ends (see [`Options::leave_at_end`]).
///
/// `source` is what the feed says: a receiver of a channel will do. It is read on a thread of its own, which ends with
/// the source. Nothing else may write to the terminal meanwhile.
pub fn run<S>(source: S, options: &Options) -> io::Result<End>
where
    S: IntoIterator<Item = ServerMessage>,
    S::IntoIter: Send + 'static,
{
    let source = source.into_iter();
    let feed = |tx: SyncSender<Arrival>| {
        // It may wait for its next message longer than we run: nobody waits for it.
        thread::Builder::new().name("feed".into()).spawn(move || {
            for message in source {
                if tx.send(Arrival::Input(Input::Message(Box::new(message)))).is_err() {
                    return;
                }
            }
            // Nobody to tell if the dashboard has ended before.
            let _ = tx.send(Arrival::SourceEnded);
        })
    };
    on_screen(&mut Dashboard::new(wall()), options, |tx| feed(tx).map(drop))
}

/// Shows the past on the terminal until the user leaves.
///
/// # Errors
/// The terminal, or what the player reads, fails.
pub fn replay(player: &mut Player<'_>, options: &Options) -> io::Result<End> {
    on_screen(player, options, |_| Ok(()))
}

/// What is shown: takes inputs in, and has a dashboard to draw.
pub(crate) trait Stage {
    /// Takes an input in.
    fn take(&mut self, input: Input) -> io::Result<After>;

    /// What is drawn.
    fn dash(&mut self) -> &mut Dashboard;

    /// Between two ticks of the clock.
    fn tick(&self) -> Duration;
}

impl Stage for Dashboard {
    fn take(&mut self, input: Input) -> io::Result<After> {
        Ok(self.apply(input))
    }

    fn dash(&mut self) -> &mut Dashboard {
        self
    }

    fn tick(&self) -> Duration {
        TICK
    }
}

/// Takes the terminal and the keys, lets `begin` send what else arrives, and gives all back at the end.
fn on_screen(
    stage: &mut impl Stage,
    options: &Options,
    begin: impl FnOnce(SyncSender<Arrival>) -> io::Result<()>,
) -> io::Result<End> {
    let (tx, rx) = sync_channel(QUEUE);
    let stop = Arc::new(AtomicBool::new(false));
    let signals = Signals::watch()?;
    let mut screen = Screen::open()?;
    let keys = thread::Builder::new().name("keys".into()).spawn({
        let (tx, stop) = (tx.clone(), Arc::clone(&stop));
        move || read_keys(&tx, &stop)
    })?;
    begin(tx)?;
    let end = show(&mut screen, &rx, &signals, stage, options);
    stop.store(true, Ordering::Relaxed);
    drop(rx);
    drop(screen);
    // It notices within a tick; it must not read the keys that are meant for the shell.
    let _ = keys.join();
    end
}

enum Arrival {
    Input(Input),
    SourceEnded,
    Failed(io::Error),
}

fn show(
    screen: &mut Screen,
    rx: &Receiver<Arrival>,
    signals: &Signals,
    stage: &mut impl Stage,
    options: &Options,
) -> io::Result<End> {
    let theme = Theme::new(options.colour, options.unicode);
    let (mut dirty, mut due) = (true, clock());
    loop {
        if PANICKED.load(Ordering::Relaxed) {
            return Err(io::Error::other("a part of the program panicked"));
        }
        if let Some(signal) = signals.came() {
            return Ok(End::Signal(signal));
        }
        let now = clock();
        if dirty && now >= due {
            screen.terminal.draw(|frame| {
                let (area, dash) = (frame.area(), stage.dash());
                dash.ui.page = view::draw(frame.buffer_mut(), area, dash, &theme);
            })?;
            dirty = false;
            due = now + FRAME.max(clock().saturating_duration_since(now) * REST);
        }
        let wait = if dirty { due.saturating_duration_since(now) } else { stage.tick() };
        let mut arrived = rx.recv_timeout(wait).map_err(|e| match e {
            RecvTimeoutError::Timeout => TryRecvError::Empty,
            RecvTimeoutError::Disconnected => TryRecvError::Disconnected,
        });
        dirty |= stage.take(Input::Tick(wall()))? == After::Redraw;
        for _ in 0..GULP {
            match arrived {
                Ok(Arrival::Input(input)) => match stage.take(input)? {
                    After::Same => {}
                    After::Redraw => dirty = true,
                    After::Repaint => {
                        screen.terminal.clear()?;
                        dirty = true;
                    }
                    After::Quit => return Ok(End::Quit),
                },
                Ok(Arrival::SourceEnded) if options.leave_at_end => {
                    return Ok(End::Source);
                }
                Ok(Arrival::SourceEnded) => {
                    let bye = Input::Message(Box::new(ServerMessage::Bye("the feed ended".to_owned())));
                    dirty |= stage.take(bye)? == After::Redraw;
                }
                Ok(Arrival::Failed(error)) => return Err(error),
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => return Ok(End::Source),
            }
            arrived = rx.try_recv();
        }
    }
}

fn read_keys(tx: &SyncSender<Arrival>, stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        let arrival = match event::poll(TICK / 2) {
            Ok(false) => continue,
            Ok(true) => match event::read() {
                Ok(Event::Key(key)) => Arrival::Input(Input::Key(key)),
                Ok(Event::Resize(..)) => Arrival::Input(Input::Resized),
                Ok(Event::FocusGained | Event::FocusLost | Event::Mouse(_) | Event::Paste(_)) => continue,
                Err(error) => Arrival::Failed(error),
            },
            Err(error) => Arrival::Failed(error),
        };
        let failed = matches!(arrival, Arrival::Failed(_));
        if tx.send(arrival).is_err() || failed {
            return;
        }
    }
}

/// The signals that end the program, while it has the terminal: it is given back first. A second one ends it at once, for
/// a terminal that takes nothing more.
struct Signals {
    came: Arc<AtomicUsize>,
    ids: Vec<SigId>,
}

impl Signals {
    fn watch() -> io::Result<Signals> {
        let (came, again) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let mut signals = Signals { came, ids: Vec::new() };
        for signal in [SIGHUP, SIGINT, SIGTERM] {
            // In this order: the first one finds `again` unset.
            signals.ids.push(flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&again))?);
            signals.ids.push(flag::register(signal, Arc::clone(&again))?);
            signals.ids.push(flag::register_usize(signal, Arc::clone(&signals.came), signal as usize)?);
        }
        Ok(signals)
    }

    fn came(&self) -> Option<u8> {
        u8::try_from(self.came.load(Ordering::Relaxed)).ok().filter(|n| *n > 0)
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        for id in self.ids.drain(..) {
            low_level::unregister(id);
        }
    }
}

/// The terminal in our hands; dropping it gives it back.
struct Screen {
    terminal: Terminal<CrosstermBackend<Stdout>>,
}

/// Set once a panic has given the terminal back under us.
static PANICKED: AtomicBool = AtomicBool::new(false);
static OPEN: AtomicBool = AtomicBool::new(false);
static HOOK: Once = Once::new();

impl Screen {
    fn open() -> io::Result<Screen> {
        HOOK.call_once(|| {
            let before = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |info| {
                // Whichever thread it was: its words must not vanish with the alternate screen.
                if OPEN.load(Ordering::Relaxed) {
                    PANICKED.store(true, Ordering::Relaxed);
                    give_back();
                }
                before(info);
            }));
        });
        enable_raw_mode()?;
        OPEN.store(true, Ordering::Relaxed);
        let opened = execute!(io::stdout(), EnterAlternateScreen, Hide)
            .and_then(|()| Terminal::new(CrosstermBackend::new(io::stdout())));
        match opened {
            Ok(terminal) => Ok(Screen { terminal }),
            Err(error) => {
                give_back();
                Err(error)
            }
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
    }
}

/// Once per opening. A terminal that takes nothing more is past helping, so errors are not looked at.
fn give_back() {
    if OPEN.swap(false, Ordering::Relaxed) {
        let _ = execute!(io::stdout(), LeaveAlternateScreen, Show);
        let _ = disable_raw_mode();
    }
}

#[allow(clippy::disallowed_methods, reason = "this shell gives the dashboard its time")]
fn clock() -> Instant {
    Instant::now()
}

#[allow(clippy::disallowed_methods, reason = "this shell gives the dashboard its time")]
fn wall() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(vars: &[(&str, &str)]) -> Options {
        let vars: Vec<_> = vars.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Options::from_env(|name| vars.iter().find(|(k, _)| k == name).map(|(_, v)| v.clone()))
    }

    #[test]
    fn no_color_wins_over_what_the_terminal_can_do() {
        let term = ("TERM", "xterm-256color");
        assert_eq!(options(&[term, ("COLORTERM", "truecolor")]).colour, Colour::True);
        assert_eq!(options(&[term]).colour, Colour::Ansi);
        assert_eq!(options(&[term, ("COLORTERM", "truecolor"), ("NO_COLOR", "1")]).colour, Colour::None);
        assert_eq!(options(&[term, ("NO_COLOR", "")]).colour, Colour::Ansi);
        assert_eq!(options(&[("TERM", "dumb")]).colour, Colour::None);
    }

    #[test]
    fn the_first_locale_variable_that_is_set_decides_on_unicode() {
        assert!(options(&[("LANG", "en_GB.UTF-8")]).unicode);
        assert!(!options(&[("LANG", "en_GB.UTF-8"), ("LC_ALL", "C")]).unicode);
        assert!(options(&[("LC_ALL", ""), ("LC_CTYPE", "C.utf8")]).unicode);
        assert!(!options(&[]).unicode);
    }
}
