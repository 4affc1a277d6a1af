//! The dashboard on the past: wherever the cursor goes, it shows what a live dashboard showed then.

mod fleet;

use std::io;

use capledger_schema::Envelope;
use capledger_schema::feed::ServerMessage;
use capledger_schema::id::Seq;
use capledger_schema::time::Timestamp;
use capledger_tui::replay::{Place, Player, Tape};
use capledger_tui::state::{After, Cursor, Dashboard, Input};
use capledger_tui::theme::{Colour, Theme};
use capledger_tui::view;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use fleet::{START, Story};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

struct Recorded(Vec<Envelope>);

impl Tape for Recorded {
    fn last(&self) -> Seq {
        self.0.last().map_or(Seq(0), |e| e.seq)
    }

    fn read(&self, after: Seq) -> io::Result<Box<dyn Iterator<Item = io::Result<Envelope>> + '_>> {
        Ok(Box::new(self.0.iter().filter(move |e| e.seq > after).cloned().map(Ok)))
    }
}

/// Two minutes of twelve APs.
fn recorded() -> Recorded {
    Recorded(Story::new(12, START).pass(120.0))
}

fn press(player: &mut Player<'_>, keys: &str) {
    for c in keys.chars() {
        let code = match c {
            '→' => KeyCode::Right,
            '←' => KeyCode::Left,
            '\n' => KeyCode::Enter,
            '\u{1b}' => KeyCode::Esc,
            c => KeyCode::Char(c),
        };
        player.apply(&Input::Key(KeyEvent::new(code, KeyModifiers::NONE))).expect("a tape in memory");
    }
}

fn cursor(player: &Player<'_>) -> Cursor {
    player.dash().ui.replay.clone().expect("a replay")
}

fn frame(player: &Player<'_>, width: u16, height: u16) -> String {
    let area = Rect::new(0, 0, width, height);
    let mut buf = Buffer::empty(area);
    view::draw(&mut buf, area, player.dash(), &Theme::new(Colour::None, true));
    let lines: Vec<_> = (0..height).map(|y| (0..width).map(|x| buf[(x, y)].symbol()).collect::<String>()).collect();
    lines.join("\n")
}

/// What a live dashboard shows that saw the first events alone.
fn live(tape: &Recorded, upto: u64) -> Dashboard {
    let seen: Vec<_> = tape.0.iter().filter(|e| e.seq.0 <= upto).cloned().collect();
    let mut dash = Dashboard::new(START);
    dash.apply(Input::Tick(seen.last().map_or(START, |e| e.at)));
    dash.apply(Input::Message(Box::new(ServerMessage::Events(seen))));
    dash
}

#[test]
fn a_moment_of_the_past_at_80_by_24() {
    let tape = recorded();
    let player = Player::open(&tape, Place::At(Timestamp(START.0 + 26_500_000))).expect("a player");
    insta::assert_snapshot!(frame(&player, 80, 24));
}

#[test]
fn a_moment_of_the_past_at_120_by_40_while_it_plays() {
    let tape = recorded();
    let mut player = Player::open(&tape, Place::At(Timestamp(START.0 + 26_000_000))).expect("a player");
    press(&mut player, " ");
    player.apply(&Input::Tick(START)).expect("a tick");
    player.apply(&Input::Tick(Timestamp(START.0 + 1_000_000))).expect("a tick");
    assert_eq!(cursor(&player).at, Timestamp(START.0 + 36_000_000), "ten times as fast");
    insta::assert_snapshot!(frame(&player, 120, 40));
}

#[test]
fn the_help_of_a_replay_has_every_key_at_80_by_24() {
    let tape = recorded();
    let mut player = Player::open(&tape, Place::End).expect("a player");
    press(&mut player, "?");
    let shown = frame(&player, 80, 24);
    let all = capledger_tui::replay::KEYS.iter().chain(&capledger_tui::state::input::KEYS);
    for (key, what) in all {
        assert!(shown.contains(what), "{key}: {what}\n{shown}");
    }
}

#[test]
fn wherever_the_cursor_has_been_the_state_is_the_fold_up_to_it() {
    let tape = Recorded(Story::new(500, START).pass(90.0));
    let last = tape.last().0;
    assert!(last > 9_000, "states are kept along so long a way: {last}");
    let mut player = Player::open(&tape, Place::End).expect("a player");
    for at in [last, 1, last / 2, last / 2 - 1, last - 1, last - 600, 2, 5_000, 4_097, 4_096, 4_095] {
        player.go(Place::Event(at)).expect("there");
        assert_eq!(cursor(&player).seq, Seq(at));
        let live = live(&tape, at);
        assert_eq!(player.dash().fold(), live.fold(), "at {at}");
        assert_eq!(player.dash().overview().alarms, live.overview().alarms, "at {at}");
        assert!(player.dash().log().map(|(_, line)| line).eq(live.log().map(|(_, line)| line)), "at {at}");
    }
    assert_eq!(player.dash().missed(), 0);
}

#[test]
fn keys_step_by_event_by_minute_and_to_both_ends() {
    let tape = recorded();
    let mut player = Player::open(&tape, Place::Event(100)).expect("a player");
    let seq = |player: &Player<'_>| cursor(player).seq.0;
    press(&mut player, "→→←");
    assert_eq!(seq(&player), 101);
    press(&mut player, "<");
    assert_eq!(seq(&player), 1);
    press(&mut player, "←");
    assert_eq!(seq(&player), 1, "there is nothing before the first");
    let begin = cursor(&player).at;
    press(&mut player, "]");
    assert_eq!(cursor(&player).at.since(begin).as_secs(), 60);
    press(&mut player, "[");
    assert_eq!(cursor(&player).at, begin);
    press(&mut player, ">→");
    assert_eq!(seq(&player), tape.last().0);
}

#[test]
fn a_place_is_typed_and_a_wrong_one_is_said() {
    let tape = recorded();
    let mut player = Player::open(&tape, Place::End).expect("a player");
    press(&mut player, "t17:05:30\n");
    assert_eq!(cursor(&player).at, Timestamp(START.0 + 30_000_000));
    assert!(tape.0.iter().find(|e| e.seq.0 == cursor(&player).seq.0 + 1).is_some_and(|e| e.at > cursor(&player).at));
    press(&mut player, "t-5\n");
    assert_eq!(cursor(&player).at, Timestamp(START.0 + 25_000_000));
    press(&mut player, "t#42\n");
    assert_eq!(cursor(&player).seq, Seq(42));
    press(&mut player, "tnoon\n");
    assert!(frame(&player, 120, 30).contains("noon? type 17:05:37"));
    press(&mut player, "t17\u{1b}");
    assert_eq!((cursor(&player).seq, cursor(&player).asking), (Seq(42), None));
    press(&mut player, "t23:59\n");
    assert_eq!(cursor(&player).seq, tape.last(), "no further than the end");
}

#[test]
fn failures_and_the_events_of_an_ap_are_gone_to_in_both_directions() {
    let tape = recorded();
    let mut player = Player::open(&tape, Place::Begin).expect("a player");
    let last_line = |player: &Player<'_>| player.dash().log().next().map(|(_, line)| line.clone()).expect("a line");
    press(&mut player, "n");
    let first = cursor(&player).seq;
    assert!(last_line(&player).what.contains("fetch failed"), "{:?}", last_line(&player));
    press(&mut player, "n");
    assert!(cursor(&player).seq > first && last_line(&player).what.contains("download failed"));
    press(&mut player, "N");
    assert_eq!(cursor(&player).seq, first);
    press(&mut player, "N");
    assert_eq!((cursor(&player).seq, cursor(&player).note.as_str()), (first, "no earlier failure"));

    press(&mut player, ">sg");
    let name = player.dash().overview().rows[0].wtp.address.name.clone();
    let mut told = Vec::new();
    while cursor(&player).note.is_empty() {
        press(&mut player, "E");
        let line = last_line(&player);
        assert_eq!(line.who, name);
        told.push(line.what);
    }
    assert!(told.last().is_some_and(|what| what.starts_with("joined with 17.3.3.26")), "{told:?}");
    assert!(told.iter().any(|what| what.starts_with("holds 17.9.4.27")), "{told:?}");
}

#[test]
fn playing_goes_on_to_the_end_leaves_idle_time_out_and_stops() {
    let mut envelopes = Story::new(6, START).pass(120.0);
    let hour = 3_600_000_000;
    for e in envelopes.iter_mut().skip(60) {
        e.at = Timestamp(e.at.0 + hour);
    }
    let tape = Recorded(envelopes);
    let mut player = Player::open(&tape, Place::Begin).expect("a player");
    press(&mut player, " ");
    let mut ticks = 0;
    while cursor(&player).playing {
        player.apply(&Input::Tick(Timestamp(START.0 + ticks * 100_000))).expect("a tick");
        ticks += 1;
        assert!(ticks < 1_000, "two minutes and an idle hour, ten times as fast: {:?}", cursor(&player));
    }
    assert!(ticks > 80, "it was played, not skipped: {ticks}");
    assert_eq!(player.dash().fold(), live(&tape, tape.last().0).fold());
    press(&mut player, " ");
    assert_eq!(cursor(&player).seq, Seq(1), "from the end it begins anew");
}

#[test]
fn the_users_own_filter_and_selection_stay_wherever_the_cursor_goes() {
    let tape = recorded();
    let mut player = Player::open(&tape, Place::End).expect("a player");
    press(&mut player, "/lisbon\njj");
    let selected = player.dash().ui.selected.clone();
    press(&mut player, "[");
    assert_eq!((player.dash().ui.filter.as_str(), &player.dash().ui.selected), ("lisbon", &selected));
    assert!(selected.is_some());
    let quit = Input::Key(KeyEvent::new(KeyCode::Char('q'), KeyModifiers::NONE));
    assert_eq!(player.apply(&quit).expect("a key"), After::Quit);
}

#[test]
fn an_empty_ledger_is_said() {
    let empty = Recorded(Vec::new());
    let error = Player::open(&empty, Place::End).expect_err("nothing to show");
    assert_eq!(error.to_string(), "the ledger holds no event yet");
}
