//! The SFTP requests of one channel: open, read, stat and list below the root; whatever would write is denied.

use std::collections::{BTreeMap, VecDeque};
use std::fs::{self, File};
use std::net::SocketAddr;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use capledger_schema::setting::ServeProtocol;
use russh_sftp::protocol::{Attrs, Data, File as Entry, FileAttributes, Handle, Name, OpenFlags, Status, StatusCode};
use russh_sftp::server::{Handler, StatusReply};

use super::Shared;
use crate::ac::ServeNews;
use crate::serve::files::{Refusal, refusal};
use crate::serve::next_transfer;

/// Handles of one channel.
const HANDLES: usize = 64;
/// Octets that one request may read.
const LONGEST_READ: u32 = 256 << 10;
/// Names in one answer.
const NAMES: usize = 100;
/// Names of one folder.
const FOLDER: usize = 4_096;
const READ_ONLY: &str = "this server is read-only";

pub(super) struct Files {
    shared: Arc<Shared>,
    peer: SocketAddr,
    user: Option<String>,
    next: u64,
    open: BTreeMap<String, Open>,
}

enum Open {
    File(Reading),
    Folder(VecDeque<Entry>),
}

/// A file that a client reads. Dropped before its end, it tells that the transfer failed.
struct Reading {
    shared: Arc<Shared>,
    transfer: u64,
    file: File,
    total: u64,
    /// One past the furthest octet that was sent.
    sent: u64,
    told: u64,
}

impl Reading {
    fn read(&mut self, offset: u64, len: u32) -> Result<Vec<u8>, StatusCode> {
        let left = self.total.saturating_sub(offset);
        if left == 0 {
            return Err(StatusCode::Eof);
        }
        let len = u64::from(len.min(LONGEST_READ)).min(left);
        let mut data = vec![0; len as usize];
        self.file.read_exact_at(&mut data, offset).map_err(|_| StatusCode::Failure)?;
        self.sent = self.sent.max(offset + len);
        if self.sent - self.told >= (self.total / 100).max(1) {
            self.told = self.sent;
            (self.shared.tell)(ServeNews::Progress { transfer: self.transfer, octets: self.sent });
        }
        Ok(data)
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        let (transfer, octets) = (self.transfer, self.sent);
        (self.shared.tell)(if self.sent >= self.total {
            ServeNews::Completed { transfer, octets }
        } else {
            let words = format!("the client left after {octets} of {} octets", self.total);
            ServeNews::Failed { transfer, words, octets }
        });
    }
}

impl Files {
    pub(super) fn new(shared: Arc<Shared>, peer: SocketAddr, user: Option<String>) -> Self {
        Files { shared, peer, user, next: 0, open: BTreeMap::new() }
    }

    fn started(&self, transfer: u64, file: &str, octets: Option<u64>) {
        (self.shared.tell)(ServeNews::Started {
            transfer,
            protocol: ServeProtocol::Sftp,
            client: self.peer,
            user: self.user.clone(),
            file: file.trim_start_matches('/').to_owned(),
            octets,
        });
    }

    /// A transfer that does not come about is told too: the operator who wonders sees why.
    fn refused(&self, file: &str, words: &str) {
        let transfer = next_transfer();
        self.started(transfer, file, None);
        (self.shared.tell)(ServeNews::Failed { transfer, words: words.to_owned(), octets: 0 });
    }

    fn keep(&mut self, open: Open) -> String {
        self.next += 1;
        let handle = format!("{:x}", self.next);
        self.open.insert(handle.clone(), open);
        handle
    }

    fn attributes(&self, path: &str) -> Result<FileAttributes, StatusReply> {
        let path = self.shared.root.resolve(path).map_err(reply)?;
        fs::metadata(path).map(|m| attributes(&m)).map_err(|e| reply(refusal(&e)))
    }

    fn listing(&self, path: &str) -> Result<VecDeque<Entry>, StatusReply> {
        let folder = self.shared.root.resolve(path).map_err(reply)?;
        let entries = fs::read_dir(folder).map_err(|e| reply(refusal(&e)))?;
        let mut names = Vec::new();
        for entry in entries.take(FOLDER) {
            let entry = entry.map_err(|e| reply(refusal(&e)))?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            // What leads out of the root is not there.
            if let Ok(attributes) = self.attributes(&format!("{path}/{name}")) {
                names.push(Entry::new(name, attributes));
            }
        }
        names.sort_by(|a, b| a.filename.cmp(&b.filename));
        Ok(names.into())
    }
}

/// Without owners: they are the controller's and nobody's concern.
fn attributes(metadata: &fs::Metadata) -> FileAttributes {
    FileAttributes { uid: None, gid: None, ..FileAttributes::from(metadata) }
}

fn reply(refusal: Refusal) -> StatusReply {
    let code = match refusal {
        Refusal::NotFound => StatusCode::NoSuchFile,
        Refusal::Permission | Refusal::Outside => StatusCode::PermissionDenied,
    };
    code.with_message(refusal.to_string())
}

fn denied<T>() -> Result<T, StatusReply> {
    Err(StatusCode::PermissionDenied.with_message(READ_ONLY))
}

/// The name as seen from the root, without a way up: what clients show as the current folder.
fn absolute(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

impl Handler for Files {
    type Error = StatusReply;

    fn unimplemented(&self) -> Self::Error {
        StatusCode::OpUnsupported.into()
    }

    async fn open(
        &mut self,
        id: u32,
        filename: String,
        pflags: OpenFlags,
        _attrs: FileAttributes,
    ) -> Result<Handle, Self::Error> {
        let writing = OpenFlags::WRITE | OpenFlags::APPEND | OpenFlags::CREATE | OpenFlags::TRUNCATE;
        if pflags.intersects(writing) || !pflags.contains(OpenFlags::READ) {
            self.refused(&filename, READ_ONLY);
            return denied();
        }
        if self.open.len() >= HANDLES {
            return Err(StatusCode::Failure.with_message("too many open files"));
        }
        match self.shared.root.file(&filename) {
            Ok((file, total)) => {
                let transfer = next_transfer();
                self.started(transfer, &filename, Some(total));
                let shared = Arc::clone(&self.shared);
                let reading = Reading { shared, transfer, file, total, sent: 0, told: 0 };
                Ok(Handle { id, handle: self.keep(Open::File(reading)) })
            }
            Err(refusal) => {
                self.refused(&filename, &refusal.to_string());
                Err(reply(refusal))
            }
        }
    }

    async fn close(&mut self, id: u32, handle: String) -> Result<Status, Self::Error> {
        match self.open.remove(&handle) {
            Some(_) => Ok(Status {
                id,
                status_code: StatusCode::Ok,
                error_message: "Ok".to_owned(),
                language_tag: "en-US".to_owned(),
            }),
            None => Err(StatusCode::Failure.with_message("no such handle")),
        }
    }

    async fn read(&mut self, id: u32, handle: String, offset: u64, len: u32) -> Result<Data, Self::Error> {
        match self.open.get_mut(&handle) {
            Some(Open::File(reading)) => Ok(Data { id, data: reading.read(offset, len)? }),
            Some(Open::Folder(_)) | None => Err(StatusCode::Failure.with_message("no such handle")),
        }
    }

    async fn stat(&mut self, id: u32, path: String) -> Result<Attrs, Self::Error> {
        Ok(Attrs { id, attrs: self.attributes(&path)? })
    }

    async fn lstat(&mut self, id: u32, path: String) -> Result<Attrs, Self::Error> {
        Ok(Attrs { id, attrs: self.attributes(&path)? })
    }

    async fn fstat(&mut self, id: u32, handle: String) -> Result<Attrs, Self::Error> {
        let Some(Open::File(reading)) = self.open.get(&handle) else {
            return Err(StatusCode::Failure.with_message("no such handle"));
        };
        let metadata = reading.file.metadata().map_err(|e| reply(refusal(&e)))?;
        Ok(Attrs { id, attrs: attributes(&metadata) })
    }

    async fn opendir(&mut self, id: u32, path: String) -> Result<Handle, Self::Error> {
        if self.open.len() >= HANDLES {
            return Err(StatusCode::Failure.with_message("too many open files"));
        }
        let listing = self.listing(&path)?;
        Ok(Handle { id, handle: self.keep(Open::Folder(listing)) })
    }

    async fn readdir(&mut self, id: u32, handle: String) -> Result<Name, Self::Error> {
        match self.open.get_mut(&handle) {
            Some(Open::Folder(names)) if names.is_empty() => Err(StatusCode::Eof.into()),
            Some(Open::Folder(names)) => Ok(Name { id, files: names.drain(..names.len().min(NAMES)).collect() }),
            Some(Open::File(_)) | None => Err(StatusCode::Failure.with_message("no such handle")),
        }
    }

    async fn realpath(&mut self, id: u32, path: String) -> Result<Name, Self::Error> {
        Ok(Name { id, files: vec![Entry::dummy(absolute(&path))] })
    }

    async fn write(&mut self, _: u32, _: String, _: u64, _: Vec<u8>) -> Result<Status, Self::Error> {
        denied()
    }

    async fn setstat(&mut self, _: u32, _: String, _: FileAttributes) -> Result<Status, Self::Error> {
        denied()
    }

    async fn fsetstat(&mut self, _: u32, _: String, _: FileAttributes) -> Result<Status, Self::Error> {
        denied()
    }

    async fn remove(&mut self, _: u32, _: String) -> Result<Status, Self::Error> {
        denied()
    }

    async fn mkdir(&mut self, _: u32, _: String, _: FileAttributes) -> Result<Status, Self::Error> {
        denied()
    }

    async fn rmdir(&mut self, _: u32, _: String) -> Result<Status, Self::Error> {
        denied()
    }

    async fn rename(&mut self, _: u32, _: String, _: String) -> Result<Status, Self::Error> {
        denied()
    }

    async fn symlink(&mut self, _: u32, _: String, _: String) -> Result<Status, Self::Error> {
        denied()
    }

    async fn readlink(&mut self, _: u32, _: String) -> Result<Name, Self::Error> {
        denied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_way_up_leads_above_the_root() {
        for (path, seen) in [("", "/"), (".", "/"), ("/a/./b/", "/a/b"), ("a/../..", "/"), ("/../../etc", "/etc")] {
            assert_eq!(absolute(path), seen, "{path}");
        }
    }
}
