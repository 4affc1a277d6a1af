use super::*;
use proptest::prelude::*;

const INFO: &str = "image_family: ap1g6a\nws_management_version: 17.10.0.181\ninfo_end:\n";

fn tar(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (name, content) in members {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        tar.append_data(&mut header, name, *content).expect("a tar in memory");
    }
    tar.into_inner().expect("a tar in memory")
}

fn scan(octets: &[u8]) -> Result<ImageInfo, InfoError> {
    let mut scan = InfoScan::new();
    scan.push(octets)?;
    scan.finish(false)
}

#[test]
fn family_and_version_come_from_info_or_from_info_ver() {
    for name in ["info", "info.ver", "./info"] {
        let info = scan(&tar(&[("first", b"x"), (name, INFO.as_bytes()), ("image", &[1; 3000])])).expect(name);
        assert_eq!(info.family.as_str(), "ap1g6a");
        assert_eq!(info.version, ImageVersion([17, 10, 0, 181]));
    }
}

#[test]
fn family_and_version_are_known_before_the_rest_has_come() {
    let tar = tar(&[("info", INFO.as_bytes()), ("image", &[1; 9000])]);
    let mut scan = InfoScan::new();
    scan.push(&tar[..1024]).expect("a tar");
    assert_eq!(scan.info().expect("known").family.as_str(), "ap1g6a");
}

#[test]
fn an_info_that_lacks_something_is_made_up_for_by_the_next() {
    let info = scan(&tar(&[("info", b"board: x\n"), ("info.ver", INFO.as_bytes())])).expect("info.ver");
    assert_eq!(info.family.as_str(), "ap1g6a");
}

#[test]
fn carriage_returns_and_unknown_lines_do_not_matter() {
    let text = "board: x\r\nimage_family:ap1g6a\r\nws_management_version: 17.10.0.181 \r\ninfo_end:\r\n";
    assert!(scan(&tar(&[("info", text.as_bytes())])).is_ok());
}

#[test]
fn a_malformed_info_is_named_with_what_is_wrong() {
    for (text, words) in [
        ("image_family: ap1g6a\nws_management_version: 17.10.0.181\n", "no line `info_end:`"),
        ("image_family: ap1g6a\ninfo_end:\n", "no line `ws_management_version:`"),
        ("ws_management_version: 17.10.0.181\ninfo_end:\n", "no line `image_family:`"),
        ("image_family: ../etc\nws_management_version: 17.10.0.181\ninfo_end:\n", "`../etc` is not an image family"),
        ("image_family: a\nws_management_version: 17.10\ninfo_end:\n", "`17.10` is not a software version"),
    ] {
        let e = scan(&tar(&[("info", text.as_bytes())])).expect_err(words);
        assert!(matches!(e, InfoError::Malformed { member: "info", .. }), "{e:?}");
        assert!(e.to_string().contains(words), "{e}");
    }
    let huge = vec![b'x'; INFO_LIMIT as usize + 1];
    assert!(matches!(scan(&tar(&[("info", &huge)])), Err(InfoError::Malformed { .. })));
}

#[test]
fn a_packed_bundle_is_recognised_by_its_first_octets() {
    for (start, name) in [(&b"PK\x03\x04rest"[..], "zip"), (b"\x1f\x8b\x08", "gzip"), (b"BZh9", "bzip2")] {
        let e = scan(start).expect_err(name);
        assert_eq!(e, InfoError::Packed(name));
        assert!(e.to_string().contains("not unpacked?"), "{e}");
    }
}

#[test]
fn what_is_no_tar_is_said_to_be_none() {
    assert_eq!(scan(b""), Err(InfoError::NotTar));
    assert_eq!(scan(b"<html>"), Err(InfoError::NotTar));
    assert_eq!(scan(&[b'a'; 4096]), Err(InfoError::NotTar));
    assert_eq!(scan(&[0; 4096]), Err(InfoError::NotTar));
}

#[test]
fn a_tar_without_info_is_given_up_early() {
    assert_eq!(scan(&tar(&[("readme", b"hello")])), Err(InfoError::NoInfo));
    let late = tar(&[("big", &vec![0; SEARCHED as usize + 1]), ("info", INFO.as_bytes())]);
    assert_eq!(scan(&late), Err(InfoError::NoInfo));
}

#[test]
fn an_archive_that_ends_in_a_member_is_cut_short() {
    let whole = tar(&[("info", INFO.as_bytes()), ("image", &[1; 9000])]);
    assert_eq!(scan(&whole[..5000]), Err(InfoError::CutShort(5000)));
    assert_eq!(InfoError::CutShort(5000).failure().kind, FetchFailureKind::CutShort);
}

#[test]
fn a_missing_end_mark_is_forgiven_only_when_the_length_was_announced() {
    let mut octets = tar(&[("info", INFO.as_bytes()), ("image", &[1; 1024])]);
    octets.truncate(512 * 5);
    let scanned = |length_known| {
        let mut scan = InfoScan::new();
        scan.push(&octets).expect("a tar");
        scan.finish(length_known)
    };
    assert_eq!(scanned(false), Err(InfoError::CutShort(2560)));
    assert!(scanned(true).is_ok());
}

#[test]
fn a_damaged_header_inside_the_archive_is_located() {
    let mut octets = tar(&[("info", INFO.as_bytes()), ("image", &[1; 1024])]);
    octets[1024 + 3] ^= 1;
    assert_eq!(scan(&octets), Err(InfoError::Damaged(1024)));
}

proptest! {
    #[test]
    fn the_result_does_not_depend_on_how_the_octets_arrive(piece in 1usize..3000) {
        let tar = tar(&[("a", &[3; 700]), ("info", INFO.as_bytes()), ("image", &[1; 5000])]);
        let mut scan = InfoScan::new();
        for octets in tar.chunks(piece) {
            scan.push(octets).expect("a tar");
        }
        let info = scan.finish(false).expect("whole");
        prop_assert_eq!(info.family.as_str(), "ap1g6a");
    }

    #[test]
    fn no_octets_make_it_panic(
        mut octets in prop::collection::vec(any::<u8>(), 0..2048),
        valid in any::<bool>(),
        flips in prop::collection::vec((0usize..6000, any::<u8>()), 0..4),
    ) {
        if valid {
            octets = tar(&[("info", INFO.as_bytes()), ("image", &octets)]);
        }
        for (at, to) in flips {
            if let Some(octet) = octets.get_mut(at) {
                *octet = to;
            }
        }
        let _ = scan(&octets);
    }
}
