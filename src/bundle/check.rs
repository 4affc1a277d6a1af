//! Looks at every file of a bundle: what it is, whether it is whole, and what of that keeps the bundle from use.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use capledger_schema::id::Sha256;
use capledger_schema::image::ImageFamily;

use super::archive::{Kind, form_of, visit};
use super::report::{BundleFile, BundleReport, Listed, MissingFamily, Problem, Role};
use super::{BundleError, Form, KnownDigest, Limits};
use crate::image::digest::Digester;
use crate::image::family::{families, models_of};
use crate::image::info::{ImageInfo, InfoError, InfoScan};
use crate::image::sums::{SUMS_FILE, SUMS_LIMIT, Sums};

/// Says what a bundle holds. Reads all of it.
///
/// # Errors
/// It cannot be read, is no bundle at all, or is not what `digest` says; damage inside it is in the report.
pub fn check(path: &Path, digest: Option<&KnownDigest>, limits: &Limits) -> Result<BundleReport, BundleError> {
    let form = form_of(path)?;
    let mut found = Found::default();
    match (form, digest) {
        (Form::Directory, Some(_)) => {
            let why = "a folder, which has no digest of its own".to_owned();
            return Err(BundleError::NotABundle { path: path.to_owned(), why });
        }
        (_, Some(digest)) => digest.verify(path)?,
        (_, None) => {}
    }
    match form {
        Form::Directory => folder(path, limits, &mut found)?,
        Form::Image => found.file(path, &base_name(path), limits),
        Form::Zip | Form::Tar | Form::TarGz => {
            let ended = visit(path, form, limits, &mut |member, content| {
                match (member.kind, content) {
                    (Kind::File, Ok(content)) => found.content(&member.name, Some(member.octets), content, limits),
                    (Kind::File, Err(why)) => found.unreadable(&member.name, member.octets, &why),
                    (Kind::Folder, _) => {}
                    (Kind::Link | Kind::Special, _) => {
                        found.problem(&member.name, "is no regular file", "an AP bundle has none; download it again");
                    }
                }
                Ok(())
            });
            match ended {
                Ok(()) => {}
                Err(BundleError::Damaged { why, .. }) => {
                    let next = "download the bundle again and compare its digest (--digest)";
                    found.problems.push(Problem::of_all(format!("the archive is damaged: {why}"), next));
                }
                Err(e) => return Err(e),
            }
        }
    }
    Ok(found.report(path, form))
}

/// What one pass over a file says.
pub(super) struct Scanned {
    pub(super) octets: u64,
    pub(super) sha256: Sha256,
    pub(super) md5: capledger_schema::id::Md5,
    pub(super) info: Result<ImageInfo, InfoError>,
    /// Its own `info` was there before it turned out to be damaged.
    pub(super) began_as_image: bool,
    /// It could not be read to its end.
    pub(super) broken: Option<String>,
}

/// Follows content that arrives in pieces.
#[derive(Default)]
pub(super) struct Scanner {
    scan: InfoScan,
    wrong: Option<InfoError>,
    digester: Digester,
}

impl Scanner {
    pub(super) fn push(&mut self, octets: &[u8]) {
        self.digester.update(octets);
        if self.wrong.is_none() {
            self.wrong = self.scan.push(octets).err();
        }
    }

    pub(super) fn octets(&self) -> u64 {
        self.digester.octets()
    }

    pub(super) fn finish(self, broken: Option<String>) -> Scanned {
        let digests = self.digester.finish();
        let began_as_image = self.scan.info().is_some();
        let info = match self.wrong {
            Some(e) => Err(e),
            None => self.scan.finish(false),
        };
        Scanned { octets: digests.octets, sha256: digests.sha256, md5: digests.md5, info, began_as_image, broken }
    }
}

/// What a file of this name and content is, and what keeps it from use.
pub(super) fn judge(name: &str, scanned: &Scanned) -> (Role, Option<Problem>) {
    const AGAIN: &str = "unpack the bundle again, or download it again";
    let says_family = says_family(name);
    let problem = |what: String, next: &str| Some(Problem::of(name, what, next));
    if let Some(why) = &scanned.broken {
        let role = if says_family { Role::Image } else { Role::Other };
        return (role, problem(why.clone(), "download the bundle again and compare its digest (--digest)"));
    }
    match &scanned.info {
        Ok(info) if info.family.as_str() == name => (Role::Image, None),
        Ok(info) if stem(name) == info.family.as_str() => {
            let next = format!("rename it to `{}`: that is the name that is fetched", info.family);
            (Role::Image, problem("has an extension".to_owned(), &next))
        }
        Ok(info) => {
            let what = format!("is an image of family {} under another name", info.family);
            let next = format!("rename it to `{}` if it is meant for those models, else remove it", info.family);
            (Role::Image, problem(what, &next))
        }
        Err(e @ (InfoError::CutShort(_) | InfoError::Damaged(_))) if !scanned.began_as_image && !says_family => {
            (Role::Archive, problem(e.to_string(), AGAIN))
        }
        Err(e @ (InfoError::CutShort(_) | InfoError::Damaged(_) | InfoError::Malformed { .. })) => {
            (Role::Image, problem(e.to_string(), AGAIN))
        }
        Err(e) if says_family => (Role::Image, problem(e.to_string(), AGAIN)),
        Err(InfoError::Packed(_) | InfoError::NoInfo) => (Role::Archive, None),
        Err(InfoError::NotTar) => (Role::Other, None),
    }
}

/// Whether a file that is called so ought to be an image.
fn says_family(name: &str) -> bool {
    families().any(|family| family.as_str() == name)
}

fn stem(name: &str) -> &str {
    name.split_once('.').map_or(name, |(stem, _)| stem)
}

fn base_name(path: &Path) -> String {
    path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

fn folder(path: &Path, limits: &Limits, found: &mut Found) -> Result<(), BundleError> {
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(path).map_err(BundleError::io(path))? {
        names.insert(entry.map_err(BundleError::io(path))?.path());
    }
    if names.len() > limits.members {
        let (what, limit) = (format!("{} files", names.len()), limits.members as u64);
        return Err(BundleError::TooLarge { path: path.to_owned(), what, limit });
    }
    for entry in names {
        // Links are followed, as servers do.
        match fs::metadata(&entry) {
            Ok(m) if m.is_file() => found.file(&entry, &base_name(&entry), limits),
            Ok(m) if m.is_dir() => found.folders.push(base_name(&entry)),
            Ok(_) => {}
            Err(e) => found.unreadable(&base_name(&entry), 0, &e.to_string()),
        }
    }
    Ok(())
}

#[derive(Default)]
struct Found {
    files: Vec<BundleFile>,
    problems: Vec<Problem>,
    folders: Vec<String>,
    sums: Option<Sums>,
}

impl Found {
    fn problem(&mut self, name: &str, what: &str, next: &str) {
        self.problems.push(Problem::of(name, what, next));
    }

    fn file(&mut self, path: &Path, name: &str, limits: &Limits) {
        match File::open(path) {
            Ok(mut file) => self.content(name, None, &mut file, limits),
            Err(e) => self.unreadable(name, 0, &e.to_string()),
        }
    }

    fn unreadable(&mut self, name: &str, octets: u64, why: &str) {
        let next = "see to it that it can be read";
        self.problems.push(Problem::of(name, format!("cannot be read: {why}"), next));
        self.files.push(BundleFile::unread(name, octets));
    }

    fn content(&mut self, name: &str, stated: Option<u64>, content: &mut dyn Read, limits: &Limits) {
        let is_sums = name.rsplit('/').next() == Some(SUMS_FILE);
        let mut list = Vec::new();
        let mut scanner = Scanner::default();
        let mut buffer = vec![0; 1 << 18];
        let broken = loop {
            match content.read(&mut buffer) {
                Ok(0) => break None,
                Ok(len) => {
                    scanner.push(&buffer[..len]);
                    if is_sums && scanner.octets() <= SUMS_LIMIT {
                        list.extend_from_slice(&buffer[..len]);
                    }
                    if scanner.octets() > limits.member_octets {
                        break Some(format!("has more than {} octets", limits.member_octets));
                    }
                }
                Err(e) => break Some(format!("is damaged: {e}")),
            }
        };
        let octets = scanner.octets();
        let broken = broken.or_else(|| wrong_length(octets, stated));
        let scanned = scanner.finish(broken);
        if is_sums {
            match Sums::parse(&String::from_utf8_lossy(&list)) {
                Ok(sums) => self.sums = Some(sums),
                Err(e) => self.problem(name, &e.to_string(), "write it anew"),
            }
        }
        let base = name.rsplit('/').next().unwrap_or(name);
        let (role, problem) = judge(base, &scanned);
        self.problems.extend(problem);
        self.files.push(BundleFile::read(name, role, &scanned));
    }

    /// Compares with the list of digests, in the folder of the list.
    fn compare(&mut self) {
        let Some(sums) = &self.sums else { return };
        let next = "the file changed since the list was written: unpack or download it again";
        for file in &mut self.files {
            let base = file.name.rsplit('/').next().unwrap_or(&file.name);
            file.listed = match (sums.get(base), file.sha256) {
                (Some(wanted), Some(found)) if wanted == found => Listed::Same,
                (Some(_), _) => {
                    self.problems.push(Problem::of(&file.name, format!("is not what {SUMS_FILE} says"), next));
                    Listed::Differs
                }
                (None, _) => Listed::No,
            };
        }
        let here: BTreeSet<_> = self.files.iter().map(|f| f.name.rsplit('/').next().unwrap_or(&f.name)).collect();
        for name in sums.names().filter(|name| !here.contains(name)) {
            let what = format!("is in {SUMS_FILE} but not here");
            self.problems.push(Problem::of(name, what, "unpack the bundle again"));
        }
    }

    fn report(mut self, path: &Path, form: Form) -> BundleReport {
        self.compare();
        let images = || self.files.iter().filter(|f| f.role == Role::Image);
        let versions: BTreeSet<_> = images().filter_map(|f| f.version).collect();
        let held: BTreeSet<&ImageFamily> = images().filter_map(|f| f.family.as_ref()).collect();
        let missing: Vec<_> = families()
            .filter(|family| !held.contains(family))
            .map(|family| MissingFamily {
                models: models_of(&family).iter().map(|m| (*m).to_owned()).collect(),
                family,
            })
            .collect();
        let mut notes = Vec::new();
        let archives: Vec<_> = self.files.iter().filter(|f| f.role == Role::Archive).map(|f| f.name.clone()).collect();
        let packed_inside = images().next().is_none() && !archives.is_empty();
        if packed_inside {
            for name in &archives {
                let next = match form {
                    Form::Directory => {
                        let archive = path.join(name);
                        format!("capledger bundle unpack {} --into {}", archive.display(), path.display())
                    }
                    Form::Image | Form::Zip | Form::Tar | Form::TarGz => format!("unpack it, then check `{name}`"),
                };
                self.problems.push(Problem::of(name, "is still packed: no server hands out what is inside", &next));
            }
        } else if !archives.is_empty() {
            notes.push(format!("no image, and not needed: {}", archives.join(", ")));
        }
        if images().next().is_none() && archives.is_empty() && self.problems.is_empty() {
            let next = match self.folders.as_slice() {
                [] => "unpack the AP bundle here (capledger bundle unpack FILE --into DIR)".to_owned(),
                folders => format!("check the folders in it: {}", folders.join(", ")),
            };
            self.problems.push(Problem::of_all("it holds no AP image".to_owned(), &next));
        }
        if versions.len() > 1 {
            let list: Vec<_> = versions
                .iter()
                .map(|v| {
                    let of: Vec<_> = images().filter(|f| f.version == Some(*v)).map(|f| f.name.as_str()).collect();
                    format!("{v} ({})", of.join(", "))
                })
                .collect();
            let what = format!("it mixes versions: {}", list.join("; "));
            self.problems.push(Problem::of_all(what, "keep one bundle per folder"));
        }
        if self.sums.is_none() && images().next().is_some() {
            notes.push(format!(
                "no {SUMS_FILE}: damage to the content of an image, beyond its headers, cannot be told here"
            ));
        }
        BundleReport::new(path, form, packed_inside, self.files, versions, missing, self.problems, notes)
    }
}

/// Whether as much came as the archive stated.
pub(super) fn wrong_length(octets: u64, stated: Option<u64>) -> Option<String> {
    let stated = stated.filter(|stated| *stated != octets)?;
    Some(format!("is cut short or lies about its length: {octets} octets came, and the archive states {stated}"))
}
