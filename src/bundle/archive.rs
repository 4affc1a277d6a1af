//! The members of a ZIP, a tar or a gzipped tar, one after the other, and what kind of thing a file is in the first
//! place. It writes nothing and trusts no length that an archive states.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use flate2::read::MultiGzDecoder;

use super::{BundleError, Form, Limits};
use crate::image::info::{InfoError, InfoScan, SEARCHED};

/// A tar archive's unit.
const BLOCK: u64 = 512;

/// One member, as the archive describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Member {
    /// As it names itself.
    pub(super) name: String,
    pub(super) kind: Kind,
    /// As the archive states it.
    pub(super) octets: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Folder,
    /// Symbolic or hard.
    Link,
    /// Devices, pipes, sparse files.
    Special,
}

/// What is told of a member: its content, or why that cannot be read.
pub(super) type Content<'a> = Result<&'a mut dyn Read, String>;

/// What a path is, by its first octets and not by its name.
pub(super) fn form_of(path: &Path) -> Result<Form, BundleError> {
    if std::fs::metadata(path).map_err(BundleError::io(path))?.is_dir() {
        return Ok(Form::Directory);
    }
    let mut file = File::open(path).map_err(BundleError::io(path))?;
    let mut start = [0; 4];
    let len = fill(&mut file, &mut start).map_err(BundleError::io(path))?;
    let is_not = |why: &str| BundleError::NotABundle { path: path.to_owned(), why: why.to_owned() };
    if len == 0 {
        return Err(is_not("an empty file"));
    }
    if start == *b"PK\x03\x04" || start == *b"PK\x05\x06" {
        return Ok(Form::Zip);
    }
    file.seek(SeekFrom::Start(0)).map_err(BundleError::io(path))?;
    if start.starts_with(b"\x1f\x8b") {
        return match tar_kind(&mut MultiGzDecoder::new(BufReader::new(file))) {
            Ok(TarKind::Image) => Err(is_not("a single AP image, compressed; unpack it with gunzip")),
            Ok(TarKind::Other) => Ok(Form::TarGz),
            Ok(TarKind::None(_)) => Err(is_not("gzip, but not of a tar archive")),
            Err(e) => Err(BundleError::damaged(path, &e)),
        };
    }
    match tar_kind(&mut file).map_err(BundleError::io(path))? {
        TarKind::Image => Ok(Form::Image),
        TarKind::Other => Ok(Form::Tar),
        TarKind::None(InfoError::Packed(format)) => {
            Err(is_not(&format!("a {format} archive; unpack it with its own tool")))
        }
        TarKind::None(_) => Err(is_not("neither a ZIP nor a tar archive")),
    }
}

enum TarKind {
    /// It has an `info` of its own.
    Image,
    /// A tar without one.
    Other,
    None(InfoError),
}

fn tar_kind(content: &mut impl Read) -> io::Result<TarKind> {
    let mut scan = InfoScan::new();
    let mut buffer = vec![0; 1 << 16];
    let mut read = 0;
    while read <= SEARCHED {
        let len = content.read(&mut buffer)?;
        if len == 0 {
            break;
        }
        read += len as u64;
        match scan.push(&buffer[..len]) {
            Ok(()) if scan.info().is_some() => return Ok(TarKind::Image),
            Ok(()) => {}
            Err(InfoError::Malformed { .. }) => return Ok(TarKind::Image),
            Err(InfoError::NoInfo | InfoError::Damaged(_) | InfoError::CutShort(_)) => return Ok(TarKind::Other),
            Err(e @ (InfoError::NotTar | InfoError::Packed(_))) => return Ok(TarKind::None(e)),
        }
    }
    // Less than one header is no tar.
    Ok(if read < BLOCK { TarKind::None(InfoError::NotTar) } else { TarKind::Other })
}

/// Calls `each` with every member, in the archive's order. A member whose content cannot be read is told as such; an
/// archive that cannot be followed further is an error.
pub(super) fn visit(
    path: &Path,
    form: Form,
    limits: &Limits,
    each: &mut dyn FnMut(&Member, Content<'_>) -> Result<(), BundleError>,
) -> Result<(), BundleError> {
    let file = File::open(path).map_err(BundleError::io(path))?;
    let mut count = Count { path, limits, members: 0, octets: 0 };
    match form {
        Form::Zip => visit_zip(path, file, &mut count, each),
        Form::Tar => visit_tar(path, BufReader::with_capacity(1 << 18, file), &mut count, each),
        Form::TarGz => {
            let unpacked = MultiGzDecoder::new(BufReader::with_capacity(1 << 18, file));
            visit_tar(path, BufReader::with_capacity(1 << 18, unpacked), &mut count, each)
        }
        Form::Directory | Form::Image => Err(BundleError::NotPacked { path: path.to_owned(), form }),
    }
}

fn visit_zip(
    path: &Path,
    file: File,
    count: &mut Count<'_>,
    each: &mut dyn FnMut(&Member, Content<'_>) -> Result<(), BundleError>,
) -> Result<(), BundleError> {
    let mut archive =
        zip::ZipArchive::new(BufReader::with_capacity(1 << 16, file)).map_err(|e| BundleError::damaged(path, &e))?;
    count.members_are(archive.len())?;
    if archive.has_duplicate_names() {
        return Err(BundleError::damaged(path, &"two members of it have the same name"));
    }
    if archive.has_overlapping_files().map_err(|e| BundleError::damaged(path, &e))? {
        return Err(BundleError::damaged(path, &"members of it lie over one another"));
    }
    for index in 0..archive.len() {
        let entry = archive.by_index_data(index).map_err(|e| BundleError::damaged(path, &e))?;
        let kind = match entry.unix_mode().map(|mode| mode & 0o170_000) {
            _ if entry.is_dir() => Kind::Folder,
            _ if entry.is_symlink() => Kind::Link,
            None | Some(0 | 0o100_000) => Kind::File,
            Some(_) => Kind::Special,
        };
        let name = String::from_utf8_lossy(entry.name_raw()).into_owned();
        let member = Member { name, kind, octets: entry.size() };
        let encrypted = entry.encrypted();
        count.member(&member)?;
        if encrypted {
            each(&member, Err("it is encrypted".to_owned()))?;
            continue;
        }
        match archive.by_index(index) {
            Ok(mut content) => each(&member, Ok(&mut content))?,
            Err(e) => each(&member, Err(e.to_string()))?,
        }
    }
    Ok(())
}

fn visit_tar(
    path: &Path,
    content: impl Read,
    count: &mut Count<'_>,
    each: &mut dyn FnMut(&Member, Content<'_>) -> Result<(), BundleError>,
) -> Result<(), BundleError> {
    let mut archive = tar::Archive::new(Counting { content, octets: 0 });
    let mut end = 0;
    for entry in archive.entries().map_err(|e| BundleError::damaged(path, &e))? {
        let mut entry = entry.map_err(|e| BundleError::damaged(path, &e))?;
        let of = entry.header().entry_type();
        if of.is_pax_global_extensions() {
            // Says something of the members behind it, which we do not need.
            continue;
        }
        let kind = if of.is_file() || of.is_contiguous() {
            Kind::File
        } else if of.is_dir() {
            Kind::Folder
        } else if of.is_symlink() || of.is_hard_link() {
            Kind::Link
        } else {
            Kind::Special
        };
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let member = Member { name, kind, octets: entry.size() };
        count.member(&member)?;
        end = entry.raw_file_position().saturating_add(member.octets.next_multiple_of(BLOCK));
        each(&member, Ok(&mut entry))?;
    }
    let mut rest = archive.into_inner();
    // What follows the end mark is padding; in gzip it ends with the checksum of everything.
    io::copy(&mut rest, &mut io::sink()).map_err(|e| BundleError::damaged(path, &e))?;
    if rest.octets < end + BLOCK {
        return Err(BundleError::damaged(
            path,
            &format!("cut short: it ends at octet {} without an end mark", rest.octets),
        ));
    }
    Ok(())
}

/// Holds an archive to its limits, by what it states.
struct Count<'a> {
    path: &'a Path,
    limits: &'a Limits,
    members: usize,
    octets: u64,
}

impl Count<'_> {
    fn members_are(&self, members: usize) -> Result<(), BundleError> {
        if members > self.limits.members {
            return Err(self.too_large(format!("{members} members"), self.limits.members as u64));
        }
        Ok(())
    }

    fn member(&mut self, member: &Member) -> Result<(), BundleError> {
        self.members += 1;
        self.members_are(self.members)?;
        if member.octets > self.limits.member_octets {
            let what = format!("member `{}` has {} octets", member.name, member.octets);
            return Err(self.too_large(what, self.limits.member_octets));
        }
        self.octets = self.octets.saturating_add(member.octets);
        if self.octets > self.limits.octets {
            return Err(self.too_large(format!("{} octets or more unpacked", self.octets), self.limits.octets));
        }
        Ok(())
    }

    fn too_large(&self, what: String, limit: u64) -> BundleError {
        BundleError::TooLarge { path: self.path.to_owned(), what, limit }
    }
}

struct Counting<R> {
    content: R,
    octets: u64,
}

impl<R: Read> Read for Counting<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let len = self.content.read(buf)?;
        self.octets += len as u64;
        Ok(len)
    }
}

/// Reads until the buffer is full or the content has ended.
fn fill(content: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut len = 0;
    while len < buffer.len() {
        match content.read(&mut buffer[len..])? {
            0 => break,
            read => len += read,
        }
    }
    Ok(len)
}
