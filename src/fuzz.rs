//! Bodies of the fuzz targets: each takes any octets and panics only if a decoder's promise is broken.
//!
//! `tools/fuzz` hands them to a coverage-guided fuzzer; `tests/fuzz.rs` runs them bounded on stable Rust.

use capledger_schema::codec::Frame;

use crate::capwap::fragment::{Limits, Reassembler};
use crate::capwap::{Header, Message, block, keep_alive};
use crate::fetch::tftp::packet::Packet;
use crate::image::info::InfoScan;
use crate::ios::config_file;
use crate::ios::grammar::{Mode, complete, help};
use crate::ios::line_editor::{Echo, LINE_LIMIT, LineEditor, Typed};

/// A CAPWAP datagram: what parses as a message is written again and parses to the same.
pub fn capwap(octets: &[u8]) {
    if let Ok(message) = Message::parse(octets) {
        let again = message.encode();
        assert_eq!(Message::parse(&again).as_ref(), Ok(&message), "a message did not survive its own encoding");
    }
    if let Ok((header, payload)) = Header::parse(octets) {
        let mut out = Vec::new();
        header.encode(&mut out);
        assert_eq!(out.len() + payload.len(), octets.len(), "a header lost octets");
        let mut fragments = Reassembler::new(Limits::default());
        // Twice the same fragment, and its payload once more under another header.
        for _ in 0..2 {
            let _ = fragments.push(&0_u8, &header, payload, capledger_schema::time::Monotonic(0));
        }
    }
    let _ = block::parse_image_block(octets);
    let _ = block::parse_image_ack(octets);
    let _ = keep_alive::parse(octets);
}

/// A ledger frame: what decodes is encoded to the same octets.
pub fn frame(octets: &[u8]) {
    if let Ok(frame) = Frame::decode(octets) {
        let mut again = Vec::new();
        frame.encode(&mut again);
        assert_eq!(again, octets[..again.len()], "a frame did not survive its own encoding");
    }
}

/// A TFTP packet: what parses is encoded, without what it made us ignore, to a packet that is encoded the same.
pub fn tftp(octets: &[u8]) {
    if let Ok(packet) = Packet::parse(octets) {
        let again = packet.encode();
        let twice = Packet::parse(&again).map(|p| p.encode());
        assert_eq!(twice.as_ref(), Ok(&again), "a packet did not survive its own encoding");
    }
}

/// The beginning of an image file, whole or in two pieces: both say the same.
pub fn image(octets: &[u8]) {
    let scan = |pieces: &[&[u8]]| {
        let mut scan = InfoScan::new();
        pieces.iter().try_for_each(|piece| scan.push(piece))?;
        scan.finish(true)
    };
    let middle = octets.len() / 2;
    let (whole, cut) = (scan(&[octets]), scan(&[&octets[..middle], &octets[middle..]]));
    assert_eq!(whole.ok(), cut.ok(), "an image's info depends on how its octets come");
}

/// A configuration file: what is read is read again from what `show running-config` would print of it.
pub fn configuration(octets: &[u8]) {
    if let Ok(config) = config_file::parse(&String::from_utf8_lossy(octets)) {
        let text = crate::ios::setting::lines(&config, &crate::secrets::NoSecrets);
        assert_eq!(config_file::parse(&text).as_ref(), Ok(&config), "a configuration did not survive:\n{text}");
    }
}

/// What a terminal sends: no line is longer than it may be, and no control character reaches the terminal as text.
pub fn line_editor(octets: &[u8]) {
    let mut editor = LineEditor::new(octets.first().copied().unwrap_or(0).into());
    editor.begin("9120-EWC#", Echo::On);
    for octet in octets {
        match editor.put(*octet) {
            Some(Typed::Line(line) | Typed::EndMode(line)) => {
                assert!(line.len() <= LINE_LIMIT && !line.chars().any(char::is_control), "{line:?}");
                editor.begin("9120-EWC#", if line.len() % 7 == 3 { Echo::Secret } else { Echo::On });
            }
            Some(Typed::Tab(_)) => {
                let completed = complete(Mode::Privileged, &editor.before_cursor());
                editor.complete(completed.as_deref());
            }
            Some(Typed::Help) => {
                help(Mode::Privileged, &editor.before_cursor());
                editor.redraw();
            }
            Some(Typed::Interrupt | Typed::End | Typed::TooLong) => editor.begin("9120-EWC(config)#", Echo::On),
            None => {}
        }
        let known = |c: char| !c.is_control() || matches!(c, '\r' | '\n' | '\u{7}' | '\u{8}' | '\u{1b}');
        assert!(editor.take_echo().chars().all(known), "a control character was echoed");
    }
}

/// A body: any octets.
pub type Body = fn(&[u8]);

/// Every body by its name.
pub const ALL: [(&str, Body); 6] = [
    ("capwap", capwap),
    ("frame", frame),
    ("tftp", tftp),
    ("image", image),
    ("configuration", configuration),
    ("line_editor", line_editor),
];
