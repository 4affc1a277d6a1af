//! The console beside the reference's, line for line. In the golden files, which are the reference's logs, `N` stands
//! for any number and `~` for any row of dots.

use super::*;
use crate::wtp::Dialect;

const NAMED: &str = "ap1g8 17.9.4.27";
/// The reference's messages, in blocks of eight octets: what the console prints does not depend on the size.
const MESSAGES: usize = 51_208;
const BLOCK: usize = 8;

/// A line with its numbers and its rows of dots masked.
fn masked(line: &str) -> String {
    let mut out = String::new();
    let mut rest = line;
    while let Some(first) = rest.chars().next() {
        let run = |wanted: fn(&char) -> bool| rest.chars().take_while(wanted).count();
        let (digits, dots) = (run(char::is_ascii_digit), run(|c| *c == '.'));
        let (text, octets) = match (digits, dots) {
            (1.., _) => ("N", digits),
            (_, 4..) => ("~", dots),
            _ => (&rest[..first.len_utf8()], first.len_utf8()),
        };
        out.push_str(text);
        rest = &rest[octets..];
    }
    out
}

/// The console from where the reference's logs begin.
fn log(t: &Stage) -> Vec<String> {
    let begins = t.console.iter().position(|l| l.ends_with("CAPWAP State: Image Data")).expect("it downloads");
    t.console[begins..].iter().map(|line| masked(line)).collect()
}

fn golden(text: &str) -> Vec<&str> {
    text.lines().collect()
}

fn talking(dialect: Dialect) -> WtpConfig {
    WtpConfig { console: Some(dialect), ..config() }
}

/// Sends the whole image; something happens at the WTP behind the messages of these ordinals.
fn send(t: &mut Stage, image: &[u8], events: &[usize]) {
    for (n, data) in image.chunks(BLOCK).enumerate() {
        let opcode = if n + 1 == MESSAGES { ImageDataOpcode::Last } else { ImageDataOpcode::Data };
        t.block(opcode, data);
        t.recv_result(MessageType::ImageDataResponse);
        if events.contains(&(n + 1)) {
            t.give(WtpInput::Event);
        }
        if opcode == ImageDataOpcode::Data {
            t.wait(Duration::from_micros(1_878));
        }
        while let Some(WtpEffect::Send { bytes }) = t.effects.pop_front() {
            let echo = Message::from_packet(&bytes).expect("a message");
            assert_eq!(echo.message_type, MessageType::EchoRequest);
            t.answer(&echo, Vec::new());
        }
    }
}

#[test]
fn a_successful_download_reads_as_on_a_real_access_point() {
    let image = image("ap1g8", NEW, (MESSAGES * BLOCK - 3) as u64);
    let mut t = Stage::joined(talking(Dialect::Replica), Some(NAMED));
    t.accept_image_request(vec![information(&image)]);
    send(&mut t, &image, &[7_900, 19_300, 20_100, 36_300]);
    t.wait(Duration::from_millis(7_599));
    assert_eq!(t.wtp.state(), WtpState::Reset);
    let printed = t.console.len();
    t.wait(Duration::from_millis(1));
    assert!(t.console.len() > printed, "the verdict is the last line of the script");
    let expected = golden(include_str!("golden/success.txt"));
    assert_eq!(log(&t)[..expected.len()], expected);
    assert!(t.console[t.console.len() - 1].ends_with("AP Rebooting: Reset Reason - Image Upgrade"));
}

#[test]
fn a_download_that_cannot_start_reads_as_on_a_real_access_point() {
    let mut t = Stage::joined(talking(Dialect::Slave), Some(NAMED));
    t.accept_image_request(Vec::new());
    t.wait(Duration::from_millis(8_600));
    t.give(WtpInput::Event);
    t.wait(Duration::from_millis(19_200));
    t.give(WtpInput::Event);
    let echo_due = t.wtp.timers.next().expect("a deadline");
    t.step_to(echo_due);
    while t.wtp.state() == WtpState::ImageData {
        t.step_to(t.wtp.deadline().expect("a deadline"));
    }
    t.wait(Duration::from_millis(362));
    t.give(WtpInput::Event);
    assert_eq!(log(&t), golden(include_str!("golden/failure.txt")));
}

#[test]
fn both_dialects_know_both_flows() {
    for (dialect, word) in [(Dialect::Replica, "replicaStatus"), (Dialect::Slave, "slaveStatus")] {
        let image = image("ap1g8", NEW, 65_536);
        let mut t = Stage::joined(talking(dialect), Some(NAMED));
        t.accept_image_request(vec![information(&image)]);
        t.send_image(&image, 1_024);
        t.wait(Duration::from_secs(8));
        let text = t.console.join("\n");
        assert!(text.contains(word) && text.contains("> 65536 bytes, 64 msgs, 1024 last"), "{text}");
        assert!(text.contains("Image signing verify success."), "{text}");
        let mut t = Stage::joined(talking(dialect), Some(NAMED));
        t.accept_image_request(Vec::new());
        t.wait(Duration::from_secs(31));
        let text = t.console.join("\n");
        assert!(text.contains("(reason : image download cannot start)"), "{text}");
        assert!(text.contains("Script called with args:[ABORT]"), "{text}");
    }
}

#[test]
fn what_is_wrong_with_flash_or_image_stands_on_the_console() {
    let image = image("ap1g8", NEW, 65_536);
    for (knobs, words) in [
        (Knobs { flash_full: true, ..Knobs::default() }, "/tmp space: NOT available"),
        (Knobs { bad_signature: true, ..Knobs::default() }, "Image signing verify failed."),
    ] {
        let mut t = Stage::joined(WtpConfig { knobs, ..talking(Dialect::Replica) }, Some(NAMED));
        t.accept_image_request(vec![information(&image)]);
        for data in image.chunks(1_024) {
            if t.wtp.state() == WtpState::ImageData {
                let last = t.wtp.progress().is_some_and(|(octets, _)| octets == 64_512);
                t.block(if last { ImageDataOpcode::Last } else { ImageDataOpcode::Data }, data);
                t.recv(MessageType::ImageDataResponse);
            }
        }
        t.wait(Duration::from_secs(8));
        assert!(t.console.iter().any(|line| line.contains(words)), "{words}: {:#?}", t.console);
    }
}

#[test]
fn a_wtp_without_a_console_prints_nothing_and_behaves_the_same() {
    let image = image("ap1g8", NEW, 65_536);
    let run = |config| {
        let mut t = Stage::joined(config, Some(NAMED));
        t.accept_image_request(vec![information(&image)]);
        t.send_image(&image, 1_024);
        t.expect(&WtpEffect::Disconnect);
        (t.now.mono, t.wtp.counters(), t.console.is_empty())
    };
    let (at, counters, silent) = run(config());
    let (talking_at, talking_counters, mute) = run(talking(Dialect::Replica));
    assert_eq!((at, counters), (talking_at, talking_counters));
    assert!(silent && !mute);
}
