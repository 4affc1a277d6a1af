//! What a user sends to somebody who helps: `show tech-support`, an export, the diagnostics. No configured password is in
//! any of it, nor anywhere in the data directory, in no encoding that a program would make of it by mistake.

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use openssl::base64::encode_block;
use regex::bytes::Regex;
use support::controller::{Place, capledger, text};

/// One for each place of the configuration that takes one, long enough not to stand anywhere by chance.
const SFTP: &str = "Sftp-Swordfish-1";
const SERVE: &str = "Serve-Swordfish-2";
const USER: &str = "User-Swordfish-3";
const ENABLE: &str = "Enable-Swordfish-4";
const PSK: &str = "Psk-Swordfish-5!";
const URL: &str = "Url-Swordfish-6x";
const NOWHERE: &str = "Nowhere-Swordfish-7";

/// Every octet as it is written alone, one behind the other.
fn each(octets: &[u8], write: impl Fn(u8) -> String) -> String {
    octets.iter().fold(String::new(), |out, b| out + &write(*b))
}

fn hex(word: &str) -> String {
    each(word.as_bytes(), |b| format!("{b:02x}"))
}

/// The octets of which any one would give a word away.
fn encodings(word: &str) -> Vec<Vec<u8>> {
    let mut out: Vec<String> = vec![word.to_owned(), word.to_ascii_lowercase(), word.to_ascii_uppercase()];
    out.extend([hex(word), hex(word).to_ascii_uppercase()]);
    // As a list of numbers, which is how octets are printed for a programmer.
    out.push(word.bytes().map(|b| b.to_string()).collect::<Vec<_>>().join(", "));
    out.push(each(word.as_bytes(), |b| format!("%{b:02X}")));
    for (before, skip) in [0, 2, 3].into_iter().enumerate() {
        // Inside of other octets base64 begins at one of three places; characters shared with them are not looked for.
        let whole = encode_block(&[&vec![0; before], word.as_bytes()].concat());
        out.push(whole[skip..(before + word.len()) * 8 / 6].to_owned());
    }
    let utf16 = word.encode_utf16().flat_map(u16::to_le_bytes).collect();
    out.into_iter().map(String::into_bytes).chain([utf16]).collect()
}

/// What finds a word in any of its encodings.
fn search(word: &str) -> Regex {
    let any: Vec<String> = encodings(word).iter().map(|e| each(e, |b| format!("\\x{b:02x}"))).collect();
    Regex::new(&format!("(?-u){}", any.join("|"))).expect("an expression")
}

/// Every file below a directory.
fn files(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).expect("a directory").map(|e| e.expect("an entry").path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[test]
fn the_search_finds_a_password_in_every_encoding() {
    for word in [SFTP, PSK] {
        let search = search(word);
        for encoded in encodings(word) {
            assert!(encoded.len() > 7, "{encoded:?} may stand anywhere");
            assert!(search.is_match(&[b"before ", &encoded[..], b" after"].concat()));
        }
        let hidden = encode_block(format!("user bob password {word} and more").as_bytes());
        assert!(search.is_match(hidden.as_bytes()));
        assert!(!search.is_match(b"nothing of that kind"));
    }
}

#[test]
fn no_configured_password_is_in_a_bundle_an_export_the_diagnostics_or_the_data_directory() {
    let dir = tempfile::tempdir().expect("a directory");
    let place = Place::new(dir.path(), "");
    let mut serve = place.serve();
    serve.args(["--log", "trace"]);
    let daemon = place.start(serve);
    let key = hex(PSK);
    place.exec(&[
        "configure terminal",
        &format!("username admin privilege 15 secret 0 {USER}"),
        &format!("enable secret 0 {ENABLE}"),
        &format!("ap dtls psk ap-1 key 0 {key}"),
        &format!("image-server login ap password 0 {SERVE}"),
        "wireless profile image-download default",
        "image-download-mode sftp",
        "sftp-image-server 127.0.0.1 port 9",
        "sftp-image-path /",
        "sftp-username bob",
        &format!("sftp-password 0 {SFTP}"),
        "end",
    ]);
    // Refused or failed lines, some with a password where none belongs.
    for line in [
        &format!("install add file sftp://bob:{URL}@127.0.0.1:9/ap1g8"),
        &format!("ap image predownload {NOWHERE}"),
        &format!("username bob secret 7 {NOWHERE}"),
        "show nothing",
    ] {
        let out = capledger().arg("exec").arg("--data-dir").arg(place.data_dir()).arg(line).output();
        assert!(!out.expect("it runs").stdout.is_empty());
    }

    let mut said = String::new();
    let bundle = place.exec(&["show tech-support"]);
    for part in ["show running-config", "show ledger last 200", "show logging last 500", "show ap image"] {
        assert!(bundle.contains(&format!("\n------------------ {part} ------------------\n")), "{part}");
    }
    assert!(bundle.contains("sftp-password 6 <removed>"), "{bundle}");
    said.push_str(&bundle);
    for line in [
        "show tech-support | json",
        "show running-config",
        "show running-config | json",
        "show logging",
        "show ledger last 10000",
        "show ledger last 10000 | json",
        "show operation",
        "show install log",
    ] {
        let shown = place.exec(&[line]);
        assert!(!shown.is_empty(), "{line}");
        said.push_str(&shown);
    }
    daemon.stop();
    let export =
        text(capledger().args(["audit", "export", "--data-dir"]).arg(place.data_dir()).output().expect("it runs"));
    assert!(export.contains("operator_command_entered") && export.contains("configuration_changed"));
    said.push_str(&export);
    said.push_str(&place.replay(&[], "show tech-support"));

    let diagnostics = place.said();
    assert!(!diagnostics.is_empty(), "the controller tells what it does");
    for word in [SFTP, SERVE, USER, ENABLE, PSK, URL, NOWHERE, &key] {
        let search = search(word);
        let lines: Vec<_> = said.lines().filter(|l| search.is_match(l.as_bytes())).collect();
        assert!(lines.is_empty(), "{word}: {lines:#?}");
        // Among the files is what the daemon wrote to its standard error.
        let holds = |file: &PathBuf| search.is_match(&fs::read(file).expect("readable"));
        let found: Vec<_> = files(dir.path()).into_iter().filter(holds).collect();
        assert!(found.is_empty(), "{word} is in {found:?}");
    }
}
