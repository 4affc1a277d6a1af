//! How fast the ledger takes events and gives them back, beside a plain file that is synced as often.
//!
//! Every row runs in a process of its own, so that its memory is its own and the ratio is of one run.

use std::fs::{self, File};
use std::hint::black_box;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use capledger::ledger::{History, Ledger, Store, Writer, Written};
use capledger_schema::codec::encode_envelope;
use capledger_schema::event::{DownloadMethod, DownloadMode, WtpAddress, WtpInventory};
use capledger_schema::id::{MacAddr, Md5, OperationId, Seq, SessionId, Sha256, WtpId};
use capledger_schema::image::{ImageFacts, ImageFamily, ImageVersion};
use capledger_schema::time::Timestamp;
use capledger_schema::{Cause, Envelope, Event, Source, Subject, event::DisjoinReason};
use clap::{Parser, Subcommand, ValueEnum};

/// Measures the ledger: events per second, octets per event, opening and folding, memory
#[derive(Debug, Parser)]
struct Arguments {
    /// Events in the row of 1,024 per batch; the slower rows take a part of it
    #[arg(long, default_value_t = 5_000_000)]
    events: u64,
    /// Where to write: a directory on the disk to be measured
    #[arg(long, value_name = "DIR", default_value = ".")]
    dir: PathBuf,
    #[command(subcommand)]
    part: Option<Part>,
}

/// What a child process does; the rows of the table.
#[derive(Debug, Clone, Subcommand)]
enum Part {
    /// Fills a ledger
    #[command(hide = true)]
    Load { batch: usize, how: How },
    /// Opens it and folds it
    #[command(hide = true)]
    Open,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum How {
    /// Each batch waits for its sync.
    Waiting,
    /// Batches are handed to the writer, which makes one of what gathers.
    Grouped,
}

/// Batch, how, and which part of the events.
const ROWS: [(usize, How, u64); 4] =
    [(1, How::Waiting, 250), (1, How::Grouped, 5), (32, How::Waiting, 5), (1024, How::Waiting, 1)];

fn main() -> ExitCode {
    let args = Arguments::parse();
    let done = match &args.part {
        None => table(&args),
        Some(Part::Load { batch, how }) => load(&args.dir, args.events, *batch, *how),
        Some(Part::Open) => open(&args.dir),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("ledger_bench: {e}");
            ExitCode::FAILURE
        }
    }
}

fn table(args: &Arguments) -> io::Result<()> {
    println!(
        "{:>9} {:>9} {:>10} {:>10} {:>6} {:>8} {:>8} {:>8} {:>8} {:>9} {:>9} {:>9}",
        "batch",
        "events",
        "ledger/s",
        "file/s",
        "ratio",
        "on disk",
        "encoded",
        "load MB",
        "open s",
        "read/s",
        "fold/s",
        "open MB"
    );
    for (batch, how, part) in ROWS {
        let dir = tempfile::tempdir_in(&args.dir)?;
        let events = (args.events / part).max(1);
        let child = |rest: &[String]| -> io::Result<Vec<f64>> {
            let mut command = Command::new(std::env::current_exe()?);
            command.arg("--events").arg(events.to_string()).arg("--dir").arg(dir.path()).args(rest);
            let output = command.stderr(std::process::Stdio::inherit()).output()?;
            if !output.status.success() {
                return Err(io::Error::other(format!("the child ended with {}", output.status)));
            }
            let text = String::from_utf8_lossy(&output.stdout);
            text.split_whitespace().map(|n| n.parse().map_err(io::Error::other)).collect()
        };
        let name = how.to_possible_value().map_or_else(String::new, |v| v.get_name().to_owned());
        let loaded = child(&["load".to_owned(), batch.to_string(), name])?;
        let opened = child(&["open".to_owned()])?;
        let (&[ledger, file, on_disk, encoded, load_mb], &[open, read, fold, open_mb]) = (&loaded[..], &opened[..])
        else {
            return Err(io::Error::other("the child said something else"));
        };
        let label = if how == How::Grouped { format!("{batch} grouped") } else { batch.to_string() };
        println!(
            "{label:>9} {events:>9} {ledger:>10.0} {file:>10.0} {:>6.2} {on_disk:>8.1} {encoded:>8.1} {load_mb:>8.0} \
             {open:>8.3} {read:>9.0} {fold:>9.0} {open_mb:>9.0}",
            ledger / file
        );
    }
    println!(
        "\nledger/s: events per second, each batch durable before the next (grouped: handed over one by one to the \
         writer's thread).\nfile/s: the same octets appended to a plain file with one fdatasync per batch (grouped: per \
         event), in the same process and in turns with it.\non disk, encoded: octets per event. load MB, open MB: most memory held while \
         loading, and while opening, reading and folding.\nread/s, fold/s: reading alone, and reading into the state. \
         The page cache is warm. blobs/ was empty."
    );
    Ok(())
}

/// Fills a ledger, and a plain file in turns with it: a noisy neighbour then slows both.
fn load(dir: &Path, events: u64, batch: usize, how: How) -> io::Result<()> {
    let mut plain = Plain::create(&dir.join("plain"))?;
    reset_peak()?;
    let store = Store::open(dir).map_err(io::Error::other)?;
    let time = match how {
        How::Waiting => waiting(store, events, batch, &mut plain)?,
        How::Grouped => grouped(store, events, batch, &mut plain)?,
    };
    println!(
        "{} {} {} {} {}",
        events as f64 / time.as_secs_f64(),
        plain.events as f64 / plain.time.as_secs_f64(),
        octets(&dir.join("ledger"))? as f64 / events as f64,
        plain.octets as f64 / plain.events as f64,
        peak_mb()?
    );
    no_blobs(dir)
}

/// Events that the plain file is given at most: enough to tell its rate.
const PLAIN_EVENTS: u64 = 500_000;

/// Batches that one of the two is given before it is the other's turn.
const TURN: u64 = 32;

fn batches(first: u64, last: u64, batch: usize) -> impl Iterator<Item = Vec<Envelope>> {
    (first..=last).step_by(batch).map(move |at| (at..=(at + batch as u64 - 1).min(last)).map(envelope).collect())
}

fn waiting(mut store: Store, events: u64, batch: usize, plain: &mut Plain) -> io::Result<Duration> {
    let mut time = Duration::ZERO;
    let turn = TURN * batch as u64;
    for first in (1..=events).step_by(turn as usize) {
        let last = (first + turn - 1).min(events);
        for envelopes in batches(first, last, batch) {
            let start = now();
            store.append(&envelopes)?;
            time += start.elapsed();
        }
        if plain.events < PLAIN_EVENTS {
            batches(first, last, batch).try_for_each(|envelopes| plain.append(&envelopes))?;
        }
    }
    store.close().map_err(io::Error::other)?;
    Ok(time)
}

/// The writer's thread works by itself, so the plain file comes after it, one sync per event.
fn grouped(store: Store, events: u64, batch: usize, plain: &mut Plain) -> io::Result<Duration> {
    let start = now();
    let writer = Writer::start(store, |written| {
        if let Written::Failed(e) = written {
            eprintln!("ledger_bench: {e}");
        }
    })?;
    for envelopes in batches(1, events, batch) {
        writer.append(envelopes).map_err(io::Error::other)?;
    }
    writer.finish();
    let time = start.elapsed();
    batches(1, events.min(20_000), batch).try_for_each(|envelopes| plain.append(&envelopes))?;
    Ok(time)
}

/// A plain file to which encoded events are appended, with one sync per batch.
struct Plain {
    file: File,
    time: Duration,
    events: u64,
    octets: u64,
}

impl Plain {
    fn create(path: &Path) -> io::Result<Plain> {
        let file = File::options().append(true).create_new(true).open(path)?;
        Ok(Plain { file, time: Duration::ZERO, events: 0, octets: 0 })
    }

    fn append(&mut self, envelopes: &[Envelope]) -> io::Result<()> {
        let start = now();
        let mut encoded = Vec::new();
        for envelope in envelopes {
            encode_envelope(envelope, &mut encoded).map_err(io::Error::other)?;
        }
        self.file.write_all(&encoded)?;
        self.file.sync_data()?;
        self.time += start.elapsed();
        self.events += envelopes.len() as u64;
        self.octets += encoded.len() as u64;
        Ok(())
    }
}

fn open(dir: &Path) -> io::Result<()> {
    reset_peak()?;
    let start = now();
    let store = Store::open_existing(dir).map_err(io::Error::other)?;
    let open = start.elapsed();
    let events = store.last_seq().0 as f64;
    let start = now();
    for envelope in store.read(Seq(0)) {
        black_box(envelope?);
    }
    let read = start.elapsed();
    let start = now();
    let state = store.fold()?;
    let fold = start.elapsed();
    assert_eq!(state.seq, store.last_seq(), "the fold saw every event");
    let rate = |time: Duration| events / time.as_secs_f64();
    println!("{} {} {} {}", open.as_secs_f64(), rate(read), rate(fold), peak_mb()?);
    no_blobs(dir)
}

/// sled writes what does not fit into `blobs/` and does not sync it: nothing may lie there.
fn no_blobs(dir: &Path) -> io::Result<()> {
    match fs::read_dir(dir.join("ledger/blobs"))?.count() {
        0 => Ok(()),
        n => Err(io::Error::other(format!("{n} files in blobs/, which are not durable"))),
    }
}

fn octets(dir: &Path) -> io::Result<u64> {
    fs::read_dir(dir)?.try_fold(0, |sum, entry| {
        let entry = entry?;
        let len = if entry.file_type()?.is_dir() { octets(&entry.path())? } else { entry.metadata()?.len() };
        Ok(sum + len)
    })
}

/// Makes the kernel count the peak of this process's memory from here on.
fn reset_peak() -> io::Result<()> {
    fs::write("/proc/self/clear_refs", "5")
}

fn peak_mb() -> io::Result<f64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let kib = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok());
    kib.map(|kib: f64| kib * 1.024 / 1000.0).ok_or_else(|| io::Error::other("no VmHWM in /proc/self/status"))
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures by the machine's clock")]
fn now() -> Instant {
    Instant::now()
}

/// Events per upgrade of one WTP: joined, started, 20 marks, completed, disjoined, joined, in Run.
const STORY: u64 = 26;

/// The `seq`th event of a fleet of 6,000 that is upgraded over and over.
fn envelope(seq: u64) -> Envelope {
    let (story, step) = ((seq - 1) / STORY, (seq - 1) % STORY);
    let session = SessionId(story * STORY + if step < 24 { 1 } else { 25 });
    let operation = OperationId(story * STORY + 2);
    let [_, _, a, b, c, d, e, f] = (0x2c5a_0f00_0000 + story % 6000 * 16).to_be_bytes();
    let mac = MacAddr([a, b, c, d, e, f]);
    let (old, new) = (ImageVersion([17, 3, 3, 26]), ImageVersion([17, 9, 4, 27]));
    let wtp = || WtpAddress {
        id: WtpId::BaseMac(mac),
        name: format!("AP{:012X}", story % 6000),
        base_mac: mac,
        ethernet_mac: mac,
        wtp: SocketAddr::from(([10, 1, e, f], 5272)),
        ac: SocketAddr::from(([10, 0, 0, 2], 5246)),
    };
    let family = || "ap1g8".parse::<ImageFamily>().expect("a family");
    let event = match step {
        0 | 24 => Event::WtpJoined {
            session,
            wtp: wtp(),
            inventory: WtpInventory {
                model: "C9105AXI-B".to_owned(),
                serial: format!("KWC{:08}", story % 6000),
                family: Some(family()),
                version: Some(if step == 0 { old } else { new }),
                backup: Some(if step == 0 { new } else { old }),
                location: "default location".to_owned(),
                radios: 2,
            },
            certificate: Some(Sha256([f; 32])),
            missing: Vec::new(),
            offered: (step == 0).then_some(new),
        },
        1 => Event::ImageDownloadStarted {
            operation,
            session,
            wtp: wtp(),
            mode: DownloadMode::Join,
            method: DownloadMethod::Capwap,
            family: family(),
            from: Some(old),
            to: new,
            octets: Some(70_512_640),
        },
        22 => Event::ImageDownloadCompleted {
            operation,
            wtp: wtp(),
            image: ImageFacts {
                family: family(),
                version: new,
                octets: 70_512_640,
                sha256: Sha256([0x5a; 32]),
                md5: Md5([0x3d; 16]),
            },
            messages: 51_208,
            last: 601,
            duration_us: 96_200_000 + seq % 100_000,
            retransmissions: seq % 7,
        },
        23 => Event::WtpDisjoined { session, wtp: wtp(), reason: DisjoinReason::ImageDownloadSuccess },
        25 => Event::WtpEnteredRun { session, wtp: wtp() },
        mark => Event::ImageDownloadProgressed { operation, octets: (mark - 1) * 3_525_632, total: 70_512_640 },
    };
    Envelope {
        seq: Seq(seq),
        at: Timestamp(1_706_807_107_000_000 + seq as i64 * 317),
        cause: Cause::Wtp(session),
        source: Source::Local,
        subject: Subject::Wtp(WtpId::BaseMac(mac)),
        observed_at: None,
        event,
    }
}
