//! The collectors' places in the log, in a small text file that is replaced as a whole.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use capledger_schema::id::Seq;
use capledger_schema::setting::{LogHost, LogTransport};

use super::{CollectorError, Known, Place};
use crate::ios::setting::transport_word;

/// The file's name in the data directory.
const FILE: &str = "collectors";

const HEAD: &str = "# Syslog collectors: transport, address, last event that is sure to be there, lines up to it.\n";

pub(super) struct Cursors {
    path: PathBuf,
    places: BTreeMap<LogHost, Place>,
}

impl Cursors {
    /// What an earlier run has left; nothing, if there was none.
    pub(super) fn open(dir: &Path) -> Result<Cursors, CollectorError> {
        let path = dir.join(FILE);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == io::ErrorKind::NotFound => String::new(),
            Err(source) => return Err(CollectorError::Cursors { path, source }),
        };
        let mut places = BTreeMap::new();
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let damaged = || CollectorError::Damaged { path: path.clone(), line: line.chars().take(80).collect() };
            let (host, place) = parse(line).ok_or_else(damaged)?;
            places.insert(host, place);
        }
        Ok(Cursors { path, places })
    }

    /// Where a collector was left.
    pub(super) fn place(&self, host: &LogHost) -> Option<Place> {
        self.places.get(host).copied()
    }

    /// Replaces the file: either the old one or the new one is there after a crash. Does nothing if nothing moved.
    pub(super) fn save(&mut self, table: &BTreeMap<LogHost, Known>) -> Result<(), CollectorError> {
        let places: BTreeMap<_, _> = table.iter().map(|(host, known)| (*host, known.place)).collect();
        if places == self.places {
            return Ok(());
        }
        let mut text = HEAD.to_owned();
        for (host, place) in &places {
            let transport = transport_word(host.transport);
            writeln!(text, "{transport} {} {} {}", host.address, place.seq, place.lines).expect("writing to a string");
        }
        self.replace(&text).map_err(|source| CollectorError::Cursors { path: self.path.clone(), source })?;
        self.places = places;
        Ok(())
    }

    fn replace(&self, text: &str) -> io::Result<()> {
        let new = self.path.with_extension("new");
        let mut file = File::create(&new)?;
        file.write_all(text.as_bytes())?;
        file.sync_data()?;
        fs::rename(&new, &self.path)?;
        self.path.parent().map_or(Ok(()), |dir| File::open(dir)?.sync_all())
    }
}

fn parse(line: &str) -> Option<(LogHost, Place)> {
    let mut words = line.split(' ');
    let transport = match words.next()? {
        "udp" => LogTransport::Udp,
        "tcp" => LogTransport::Tcp,
        "tls" => LogTransport::Tls,
        _ => return None,
    };
    let host = LogHost { address: words.next()?.parse().ok()?, transport };
    let place = Place { seq: Seq(words.next()?.parse().ok()?), lines: words.next()?.parse().ok()? };
    words.next().is_none().then_some((host, place))
}
