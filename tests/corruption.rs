//! One flipped bit at each hop that an image takes: the server's file, the fetch, the cache on the disk, a block on the
//! wire, the access point's flash. Each is caught, named with a kind, words and a next action, and never activated; and
//! the next try, without the flip, brings the image.
//!
//! The core and the simulated access point run on virtual time without a cipher, so a block is damaged past DTLS, which
//! would have caught it. The TFTP server, the fetch and the cache are the real ones, on loopback and on the disk. The
//! server's folder has a `SHA256SUMS`: without one a flip inside an image cannot be told from the vendor's own octets,
//! and the last test says how much of it is caught then.
//!
//! `CAPLEDGER_SIM_SEED=N cargo test --test corruption NAME` plays the flips of another seed.

#[path = "corruption/bench.rs"]
mod bench;
#[path = "simulation/chance.rs"]
#[allow(dead_code, reason = "the simulation's own, of which this takes the stream alone")]
mod chance;
#[path = "corruption/proxy.rs"]
mod proxy;

use bench::{Bench, Fault, IMAGE, Mode, NEW, OLD, Source};
use capledger_schema::Event;
use capledger_schema::failure::{DownloadFailureKind, FetchFailureKind};
use chance::Rng;

/// Flips at each hop.
const FLIPS: u64 = 200;

/// The flips of a hop: an octet and a bit each, from one seed.
fn flips(hop: u64) -> impl Iterator<Item = (u64, u8, Mode)> {
    let seed = match std::env::var("CAPLEDGER_SIM_SEED") {
        Ok(word) if word == "random" => u64::from(std::process::id()),
        Ok(word) => word.parse().expect("CAPLEDGER_SIM_SEED is a number, or `random`"),
        Err(_) => 1,
    };
    println!("seed {seed}");
    let mut rng = Rng::new(seed ^ hop << 32);
    (0..FLIPS).map(move |n| {
        let mode = if n % 2 == 0 { Mode::Join } else { Mode::Predownload };
        (rng.below(IMAGE), rng.below(8) as u8, mode)
    })
}

/// Everything that must hold after one flip that was caught.
fn recovers(bench: &mut Bench) {
    bench.until("the image is there after all", Bench::is_whole);
    bench.check_resets();
}

#[test]
fn a_flip_in_the_servers_file_is_caught_by_the_fetch() {
    let source = Source::start();
    for (at, bit, mode) in flips(1) {
        let mut bench = Bench::new(&source, source.address(), mode);
        source.flip(at, bit);
        let failure = bench.fetch_fails();
        let kinds = [
            FetchFailureKind::Corrupt,
            FetchFailureKind::NotAnImage,
            FetchFailureKind::WrongFamily,
            FetchFailureKind::WrongVersion,
            FetchFailureKind::CutShort,
        ];
        assert!(kinds.contains(&failure.kind), "octet {at} bit {bit}: {failure}");
        bench.is_explained(&failure.words, "SHA256SUMS");
        source.repair();
        recovers(&mut bench);
    }
}

#[test]
fn a_flip_during_the_fetch_is_caught_by_it() {
    let source = Source::start();
    let proxy = proxy::Proxy::start(source.address());
    for (at, bit, mode) in flips(2) {
        let mut bench = Bench::new(&source, proxy.address(), mode);
        proxy.flip(at, bit);
        let failure = bench.fetch_fails();
        assert!(!failure.words.is_empty(), "octet {at} bit {bit}");
        assert_ne!(failure.kind, FetchFailureKind::TimedOut, "the flip is what failed it: {failure}");
        bench.is_explained(&failure.words, "SHA256SUMS");
        proxy.pass();
        recovers(&mut bench);
    }
}

#[test]
fn a_flip_in_the_cache_on_the_disk_is_caught_when_it_is_opened_or_read() {
    let source = Source::start();
    for (n, (at, bit, mode)) in flips(3).enumerate() {
        let mut bench = Bench::new(&source, source.address(), mode);
        // Before the image is opened, or behind its back afterwards.
        bench.fault = Some(if n % 4 < 2 { Fault::CacheAtRest { at, bit } } else { Fault::CacheInUse { at, bit } });
        let reason = bench.until("the damage is noticed", |bench| {
            bench
                .events()
                .find_map(|e| if let Event::ImageRemoved { reason, .. } = e { Some(reason.clone()) } else { None })
        });
        assert!(reason.starts_with("damaged in the cache: ") && reason.contains("damaged at octet"), "{reason}");
        let failed = bench.download_fails();
        assert_eq!(failed.0, DownloadFailureKind::CacheDamaged, "octet {at} bit {bit}: {}", failed.1);
        recovers(&mut bench);
        assert_eq!(bench.fetches(), 2, "it was fetched anew");
    }
}

#[test]
fn a_flip_in_a_block_on_the_wire_is_caught_by_the_access_points_digest() {
    let source = Source::start();
    for (at, bit, mode) in flips(4) {
        let mut bench = Bench::new(&source, source.address(), mode);
        bench.fault = Some(Fault::Wire { at, bit });
        let (kind, words) = bench.download_fails();
        assert_eq!(kind, DownloadFailureKind::DigestMismatch, "octet {at} bit {bit}: {words}");
        assert!(words.contains("was announced"), "{words}");
        bench.is_explained(&words, "flash");
        recovers(&mut bench);
        assert_eq!(bench.fetches(), 1, "what is in the cache is right");
    }
}

#[test]
fn a_flip_in_the_access_points_flash_is_caught_when_it_is_read_again() {
    let source = Source::start();
    for (at, bit, mode) in flips(5) {
        let mut bench = Bench::with_flash_damage(&source, mode, at, bit);
        let (kind, words) = bench.download_fails();
        assert_eq!(kind, DownloadFailureKind::VerificationFailed, "octet {at} bit {bit}: {words}");
        assert!(words.contains("was written"), "{words}");
        bench.is_explained(&words, "console");
        recovers(&mut bench);
        assert_eq!(bench.fetches(), 1, "what is in the cache is right");
    }
}

#[test]
fn without_a_list_of_digests_a_flip_in_the_servers_file_is_caught_only_where_it_breaks_the_archive() {
    let source = Source::start();
    source.remove_list();
    let (mut caught, mut passed) = (0, 0);
    for (at, bit, mode) in flips(6).take(100) {
        let mut bench = Bench::new(&source, source.address(), mode);
        source.flip(at, bit);
        let done = bench.until("the fetch ends", |bench| {
            let failed = bench.events().any(|e| matches!(e, Event::InstallAddFailed { .. }));
            let completed = bench.events().any(|e| matches!(e, Event::InstallAddCompleted { .. }));
            (failed || completed).then_some(completed)
        });
        *(if done { &mut passed } else { &mut caught }) += 1;
        source.repair();
    }
    println!("without SHA256SUMS: {caught} caught, {passed} taken for the vendor's own octets");
    assert!(passed > 50, "most octets of an image are content, which no checksum of its own covers");
}

#[test]
fn an_image_that_rots_in_the_flash_after_it_was_verified_is_not_booted() {
    let source = Source::start();
    let mut bench = Bench::with_flash_rot(&source);
    bench.until("it was sent the image", |bench| {
        bench.events().any(|e| matches!(e, Event::ImageDownloadCompleted { .. })).then_some(())
    });
    bench.until("it is back", |bench| (bench.joins() == 2).then_some(()));
    assert_eq!((bench.active(), bench.active() != NEW), (OLD, true), "what rotted is not what runs");
    bench.until("the image is there after all", Bench::is_whole);
}
