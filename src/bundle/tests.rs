use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use capledger_schema::image::ImageVersion;
use flate2::Compression;
use flate2::write::GzEncoder;
use tempfile::TempDir;
use zip::write::SimpleFileOptions;

use super::*;
use crate::image::bundle::ImageSpec;

const VERSION: ImageVersion = ImageVersion([17, 9, 4, 27]);

fn image(family: &str, version: ImageVersion) -> Vec<u8> {
    let spec = ImageSpec { family: family.parse().expect("family"), version, octets: 40_960, seed: 7 };
    spec.to_vec().expect("image")
}

fn bundle() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("ap1g7", image("ap1g7", VERSION)),
        ("ap1g8", image("ap1g8", VERSION)),
        ("version.info", b"17.9.4.27\n".to_vec()),
    ]
}

fn folder(files: &[(&str, Vec<u8>)]) -> TempDir {
    let dir = tempfile::tempdir().expect("a directory");
    for (name, content) in files {
        fs::write(dir.path().join(name), content).expect("a file");
    }
    dir
}

fn zip_of(dir: &Path, files: &[(&str, Vec<u8>)]) -> PathBuf {
    let path = dir.join("bundle.zip");
    let mut zip = zip::ZipWriter::new(File::create(&path).expect("a file"));
    for (name, content) in files {
        zip.start_file(*name, SimpleFileOptions::default()).expect("a member");
        zip.write_all(content).expect("a member");
    }
    zip.finish().expect("a zip");
    path
}

fn tar_octets(files: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (name, content) in files {
        let mut header = tar::Header::new_ustar();
        // Written by hand, as hostile names are refused by the crate.
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        tar.append(&header, &content[..]).expect("a member");
    }
    tar.into_inner().expect("a tar")
}

fn tar_of(dir: &Path, files: &[(&str, Vec<u8>)]) -> PathBuf {
    let path = dir.join("bundle.tar");
    fs::write(&path, tar_octets(files)).expect("a file");
    path
}

fn gz_of(dir: &Path, content: &[u8]) -> PathBuf {
    let path = dir.join("bundle.tar.gz");
    let mut gz = GzEncoder::new(File::create(&path).expect("a file"), Compression::fast());
    gz.write_all(content).expect("gzip");
    gz.finish().expect("gzip");
    path
}

fn look(path: &Path) -> BundleReport {
    check(path, None, &Limits::default()).expect("a report")
}

fn options(into: &Path) -> UnpackOptions {
    UnpackOptions { into: into.to_owned(), force: false, digest: None, limits: Limits::default() }
}

fn unpack_quietly(path: &Path, options: &UnpackOptions) -> Result<Unpacked, BundleError> {
    unpack(path, options, &mut |_| {})
}

/// Everything below a folder.
fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(dir)
        .map(|entries| entries.map(|e| e.expect("an entry").file_name().to_string_lossy().into_owned()).collect())
        .unwrap_or_default();
    names.sort();
    names
}

fn problems(report: &BundleReport) -> Vec<String> {
    report.problems.iter().map(ToString::to_string).collect()
}

#[test]
fn a_folder_of_whole_images_of_one_version_is_usable() {
    let dir = folder(&bundle());
    let report = look(dir.path());
    assert!(report.usable && !report.packed, "{report}");
    assert_eq!(report.form, Form::Directory);
    assert_eq!(report.versions.iter().collect::<Vec<_>>(), [&VERSION]);
    let roles: Vec<_> = report.files.iter().map(|f| (f.name.as_str(), f.role, f.octets)).collect();
    let expected = [("ap1g7", Role::Image, 40_960), ("ap1g8", Role::Image, 40_960), ("version.info", Role::Other, 10)];
    assert_eq!(roles, expected);
    let spec = ImageSpec { family: "ap1g7".parse().expect("family"), version: VERSION, octets: 40_960, seed: 7 };
    let facts = spec.facts().expect("facts");
    assert_eq!((report.files[0].sha256, report.files[0].md5), (Some(facts.sha256), Some(facts.md5)));
    let text = report.to_string();
    assert!(text.contains("2 AP images, version 17.9.4.27") && text.contains(&facts.sha256.to_string()), "{text}");
    assert!(text.contains("Without: ap1g4 (") && text.contains("Verdict: whole"), "{text}");
}

#[test]
fn an_archive_tells_the_same_but_that_it_is_packed() {
    let dir = tempfile::tempdir().expect("a directory");
    let tar = tar_octets(&bundle());
    for path in [zip_of(dir.path(), &bundle()), tar_of(dir.path(), &bundle()), gz_of(dir.path(), &tar)] {
        let report = look(&path);
        assert!(report.usable && report.packed, "{report}");
        assert_eq!(report.files.iter().filter(|f| f.family.is_some()).count(), 2);
        assert!(report.next.starts_with("capledger bundle unpack "), "{}", report.next);
        assert_eq!(report.missing.len(), 6);
    }
}

#[test]
fn an_image_is_told_from_a_bundle_by_its_info_although_both_are_tar_archives() {
    let dir = folder(&bundle());
    let report = look(&dir.path().join("ap1g7"));
    assert_eq!((report.form, report.usable, report.packed), (Form::Image, true, false));
    let e = unpack_quietly(&dir.path().join("ap1g7"), &options(&dir.path().join("x"))).expect_err("an image");
    assert!(e.to_string().contains("a single image; there is nothing to unpack"), "{e}");
    let gz = gz_of(dir.path(), &image("ap1g7", VERSION));
    let e = check(&gz, None, &Limits::default()).expect_err("an image in gzip");
    assert!(e.to_string().contains("unpack it with gunzip"), "{e}");
}

#[test]
fn what_is_damaged_is_named_with_what_to_do() {
    let mut no_info = tar_octets(&[("readme", vec![b'x'; 600])]);
    no_info.extend([0; 4096]);
    let mut header = image("ap1g5", VERSION);
    header[1024] ^= 1;
    let dir = folder(&[
        ("ap1g4", image("ap1g4", VERSION)[..20_000].to_vec()),
        ("ap1g5", header),
        ("ap1g6", image("ap1g7", VERSION)),
        ("ap1g6a", no_info),
        ("ap1g6b", b"<html>404</html>".to_vec()),
        ("ap1g7.tar", image("ap1g7", VERSION)),
        ("ap1g8", image("ap1g8", ImageVersion([17, 12, 1, 5]))),
    ]);
    let report = look(dir.path());
    assert!(!report.usable);
    let found = problems(&report);
    for words in [
        "ap1g4: the tar archive is cut short: it ended at octet 20000",
        "ap1g5: the tar archive is damaged at octet 1024",
        "ap1g6: is an image of family ap1g7 under another name",
        "ap1g6a: a tar archive, but no `info`",
        "ap1g6b: not a tar archive",
        "ap1g7.tar: has an extension",
        "it mixes versions: 17.9.4.27 (ap1g6, ap1g7.tar); 17.12.1.5 (ap1g8)",
    ] {
        assert!(found.iter().any(|p| p.starts_with(words)), "{words} is not in {found:#?}");
    }
    assert_eq!(found.len(), 7, "{found:#?}");
    assert!(report.problems.iter().all(|p| !p.next.is_empty()));
}

#[test]
fn a_folder_that_holds_the_archive_instead_of_images_is_still_packed() {
    let dir = tempfile::tempdir().expect("a directory");
    zip_of(dir.path(), &bundle());
    let report = look(dir.path());
    assert!(report.packed && !report.usable, "{report}");
    assert_eq!(problems(&report), ["bundle.zip: is still packed: no server hands out what is inside"]);
    assert!(report.next.contains("bundle unpack") && report.next.contains("bundle.zip --into"), "{}", report.next);
}

#[test]
fn an_empty_folder_and_one_of_folders_say_where_to_look() {
    let dir = tempfile::tempdir().expect("a directory");
    assert_eq!(problems(&look(dir.path())), ["it holds no AP image"]);
    fs::create_dir(dir.path().join("17_9_4a")).expect("a folder");
    assert_eq!(look(dir.path()).next, "check the folders in it: 17_9_4a");
}

#[test]
fn what_is_no_bundle_at_all_is_an_error_that_says_what_it_is() {
    let dir = folder(&[
        ("empty", Vec::new()),
        ("page", b"<html>not found</html>".to_vec()),
        ("long", vec![b'x'; 5000]),
        ("archive.xz", b"\xfd7zXZ\0and so on".to_vec()),
    ]);
    for (name, words) in [
        ("empty", "an empty file"),
        ("page", "neither a ZIP nor a tar"),
        ("long", "neither a ZIP nor a tar"),
        ("archive.xz", "a xz archive; unpack it with its own tool"),
        ("absent", "No such file"),
    ] {
        let e = check(&dir.path().join(name), None, &Limits::default()).expect_err(name);
        assert!(e.to_string().contains(words), "{e}");
    }
}

#[test]
fn the_list_of_digests_tells_a_flipped_bit_inside_an_image() {
    let dir = tempfile::tempdir().expect("a directory");
    let zip = zip_of(dir.path(), &bundle());
    let into = dir.path().join("srv");
    unpack_quietly(&zip, &options(&into)).expect("unpacked");
    let report = look(&into);
    assert!(report.usable && report.notes.is_empty(), "{report}");
    assert!(report.files.iter().all(|f| f.listed == Listed::Same || f.name == "SHA256SUMS"));
    let mut octets = fs::read(into.join("ap1g8")).expect("an image");
    octets[30_000] ^= 0x10;
    fs::write(into.join("ap1g8"), octets).expect("an image");
    fs::remove_file(into.join("version.info")).expect("removed");
    let report = look(&into);
    let expected = ["ap1g8: is not what SHA256SUMS says", "version.info: is in SHA256SUMS but not here"];
    assert_eq!(problems(&report), expected);
    assert!(report.to_string().contains("NOT AS LISTED"), "{report}");
    fs::remove_file(into.join("SHA256SUMS")).expect("removed");
    let report = look(&into);
    assert!(report.usable && report.notes[0].contains("cannot be told here"), "without the list it cannot be told");
}

#[test]
fn the_vendors_digest_of_the_download_is_compared_first() {
    let dir = tempfile::tempdir().expect("a directory");
    let zip = zip_of(dir.path(), &bundle());
    let wrong: KnownDigest = "0".repeat(128).parse().expect("a digest");
    assert!(matches!(check(&zip, Some(&wrong), &Limits::default()), Err(BundleError::WrongDigest { .. })));
    let into = dir.path().join("srv");
    let options = UnpackOptions { digest: Some(wrong.clone()), ..options(&into) };
    assert!(matches!(unpack_quietly(&zip, &options), Err(BundleError::WrongDigest { .. })));
    assert!(!into.exists());
    let e = check(dir.path(), Some(&wrong), &Limits::default()).expect_err("a folder has none");
    assert!(e.to_string().contains("no digest of its own"), "{e}");
}

#[test]
fn every_flipped_bit_of_a_zip_is_noticed() {
    let dir = tempfile::tempdir().expect("a directory");
    let zip = fs::read(zip_of(dir.path(), &[("ap1g7", image("ap1g7", VERSION))])).expect("a zip");
    let mut unnoticed = 0;
    for at in (0..zip.len()).step_by(211) {
        let mut octets = zip.clone();
        octets[at] ^= 4;
        let path = dir.path().join("flipped.zip");
        fs::write(&path, octets).expect("a file");
        match check(&path, None, &Limits::default()) {
            Ok(report) if report.usable => {
                // Times and attributes of a member carry no image.
                assert_eq!(report.files[0].sha256, look(&dir.path().join("bundle.zip")).files[0].sha256);
                unnoticed += 1;
            }
            Ok(_) | Err(_) => {}
        }
    }
    assert!(unnoticed < 5, "{unnoticed}");
}

#[test]
fn unpacking_gives_the_images_their_names_at_the_top_of_the_folder() {
    let dir = tempfile::tempdir().expect("a directory");
    let nested: Vec<_> = bundle().into_iter().map(|(n, c)| (format!("./EWC/17_9_4a/{n}"), c)).collect();
    let nested: Vec<_> = nested.iter().map(|(n, c)| (n.as_str(), c.clone())).collect();
    let tar = tar_octets(&nested);
    for (at, archive) in
        [zip_of(dir.path(), &nested), tar_of(dir.path(), &nested), gz_of(dir.path(), &tar)].into_iter().enumerate()
    {
        let into = dir.path().join(format!("deep/srv{at}"));
        let mut last = (0, 0);
        let unpacked = unpack(&archive, &options(&into), &mut |p| last = (p.octets, p.total)).expect("unpacked");
        assert_eq!(names(&into), ["SHA256SUMS", "ap1g7", "ap1g8", "version.info"]);
        assert!(unpacked.files.iter().all(|(_, _, placed)| *placed == Placed::Written));
        assert_eq!(fs::read(into.join("ap1g8")).expect("an image"), image("ap1g8", VERSION));
        assert_eq!(last, (81_930, 81_930));
        assert!(look(&into).usable);
    }
}

#[test]
fn a_different_file_is_never_replaced_unless_forced_and_the_same_one_is_left_alone() {
    let dir = tempfile::tempdir().expect("a directory");
    let zip = zip_of(dir.path(), &bundle());
    let into = dir.path().join("srv");
    unpack_quietly(&zip, &options(&into)).expect("unpacked");
    let again = unpack_quietly(&zip, &options(&into)).expect("again");
    assert!(again.files.iter().all(|(_, _, placed)| *placed == Placed::Same));
    for other in [b"mine".to_vec(), image("ap1g7", ImageVersion([17, 12, 1, 5]))] {
        fs::write(into.join("ap1g7"), &other).expect("a file");
        let e = unpack_quietly(&zip, &options(&into)).expect_err("in the way");
        assert!(matches!(e, BundleError::InTheWay { .. }) && e.to_string().contains("--force"), "{e}");
        assert_eq!(fs::read(into.join("ap1g7")).expect("a file"), other);
    }
    let forced = unpack_quietly(&zip, &UnpackOptions { force: true, ..options(&into) }).expect("forced");
    assert_eq!(forced.files[0], ("ap1g7".to_owned(), 40_960, Placed::Replaced));
    assert!(look(&into).usable);
}

#[test]
fn a_second_bundle_in_the_same_folder_keeps_the_digests_of_the_first() {
    let dir = tempfile::tempdir().expect("a directory");
    let into = dir.path().join("srv");
    for family in ["ap1g7", "ap1g8"] {
        let zip = zip_of(dir.path(), &[(family, image(family, VERSION))]);
        unpack_quietly(&zip, &options(&into)).expect("unpacked");
    }
    let report = look(&into);
    assert_eq!(report.files.iter().filter(|f| f.listed == Listed::Same).count(), 2, "{report}");
}

#[test]
fn members_that_lead_out_of_the_folder_are_refused_before_anything_is_written() {
    let image = image("ap1g7", VERSION);
    for name in ["../evil", "a/../../evil", "/etc/evil", "..\\evil", "C:\\evil", "a\u{7}b"] {
        let dir = tempfile::tempdir().expect("a directory");
        let files = [("ap1g7", image.clone()), (name, b"evil".to_vec())];
        for archive in [zip_of(dir.path(), &files), tar_of(dir.path(), &files)] {
            let into = dir.path().join("in/srv");
            let e = unpack_quietly(&archive, &options(&into)).expect_err(name);
            assert!(matches!(e, BundleError::Hostile { .. }), "{name}: {e}");
            assert!(!into.exists() && !dir.path().join("evil").exists() && !dir.path().join("in/evil").exists());
        }
    }
}

#[test]
fn links_and_devices_in_an_archive_are_refused() {
    for kind in [tar::EntryType::Symlink, tar::EntryType::Link, tar::EntryType::Fifo, tar::EntryType::Char] {
        let dir = tempfile::tempdir().expect("a directory");
        let mut tar = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(0);
        tar.append_link(&mut header, "ap1g7", "/etc/passwd").expect("a member");
        let path = dir.path().join("bundle.tar");
        fs::write(&path, tar.into_inner().expect("a tar")).expect("a file");
        let e = unpack_quietly(&path, &options(&dir.path().join("srv"))).expect_err("a link");
        assert!(matches!(e, BundleError::Hostile { .. }), "{kind:?}: {e}");
        assert!(!look(&path).usable);
    }
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("bundle.zip");
    let mut zip = zip::ZipWriter::new(File::create(&path).expect("a file"));
    zip.add_symlink("ap1g7", "/etc/passwd", SimpleFileOptions::default()).expect("a link");
    zip.finish().expect("a zip");
    let e = unpack_quietly(&path, &options(&dir.path().join("srv"))).expect_err("a link");
    assert!(matches!(e, BundleError::Hostile { .. }), "{e}");
}

#[test]
fn a_link_in_the_folder_is_not_written_through() {
    let dir = tempfile::tempdir().expect("a directory");
    let (into, elsewhere) = (dir.path().join("srv"), dir.path().join("elsewhere"));
    fs::create_dir_all(&into).expect("a folder");
    fs::create_dir_all(&elsewhere).expect("a folder");
    symlink(&elsewhere, into.join("sub")).expect("a link");
    let files = [("ap1g7", image("ap1g7", VERSION)), ("sub/ap1g8", image("ap1g8", VERSION))];
    let e = unpack_quietly(&zip_of(dir.path(), &files), &UnpackOptions { force: true, ..options(&into) });
    assert!(matches!(e, Err(BundleError::InTheWay { .. })), "{e:?}");
    assert!(names(&elsewhere).is_empty());
}

#[test]
fn two_members_for_one_place_are_refused() {
    let one = image("ap1g7", VERSION);
    for (a, b) in [("ap1g7", "./ap1g7"), ("ap1g7", "ap1g7/x"), ("ap1g7/x", "ap1g7")] {
        let dir = tempfile::tempdir().expect("a directory");
        let tar = tar_of(dir.path(), &[(a, one.clone()), (b, one.clone())]);
        let e = unpack_quietly(&tar, &options(&dir.path().join("srv"))).expect_err("one place");
        assert!(e.to_string().contains("stands where another member stands"), "{e}");
    }
}

#[test]
fn an_archive_that_would_fill_the_disk_is_refused_by_what_it_states_and_by_what_comes() {
    let dir = tempfile::tempdir().expect("a directory");
    let files = [("ap1g7", image("ap1g7", VERSION)), ("zeros", vec![0; 3 << 20])];
    let zip = zip_of(dir.path(), &files);
    assert!(fs::metadata(&zip).expect("a zip").len() < 100_000, "it is a bomb, if a small one");
    let into = dir.path().join("srv");
    for limits in [
        Limits { octets: 1 << 20, ..Limits::default() },
        Limits { member_octets: 1 << 20, ..Limits::default() },
        Limits { members: 1, ..Limits::default() },
    ] {
        let e = unpack_quietly(&zip, &UnpackOptions { limits, ..options(&into) }).expect_err("too large");
        assert!(matches!(e, BundleError::TooLarge { .. }), "{e}");
        assert!(matches!(check(&zip, None, &limits), Err(BundleError::TooLarge { .. })));
    }
    assert!(!into.exists());
    // The same with a directory that states too little: the central directory's length of `zeros`.
    let mut octets = fs::read(&zip).expect("a zip");
    let stated = (3u32 << 20).to_le_bytes();
    let places: Vec<_> = (0..octets.len() - 4).filter(|at| octets[*at..at + 4] == stated).collect();
    for at in &places {
        octets[*at..at + 4].copy_from_slice(&1000u32.to_le_bytes());
    }
    assert!(!places.is_empty());
    fs::write(&zip, octets).expect("a zip");
    let e = unpack_quietly(&zip, &options(&into)).expect_err("a lie");
    assert!(matches!(e, BundleError::Damaged { .. }), "{e}");
    assert!(!into.join("zeros").exists());
}

#[test]
fn a_truncated_archive_is_damaged_wherever_it_ends() {
    let dir = tempfile::tempdir().expect("a directory");
    let tar = tar_octets(&bundle());
    let path = dir.path().join("cut.tar");
    // In a header, in a member, and where only the end mark is missing: behind the first and behind the last member.
    for len in [700, 30_000, 512 + 40_960, 3 * 512 + 2 * 40_960 + 512] {
        fs::write(&path, &tar[..len]).expect("a file");
        let report = look(&path);
        assert!(!report.usable, "{len}: {report}");
        let into = dir.path().join("srv");
        let e = unpack_quietly(&path, &options(&into)).expect_err("cut");
        assert!(matches!(e, BundleError::Damaged { .. }), "{len}: {e}");
        assert!(!into.exists(), "{len}");
    }
    let whole = zip_of(dir.path(), &bundle());
    let zip = fs::read(&whole).expect("a zip");
    fs::write(&whole, &zip[..zip.len() / 2]).expect("a zip");
    assert!(!look(&whole).usable);
    let gz = gz_of(dir.path(), &tar);
    let octets = fs::read(&gz).expect("a gzip");
    fs::write(&gz, &octets[..octets.len() - 4]).expect("a gzip");
    assert!(!look(&gz).usable);
}

#[test]
fn a_bundle_whose_own_list_disagrees_is_not_unpacked() {
    let dir = tempfile::tempdir().expect("a directory");
    let sums = format!("{}  ap1g7\n", "ab".repeat(32));
    let zip = zip_of(dir.path(), &[("ap1g7", image("ap1g7", VERSION)), ("SHA256SUMS", sums.into_bytes())]);
    assert_eq!(problems(&look(&zip)), ["ap1g7: is not what SHA256SUMS says"]);
    let into = dir.path().join("srv");
    let e = unpack_quietly(&zip, &options(&into)).expect_err("it disagrees");
    assert!(e.to_string().contains("ap1g7 is not what its SHA256SUMS says"), "{e}");
    assert!(!into.join("ap1g7").exists());
}
