//! An image that lies on the controller's own machine (`ap image local FAMILY FILE`).

use std::fs::File;
use std::io::{self, Read};

use capledger_schema::failure::{FetchFailure, FetchFailureKind};

use super::{Cancel, Sink, cancelled};

/// Reads the file into the sink. Only a regular file is read: a pipe or a device could block, or never end.
pub fn fetch(path: &str, cancel: &Cancel, sink: &mut dyn Sink) -> Result<(), FetchFailure> {
    let failed = |e: io::Error| {
        let kind = if e.kind() == io::ErrorKind::NotFound || e.kind() == io::ErrorKind::NotADirectory {
            FetchFailureKind::NotFound
        } else if e.kind() == io::ErrorKind::PermissionDenied {
            FetchFailureKind::Permission
        } else {
            FetchFailureKind::Local
        };
        FetchFailure::new(kind, format!("{path}: {}", words(&e)))
    };
    // Looked at before it is opened: opening a pipe waits for its writer.
    if !std::fs::metadata(path).map_err(failed)?.is_file() {
        return Err(FetchFailure::new(FetchFailureKind::NotAnImage, format!("{path}: not a regular file")));
    }
    let mut file = File::open(path).map_err(failed)?;
    sink.announce(file.metadata().map_err(failed)?.len())?;
    let mut buffer = vec![0; 1 << 18];
    loop {
        if cancel.is_cancelled() {
            return Err(cancelled());
        }
        match file.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(read) => sink.take(&buffer[..read])?,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(failed(e)),
        }
    }
}

/// The system's words without the number that Rust adds.
fn words(e: &io::Error) -> String {
    let text = e.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_owned()
}
