//! Unpacks a bundle's archive into a folder that a server can hand out: first every name, kind and size is judged, then
//! each file is written beside its place, synced and renamed. Nothing outside the folder is ever written.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use capledger_schema::id::Sha256;
use nix::sys::statvfs::statvfs;
use tempfile::{Builder, NamedTempFile};

use super::archive::{Kind, form_of, visit};
use super::check::{Scanner, judge, wrong_length};
use super::{BundleError, Form, KnownDigest, Limits};
use crate::image::digest::Digester;
use crate::image::sums::{SUMS_FILE, SUMS_LIMIT, Sums};

/// How to unpack.
#[derive(Clone, Debug)]
pub struct UnpackOptions {
    /// Into which folder; it is made if need be.
    pub into: PathBuf,
    /// Replace files of the same name that differ.
    pub force: bool,
    /// What the archive must be.
    pub digest: Option<KnownDigest>,
    /// What it may hold.
    pub limits: Limits,
}

/// How far it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress<'a> {
    /// Judging or writing.
    pub stage: Stage,
    /// The member at hand.
    pub member: &'a str,
    /// Octets of this stage so far.
    pub octets: u64,
    /// Of how many; 0 while that is being found out.
    pub total: u64,
}

/// What is being done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Names and sizes are read.
    Judging,
    /// Files are written.
    Writing,
}

/// What became of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Placed {
    /// It is new.
    Written,
    /// It was there already, the same to the octet.
    Same,
    /// Another was there, and is no more (`--force`).
    Replaced,
}

/// What was unpacked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unpacked {
    /// Files within the folder, their lengths, and what became of each.
    pub files: Vec<(String, u64, Placed)>,
}

/// Unpacks the archive. On an error, files placed so far stay; each is whole.
///
/// # Errors
/// It is no archive, damaged, hostile, too large, in the way of another file, or the file system says no.
pub fn unpack(
    path: &Path,
    options: &UnpackOptions,
    progress: &mut dyn FnMut(&Progress<'_>),
) -> Result<Unpacked, BundleError> {
    let form = form_of(path)?;
    if !form.is_packed() {
        return Err(BundleError::NotPacked { path: path.to_owned(), form });
    }
    if let Some(digest) = &options.digest {
        digest.verify(path)?;
    }
    let plan = Plan::make(path, form, options, progress)?;
    plan.check_room(&options.into)?;
    fs::create_dir_all(&options.into).map_err(BundleError::io(&options.into))?;
    let mut writing = Writing { path, options, plan: &plan, sums: Sums::new(), written: 0, files: Vec::new() };
    visit(path, form, &options.limits, &mut |member, content| {
        if member.kind != Kind::File {
            return Ok(());
        }
        let content = content.map_err(|why| BundleError::damaged(path, &format!("{}: {why}", member.name)))?;
        let relative = plan.relative(&member.name).ok_or_else(|| changed(path))?;
        writing.place(relative, member.octets, content, progress)
    })?;
    writing.finish()
}

/// Somebody writes to the archive while it is read.
fn changed(path: &Path) -> BundleError {
    BundleError::damaged(path, &"it changed while it was read")
}

/// What would be written.
struct Plan {
    /// Paths within the archive that all files share, and that are left out.
    common: PathBuf,
    files: BTreeSet<PathBuf>,
    octets: u64,
    /// The archive's own list of digests.
    sums: Option<Sums>,
}

impl Plan {
    fn make(
        path: &Path,
        form: Form,
        options: &UnpackOptions,
        progress: &mut dyn FnMut(&Progress<'_>),
    ) -> Result<Plan, BundleError> {
        let mut files: BTreeMap<PathBuf, u64> = BTreeMap::new();
        let mut sums = None;
        let mut octets = 0;
        visit(path, form, &options.limits, &mut |member, content| {
            let hostile = |why: &str| BundleError::Hostile {
                path: path.to_owned(),
                member: member.name.chars().take(200).collect(),
                why: why.to_owned(),
            };
            let name = safe(&member.name).map_err(hostile)?;
            match member.kind {
                Kind::File => {}
                Kind::Folder => return Ok(()),
                Kind::Link => return Err(hostile("is a link")),
                Kind::Special => return Err(hostile("is no regular file")),
            }
            let content = content.map_err(|why| BundleError::damaged(path, &format!("{}: {why}", member.name)))?;
            if name.file_name().is_some_and(|base| base == SUMS_FILE) {
                sums = Some(read_sums(content).map_err(|e| BundleError::damaged(path, &e))?);
            }
            progress(&Progress { stage: Stage::Judging, member: &member.name, octets, total: 0 });
            octets += member.octets;
            // What lies below a path comes directly after it in their order.
            let below = files.range(name.clone()..).next().is_some_and(|(other, _)| other.starts_with(&name));
            if below || name.ancestors().any(|above| files.contains_key(above)) || name.as_os_str().is_empty() {
                return Err(hostile("stands where another member stands"));
            }
            files.insert(name, member.octets);
            Ok(())
        })?;
        let common = common_folder(&files);
        let mut plan = Plan { common, files: BTreeSet::new(), octets: 0, sums };
        for (name, octets) in files {
            let relative = name.strip_prefix(&plan.common).map_err(|_| changed(path))?.to_owned();
            let target = options.into.join(&relative);
            parents_are_folders(&options.into, &relative)?;
            match fs::symlink_metadata(&target) {
                Ok(m) if m.is_dir() => return Err(BundleError::InTheWay { path: target }),
                // The same length may be the same file; that is seen when it has been unpacked.
                Ok(m) if !options.force && (!m.is_file() || m.len() != octets) => {
                    return Err(BundleError::InTheWay { path: target });
                }
                Ok(_) => {}
                Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                Err(e) => return Err(BundleError::Io { path: target, source: e }),
            }
            plan.octets += octets;
            plan.files.insert(relative);
        }
        Ok(plan)
    }

    fn relative(&self, member: &str) -> Option<&Path> {
        let name = safe(member).ok()?;
        self.files.get(name.strip_prefix(&self.common).ok()?).map(PathBuf::as_path)
    }

    /// Asks the file system of the folder, or of the nearest one above it that is there.
    fn check_room(&self, into: &Path) -> Result<(), BundleError> {
        let mut there = into;
        while !there.exists() {
            there = match there.parent() {
                Some(parent) if !parent.as_os_str().is_empty() => parent,
                _ => Path::new("."),
            };
        }
        let stat = statvfs(there).map_err(|e| BundleError::Io { path: there.to_owned(), source: e.into() })?;
        let free = stat.blocks_available().saturating_mul(stat.fragment_size());
        if free < self.octets {
            return Err(BundleError::NoRoom { path: into.to_owned(), needed: self.octets, free });
        }
        Ok(())
    }
}

/// A member's name as a path that cannot lead out of a folder.
fn safe(name: &str) -> Result<PathBuf, &'static str> {
    if name.contains(['\\', '\0']) || name.chars().any(char::is_control) {
        return Err("has a name that no file should have");
    }
    if name.starts_with('/') {
        return Err("has an absolute path");
    }
    let mut path = PathBuf::new();
    for part in name.split('/') {
        match part {
            "" | "." => {}
            ".." => return Err("leads out of the folder (`..`)"),
            part => path.push(part),
        }
    }
    Ok(path)
}

/// The folder that all files are in: a server shall find the images at the top.
fn common_folder(files: &BTreeMap<PathBuf, u64>) -> PathBuf {
    let mut parents = files.keys().map(|name| name.parent().unwrap_or(Path::new("")));
    let Some(first) = parents.next() else { return PathBuf::new() };
    parents.fold(first.to_owned(), |common, parent| {
        common.components().zip(parent.components()).take_while(|(a, b)| a == b).map(|(a, _)| a).collect()
    })
}

/// No folder on the way may be a link that leads elsewhere.
fn parents_are_folders(into: &Path, relative: &Path) -> Result<(), BundleError> {
    let mut folder = into.to_owned();
    for part in relative.parent().into_iter().flat_map(Path::components) {
        folder.push(part);
        match fs::symlink_metadata(&folder) {
            Ok(m) if m.is_dir() => {}
            Ok(_) => return Err(BundleError::InTheWay { path: folder }),
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(e) => return Err(BundleError::Io { path: folder, source: e }),
        }
    }
    Ok(())
}

struct Writing<'a> {
    path: &'a Path,
    options: &'a UnpackOptions,
    plan: &'a Plan,
    sums: Sums,
    written: u64,
    files: Vec<(String, u64, Placed)>,
}

impl Writing<'_> {
    fn place(
        &mut self,
        relative: &Path,
        stated: u64,
        content: &mut dyn Read,
        progress: &mut dyn FnMut(&Progress<'_>),
    ) -> Result<(), BundleError> {
        let name = relative.display().to_string();
        let target = self.options.into.join(relative);
        let folder = target.parent().unwrap_or(&self.options.into);
        fs::create_dir_all(folder).map_err(BundleError::io(folder))?;
        let mut file = temporary(folder)?;
        let mut scanner = Scanner::default();
        let mut buffer = vec![0; 1 << 18];
        loop {
            let len =
                content.read(&mut buffer).map_err(|e| BundleError::damaged(self.path, &format!("{name}: {e}")))?;
            if len == 0 {
                break;
            }
            scanner.push(&buffer[..len]);
            if scanner.octets() > stated {
                break;
            }
            file.write_all(&buffer[..len]).map_err(BundleError::io(&target))?;
            self.written += len as u64;
            let (octets, total) = (self.written, self.plan.octets);
            progress(&Progress { stage: Stage::Writing, member: &name, octets, total });
        }
        let broken = wrong_length(scanner.octets(), Some(stated));
        let scanned = scanner.finish(broken);
        let base = relative.file_name().map_or_else(String::new, |n| n.to_string_lossy().into_owned());
        if let (_, Some(problem)) = judge(&base, &scanned)
            && scanned.info.is_err()
        {
            return Err(BundleError::damaged(self.path, &problem));
        }
        if self.plan.sums.as_ref().and_then(|sums| sums.get(&base)).is_some_and(|listed| listed != scanned.sha256) {
            return Err(BundleError::damaged(self.path, &format!("{name} is not what its {SUMS_FILE} says")));
        }
        let placed = self.settle(file, &target, folder, scanned.sha256)?;
        // The bundle's own list stays as it came.
        if base != SUMS_FILE {
            self.sums.insert(name.clone(), scanned.sha256);
        }
        self.files.push((name, scanned.octets, placed));
        Ok(())
    }

    /// Gives the file its name, unless another has it.
    fn settle(&self, file: NamedTempFile, target: &Path, folder: &Path, digest: Sha256) -> Result<Placed, BundleError> {
        let placed = match fs::symlink_metadata(target) {
            Ok(m) if m.is_file() && digest_of(target)? == digest => return Ok(Placed::Same),
            Ok(_) if self.options.force => Placed::Replaced,
            Ok(_) => return Err(BundleError::InTheWay { path: target.to_owned() }),
            Err(_) => Placed::Written,
        };
        persist(file, target, folder)?;
        Ok(placed)
    }

    fn finish(mut self) -> Result<Unpacked, BundleError> {
        if !self.plan.files.contains(Path::new(SUMS_FILE)) && self.sums.names().next().is_some() {
            self.write_sums()?;
        }
        self.files.sort();
        Ok(Unpacked { files: self.files })
    }

    /// Lists the digests of what was unpacked; what the folder's list says of other files stays.
    fn write_sums(&self) -> Result<(), BundleError> {
        let target = self.options.into.join(SUMS_FILE);
        let mut sums = match File::open(&target) {
            Ok(file) => {
                // A list that cannot be understood may be dear to somebody.
                read_sums(&mut &file).map_err(|_| BundleError::InTheWay { path: target.clone() })?
            }
            Err(e) if e.kind() == io::ErrorKind::NotFound => Sums::new(),
            Err(e) => return Err(BundleError::Io { path: target, source: e }),
        };
        for name in self.sums.names() {
            if let Some(digest) = self.sums.get(name) {
                sums.insert(name, digest);
            }
        }
        let mut file = temporary(&self.options.into)?;
        file.write_all(sums.to_string().as_bytes()).map_err(BundleError::io(&target))?;
        persist(file, &target, &self.options.into)
    }
}

fn read_sums(content: &mut dyn Read) -> io::Result<Sums> {
    let mut text = String::new();
    content.take(SUMS_LIMIT).read_to_string(&mut text)?;
    Sums::parse(&text).map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e))
}

fn temporary(folder: &Path) -> Result<NamedTempFile, BundleError> {
    Builder::new()
        .prefix(".unpacking-")
        // A server of another user shall be able to read it.
        .permissions(Permissions::from_mode(0o644))
        .tempfile_in(folder)
        .map_err(BundleError::io(folder))
}

fn persist(file: NamedTempFile, target: &Path, folder: &Path) -> Result<(), BundleError> {
    file.as_file().set_permissions(Permissions::from_mode(0o644)).map_err(BundleError::io(target))?;
    file.as_file().sync_all().map_err(BundleError::io(target))?;
    file.persist(target).map_err(|e| BundleError::Io { path: target.to_owned(), source: e.error })?;
    File::open(folder).and_then(|f| f.sync_all()).map_err(BundleError::io(folder))
}

fn digest_of(path: &Path) -> Result<Sha256, BundleError> {
    let mut file = File::open(path).map_err(BundleError::io(path))?;
    let mut digester = Digester::new();
    let mut buffer = vec![0; 1 << 18];
    loop {
        match file.read(&mut buffer).map_err(BundleError::io(path))? {
            0 => return Ok(digester.finish().sha256),
            len => digester.update(&buffer[..len]),
        }
    }
}
