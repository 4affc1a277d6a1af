//! How fast the TFTP and SFTP clients read one image, beside the clients of others, from the servers that are installed.
//!
//! Every process is pinned: a stop-and-wait transfer is several times as fast on one core as across two, so figures
//! mean something only beside others of the same run and placement. Nothing here writes the image to a disk, save in
//! the row that says so.

mod sftp;

use std::io::BufWriter;
use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use capledger::fetch::tftp::client::{self, ClientConfig};
use capledger::fetch::{Cancel, FetchReport, FetchRequest, ServerKey, Sink, spawn};
use capledger::image::bundle::{ImageSpec, REFERENCE_OCTETS};
use capledger::image::cache::ImageCache;
use capledger::serve::tftp::{ServeConfig, TftpServer};
use capledger_schema::failure::{FetchFailure, FetchFailureKind};
use capledger_schema::id::OperationId;
use capledger_schema::image::ImageVersion;
use clap::Parser;
use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::Pid;

#[derive(Parser)]
#[command(name = "fetch_bench", about = "Time TFTP and SFTP clients and servers on loopback, pinned to cores")]
struct Arguments {
    /// Runs of each pair; the median is printed
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// Octets of the image
    #[arg(long, default_value_t = REFERENCE_OCTETS)]
    octets: u64,
    /// Only this protocol
    #[arg(long)]
    only: Option<Protocol>,
    /// The core of the servers
    #[arg(long, default_value_t = 0)]
    server_core: usize,
    /// The other core, for the clients of the second half
    #[arg(long, default_value_t = 1)]
    client_core: usize,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Protocol {
    Tftp,
    Sftp,
}

const NAME: &str = "ap1g8";

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("fetch_bench: {e}");
            ExitCode::FAILURE
        }
    }
}

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn run(arguments: &Arguments) -> Outcome<()> {
    let root = tempfile::tempdir()?;
    share(root.path())?;
    let image =
        ImageSpec { family: NAME.parse()?, version: ImageVersion([17, 9, 4, 27]), octets: arguments.octets, seed: 1 };
    image.write(BufWriter::new(std::fs::File::create(root.path().join(NAME))?))?;
    println!("{} octets, {} runs each, medians", arguments.octets, arguments.runs);
    println!("{:<12} {:<44} {:<11} {:>9} {:>9}", "server", "client", "placement", "seconds", "MB/s");
    if arguments.only != Some(Protocol::Sftp) {
        for kind in [Kind::Embedded, Kind::Hpa, Kind::Atftpd] {
            pin(arguments.server_core)?;
            let Some(server) = Server::start(kind, root.path())? else {
                println!("{:<12} skipped: not installed", kind.name());
                continue;
            };
            let (server, image) = (&server, &image);
            let clients = clients();
            let rows = clients.iter().map(|client| Row::new(client.label(), || client.fetch(server.address, image)));
            compare(arguments, kind.name(), rows.collect())?;
        }
    }
    if arguments.only != Some(Protocol::Tftp) {
        pin(arguments.server_core)?;
        let Some(server) = sftp::Sshd::start(root.path())? else {
            println!("{:<12} skipped: not installed", "sshd");
            return Ok(());
        };
        let (server, image) = (&server, &image);
        let rows = sftp::Client::ALL.map(|client| Row::new(client.label(), move || client.fetch(server, image)));
        compare(arguments, "sshd", rows.into())?;
    }
    Ok(())
}

/// A client, and how long its fetches took.
struct Row<'a> {
    label: String,
    once: Box<dyn Fn() -> Outcome<Option<Duration>> + 'a>,
    times: Vec<Duration>,
    /// Why there is none.
    none: Option<String>,
}

impl<'a> Row<'a> {
    fn new(label: impl Into<String>, once: impl Fn() -> Outcome<Option<Duration>> + 'a) -> Self {
        Row { label: label.into(), once: Box::new(once), times: Vec::new(), none: None }
    }

    fn median(&mut self) -> Option<Duration> {
        self.times.sort_unstable();
        self.times.get(self.times.len() / 2).copied()
    }
}

/// Times clients of one server in turns, so that what else the machine does falls on all of them alike, and prints a
/// line for each.
fn compare(arguments: &Arguments, server: &str, mut rows: Vec<Row<'_>>) -> Outcome<()> {
    for (placement, core) in [("same core", arguments.server_core), ("other core", arguments.client_core)] {
        pin(core)?;
        for _ in 0..arguments.runs.max(1) {
            for row in rows.iter_mut().filter(|row| row.none.is_none()) {
                match (row.once)() {
                    Ok(Some(took)) => row.times.push(took),
                    Ok(None) => row.none = Some("skipped: not installed".to_owned()),
                    Err(e) => row.none = Some(format!("failed: {e}")),
                }
            }
        }
        for row in &mut rows {
            let (median, label) = (row.median(), &row.label);
            match (&row.none, median) {
                (None, Some(took)) => {
                    let rate = arguments.octets as f64 / 1e6 / took.as_secs_f64();
                    println!("{server:<12} {label:<44} {placement:<11} {:>9.3} {rate:>9.1}", took.as_secs_f64());
                }
                (why, _) => println!("{server:<12} {label:<44} {placement:<11} {}", why.as_deref().unwrap_or_default()),
            }
            row.times.clear();
        }
    }
    Ok(())
}

/// Servers that change their user must be able to read the directory.
fn share(directory: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(directory, std::fs::Permissions::from_mode(0o755))
}

/// Pins this thread, and the threads and processes that it starts from now on.
fn pin(core: usize) -> nix::Result<()> {
    let mut cores = CpuSet::new();
    cores.set(core)?;
    sched_setaffinity(Pid::from_raw(0), &cores)
}

#[derive(Clone, Copy)]
enum Kind {
    Embedded,
    Hpa,
    Atftpd,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Embedded => "embedded",
            Kind::Hpa => "tftpd-hpa",
            Kind::Atftpd => "atftpd",
        }
    }
}

struct Server {
    address: SocketAddr,
    process: Option<Child>,
    _embedded: Option<TftpServer>,
}

impl Server {
    fn start(kind: Kind, root: &Path) -> Outcome<Option<Self>> {
        let free = UdpSocket::bind("127.0.0.1:0")?.local_addr()?;
        let port = free.port().to_string();
        let command = match kind {
            Kind::Embedded => {
                let server = TftpServer::start(free, ServeConfig::new(root), |_| ())?;
                return Ok(Some(Server { address: free, process: None, _embedded: Some(server) }));
            }
            Kind::Hpa => program("in.tftpd", "tftp-hpa").map(|program| {
                let mut command = Command::new(program);
                command.args(["--foreground", "--address", &free.to_string(), "--secure"]).arg(root);
                command
            }),
            Kind::Atftpd => program("atftpd", "atftp").map(|program| {
                let mut command = Command::new(program);
                command.args(["--daemon", "--no-fork", "--port", &port, "--bind-address", "127.0.0.1"]).arg(root);
                command
            }),
        };
        let Some(mut command) = command else { return Ok(None) };
        let process = command.stdin(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let server = Server { address: free, process: Some(process), _embedded: None };
        for _ in 0..100 {
            // Until it listens, the port refuses.
            match client::fetch("127.0.0.1", free.port(), "-", &ClientConfig::default(), &Cancel::new(), &mut Null) {
                Err(failure) if failure.words.contains("Connection refused") => {
                    thread::sleep(Duration::from_millis(50));
                }
                Ok(_) | Err(_) => return Ok(Some(server)),
            }
        }
        Err(format!("{} does not listen on {free}", kind.name()).into())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            // It may have ended by itself; then there is nothing to end.
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

/// A program of this name whose version says this word.
fn program(name: &str, word: &str) -> Option<PathBuf> {
    programs(name).find(|program| {
        let version = Command::new(program).arg("--version").stdin(Stdio::null()).output();
        version.is_ok_and(|out| {
            let said = [out.stdout, out.stderr].concat();
            String::from_utf8_lossy(&said).contains(word)
        })
    })
}

/// A program of this name, whatever its version.
fn installed(name: &str) -> Option<PathBuf> {
    programs(name).next()
}

fn programs(name: &str) -> impl Iterator<Item = PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let directories: Vec<_> = std::env::split_paths(&path).chain(["/usr/sbin".into()]).collect();
    directories.into_iter().map(move |directory| directory.join(name)).filter(|program| program.is_file())
}

enum Client {
    /// Octets are counted and dropped.
    Ours(u16, u16),
    /// With everything: checks, digests, disk, sync.
    OursIntoCache(u16, u16),
    Curl(u16),
    Atftp(u16, u16),
}

fn clients() -> Vec<Client> {
    vec![
        Client::Ours(512, 1),
        Client::Ours(1428, 1),
        Client::Ours(1428, 16),
        Client::Ours(1428, 64),
        Client::Ours(65464, 1),
        Client::OursIntoCache(1428, 16),
        Client::Curl(512),
        Client::Curl(1428),
        Client::Curl(65464),
        Client::Atftp(1428, 1),
        Client::Atftp(1428, 16),
        Client::Atftp(1428, 64),
    ]
}

impl Client {
    fn label(&self) -> String {
        match self {
            Client::Ours(blksize, windowsize) => format!("capledger blksize {blksize} windowsize {windowsize}"),
            Client::OursIntoCache(blksize, windowsize) => {
                format!("capledger {blksize}/{windowsize} into the cache")
            }
            Client::Curl(blksize) => format!("curl blksize {blksize}"),
            Client::Atftp(blksize, windowsize) => format!("atftp blksize {blksize} windowsize {windowsize}"),
        }
    }

    /// One fetch on this thread's core; none if the program is not installed.
    fn fetch(&self, server: SocketAddr, image: &ImageSpec) -> Outcome<Option<Duration>> {
        match self {
            Client::Ours(blksize, windowsize) => {
                let config = ClientConfig { blksize: *blksize, windowsize: *windowsize, ..ClientConfig::default() };
                let begin = now();
                let mut sink = Count(0);
                client::fetch("127.0.0.1", server.port(), NAME, &config, &Cancel::new(), &mut sink)
                    .map_err(|e| e.to_string())?;
                if sink.0 == image.octets { Ok(Some(begin.elapsed())) } else { Err("octets are missing".into()) }
            }
            Client::OursIntoCache(blksize, windowsize) => {
                let config = ClientConfig { blksize: *blksize, windowsize: *windowsize, ..ClientConfig::default() };
                let request = FetchRequest {
                    family: Some(image.family.clone()),
                    version: Some(image.version),
                    max_size: image.octets,
                    ..FetchRequest::new(OperationId(1), format!("tftp://{server}/{NAME}").parse()?)
                };
                into_cache(request, config).map(Some)
            }
            Client::Curl(blksize) => {
                let url = format!("tftp://{server}/{NAME}");
                let blksize = blksize.to_string();
                external(program("curl", "curl"), &["-s", "-o", "/dev/null", "--tftp-blksize", &blksize, &url])
            }
            Client::Atftp(blksize, windowsize) => {
                let (ip, port) = (server.ip().to_string(), server.port().to_string());
                let (block, window) = (format!("blksize {blksize}"), format!("windowsize {windowsize}"));
                let mut arguments =
                    vec!["--option", &block, "--get", "--remote-file", NAME, "--local-file", "/dev/null"];
                if *windowsize > 1 {
                    arguments.extend(["--option", &window]);
                }
                arguments.extend([ip.as_str(), port.as_str()]);
                external(program("atftp", "atftp"), &arguments)
            }
        }
    }
}

fn into_cache(request: FetchRequest, config: ClientConfig) -> Outcome<Duration> {
    let data = tempfile::tempdir()?;
    let cache = ImageCache::open(data.path())?;
    let (to, reports) = std::sync::mpsc::channel();
    let begin = now();
    // Nobody reads a report that comes after the receiver is gone.
    spawn(request, cache, config, Cancel::new(), move |report| drop(to.send(report)))?;
    match reports.iter().last() {
        Some(FetchReport::Done { .. }) => Ok(begin.elapsed()),
        Some(FetchReport::Failed { failure, .. }) => Err(failure.to_string().into()),
        Some(FetchReport::Progress { .. } | FetchReport::ServerKey { .. } | FetchReport::Probed { .. }) | None => {
            Err("the fetch ended without a report".into())
        }
    }
}

fn external(program: Option<PathBuf>, arguments: &[&str]) -> Outcome<Option<Duration>> {
    let Some(program) = program else { return Ok(None) };
    let begin = now();
    let status = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()?;
    if status.success() { Ok(Some(begin.elapsed())) } else { Err(status.to_string().into()) }
}

struct Null;

impl Sink for Null {
    fn announce(&mut self, _: u64) -> Result<(), FetchFailure> {
        Err(FetchFailure::new(FetchFailureKind::Cancelled, "it listens"))
    }
    fn take(&mut self, _: &[u8]) -> Result<(), FetchFailure> {
        Ok(())
    }
    fn server_key(&mut self, _: ServerKey) {}
}

struct Count(u64);

impl Sink for Count {
    fn announce(&mut self, _: u64) -> Result<(), FetchFailure> {
        Ok(())
    }
    fn take(&mut self, octets: &[u8]) -> Result<(), FetchFailure> {
        self.0 += octets.len() as u64;
        Ok(())
    }
    fn server_key(&mut self, _: ServerKey) {}
}

#[allow(clippy::disallowed_methods, reason = "a benchmark measures real time")]
fn now() -> Instant {
    Instant::now()
}
