//! `show ap image` as its readers see it: a parser that cuts at the header's columns and one that splits at white space,
//! each with the rules of the known ones, which drop a row without a word when it breaks a rule. Nothing here is shared
//! with the view: what a row must say is told beside the events that lead to it.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// What becomes of an AP before it is looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Fate {
    /// Nothing is asked of it.
    Idle,
    /// Its model is not known.
    Unknown,
    /// It is to be sent an image, after so many failed tries.
    Queued { tries: u32 },
    /// It is sent an image while it serves, after so many failed tries.
    Moving { tries: u32 },
    /// It is sent an image at join.
    MovingAtJoin,
    /// It holds the image that it was sent while it served.
    Done { tries: u32 },
    /// It holds the image that it was sent at join, and resets into it.
    DoneAtJoin,
    /// Try `tries` has failed, and it is tried again after so many seconds.
    Failed { tries: u32, next_s: u64 },
    /// Try `tries` has failed, and it is not tried again.
    Exhausted { tries: u32 },
}

/// An access point, as the test tells of it.
#[derive(Clone, Debug)]
struct Told {
    name: String,
    runs: String,
    holds: String,
    fate: Fate,
}

/// A row, in the order of the columns.
type Cells = [String; 8];

impl Told {
    /// The row that a reader must get.
    fn wanted(&self, target: &str) -> Cells {
        let (status, version, next, tries, method) = match &self.fate {
            Fate::Idle => ("None", "0.0.0.0", "N/A".to_owned(), 0, "N/A"),
            Fate::Unknown => ("Not Supported", "0.0.0.0", "N/A".to_owned(), 0, "N/A"),
            Fate::Queued { tries } => ("Initiated", target, "0".to_owned(), *tries, "CAPWAP"),
            Fate::Moving { tries } => ("Predownloading", target, "0".to_owned(), *tries, "CAPWAP"),
            Fate::MovingAtJoin => ("Downloading", target, "0".to_owned(), 0, "CAPWAP"),
            Fate::Done { tries } => ("Complete", target, "0".to_owned(), *tries, "CAPWAP"),
            Fate::DoneAtJoin => ("Complete", target, "0".to_owned(), 0, "CAPWAP"),
            Fate::Failed { tries, next_s } => {
                let next = format!("{:02}:{:02}:{:02}", next_s / 3_600, next_s / 60 % 60, next_s % 60);
                ("Failed", target, next, *tries, "CAPWAP")
            }
            Fate::Exhausted { tries } => ("Failed", target, "0".to_owned(), *tries, "CAPWAP"),
        };
        let backup = match self.fate {
            Fate::Done { .. } | Fate::DoneAtJoin => target,
            Fate::Idle
            | Fate::Unknown
            | Fate::Queued { .. }
            | Fate::Moving { .. }
            | Fate::MovingAtJoin
            | Fate::Failed { .. }
            | Fate::Exhausted { .. } => &self.holds,
        };
        let text = str::to_owned;
        [
            text(&self.name),
            text(&self.runs),
            text(backup),
            text(status),
            text(version),
            next,
            tries.to_string(),
            text(method),
        ]
    }

    /// The counter that counts it.
    fn counter(&self) -> Option<&'static str> {
        match self.fate {
            Fate::Idle => None,
            Fate::Unknown => Some("Not Supported"),
            Fate::Queued { .. } => Some("Initiated"),
            Fate::Moving { .. } => Some("Predownloading"),
            Fate::MovingAtJoin => Some("Downloading"),
            Fate::Done { .. } => Some("Completed predownloading"),
            Fate::DoneAtJoin => Some("Completed downloading"),
            Fate::Failed { .. } | Fate::Exhausted { .. } => Some("Failed to Predownload"),
        }
    }

    /// Whether a predownload of it is queued, moves, or is tried again.
    fn in_progress(&self) -> bool {
        matches!(self.fate, Fate::Queued { .. } | Fate::Moving { .. } | Fate::Failed { .. })
    }
}

/// Tells the events that lead there.
fn fleet(told: &[Told], target: &str) -> Story {
    let mut story = Story::begin("2024-02-01T17:00:00Z");
    run(&mut story, target);
    let facts = image("ap1g8", target);
    for (n, t) in told.iter().enumerate() {
        let wtp = ap(&t.name, &format!("2c5a.0f{:02x}.{:02x}00", n / 256, n % 256), "172.16.4.33:5248");
        let model = if t.fate == Fate::Unknown { "X-1" } else { "C9105AXI" };
        let at_join = matches!(t.fate, Fate::MovingAtJoin | Fate::DoneAtJoin);
        let session = story.joined(&wtp, model, &t.runs, Some(&t.holds), at_join.then_some(target));
        if at_join {
            let download = story.download_started(session, &wtp, DownloadMode::Join, &facts);
            if t.fate == Fate::DoneAtJoin {
                story.download_completed(download, &wtp, &facts);
                story.disjoined(session, &wtp, DisjoinReason::ImageDownloadSuccess);
            }
            continue;
        }
        story.in_run(session, &wtp);
        let fail = |story: &mut Story, tries: u32, next: Option<Timestamp>| {
            story.predownload_requested(&wtp, &facts);
            let download = story.download_started(session, &wtp, DownloadMode::Predownload, &facts);
            story.download_failed(download, &wtp, DownloadFailureKind::TimedOut, "no answer", tries, next);
        };
        match t.fate {
            Fate::Idle | Fate::Unknown | Fate::MovingAtJoin | Fate::DoneAtJoin => {}
            Fate::Queued { tries } | Fate::Moving { tries } | Fate::Done { tries } => {
                if tries > 0 {
                    fail(&mut story, tries, None);
                }
                story.predownload_requested(&wtp, &facts);
                if !matches!(t.fate, Fate::Queued { .. }) {
                    let download = story.download_started(session, &wtp, DownloadMode::Predownload, &facts);
                    if matches!(t.fate, Fate::Done { .. }) {
                        story.download_completed(download, &wtp, &facts);
                    }
                }
            }
            Fate::Failed { tries, next_s } => {
                let next = story.at + Duration::from_secs(next_s);
                fail(&mut story, tries, Some(next));
            }
            Fate::Exhausted { tries } => fail(&mut story, tries, None),
        }
    }
    story
}

fn is_version(text: &str) -> bool {
    let parts: Vec<&str> = text.split('.').collect();
    parts.len() == 4 && parts.iter().all(|p| !p.is_empty() && p.bytes().all(|b| b.is_ascii_digit()))
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// What the known parsers take for a row.
fn keeps(cells: &Cells) -> bool {
    let [name, primary, backup, status, version, next, retries, method] = cells;
    let one_word = |text: &str| !text.is_empty() && !text.contains(char::is_whitespace);
    one_word(name)
        && is_version(primary)
        && is_version(backup)
        && (one_word(status) || status == "Not Supported")
        && is_version(version)
        && (next == "0" || next == "N/A" || (one_word(next) && !is_number(next)))
        && is_number(retries)
        && (method == "CAPWAP" || method == "N/A")
}

/// The header, and what stands below its rule.
fn below_header(text: &str) -> (Vec<char>, Vec<&str>) {
    let mut lines = text.lines().skip_while(|l| !l.starts_with("AP Name  "));
    let header = lines.next().expect("a header").chars().collect();
    assert_eq!(lines.next().map(|rule| rule.replace('-', "").len()), Some(0), "{text}");
    (header, lines.collect())
}

/// Cuts each line where the header's labels begin. Labels are two spaces or more apart.
fn cut(text: &str) -> Vec<Cells> {
    let (header, rows) = below_header(text);
    let gap = |i: usize| header[i] == ' ' && header[i - 1] == ' ';
    let starts: Vec<usize> = (0..header.len()).filter(|i| header[*i] != ' ' && (*i == 0 || gap(i - 1))).collect();
    let [_, _, _, _, _, _, _, _] = starts[..] else { panic!("{starts:?}") };
    let cells = |row: &&str| -> Cells {
        let row: Vec<char> = row.chars().collect();
        std::array::from_fn(|i| {
            let end = starts.get(i + 1).copied().unwrap_or(row.len()).min(row.len());
            row[starts[i].min(end)..end].iter().collect::<String>().trim().to_owned()
        })
    };
    rows.iter().map(cells).filter(keeps).collect()
}

/// Splits each line at white space.
fn split(text: &str) -> Vec<Cells> {
    let (_, rows) = below_header(text);
    let cells = |row: &&str| {
        let words: Vec<String> = row.split_whitespace().map(str::to_owned).collect();
        Cells::try_from(words).ok()
    };
    rows.iter().filter_map(cells).filter(keeps).collect()
}

/// What stands above the header: labels and values.
fn counters(text: &str) -> BTreeMap<String, String> {
    let above = text.lines().take_while(|l| !l.starts_with("AP Name"));
    let pairs = above.filter_map(|l| l.split_once(':'));
    pairs.map(|(label, value)| (label.trim().to_owned(), value.trim().to_owned())).collect()
}

const STATUSES: [(&str, &[&str]); 6] = [
    ("Initiated", &["Initiated"]),
    ("Downloading", &["Downloading"]),
    ("Predownloading", &["Predownloading"]),
    ("Complete", &["Completed downloading", "Completed predownloading"]),
    ("Not Supported", &["Not Supported"]),
    ("Failed", &["Failed to Predownload"]),
];

/// Both readers get every row, and the counters count them.
fn check(told: &[Told], target: &str) {
    let text = shown(&fleet(told, target));
    let wanted: Vec<Cells> = told.iter().map(|t| t.wanted(target)).collect();
    let rows = cut(&text);
    assert_eq!(rows.len(), told.len(), "the cutting reader drops a row:\n{text}");
    assert_eq!(rows, wanted, "{text}");
    let one_word: Vec<&Cells> = wanted.iter().filter(|c| c[3] != "Not Supported").collect();
    let words = split(&text);
    assert_eq!(words.len(), one_word.len(), "the splitting reader drops a row:\n{text}");
    assert!(words.iter().eq(one_word), "{text}");

    let counters = counters(&text);
    let number = |label: &str| -> usize {
        let value = counters.get(label).unwrap_or_else(|| panic!("no counter {label}:\n{text}"));
        value.parse().unwrap_or_else(|_| panic!("{label}: {value}"))
    };
    assert_eq!(number("Total number of APs"), told.len());
    for (status, labels) in STATUSES {
        let in_rows = rows.iter().filter(|c| c[3] == status).count();
        assert_eq!(labels.iter().map(|l| number(l)).sum::<usize>(), in_rows, "{status}:\n{text}");
        for label in labels {
            assert_eq!(number(label), told.iter().filter(|t| t.counter() == Some(*label)).count(), "{label}:\n{text}");
        }
    }
    let progress = if told.iter().any(Told::in_progress) { "Yes" } else { "No" };
    assert_eq!(counters["Predownload in progress"], progress, "{text}");
}

fn told(name: &str, fate: Fate) -> Told {
    Told { name: name.to_owned(), runs: "16.3.3.26".to_owned(), holds: "8.10.130.0".to_owned(), fate }
}

const FATES: [Fate; 12] = [
    Fate::Idle,
    Fate::Unknown,
    Fate::Queued { tries: 0 },
    Fate::Queued { tries: 2 },
    Fate::Moving { tries: 0 },
    Fate::Moving { tries: 1 },
    Fate::MovingAtJoin,
    Fate::Done { tries: 0 },
    Fate::Done { tries: 3 },
    Fate::DoneAtJoin,
    Fate::Failed { tries: 2, next_s: 90 },
    Fate::Exhausted { tries: 5 },
];

const LAYOUTS: [&str; 4] = ["17.9.4.27", "17.12.1.5", "17.13.1.7", "18.1.1.1"];

#[test]
fn both_readers_get_every_status_with_the_shortest_and_the_longest_name_in_each_layout() {
    for target in LAYOUTS {
        for length in [1, 32] {
            let name = |i: usize| char::from(b'a' + u8::try_from(i).expect("few")).to_string().repeat(length);
            let all: Vec<Told> = FATES.iter().enumerate().map(|(i, fate)| told(&name(i), fate.clone())).collect();
            check(&all, target);
            for one in &all {
                check(std::slice::from_ref(one), target);
            }
        }
        check(&[], target);
    }
}

/// The widest fields that a reader which cuts at the header gets whole: 21 and 22 columns for the versions, 17 for that
/// of the predownload, whose field begins four columns behind its label, and 13 for the time.
#[test]
fn the_widest_content_that_the_header_s_columns_hold_is_read_whole() {
    for (target, next_s) in [("999.999.999.99999", 3_600_000_000 - 1), ("17.9.4.27", 359_999), ("17.13.1.7", 0)] {
        let fates = [Fate::Failed { tries: 999_999_999, next_s }, Fate::Moving { tries: 999_999_999 }];
        let all: Vec<Told> = fates
            .into_iter()
            .map(|fate| Told {
                name: "n".repeat(32),
                runs: "999999.99999.9999.999".to_owned(),
                holds: "999999.999999.9999.999".to_owned(),
                fate,
            })
            .collect();
        assert_eq!((all[0].runs.len(), all[0].holds.len()), (21, 22));
        check(&all, target);
    }
}

#[test]
fn a_version_too_wide_for_its_column_is_still_read_at_white_space() {
    let target = "4294967295.4294967295.4294967295.4294967295";
    let wide = Told { runs: "4294967294.1.1.4294967295".to_owned(), ..told("AP-1", Fate::Done { tries: 0 }) };
    let text = shown(&fleet(std::slice::from_ref(&wide), target));
    assert_eq!(split(&text), [wide.wanted(target)]);
}

/// A test of the readers: they drop what the known ones drop, so that a count of rows means something.
#[test]
fn the_readers_drop_a_row_that_breaks_a_rule() {
    let text = shown(&fleet(&[told("AP-1", Fate::Done { tries: 1 }), told("AP-2", Fate::Idle)], "17.9.4.27"));
    assert_eq!((cut(&text).len(), split(&text).len()), (2, 2));
    for (from, to) in [
        ("8.10.130.0  ", "8.10.130    "),
        (" Complete  ", " Is done!  "),
        (" 1                 CAPWAP", " one               CAPWAP"),
        ("CAPWAP", "HTTP  "),
        ("AP-1", "    "),
        (" 17.9.4.27             0  ", " 17.9.4.27             90 "),
    ] {
        let broken = text.replacen(from, to, 1);
        assert_ne!(broken, text, "{from}");
        assert_eq!((cut(&broken).len(), split(&broken).len()), (1, 1), "{to}:\n{broken}");
    }
    let shifted = text.replacen("AP-1 ", "AP-1", 1).replacen("AP-2   ", "AP-2", 1);
    assert_eq!(split(&shifted).len(), 2);
}

fn a_version() -> impl Strategy<Value = String> {
    // Four numbers that fit the column of the predownload version.
    (1_u32..17, 0_u32..1_000, 0_u32..1_000, 0_u32..100_000).prop_map(|(a, b, c, d)| format!("{a}.{b}.{c}.{d}"))
}

fn a_fate() -> impl Strategy<Value = Fate> {
    let tries = 0_u32..2_000;
    prop_oneof![
        Just(Fate::Idle),
        Just(Fate::Unknown),
        tries.clone().prop_map(|tries| Fate::Queued { tries }),
        tries.clone().prop_map(|tries| Fate::Moving { tries }),
        Just(Fate::MovingAtJoin),
        tries.clone().prop_map(|tries| Fate::Done { tries }),
        Just(Fate::DoneAtJoin),
        (tries.clone(), 1_u64..400_000).prop_map(|(tries, next_s)| Fate::Failed { tries, next_s }),
        tries.prop_map(|tries| Fate::Exhausted { tries }),
    ]
}

fn an_ap() -> impl Strategy<Value = Told> {
    let name = "[A-Za-z0-9._:/#ÄéßЖ-]{1,32}";
    (name, a_version(), a_version(), a_fate()).prop_map(|(name, runs, holds, fate)| Told { name, runs, holds, fate })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn both_readers_get_every_row_of_any_fleet(
        all in proptest::collection::vec(an_ap(), 0..40),
        minor in 1_u32..30,
        last in 0_u32..10_000,
    ) {
        check(&all, &format!("17.{minor}.4.{last}"));
    }
}
