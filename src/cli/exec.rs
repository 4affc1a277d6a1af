//! `capledger exec`: command lines for a running controller, from scripts and from the shell.
//!
//! The lines form one session of the daemon's command line, so configuration modes work; the first refusal ends it.
//! Exit codes: 0 every line was accepted; 1 one was refused; 2 no controller answers.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use crate::net::feed::{Client, ClientError};

const REFUSED: u8 = 1;
const UNREACHABLE: u8 = 2;

/// Octets of a file of lines at most.
const FILE_LIMIT: u64 = 16 << 20;

/// `capledger exec ...`
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ExecArgs {
    /// The data directory of the controller
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
    /// A file of lines to type behind the commands; `-` for standard input
    #[arg(short = 'f', long = "file", value_name = "FILE")]
    file: Option<PathBuf>,
    /// What to type, one line per argument; all of them are one session
    #[arg(required_unless_present = "file", value_name = "COMMAND")]
    commands: Vec<String>,
}

const EXAMPLES: &str = "\
Examples:
  capledger exec --data-dir DIR \"show ap image\"
  capledger exec --data-dir DIR \"show logging | include INSTALL\"
  capledger exec --data-dir DIR \"ap image predownload\"
  capledger exec --data-dir DIR \"configure terminal\" \"hostname 9120-EWC\" \"end\"
  capledger exec --data-dir DIR -f changes.txt

Exits with 0, with 1 as soon as a line is refused (the lines before it stay, those behind it are not run), or with 2 if no
controller answers.";

/// Runs the lines. What they print goes to standard output as it comes.
pub fn run(args: &ExecArgs) -> ExitCode {
    let mut lines = args.commands.clone();
    if let Some(file) = &args.file {
        match read(file) {
            Ok(text) => lines.extend(text.lines().map(str::to_owned)),
            Err(e) => {
                eprintln!("capledger: cannot read {}: {e}", file.display());
                return ExitCode::from(UNREACHABLE);
            }
        }
    }
    ExitCode::from(match session(&args.data_dir, &lines, &mut io::stdout().lock()) {
        Ok(code) => code,
        Err(End::Reader) => 0,
        Err(End::Output(e)) => {
            eprintln!("capledger: cannot write the output: {e}");
            UNREACHABLE
        }
        Err(End::Client(e)) => {
            eprintln!("capledger: {e}");
            UNREACHABLE
        }
    })
}

/// A file of lines, of a bounded size.
fn read(file: &Path) -> io::Result<String> {
    let mut text = String::new();
    if file == Path::new("-") {
        io::stdin().take(FILE_LIMIT + 1).read_to_string(&mut text)?;
    } else {
        File::open(file)?.take(FILE_LIMIT + 1).read_to_string(&mut text)?;
    }
    if text.len() as u64 > FILE_LIMIT {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("more than {FILE_LIMIT} octets")));
    }
    Ok(text)
}

/// Why a session ended before its lines did.
enum End {
    /// Whoever read the output has seen enough.
    Reader,
    Output(io::Error),
    Client(ClientError),
}

impl From<io::Error> for End {
    fn from(e: io::Error) -> End {
        if e.kind() == io::ErrorKind::BrokenPipe { End::Reader } else { End::Output(e) }
    }
}

impl From<ClientError> for End {
    fn from(e: ClientError) -> End {
        End::Client(e)
    }
}

fn session(dir: &Path, lines: &[String], out: &mut impl Write) -> Result<u8, End> {
    let mut client = Client::connect(dir)?;
    // Tells the prompt, which is not printed but where a line is refused.
    let mut prompt = client.command("", |_| {})?.prompt;
    for line in lines {
        let mut written = Ok(());
        let reply = client.command(line, |text| {
            if written.is_ok() {
                written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
            }
        })?;
        written?;
        if points_at_the_line(&reply.text) {
            writeln!(out, "{prompt}{line}")?;
        }
        out.write_all(reply.text.as_bytes())?;
        out.flush()?;
        prompt = reply.prompt;
        if !reply.ok {
            leave(&mut client, &prompt, out)?;
            return Ok(REFUSED);
        }
    }
    let left = leave(&mut client, &prompt, out)?;
    Ok(if left { 0 } else { REFUSED })
}

/// Leaves a configuration mode that the lines did not leave, so that what was typed there is applied before this ends:
/// whether it was accepted.
fn leave(client: &mut Client, prompt: &str, out: &mut impl Write) -> Result<bool, End> {
    if !prompt.contains("(conf") {
        return Ok(true);
    }
    let reply = client.command("end", |_| {})?;
    out.write_all(reply.text.as_bytes())?;
    out.flush()?;
    Ok(reply.ok)
}

/// Whether the text begins with the `^` that IOS prints under the word it does not know: it needs the line above it.
fn points_at_the_line(text: &str) -> bool {
    text.lines().next().is_some_and(|first| first.trim() == "^")
}
