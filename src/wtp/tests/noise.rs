//! Whatever comes, in whatever order: no panic, no request beside the outstanding one, no image lost.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::wtp::PowerCut;

/// Something that happens to a WTP.
#[derive(Clone, Debug)]
enum Happening {
    Input(u8),
    Packet(Vec<u8>),
    Message(u32, u8, Vec<u16>),
    Block(u8, u8, Vec<u8>),
    Answer(Vec<u16>),
    Time(u32),
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        3 => (0u8..40).prop_map(Happening::Input),
        1 => vec(any::<u8>(), 0..64).prop_map(Happening::Packet),
        2 => (0u32..30, any::<u8>(), vec(0u16..60, 0..5)).prop_map(|(t, s, e)| Happening::Message(t, s, e)),
        3 => (0u8..6, any::<u8>(), vec(any::<u8>(), 0..600)).prop_map(|(o, s, d)| Happening::Block(o, s, d)),
        6 => vec(0u16..60, 0..5).prop_map(Happening::Answer),
        3 => (0u32..40_000).prop_map(Happening::Time),
    ]
}

/// Elements that mean something now and then.
fn elements(kinds: &[u16]) -> Vec<Element> {
    let element = |kind: &u16| match kind {
        0..20 => success(),
        20..30 => identifier("ap1g8 17.9.4.27"),
        30..35 => identifier("ap1g8 8.10.130.0"),
        other => Element::parse(*other, &[0; 3]),
    };
    kinds.iter().map(element).collect()
}

/// Gives what happened to the WTP; `asked` is its last request.
fn happen(wtp: &mut Wtp, now: Now, what: &Happening, asked: Option<&Message>) -> Vec<WtpEffect> {
    match what {
        Happening::Input(n) => {
            let input = match n {
                0..24 => WtpInput::Connected,
                24 => WtpInput::ConnectFailed,
                25 => WtpInput::Closed,
                26 => WtpInput::PowerCut,
                27..36 => WtpInput::PowerOn,
                _ => WtpInput::Event,
            };
            wtp.handle(now, input)
        }
        Happening::Packet(bytes) => {
            let mut effects = wtp.handle(now, WtpInput::Message { bytes });
            effects.extend(wtp.handle(now, WtpInput::Data { bytes }));
            effects.extend(wtp.handle(now, WtpInput::Clear { from: ac(), bytes }));
            effects
        }
        Happening::Message(kind, seq, kinds) => {
            let bytes = Message::new(MessageType::from(*kind), *seq, elements(kinds)).to_packet();
            wtp.handle(now, WtpInput::Message { bytes: &bytes })
        }
        Happening::Block(opcode, seq, data) => {
            let mut bytes = image_block_prefix(*seq, ImageDataOpcode::from(*opcode), data.len() as u16).to_vec();
            bytes.extend_from_slice(data);
            wtp.handle(now, WtpInput::Message { bytes: &bytes })
        }
        Happening::Answer(kinds) => {
            let Some(response) = asked.and_then(|a| a.response(elements(kinds))) else { return Vec::new() };
            let bytes = response.to_packet();
            if response.message_type == MessageType::DiscoveryResponse {
                wtp.handle(now, WtpInput::Clear { from: ac(), bytes: &bytes })
            } else {
                wtp.handle(now, WtpInput::Message { bytes: &bytes })
            }
        }
        Happening::Time(_) => wtp.handle(now, WtpInput::Tick),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn anything_in_any_order_leaves_a_wtp_that_runs_an_image_it_had(script in vec(happening(), 1..200)) {
        let knobs = Knobs {
            events: Some(Duration::from_secs(10)),
            slow_flash: Some(Duration::from_millis(5)),
            power_cut: Some(PowerCut { at_octet: 900, lasts: Duration::from_secs(3) }),
            ..Knobs::default()
        };
        let mut wtp = Wtp::new(WtpConfig { console: Some(crate::wtp::Dialect::Replica), ..with(knobs) });
        let mut now = Now { mono: Monotonic(1), wall: Timestamp(1_700_000_000_000_000) };
        let mut effects = wtp.handle(now, WtpInput::PowerOn);
        let mut asked = None;
        for what in &script {
            if let Happening::Time(ms) = what {
                let end = now.mono + Duration::from_millis(u64::from(*ms));
                let due = wtp.deadline().map_or(end, |due| due.min(end));
                now = Now { wall: now.wall + due.since(now.mono), mono: due.max(now.mono) };
            }
            effects.extend(happen(&mut wtp, now, what, asked.as_ref()));
            prop_assert!(wtp.deadline().is_none_or(|due| due > now.mono), "what was due was done");
            prop_assert!(wtp.deadline().is_some() || wtp.state() == WtpState::Off, "it never waits for ever");
            prop_assert!(effects.len() < 64, "{} effects of one input", effects.len());
            for effect in effects.drain(..) {
                if let WtpEffect::Send { bytes } | WtpEffect::SendClear { bytes, .. } = &effect {
                    let message = Message::from_packet(bytes).expect("its own messages parse");
                    if message.is_request() {
                        prop_assert!(message.missing().is_empty(), "{message:?} lacks {:?}", message.missing());
                        asked = Some(message);
                    }
                }
                if effect == (WtpEffect::Connect { to: ac() }) && matches!(what, Happening::Answer(_)) {
                    asked = None;
                }
            }
            prop_assert!([version(OLD), version(OLDER)].contains(&wtp.active_version()));
            prop_assert_eq!(wtp.counters().images_stored, 0, "noise is no image");
        }
    }
}
