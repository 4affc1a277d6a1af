use std::sync::Mutex;

use capledger_schema::id::Seq;
use capledger_schema::project::State;
use capledger_schema::setting::Setting;
use capledger_schema::{Cause, Event, Source, Subject};

use super::*;
use crate::capwap::control::{Message, MessageType};
use crate::ios::debug::Debugs;

/// A session that does as it is told.
#[derive(Default)]
struct Puppet {
    terminal: Option<Terminal>,
    configures: bool,
    holds: usize,
    monitors: bool,
    debugs: Debugs,
    ran: Arc<Mutex<Vec<String>>>,
}

impl Session for Puppet {
    fn line(&mut self, line: &str, out: &mut dyn Output) -> Answer {
        self.ran.lock().expect("no test panics with it").push(line.to_owned());
        let mut answer = Answer { text: String::new(), ok: true, ends: false };
        match line.split_once(' ').unwrap_or((line, "")) {
            ("count", n) => {
                let n: u32 = n.parse().expect("a number");
                answer.text = (1..=n).fold(String::new(), |text, n| format!("{text}{n}\n"));
            }
            ("stay", _) => {
                let _ = out.write("waiting\n");
                while !out.is_gone() {
                    std::thread::sleep(Duration::from_millis(5));
                }
                "left alone\n".clone_into(&mut answer.text);
            }
            ("ask", question) => {
                let said = out.ask(question, Wanted::Secret);
                answer.text = said.map_or_else(|Gone| "none\n".into(), |said| format!("<{said}>\n"));
            }
            ("name", question) => {
                let said = out.ask(question, Wanted::Line);
                answer.text = said.map_or_else(|Gone| "none\n".into(), |said| format!("<{said}>\n"));
            }
            ("sure", question) => answer.text = format!("{}\n", out.confirm(question)),
            ("configure", _) => self.configures = true,
            ("hold", _) => self.holds += 1,
            ("end", _) => self.configures = false,
            ("monitor", _) => self.monitors = true,
            ("debug", "all") => self.debugs = Debugs::CAPWAP,
            ("debug", _) => self.debugs = Debugs::NONE,
            ("exit", _) => answer.ends = true,
            ("panic", _) => panic!("as it was told"),
            ("wrong", _) => answer = Answer { text: "  ^\n% Invalid\n".into(), ok: false, ends: false },
            _ => {}
        }
        answer
    }

    fn prompt(&self) -> String {
        if self.configures { "A(config)#".into() } else { "A#".into() }
    }

    fn help(&self, typed: &str) -> String {
        format!("help on [{typed}]\n")
    }

    fn complete(&self, typed: &str) -> Option<String> {
        (typed == "co").then(|| "count ".to_owned())
    }

    fn terminal(&self) -> Terminal {
        self.terminal.unwrap_or_default()
    }

    fn set_terminal(&mut self, terminal: Terminal) {
        self.terminal = Some(terminal);
    }

    fn configures(&self) -> bool {
        self.configures
    }

    fn uncommitted(&self) -> usize {
        self.holds
    }

    fn close(&mut self) {
        self.ran.lock().expect("no test panics with it").push("(closed)".to_owned());
    }

    fn monitors(&self) -> bool {
        self.monitors
    }

    fn debugs(&self) -> Debugs {
        self.debugs
    }
}

#[derive(Clone, Default)]
struct Page(Arc<Mutex<String>>);

impl Screen for Page {
    async fn show(&mut self, octets: Vec<u8>) -> Result<(), Gone> {
        self.0.lock().expect("no test panics with it").push_str(&String::from_utf8_lossy(&octets));
        Ok(())
    }
}

/// A session at a terminal, and somebody who types.
struct Stage {
    runtime: tokio::runtime::Runtime,
    typist: Option<Typist>,
    page: Page,
    ran: Arc<Mutex<Vec<String>>>,
    hub: Arc<Hub>,
    stop: watch::Sender<bool>,
    task: Option<JoinHandle<Over>>,
}

impl Stage {
    fn new(manner: Manner) -> Stage {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let (typist, keyboard) = pair();
        let (puppet, page) = (Puppet::default(), Page::default());
        let ran = Arc::clone(&puppet.ran);
        let mut state = State::default();
        state.config.set(&Setting::ExecTimeout(1));
        let hub = Arc::new(Hub::new(state, Arc::new(|_, _| Ok(Vec::new()))));
        let (stop, stopped) = watch::channel(false);
        let (screen, shared) = (page.clone(), Arc::clone(&hub));
        let mut dialogue = Dialogue::new(Box::new(puppet), keyboard, screen, manner, true, shared, stopped);
        let task = runtime.spawn(async move { dialogue.converse().await });
        Stage { runtime, typist: Some(typist), page, ran, hub, stop, task: Some(task) }
    }

    fn text(&self) -> String {
        self.page.0.lock().expect("no test panics with it").clone()
    }

    /// Types, and waits until the page ends with this.
    fn types(&mut self, octets: &[u8], until: &str) {
        if let Some(typist) = &self.typist {
            self.runtime.block_on(typist.octets(octets)).expect("room");
        }
        self.until(until);
    }

    fn until(&mut self, end: &str) {
        let page = self.page.clone();
        let shown = || page.0.lock().expect("no test panics with it").ends_with(end);
        let waited = self.runtime.block_on(async {
            tokio::time::timeout(Duration::from_secs(20), async {
                while !shown() {
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
            })
            .await
        });
        assert!(waited.is_ok(), "waited for {end:?}, and there is {:?}", self.text());
    }

    fn over(&mut self) -> Over {
        let task = self.task.take().expect("it ends once");
        self.runtime
            .block_on(async { tokio::time::timeout(Duration::from_secs(20), task).await })
            .expect("in time")
            .expect("no panic")
    }
}

#[test]
fn lines_run_behind_their_prompts_until_exit() {
    let mut stage = Stage::new(Manner::Terminal);
    stage.types(b"count 2\r\nexit\r", "exit\r\n");
    assert_eq!(stage.over(), Over::Exit);
    assert_eq!(stage.text(), "A#count 2\r\n1\r\n2\r\nA#exit\r\n");
}

#[test]
fn help_and_tab_answer_where_the_line_stands() {
    let mut stage = Stage::new(Manner::Terminal);
    stage.types(b"co?", "A#co");
    stage.types(b"\t", "count ");
    stage.types(b"\t", "\u{7}");
    stage.types(b"\t", "help on [count ]\r\nA#count ");
    assert!(stage.text().starts_with("A#co?\r\nhelp on [co]\r\nA#count \u{7}"), "{:?}", stage.text());
}

#[test]
fn output_is_paged_and_what_follows_the_last_page_is_a_prompt() {
    let mut stage = Stage::new(Manner::Terminal);
    stage.types(b"count 50\r", "23\r\n --More-- ");
    stage.types(b"\r", "24\r\n --More-- ");
    stage.types(b" ", "47\r\n --More-- ");
    stage.types(b" ", "50\r\nA#");
    stage.types(b"count 50\r", "23\r\n --More-- ");
    stage.types(b"q", "A#");
    stage.types(b"count 1\r", "1\r\nA#");
}

#[test]
fn ctrl_c_ends_the_waiting_for_a_command() {
    let mut stage = Stage::new(Manner::Terminal);
    stage.types(b"stay\r", "waiting\r\n");
    stage.types(b"lost\x03count 1\r", "1\r\nA#");
    assert!(stage.text().contains("^C\r\nleft alone\r\nA#count 1\r\n"), "{:?}", stage.text());
}

#[test]
fn ctrl_z_runs_the_line_and_leaves_the_configuration_and_ctrl_c_leaves_it_too() {
    let mut stage = Stage::new(Manner::Terminal);
    stage.types(b"configure\r", "A(config)#");
    stage.types(b"set\x1a", "A#");
    stage.types(b"configure\r", "A(config)#");
    stage.types(b"set\x03", "A#");
    stage.types(b"half\x03", "A#");
    let ran = stage.ran.lock().expect("no panic").clone();
    assert_eq!(ran, ["configure", "set", "end", "configure", "end"]);
}

#[test]
fn a_password_is_asked_for_without_echo() {
    let mut stage = Stage::new(Manner::Terminal);
    stage.types(b"ask Password: \r", "Password: ");
    stage.types(b"hunter2\r", "<hunter2>\r\nA#");
    assert!(stage.text().contains("Password: \r\n<hunter2>"), "{:?}", stage.text());
    stage.types(b"ask Password: \r", "Password: ");
    stage.types(b"\x03", "none\r\nA#");
}

#[test]
fn a_question_is_answered_by_a_line_which_is_not_remembered() {
    let mut stage = Stage::new(Manner::Terminal);
    stage.types(b"name File [x]: \r", "File [x]: ");
    stage.types(b"a?\tb\r", "<a?b>\r\nA#");
    assert!(stage.text().contains("File [x]: a?b\r\n<a?b>"), "{:?}", stage.text());
    stage.types(b"\x10", "A#name File [x]: ");
    stage.types(b"\x03", "A#");
    stage.types(b"name File: \r", "File: ");
    stage.types(b"\x03", "none\r\nA#");
}

#[test]
fn one_key_confirms_and_enter_and_y_alone_agree() {
    let mut stage = Stage::new(Manner::Terminal);
    for (key, said) in [("\r", "true"), ("y", "true"), ("Y", "true"), ("n", "false"), ("\x03", "false")] {
        stage.types(b"sure Go on [confirm]\r", "Go on [confirm]");
        stage.types(key.as_bytes(), &format!("\r\n{said}\r\nA#"));
    }
    stage.types(b"sure Go on [confirm]\n", "Go on [confirm]");
    stage.types(b"\n", "\r\ntrue\r\nA#");
    stage.types(b"sure Go on [confirm]\r\n", "Go on [confirm]");
    stage.types(b"\0\r\ncount 1\r", "\r\n1\r\nA#");
    assert!(stage.text().ends_with("true\r\nA#count 1\r\n1\r\nA#"), "{:?}", stage.text());
}

#[test]
fn nobody_is_asked_to_confirm_at_a_pipe() {
    let mut stage = Stage::new(Manner::Pipe);
    let typist = stage.typist.take().expect("somebody");
    stage.runtime.block_on(typist.octets(b"sure Go on\ncount 1\n")).expect("room");
    typist.end(End::Typing);
    assert_eq!(stage.over(), Over::Exit);
    assert_eq!(stage.text(), "true\n1\n");
}

#[test]
fn a_terminal_that_changes_its_size_while_it_is_asked_stays() {
    let mut stage = Stage::new(Manner::Terminal);
    stage.types(b"name File: \r", "File: ");
    if let Some(typist) = &stage.typist {
        typist.resize(Size { columns: 80, rows: 4 });
    }
    stage.types(b"x\r", "<x>\r\nA#");
    stage.types(b"count 5\r", "3\r\n --More-- ");
}

#[test]
fn who_types_nothing_for_too_long_is_sent_away() {
    let mut stage = Stage::new(Manner::Terminal);
    stage.types(b"x", "A#x");
    assert_eq!(stage.over(), Over::Idle);
    assert!(stage.text().contains("exec-timeout"), "{}", stage.text());
}

#[test]
fn a_session_ends_with_its_connection_even_while_a_command_runs() {
    let mut stage = Stage::new(Manner::Terminal);
    stage.types(b"stay\r", "waiting\r\n");
    stage.typist = None;
    assert_eq!(stage.over(), Over::Gone);
}

#[test]
fn a_command_that_panics_ends_its_session_alone() {
    let mut stage = Stage::new(Manner::Terminal);
    stage.types(b"panic\r", "session ends.\r\n");
    assert_eq!(stage.over(), Over::Failed);
}

#[test]
fn the_end_of_the_controller_is_told() {
    let mut stage = Stage::new(Manner::Terminal);
    stage.until("A#");
    stage.stop.send_replace(true);
    assert_eq!(stage.over(), Over::Stopped);
    assert!(stage.text().ends_with("the controller stops.\r\n"));
}

#[test]
fn a_session_is_closed_whatever_ends_it_and_told_what_the_end_of_the_controller_costs() {
    let mut stage = Stage::new(Manner::Terminal);
    stage.types(b"configure\rhold\rhold\r", "hold\r\nA(config)#");
    stage.stop.send_replace(true);
    assert_eq!(stage.over(), Over::Stopped);
    assert!(stage.text().contains("\r\n% Not applied: 2 lines of this sub-mode.\r\n"), "{:?}", stage.text());
    let mut gone = Stage::new(Manner::Terminal);
    gone.types(b"configure\rhold\r", "hold\r\nA(config)#");
    gone.typist = None;
    assert_eq!(gone.over(), Over::Gone);
    for stage in [stage, gone] {
        assert_eq!(stage.ran.lock().expect("no panic").last().map(String::as_str), Some("(closed)"));
    }
}

#[test]
fn a_pipe_sees_no_prompt_and_no_echo_and_its_end_ends_the_session_behind_the_last_line() {
    let mut stage = Stage::new(Manner::Pipe);
    let typist = stage.typist.take().expect("somebody");
    stage.runtime.block_on(typist.octets(b"count 30\nwrong\ncount 1\n")).expect("room");
    typist.end(End::Typing);
    assert_eq!(stage.over(), Over::Exit);
    let numbers = (1..=30).fold(String::new(), |text, n| format!("{text}{n}\n"));
    assert_eq!(stage.text(), format!("{numbers}A#wrong\n  ^\n% Invalid\n1\n"));
}

#[test]
fn a_line_that_is_too_long_is_told_of_and_the_session_lives() {
    let mut stage = Stage::new(Manner::Terminal);
    stage.types(&[vec![b'x'; 400_000], b"\rcount 1\r".to_vec()].concat(), "1\r\nA#");
    assert!(stage.text().contains("% Line is longer than 4096 octets; it was not run.\r\n"));
    assert_eq!(*stage.ran.lock().expect("no panic"), ["count 1"]);
}

#[test]
fn new_lines_of_the_log_stand_above_the_line_being_typed() {
    let mut stage = Stage::new(Manner::Terminal);
    stage.types(b"monitor\r", "\r\nA#");
    stage.types(b"cou", "A#cou");
    let event = Event::LimitReached { limit: "line vty".into(), value: 16 };
    let envelope = Envelope {
        seq: Seq(1),
        at: capledger_schema::time::Timestamp(1_706_807_137_108_000),
        cause: Cause::Timer,
        source: Source::Local,
        subject: Subject::Controller,
        observed_at: None,
        event,
    };
    stage.hub.publish(&[envelope]);
    stage.until("the limit of 16 is reached\r\nA#cou");
    stage.types(b"nt 1\r", "1\r\nA#");
}

#[test]
fn what_is_debugged_stands_above_the_line_being_typed_until_it_is_switched_off() {
    let at = capledger_schema::time::Timestamp(1_706_807_137_108_000);
    let peer = "172.16.4.33:5248".parse().expect("an address");
    let echo = Message::new(MessageType::EchoRequest, 3, Vec::new()).to_packet();
    let mut stage = Stage::new(Manner::Terminal);
    stage.types(b"debug all\r", "\r\nA#");
    stage.types(b"cou", "A#cou");
    stage.hub.trace().packet(at, peer, false, &echo);
    stage.until("*Feb  1 17:05:37.108: CAPWAP: received Echo Request from 172.16.4.33:5248, seq 3, 16 octets\r\nA#cou");
    let event = Event::WtpDiscovered { address: peer, discovery_type: 1, model: None, base_mac: None };
    let (subject, source) = (Subject::Controller, Source::Local);
    let envelope = Envelope { seq: Seq(1), at, cause: Cause::Peer(peer), source, subject, observed_at: None, event };
    stage.hub.publish(&[envelope]);
    stage.until("*Feb  1 17:05:37.108: CAPWAP: 172.16.4.33: an AP looks for a controller\r\nA#cou");
    stage.types(b"nt 1\r", "1\r\nA#");
    assert!(stage.hub.trace().is_on());
    stage.types(b"debug none\r", "A#debug none\r\nA#");
    assert!(!stage.hub.trace().is_on(), "nobody listens any more");
}

#[test]
fn a_new_size_counts_from_the_next_page_on() {
    let mut stage = Stage::new(Manner::Terminal);
    if let Some(typist) = &stage.typist {
        typist.resize(Size { columns: 80, rows: 4 });
    }
    stage.types(b"count 5\r", "3\r\n --More-- ");
    stage.types(b" ", "5\r\nA#");
}
