//! Reads the source itself: the invariants that no type can hold.

use std::fs;
use std::path::{Path, PathBuf};

/// Lines of a file of code at most. Beyond it, it is about more than one thing.
const LONGEST: usize = 600;

fn sources(under: &str) -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    let mut open = vec![root.join(under)];
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(fs::read_dir(&path).expect("a directory").map(|e| e.expect("an entry").path()));
        } else if path.extension().is_some_and(|e| e == "rs") {
            let text = fs::read_to_string(&path).expect("UTF-8");
            found.push((path, text));
        }
    }
    // A module is `name.rs` beside `name/`.
    let file = root.join(format!("{under}.rs"));
    if file.is_file() {
        found.push((file.clone(), fs::read_to_string(file).expect("UTF-8")));
    }
    assert!(!found.is_empty(), "{under} has no source");
    found
}

/// The code of a file: without its tests and without comments.
fn code(text: &str) -> String {
    let before_tests = text.split("#[cfg(test)]").next().unwrap_or_default();
    before_tests.lines().filter(|l| !l.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

fn is_test(path: &Path) -> bool {
    path.components().any(|c| c.as_os_str() == "tests") || path.ends_with("tests.rs") || path.ends_with("story.rs")
}

#[test]
fn the_core_and_the_schema_touch_no_machine() {
    const MACHINE: [&str; 12] = [
        "std::fs",
        "std::io::",
        "UdpSocket",
        "TcpStream",
        "UnixStream",
        "Instant::now",
        "SystemTime",
        "std::thread",
        "tokio::",
        "std::env",
        "std::process",
        "openssl",
    ];
    for part in ["src/ac", "src/capwap", "src/wtp", "src/ios", "schema/src"] {
        for (path, text) in sources(part) {
            // The schema's generator is a program of its own, run by its tests.
            if is_test(&path) || path.ends_with("generate.rs") {
                continue;
            }
            let code = code(&text);
            for word in MACHINE {
                assert!(!code.contains(word), "{} speaks of `{word}`", path.display());
            }
        }
    }
}

#[test]
fn the_core_knows_none_of_its_shells() {
    for (path, text) in sources("src/ac") {
        let code = code(&text);
        for shell in ["crate::net", "crate::ledger", "crate::serve", "crate::daemon", "crate::demo", "crate::simulate"]
        {
            assert!(!code.contains(shell), "{} speaks of `{shell}`", path.display());
        }
    }
}

#[test]
fn the_core_iterates_over_nothing_unordered() {
    for part in ["src/ac", "src/wtp", "schema/src"] {
        for (path, text) in sources(part) {
            assert!(is_test(&path) || !code(&text).contains("HashMap"), "{} uses a HashMap", path.display());
        }
    }
}

#[test]
fn every_module_says_what_it_is_for() {
    for part in ["src", "schema/src", "tui/src", "tools/src"] {
        for (path, text) in sources(part) {
            assert!(is_test(&path) || text.starts_with("//!"), "{} has no opening words", path.display());
        }
    }
}

#[test]
fn no_file_is_about_everything() {
    for part in ["src", "schema/src", "tui/src", "tools/src", "tests"] {
        for (path, text) in sources(part) {
            let lines = text.lines().count();
            assert!(lines <= LONGEST, "{} has {lines} lines", path.display());
        }
    }
}
