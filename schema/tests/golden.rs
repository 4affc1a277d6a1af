//! One encoded sample per event and schema version, in `golden/`. They are added to and never edited: each shows that a
//! ledger that was written once is read for ever.

mod samples;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use capledger_schema::codec::{Chain, Frame, Packing, SCHEMA_VERSION, encode_envelope};
use capledger_schema::{Envelope, Event};
use samples::{name, samples};

fn place(file: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("golden/v1").join(file).with_extension("hex")
}

/// The samples and their files: an event's second sample, for what was added to its types later, is `NAME-2`.
fn named_samples() -> Vec<(String, Envelope)> {
    let mut seen = BTreeMap::new();
    let mut file = |event: &Event| {
        let count: &mut u32 = seen.entry(name(event)).or_default();
        *count += 1;
        if *count == 1 { name(event).to_owned() } else { format!("{}-{count}", name(event)) }
    };
    samples().into_iter().map(|sample| (file(&sample.event), sample)).collect()
}

fn encode(envelope: &Envelope) -> Vec<u8> {
    let mut payload = Vec::new();
    encode_envelope(envelope, &mut payload).expect("within the limit");
    let mut out = Vec::new();
    Frame {
        schema: SCHEMA_VERSION,
        packing: Packing::Plain,
        ends_commit: true,
        base: envelope.seq,
        count: 1,
        unpacked: payload.len() as u32,
        payload: &payload,
        chain: Chain::start().then(&payload),
    }
    .encode(&mut out);
    out
}

/// Sixteen octets a line, and the characters that they spell.
fn dump(octets: &[u8]) -> String {
    let mut out = String::new();
    for line in octets.chunks(16) {
        let hex = line.iter().map(|b| format!("{b:02x}")).collect::<Vec<_>>().join(" ");
        let text: String = line.iter().map(|b| if b.is_ascii_graphic() { char::from(*b) } else { '.' }).collect();
        writeln!(out, "{hex:<48} {text}").expect("a string takes all");
    }
    out
}

fn undump(text: &str) -> Vec<u8> {
    text.lines()
        .flat_map(|line| line[..48].split_whitespace())
        .map(|octet| u8::from_str_radix(octet, 16).expect("hexadecimal"))
        .collect()
}

#[test]
fn every_golden_sample_reads_as_the_event_that_it_was() {
    for (file, sample) in named_samples() {
        let place = place(&file);
        let octets = undump(&fs::read_to_string(&place).expect("run the ignored test to write a new event's sample"));
        let frame = Frame::decode(&octets).expect("a frame");
        let read: Vec<Envelope> = frame.envelopes(frame.payload).map(|r| r.expect("an envelope").0).collect();
        assert_eq!(read, [sample], "{}", place.display());
    }
}

#[test]
fn every_event_is_still_written_as_its_golden_sample() {
    for (file, sample) in named_samples() {
        let golden = fs::read_to_string(place(&file)).expect("a sample");
        assert_eq!(dump(&encode(&sample)), golden, "{file}");
    }
}

#[test]
fn every_event_has_a_sample_and_every_sample_an_event() {
    let sampled: BTreeSet<String> = samples().iter().map(|s| name(&s.event).to_owned()).collect();

    let schema = serde_json::to_value(schemars::schema_for!(Event)).expect("json");
    let variants = schema["oneOf"].as_array().expect("an enum");
    let declared: BTreeSet<String> =
        variants.iter().map(|v| v["required"][0].as_str().expect("a variant with fields").to_owned()).collect();
    assert_eq!(sampled, declared);

    let files: BTreeSet<String> = fs::read_dir(place("any").parent().expect("a folder"))
        .expect("golden/v1")
        .map(|f| f.expect("an entry").path().file_stem().expect("a name").to_string_lossy().into_owned())
        .collect();
    assert_eq!(files, named_samples().into_iter().map(|(file, _)| file).collect());
}

#[test]
fn an_event_is_named_in_json_as_its_sample_is() {
    for sample in samples() {
        let json = serde_json::to_value(&sample).expect("json");
        assert!(json["event"].get(name(&sample.event)).is_some(), "{json}");
    }
}

#[test]
#[ignore = "writes the samples of new events; refuses to touch one that is there"]
fn write_the_samples_that_are_missing() {
    for (file, sample) in named_samples() {
        let place = place(&file);
        if !place.exists() {
            fs::write(&place, dump(&encode(&sample))).expect("writable");
        }
    }
}
