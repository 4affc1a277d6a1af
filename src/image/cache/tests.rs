use super::*;
use crate::image::bundle::ImageSpec;
use crate::image::digest::PART;
use capledger_schema::failure::FetchFailureKind;
use capledger_schema::image::ImageVersion;
use std::fs::OpenOptions;
use std::os::unix::fs::{FileExt, PermissionsExt};

const ANY: Expect = Expect { family: None, version: None, max_size: 1 << 30 };

fn spec(octets: u64) -> ImageSpec {
    let family = "ap1g8".parse().expect("family");
    ImageSpec { family, version: ImageVersion([17, 9, 4, 27]), octets, seed: 1 }
}

fn cache() -> (tempfile::TempDir, ImageCache) {
    let dir = tempfile::tempdir().expect("a directory");
    let cache = ImageCache::open(dir.path()).expect("a cache");
    (dir, cache)
}

/// Takes an image in, in pieces as TFTP brings them.
fn ingest(cache: &ImageCache, octets: &[u8], expect: Expect) -> Result<ImageFacts, ImageError> {
    let mut ingest = cache.ingest(expect)?;
    for piece in octets.chunks(1428) {
        ingest.write(piece)?;
    }
    ingest.finish()
}

fn files(cache: &ImageCache) -> Vec<String> {
    file_names(&cache.dir).expect("names")
}

/// Writes into a file of the cache behind its back.
fn damage(cache: &ImageCache, image: &ImageFacts, at: u64) {
    let path = cache.path(image.sha256);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("permissions");
    let file = OpenOptions::new().read(true).write(true).open(path).expect("the image");
    let mut octet = [0];
    file.read_exact_at(&mut octet, at).expect("an octet");
    file.write_all_at(&[octet[0] ^ 1], at).expect("an octet");
}

#[test]
fn an_image_that_came_in_can_be_opened_and_read_at_any_place() {
    let (_dir, cache) = cache();
    let octets = spec(1_000_001).to_vec().expect("image");
    let facts = ingest(&cache, &octets, ANY).expect("ingest");
    assert_eq!(facts, spec(1_000_001).facts().expect("facts"));
    assert_eq!(files(&cache), [facts.sha256.to_string()]);
    let image = cache.open_image(&facts).expect("open");
    let mut block = [0; 1377];
    for offset in [0, 1377, PART as u64 - 1, 3 * PART as u64 - 700, 1_000_001 - 1377] {
        image.read_at(offset, &mut block).expect("a block");
        assert_eq!(block, octets[offset as usize..][..1377], "at {offset}");
    }
    let mut all = vec![0; octets.len()];
    image.read_at(0, &mut all).expect("all of it");
    assert_eq!(all, octets);
}

#[test]
fn reading_past_the_end_is_refused_whole() {
    let (_dir, cache) = cache();
    let facts = ingest(&cache, &spec(10_000).to_vec().expect("image"), ANY).expect("ingest");
    let image = cache.open_image(&facts).expect("open");
    for offset in [9_999, 10_000, u64::MAX] {
        let e = image.read_at(offset, &mut [0; 2]).expect_err("past the end");
        assert!(matches!(e, ImageError::OutOfRange { .. }), "{e:?}");
    }
    image.read_at(10_000, &mut []).expect("nothing, at the end");
}

#[test]
fn a_wrong_family_or_version_is_told_before_the_whole_file_has_come() {
    let (_dir, cache) = cache();
    let octets = spec(1_000_000).to_vec().expect("image");
    let mut wrong = cache.ingest(Expect { family: Some("ap1g7".parse().expect("family")), ..ANY }).expect("ingest");
    let e = wrong.write(&octets[..1428]).expect_err("wrong family");
    assert_eq!(e.failure().kind, FetchFailureKind::WrongFamily);
    assert_eq!(e.to_string(), "the file is an image of family ap1g8, not ap1g7");
    let mut wrong = cache.ingest(Expect { version: Some(ImageVersion([17, 12, 1, 5])), ..ANY }).expect("ingest");
    let e = wrong.write(&octets[..1428]).expect_err("wrong version");
    assert_eq!(e.failure().kind, FetchFailureKind::WrongVersion);
    assert_eq!(e.to_string(), "the file is version 17.9.4.27, not 17.12.1.5");
}

#[test]
fn what_fails_leaves_no_file() {
    let (_dir, cache) = cache();
    let octets = spec(600_000).to_vec().expect("image");
    let cut = ingest(&cache, &octets[..500_000], ANY).expect_err("cut short");
    assert_eq!(cut.failure().kind, FetchFailureKind::CutShort);
    let noise = ingest(&cache, b"PK\x03\x04", ANY).expect_err("a zip");
    assert_eq!(noise.failure().kind, FetchFailureKind::NotAnImage);
    drop(cache.ingest(ANY).expect("begun and dropped"));
    assert_eq!(files(&cache), [""; 0]);
}

#[test]
fn lengths_are_held_to_the_limit_and_to_what_was_announced() {
    let (_dir, cache) = cache();
    let octets = spec(30_000).to_vec().expect("image");
    let kind = |e: ImageError| e.failure().kind;
    let small = Expect { max_size: 29_999, ..ANY };
    assert_eq!(ingest(&cache, &octets, small.clone()).map_err(kind), Err(FetchFailureKind::TooLarge));
    let announced = |octets| {
        let mut ingest = cache.ingest(small.clone()).expect("ingest");
        ingest.announce(octets).map(|()| ingest)
    };
    assert_eq!(announced(30_000).map(|_| ()).map_err(kind), Err(FetchFailureKind::TooLarge));
    let mut over = announced(20_000).expect("announced");
    assert_eq!(over.write(&octets[..20_001]).map_err(kind), Err(FetchFailureKind::TooLarge));
    let mut short = announced(20_000).expect("announced");
    short.write(&octets[..19_999]).expect("written");
    assert_eq!(short.finish().map_err(kind), Err(FetchFailureKind::CutShort));
}

#[test]
fn an_image_that_comes_twice_is_there_once_and_a_damaged_one_is_healed() {
    let (_dir, cache) = cache();
    let octets = spec(100_000).to_vec().expect("image");
    let facts = ingest(&cache, &octets, ANY).expect("ingest");
    damage(&cache, &facts, 50_000);
    let e = cache.open_image(&facts).expect_err("damaged");
    assert_eq!(e.failure().kind, FetchFailureKind::Corrupt);
    assert_eq!(ingest(&cache, &octets, ANY).expect("again"), facts);
    assert_eq!(files(&cache).len(), 1);
    cache.open_image(&facts).expect("healed");
}

#[test]
fn damage_after_opening_is_noticed_where_it_is_read() {
    let (_dir, cache) = cache();
    let facts = ingest(&cache, &spec(300_000).to_vec().expect("image"), ANY).expect("ingest");
    let image = cache.open_image(&facts).expect("open");
    damage(&cache, &facts, 2 * PART as u64 + 5);
    image.read_at(0, &mut [0; 1000]).expect("the first part is whole");
    let e = image.read_at(2 * PART as u64 + 100, &mut [0; 1000]).expect_err("the third is not");
    assert!(matches!(e, ImageError::Damaged { at, .. } if at == 2 * PART as u64), "{e:?}");
}

#[test]
fn an_image_shortened_after_opening_is_damaged_and_not_a_local_error() {
    let (_dir, cache) = cache();
    let facts = ingest(&cache, &spec(300_000).to_vec().expect("image"), ANY).expect("ingest");
    let image = cache.open_image(&facts).expect("open");
    let path = cache.path(facts.sha256);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("permissions");
    OpenOptions::new().write(true).open(path).expect("the image").set_len(1000).expect("shorter");
    let e = image.read_at(200_000, &mut [0; 10]).expect_err("gone");
    assert!(matches!(e, ImageError::Damaged { .. }), "{e:?}");
}

#[test]
fn a_removed_image_is_still_read_by_those_who_have_it_open() {
    let (_dir, cache) = cache();
    let facts = ingest(&cache, &spec(300_000).to_vec().expect("image"), ANY).expect("ingest");
    let image = cache.open_image(&facts).expect("open");
    cache.remove(facts.sha256).expect("removed");
    cache.remove(facts.sha256).expect("removing what is gone is no error");
    image.read_at(299_000, &mut [0; 1000]).expect("still readable");
    assert!(cache.open_image(&facts).is_err());
}

#[test]
fn verified_parts_stay_within_their_limit() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut cache = ImageCache::open(dir.path()).expect("a cache");
    cache.parts = Arc::new(Parts::with_limit(3 * PART));
    let octets = spec(20 * PART as u64).to_vec().expect("image");
    let facts = ingest(&cache, &octets, ANY).expect("ingest");
    let image = cache.open_image(&facts).expect("open");
    for round in 0..3u64 {
        for part in 0..20u64 {
            let at = part * PART as u64 + round;
            let mut octet = [0];
            image.read_at(at, &mut octet).expect("an octet");
            assert_eq!(octet[0], octets[at as usize]);
            assert!(cache.parts.octets() <= 3 * PART);
        }
    }
    drop(image);
    assert_eq!(cache.parts.octets(), 0, "closing an image frees its parts");
}

#[test]
fn opening_the_cache_removes_what_a_crash_left_half_written() {
    let (dir, cache) = cache();
    let facts = ingest(&cache, &spec(10_000).to_vec().expect("image"), ANY).expect("ingest");
    fs::write(cache.dir.join(format!("{PARTIAL}x1y2")), b"half").expect("a file");
    let cache = ImageCache::open(dir.path()).expect("a cache");
    assert_eq!(files(&cache), [facts.sha256.to_string()]);
}

#[test]
fn catalogue_and_files_are_compared_both_ways() {
    let (_dir, cache) = cache();
    let here = ingest(&cache, &spec(10_000).to_vec().expect("image"), ANY).expect("ingest");
    let orphan = ingest(&cache, &spec(20_000).to_vec().expect("image"), ANY).expect("ingest");
    let gone = spec(30_000).facts().expect("facts");
    let shorter = ingest(&cache, &spec(40_000).to_vec().expect("image"), ANY).expect("ingest");
    let shorter = ImageFacts { octets: 39_999, ..shorter };
    let found = cache.reconcile([&here, &gone, &shorter]).expect("reconciled");
    assert_eq!(found, Reconciled { missing: vec![gone, shorter], orphans: vec![orphan.sha256] });
}
