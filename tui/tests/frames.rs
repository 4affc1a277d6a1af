//! Golden frames: what is drawn at several sizes, at several moments of one made-up upgrade.

mod fleet;

use capledger_schema::feed::ServerMessage;
use capledger_schema::time::Timestamp;
use capledger_schema::{Envelope, Event};
use capledger_tui::state::{After, Dashboard, Input};
use capledger_tui::theme::{Colour, Theme};
use capledger_tui::view;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use fleet::{START, Story};
use ratatui::Terminal;
use ratatui::backend::TestBackend;

/// A dashboard and a screen for it.
struct Screen {
    dash: Dashboard,
    story: Story,
    terminal: Terminal<TestBackend>,
    theme: Theme,
}

impl Screen {
    fn new(width: u16, height: u16, aps: usize) -> Screen {
        Screen {
            dash: Dashboard::new(START),
            story: Story::new(aps, START),
            terminal: Terminal::new(TestBackend::new(width, height)).expect("a screen in memory"),
            theme: Theme::new(Colour::None, true),
        }
    }

    /// Lets the story go on, a second at a time, as a live feed would tell it.
    fn pass(mut self, seconds: u32) -> Screen {
        for _ in 0..seconds {
            let batch = self.story.pass(1.0);
            self.dash.apply(Input::Tick(self.story.now()));
            self.dash.apply(Input::Message(Box::new(ServerMessage::Events(batch))));
        }
        self
    }

    /// A campaign is under way.
    fn campaign(mut self) -> Screen {
        let batch = self.story.campaign();
        self.message(ServerMessage::Events(batch))
    }

    fn campaign_ends(mut self) -> Screen {
        let batch = self.story.campaign_ends();
        self.message(ServerMessage::Events(batch))
    }

    /// An AP asks for an image that could not be fetched.
    fn asks_in_vain(mut self) -> Screen {
        let batch = self.story.asks_in_vain();
        self.message(ServerMessage::Events(batch))
    }

    fn wait(mut self, seconds: i64) -> Screen {
        let now = Timestamp(self.dash.now().0 + seconds * 1_000_000);
        self.dash.apply(Input::Tick(now));
        self
    }

    fn message(mut self, message: ServerMessage) -> Screen {
        self.dash.apply(Input::Message(Box::new(message)));
        self
    }

    fn keys(mut self, keys: &[KeyCode]) -> Screen {
        for code in keys {
            self.draw();
            self.dash.apply(Input::Key(KeyEvent::new(*code, KeyModifiers::NONE)));
        }
        self
    }

    fn text(self, text: &str) -> Screen {
        let keys: Vec<_> = text.chars().map(KeyCode::Char).collect();
        self.keys(&keys)
    }

    fn draw(&mut self) {
        let (dash, theme) = (&mut self.dash, &self.theme);
        self.terminal
            .draw(|frame| {
                let area = frame.area();
                dash.ui.page = view::draw(frame.buffer_mut(), area, dash, theme);
            })
            .expect("a screen in memory");
    }

    fn frame(mut self) -> String {
        self.draw();
        self.terminal.backend().to_string().replace('"', "")
    }
}

#[test]
fn an_upgrade_in_full_swing_at_80_by_24() {
    insta::assert_snapshot!(Screen::new(80, 24, 24).pass(26).frame());
}

#[test]
fn an_upgrade_in_full_swing_at_200_by_60() {
    insta::assert_snapshot!(Screen::new(200, 60, 30).pass(45).frame());
}

#[test]
fn an_upgrade_in_full_swing_at_60_by_20() {
    insta::assert_snapshot!(Screen::new(60, 20, 24).pass(26).frame());
}

#[test]
fn a_campaign_has_a_line_with_its_phase_and_its_bar_at_80_by_24() {
    insta::assert_snapshot!(Screen::new(80, 24, 24).pass(120).campaign().frame());
}

#[test]
fn a_campaign_has_a_line_with_its_phase_and_its_bar_at_200_by_60() {
    insta::assert_snapshot!(Screen::new(200, 60, 24).pass(120).campaign().frame());
}

#[test]
fn the_outcome_of_a_campaign_stays_in_sight_for_a_while() {
    let screen = || Screen::new(100, 20, 8).pass(120).campaign().campaign_ends();
    let frame = screen().frame();
    assert!(frame.contains("stopped"), "{frame}");
    insta::assert_snapshot!(frame);
    let later = screen().wait(601).frame();
    assert!(!later.contains("Upgrade "), "{later}");
}

#[test]
fn the_first_seconds_show_fetches_and_aps_that_wait_for_them() {
    insta::assert_snapshot!(Screen::new(120, 30, 12).pass(5).frame());
}

#[test]
fn a_finished_upgrade_is_told_from_a_running_one() {
    insta::assert_snapshot!(Screen::new(100, 24, 8).pass(150).frame());
}

#[test]
fn without_unicode_every_character_is_ascii() {
    let mut screen = Screen::new(100, 24, 24).pass(26);
    screen.theme = Theme::new(Colour::None, false);
    let frame = screen.frame();
    assert!(frame.is_ascii(), "{frame}");
    insta::assert_snapshot!(frame);
}

#[test]
fn the_particulars_of_a_failed_ap_say_why_and_what_to_look_at() {
    insta::assert_snapshot!(Screen::new(90, 30, 24).pass(26).keys(&[KeyCode::Enter]).frame());
}

#[test]
fn an_ap_whose_image_cannot_be_fetched_waits_and_downloads_nothing() {
    let frame = Screen::new(120, 40, 12).pass(40).asks_in_vain().frame();
    let row = frame.lines().find(|line| line.contains("◌ waiting")).expect("a row that waits");
    assert!(row.contains("✗ not found"), "{row}");
    insta::assert_snapshot!(frame);
}

#[test]
fn the_alarms_say_why_at_80_by_24() {
    let screen = || Screen::new(80, 24, 24).pass(26).asks_in_vain().text("a");
    let frame = screen().frame();
    assert!(frame.contains("no image, not found"), "{frame}");
    insta::assert_snapshot!(frame);
    let none = Screen::new(80, 24, 3).pass(4).text("a").frame();
    assert!(none.contains("No AP has an alarm"), "{none}");
}

#[test]
fn a_fetch_that_failed_is_no_alarm_once_nobody_needs_it() {
    let alarms = |screen: &Screen| screen.dash.overview().alarms.iter().filter(|a| a.wtp.is_none()).count();
    let (needed, other) = (Screen::new(80, 24, 5).pass(150), Screen::new(80, 24, 5).pass(150));
    assert_eq!(alarms(&needed), 1, "an AP of the family runs the old version");
    assert_eq!(
        alarms(&other.campaign()),
        0,
        "the campaign is to give it another version, which nobody has failed to fetch"
    );
}

#[test]
fn the_log_takes_the_screen_stands_still_when_scrolled_and_is_filtered() {
    let screen = || Screen::new(80, 24, 12).pass(40).text("l");
    insta::assert_snapshot!(screen().frame());
    let bottom = |screen: Screen| screen.frame().lines().rev().nth(1).expect("a line").trim().to_owned();
    let scrolled = || screen().keys(&[KeyCode::PageUp]);
    let stands = bottom(scrolled());
    assert_ne!(stands, bottom(screen()));
    assert_eq!(bottom(scrolled().pass(10)), stands, "it stays where its reader is");
    assert_ne!(bottom(scrolled().pass(10).text("G")), stands);
    let filtered = screen().text("/ap1g5").keys(&[KeyCode::Enter]).frame();
    let lines = filtered.lines().filter(|line| line.contains("17:05:")).collect::<Vec<_>>();
    assert!(!lines.is_empty() && lines.iter().all(|line| line.contains("ap1g5")), "{filtered}");
}

#[test]
fn words_of_a_filter_are_all_needed_may_name_a_column_and_may_be_refused() {
    let names = |filter: &str| {
        let screen = Screen::new(80, 24, 24).pass(26).text("/").text(filter);
        let names: Vec<_> = screen.dash.overview().rows.iter().map(|row| row.wtp.address.name.clone()).collect();
        names
    };
    let all = names("");
    assert_eq!(all.len(), 24);
    let lisbon = names("lisbon");
    assert!(!lisbon.is_empty() && lisbon.len() < all.len());
    assert_eq!(names("!lisbon").len(), all.len() - lisbon.len());
    assert_eq!(names("site:lisbon"), lisbon);
    assert!(names("name:lisbon").is_empty());
    assert_eq!(names("lisbon state:fail").len() + names("lisbon !state:fail").len(), lisbon.len());
    assert_eq!(names("site:"), all, "a word that is not typed to its end takes nothing away");
}

#[test]
fn the_particulars_have_the_whole_place_at_60_by_15_and_show_the_history_back_to_its_begin() {
    let screen = || Screen::new(60, 15, 24).pass(26).keys(&[KeyCode::Enter]);
    insta::assert_snapshot!(screen().frame());
    let back = screen().keys(&[KeyCode::PageUp, KeyCode::PageUp, KeyCode::PageDown, KeyCode::PageUp]).frame();
    assert!(back.contains("joined with 17.3.3.26") && !back.contains("address"), "{back}");
}

#[test]
fn the_smallest_terminal_still_names_every_ap_and_its_state() {
    insta::assert_snapshot!(Screen::new(40, 10, 24).pass(26).frame());
}

#[test]
fn a_filter_leaves_the_aps_that_match() {
    insta::assert_snapshot!(Screen::new(80, 24, 24).pass(26).text("/lisbon").frame());
}

#[test]
fn the_help_lies_over_the_table() {
    insta::assert_snapshot!(Screen::new(80, 24, 6).pass(10).text("?").frame());
}

#[test]
fn what_has_not_moved_for_a_minute_is_an_alarm() {
    insta::assert_snapshot!(Screen::new(120, 40, 6).pass(12).wait(61).frame());
}

#[test]
fn a_feed_that_is_cut_off_is_said_and_the_last_state_stays() {
    let bye = ServerMessage::Bye("the controller stops".into());
    insta::assert_snapshot!(Screen::new(80, 24, 6).pass(12).message(bye).frame());
}

#[test]
fn coming_back_after_a_cut_is_said_once_in_the_log() {
    let bye = || ServerMessage::Bye("no controller is running".into());
    let hello = ServerMessage::Hello {
        protocol: 1,
        controller: capledger_schema::id::ControllerId(7),
        software: "0.1.0".into(),
        seq: capledger_schema::id::Seq(1),
    };
    let frame = Screen::new(100, 24, 2).pass(3).message(bye()).message(bye()).message(hello).frame();
    assert_eq!(frame.matches("cut off: no controller is running").count(), 1, "{frame}");
    assert!(frame.contains("connected again"), "{frame}");
    assert!(frame.contains("live"), "{frame}");
}

#[test]
fn nothing_yet_is_said_with_what_to_do() {
    insta::assert_snapshot!(Screen::new(80, 24, 0).frame());
}

#[test]
fn a_terminal_that_is_too_small_is_told_so() {
    insta::assert_snapshot!(Screen::new(30, 8, 6).pass(5).frame());
}

#[test]
fn no_size_makes_the_view_panic() {
    let story = Story::new(40, START).pass(30.0);
    for (width, height) in (1..=210).step_by(13).flat_map(|w| (1..=70).step_by(3).map(move |h| (w, h))) {
        let mut screen = Screen::new(width, height, 0).message(ServerMessage::Events(story.clone()));
        for key in [KeyCode::Enter, KeyCode::End, KeyCode::Char('?'), KeyCode::Char('/'), KeyCode::Char('x')] {
            screen = screen.keys(&[key]);
            screen.draw();
        }
    }
}

#[test]
fn the_selection_stays_with_its_ap_when_the_order_changes() {
    let mut screen = Screen::new(80, 24, 24).pass(10).text("sjjjj");
    let id = screen.dash.ui.selected.clone().expect("selected");
    screen = screen.text("rssr").pass(20);
    screen.draw();
    assert_eq!(screen.dash.ui.selected.as_ref(), Some(&id));
    let rows = screen.dash.overview().rows;
    let (at, page) = (screen.dash.selected(&rows), screen.dash.ui.page);
    assert_eq!(rows[at].id, &id);
    assert!((page.first..page.first + page.rows).contains(&at), "it is on the screen");
}

#[test]
fn leaving_takes_q_or_control_c_and_in_a_filter_control_c() {
    let mut dash = Dashboard::new(START);
    let mut key = |code, modifiers| dash.apply(Input::Key(KeyEvent::new(code, modifiers)));
    assert_eq!(key(KeyCode::Char('q'), KeyModifiers::NONE), After::Quit);
    assert_eq!(key(KeyCode::Char('/'), KeyModifiers::NONE), After::Redraw);
    assert_eq!(key(KeyCode::Char('q'), KeyModifiers::NONE), After::Redraw);
    assert_eq!(key(KeyCode::Char('c'), KeyModifiers::CONTROL), After::Quit);
}

#[test]
fn envelopes_that_never_came_are_counted_and_those_that_came_again_are_not() {
    let all = Story::new(6, START).pass(10.0);
    let feed = |parts: &[&[Envelope]]| {
        let mut dash = Dashboard::new(START);
        for part in parts {
            dash.apply(Input::Message(Box::new(ServerMessage::Events(part.to_vec()))));
        }
        dash.missed()
    };
    assert_eq!(feed(&[&all]), 0);
    assert_eq!(feed(&[&all[..5], &all[8..]]), 3);
    assert_eq!(feed(&[&all[..8], &all[5..]]), 0);
}

#[test]
fn a_snapshot_and_what_follows_show_the_same_as_the_whole_story() {
    let mut story = Story::new(12, START);
    let (before, after) = (story.pass(20.0), story.pass(10.0));
    let now = story.now();
    let dash = |messages: Vec<ServerMessage>| {
        let mut dash = Dashboard::new(now);
        for m in messages {
            dash.apply(Input::Message(Box::new(m)));
        }
        dash
    };
    let whole = dash(vec![ServerMessage::Events(before.clone()), ServerMessage::Events(after.clone())]);
    let at_20 = dash(vec![ServerMessage::Events(before)]).fold().clone();
    let joined = dash(vec![ServerMessage::Snapshot(Box::new(at_20)), ServerMessage::Events(after)]);
    assert_eq!(joined.fold(), whole.fold());
    let (joined, whole) = (joined.overview(), whole.overview());
    assert_eq!(joined.alarms, whole.alarms);
    assert!((joined.summary.share - whole.summary.share).abs() < 1e-9);
}

#[test]
fn an_ap_name_cannot_steer_the_terminal() {
    let mut batch = Story::new(1, START).pass(3.0);
    for e in &mut batch {
        if let Event::WtpJoined { wtp, .. } = &mut e.event {
            wtp.name = "AP\u{1b}[31mred\u{7}".into();
        }
    }
    let frame = Screen::new(80, 24, 0).message(ServerMessage::Events(batch)).frame();
    assert!(!frame.contains(['\u{1b}', '\u{7}']), "{frame}");
    assert!(frame.contains("AP[31mred"), "{frame}");
}

#[test]
fn ten_thousand_aps_are_one_page_long() {
    let mut screen = Screen::new(200, 60, 10_000).pass(14).keys(&[KeyCode::End]);
    screen.draw();
    let rows = screen.dash.ui.page;
    assert!(rows.rows < 60 && rows.first + rows.rows == 10_000, "{rows:?}");
}
