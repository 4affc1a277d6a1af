//! The ledger's frames: what is written is read, and no octets whatever can upset the reader.

use capledger_schema::codec::{
    Chain, CodecError, EVENT_LIMIT, Frame, HEADER_LEN, Packing, SCHEMA_VERSION, TRAILER_LEN, encode_envelope,
};
use capledger_schema::id::Seq;
use capledger_schema::{Envelope, Event, generate};
use proptest::prelude::*;

/// One plain frame of all of them.
fn frame(envelopes: &[Envelope]) -> Vec<u8> {
    let mut payload = Vec::new();
    let mut chain = Chain::start();
    for envelope in envelopes {
        let start = payload.len();
        encode_envelope(envelope, &mut payload).expect("within the limit");
        chain = chain.then(&payload[start..]);
    }
    let mut out = Vec::new();
    Frame {
        schema: SCHEMA_VERSION,
        packing: Packing::Plain,
        ends_commit: true,
        base: envelopes[0].seq,
        count: envelopes.len() as u32,
        unpacked: payload.len() as u32,
        payload: &payload,
        chain,
    }
    .encode(&mut out);
    out
}

fn read(bytes: &[u8]) -> Result<Vec<Envelope>, CodecError> {
    let frame = Frame::decode(bytes)?;
    frame.envelopes(frame.payload).map(|r| r.map(|(envelope, _)| envelope)).collect()
}

fn sample() -> Envelope {
    Envelope {
        seq: Seq(7),
        at: capledger_schema::time::Timestamp(1),
        cause: capledger_schema::Cause::Timer,
        source: capledger_schema::Source::Local,
        subject: capledger_schema::Subject::Controller,
        observed_at: None,
        event: Event::ControllerStopped { reason: "signal".to_owned() },
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(envelopes in generate::ledger(1..20)) {
        prop_assert_eq!(read(&frame(&envelopes)).expect("a frame"), envelopes);
    }

    #[test]
    fn an_envelope_survives_its_json_form(envelope in generate::envelope()) {
        let json = serde_json::to_string(&envelope).expect("json");
        prop_assert_eq!(serde_json::from_str::<Envelope>(&json).expect("reads back"), envelope);
    }

    #[test]
    fn any_single_changed_octet_of_a_frame_is_noticed(
        envelopes in generate::ledger(1..4),
        at in any::<prop::sample::Index>(),
        flip in 1..=255u8,
    ) {
        let mut bytes = frame(&envelopes);
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        prop_assert!(Frame::decode(&bytes).is_err());
    }

    #[test]
    fn a_frame_that_is_cut_anywhere_is_refused(envelopes in generate::ledger(1..4), at in any::<prop::sample::Index>()) {
        let bytes = frame(&envelopes);
        prop_assert!(Frame::decode(&bytes[..at.index(bytes.len())]).is_err());
    }

    #[test]
    fn arbitrary_octets_never_upset_the_reader(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let _ = read(&bytes);
    }

    #[test]
    fn an_arbitrary_payload_in_a_valid_frame_never_upsets_the_reader(
        payload in prop::collection::vec(prop_oneof![Just(0u8), any::<u8>()], 33..600),
        count in 1..20u32,
    ) {
        let mut bytes = Vec::new();
        let unpacked = payload.len() as u32;
        let chain = Chain::start();
        let (schema, packing, base) = (SCHEMA_VERSION, Packing::Plain, Seq(1));
        Frame { schema, packing, ends_commit: true, base, count, unpacked, payload: &payload, chain }.encode(&mut bytes);
        // Where it can be read after all, it is the canonical form of what was read.
        if let Ok(envelopes) = read(&bytes) {
            let mut again = Vec::new();
            for envelope in &envelopes {
                encode_envelope(envelope, &mut again).expect("within the limit");
            }
            prop_assert_eq!(again, payload);
        }
    }
}

#[test]
fn a_string_that_claims_to_be_huge_allocates_nothing_of_that_size() {
    let mut payload = Vec::new();
    encode_envelope(&sample(), &mut payload).expect("small");
    let len = payload.len();
    // The last field is a string: eight octets of length, then "signal".
    payload[len - 14..len - 6].copy_from_slice(&u64::MAX.to_le_bytes());
    let (schema, packing, base, count) = (SCHEMA_VERSION, Packing::Plain, Seq(7), 1);
    let mut bytes = Vec::new();
    Frame {
        schema,
        packing,
        ends_commit: true,
        base,
        count,
        unpacked: len as u32,
        payload: &payload,
        chain: Chain::start(),
    }
    .encode(&mut bytes);
    assert!(matches!(read(&bytes), Err(CodecError::BadEnvelope { seq: Seq(7), .. })));
}

#[test]
fn an_event_beyond_the_limit_is_refused_and_leaves_nothing_behind() {
    let mut envelope = sample();
    envelope.event = Event::ControllerStopped { reason: "x".repeat(EVENT_LIMIT) };
    let mut out = vec![1, 2, 3];
    assert!(matches!(encode_envelope(&envelope, &mut out), Err(CodecError::TooLarge { seq: Seq(7), .. })));
    assert_eq!(out, [1, 2, 3]);
}

#[test]
fn a_frame_of_a_newer_schema_is_told_from_a_damaged_one() {
    let mut bytes = Vec::new();
    let whole = frame(&[sample()]);
    let read = Frame::decode(&whole).expect("a frame");
    Frame { schema: SCHEMA_VERSION + 1, ..read }.encode(&mut bytes);
    assert_eq!(Frame::decode(&bytes), Err(CodecError::UnknownSchema(SCHEMA_VERSION + 1)));
}

#[test]
fn an_envelope_out_of_its_place_is_refused() {
    let whole = frame(&[sample()]);
    let read_frame = Frame::decode(&whole).expect("a frame");
    let mut bytes = Vec::new();
    Frame { base: Seq(8), ..read_frame }.encode(&mut bytes);
    assert!(matches!(read(&bytes), Err(CodecError::BadEnvelope { seq: Seq(8), .. })));
}

#[test]
fn octets_after_a_frame_are_somebody_elses() {
    let mut bytes = frame(&[sample()]);
    let len = bytes.len();
    bytes.extend_from_slice(b"next");
    let decoded = Frame::decode(&bytes).expect("a frame");
    assert_eq!((decoded.octets(), decoded.last()), (len, Seq(7)));
    assert_eq!(len, HEADER_LEN + decoded.payload.len() + TRAILER_LEN);
}

proptest! {
    #[test]
    fn the_chain_does_not_depend_on_the_cutting(envelopes in generate::ledger(2..12), at in any::<prop::sample::Index>()) {
        let whole = Frame::decode(&frame(&envelopes)).expect("a frame").chain;
        let (first, second) = envelopes.split_at(1 + at.index(envelopes.len() - 1));
        let mut chain = Frame::decode(&frame(first)).expect("a frame").chain;
        let octets = frame(second);
        let second = Frame::decode(&octets).expect("a frame");
        for envelope in second.envelopes(second.payload) {
            chain = chain.then(envelope.expect("an envelope").1);
        }
        prop_assert_eq!(chain, whole);
    }
}
