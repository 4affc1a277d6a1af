//! What `capledger bundle check` says, for people and as JSON.

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;

use capledger_schema::id::{Md5, Sha256};
use capledger_schema::image::{ImageFamily, ImageVersion};
use serde::Serialize;

use super::Form;
use super::check::Scanned;

/// A bundle, looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BundleReport {
    /// As given.
    pub path: String,
    /// What it is.
    pub form: Form,
    /// Whether it must be unpacked before a server can hand out its images.
    pub packed: bool,
    /// Whether every image of it can be used, once unpacked.
    pub usable: bool,
    /// Of its images.
    pub versions: BTreeSet<ImageVersion>,
    /// All files.
    pub files: Vec<BundleFile>,
    /// Families that the program knows and the bundle has not. No fault: only models that are there are needed.
    pub missing: Vec<MissingFamily>,
    /// What keeps it from use.
    pub problems: Vec<Problem>,
    /// What one should know besides.
    pub notes: Vec<String>,
    /// What to do now.
    pub next: String,
}

/// One file of a bundle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BundleFile {
    /// Within the bundle.
    pub name: String,
    /// What it is, or ought to be.
    pub role: Role,
    /// As it says itself.
    pub family: Option<ImageFamily>,
    /// As it says itself.
    pub version: Option<ImageVersion>,
    /// Length.
    pub octets: u64,
    /// Of the whole; none if it could not be read.
    pub sha256: Option<Sha256>,
    /// Of the whole; none if it could not be read.
    pub md5: Option<Md5>,
    /// What the list of digests says of it.
    pub listed: Listed,
}

/// What a file is, or ought to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// An AP image.
    Image,
    /// Something packed.
    Archive,
    /// Release notes, the controller's own image, ...
    Other,
}

/// What `SHA256SUMS` says of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Listed {
    /// Its digest.
    Same,
    /// Another digest.
    Differs,
    /// Nothing, or there is no list.
    No,
}

/// A family that is not there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MissingFamily {
    /// Which.
    pub family: ImageFamily,
    /// Models that would need it.
    pub models: Vec<String>,
}

/// Something that keeps a bundle from use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Which file; none: the bundle as a whole.
    pub file: Option<String>,
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub next: String,
}

impl Problem {
    pub(super) fn of(file: &str, what: impl Into<String>, next: &str) -> Self {
        Problem { file: Some(file.to_owned()), what: what.into(), next: next.to_owned() }
    }

    pub(super) fn of_all(what: String, next: &str) -> Self {
        Problem { file: None, what, next: next.to_owned() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.file {
            write!(f, "{file}: ")?;
        }
        write!(f, "{}", self.what)
    }
}

impl BundleFile {
    pub(super) fn unread(name: &str, octets: u64) -> Self {
        let (role, listed) = (Role::Other, Listed::No);
        BundleFile { name: name.into(), role, family: None, version: None, octets, sha256: None, md5: None, listed }
    }

    pub(super) fn read(name: &str, role: Role, scanned: &Scanned) -> Self {
        let info = scanned.info.as_ref().ok();
        let whole = scanned.broken.is_none();
        BundleFile {
            name: name.to_owned(),
            role,
            family: info.map(|i| i.family.clone()),
            version: info.map(|i| i.version),
            octets: scanned.octets,
            sha256: whole.then_some(scanned.sha256),
            md5: whole.then_some(scanned.md5),
            listed: Listed::No,
        }
    }
}

impl BundleReport {
    #[expect(clippy::too_many_arguments, reason = "the report's fields, in one place")]
    pub(super) fn new(
        path: &Path,
        form: Form,
        packed_inside: bool,
        files: Vec<BundleFile>,
        versions: BTreeSet<ImageVersion>,
        missing: Vec<MissingFamily>,
        problems: Vec<Problem>,
        notes: Vec<String>,
    ) -> Self {
        let path = path.display().to_string();
        let next = match problems.first() {
            Some(problem) => problem.next.clone(),
            None if form.is_packed() => format!("capledger bundle unpack {path} --into DIR"),
            None => {
                let version = versions.first().map_or_else(|| "VERSION".to_owned(), ToString::to_string);
                format!("name this folder in the image-download profile, and set `software version {version}`")
            }
        };
        let usable = problems.is_empty();
        let packed = form.is_packed() || packed_inside;
        BundleReport { path, form, packed, usable, versions, files, missing, problems, notes, next }
    }

    fn images(&self) -> impl Iterator<Item = &BundleFile> {
        self.files.iter().filter(|f| f.role == Role::Image)
    }
}

impl fmt::Display for BundleReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let images = self.images().count();
        let versions: Vec<_> = self.versions.iter().map(ToString::to_string).collect();
        write!(f, "{}: {}, {images} AP image{}", self.path, self.form.words(), if images == 1 { "" } else { "s" })?;
        match versions.as_slice() {
            [] => writeln!(f)?,
            [version] => writeln!(f, ", version {version}")?,
            _ => writeln!(f, ", versions {}", versions.join(", "))?,
        }
        if images > 0 {
            let width = self.images().map(|i| i.name.chars().count()).max().unwrap_or(0).max(4);
            writeln!(f, "\n{:width$}  {:8}  {:12}  {:>12}  SHA-256", "File", "Family", "Version", "Octets")?;
            for image in self.images() {
                let family = image.family.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string);
                let version = image.version.map_or_else(|| "-".to_owned(), |v| v.to_string());
                let digest = image.sha256.map_or_else(|| "-".to_owned(), |d| d.to_string());
                write!(f, "{:width$}  {family:8}  {version:12}  {:>12}  {digest}", image.name, image.octets)?;
                match image.listed {
                    Listed::Same => writeln!(f, "  as listed")?,
                    Listed::Differs => writeln!(f, "  NOT AS LISTED")?,
                    Listed::No => writeln!(f)?,
                }
            }
        }
        writeln!(f)?;
        for problem in &self.problems {
            writeln!(f, "Problem: {problem}\n         {}", problem.next)?;
        }
        if images > 0 && !self.missing.is_empty() {
            let list: Vec<_> = self.missing.iter().map(|m| format!("{} ({})", m.family, m.models.join(", "))).collect();
            writeln!(f, "Without: {}", list.join(", "))?;
        }
        for note in &self.notes {
            writeln!(f, "Note:    {note}")?;
        }
        let packed = if self.packed { "packed, " } else { "" };
        writeln!(f, "Verdict: {packed}{}", if self.usable { "whole" } else { "NOT USABLE" })?;
        write!(f, "Next:    {}", self.next)
    }
}
