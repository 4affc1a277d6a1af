//! `event.schema.json` is the JSON Schema of an envelope, for people and scripts that read the exported ledger.

use std::{env, fs, path::PathBuf};

use capledger_schema::Envelope;

#[test]
fn the_json_schema_in_the_repository_is_that_of_the_types() {
    let place = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("event.schema.json");
    let schema = serde_json::to_string_pretty(&schemars::schema_for!(Envelope)).expect("json") + "\n";
    if env::var_os("CAPLEDGER_UPDATE").is_some() {
        fs::write(&place, &schema).expect("writable");
    }
    let kept = fs::read_to_string(&place).unwrap_or_default();
    assert!(kept == schema, "event.schema.json is out of date; CAPLEDGER_UPDATE=1 cargo test --test json_schema");
}
