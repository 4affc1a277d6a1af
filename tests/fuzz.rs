//! The fuzz targets' bodies, bounded and on stable Rust: seeds that parse, and seeded damage to them.

use capledger::capwap::digest;
use capledger::capwap::{Message, MessageType};
use capledger::fuzz;
use capledger::image::bundle::ImageSpec;

/// Damaged copies of each seed.
const ROUNDS: u64 = 4_000;

/// SplitMix64: the same octets on every run.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.next() % n.max(1) as u64).unwrap_or(0)
    }

    /// Flips, cuts, repeats or inserts octets, a few times.
    fn damage(&mut self, seed: &[u8]) -> Vec<u8> {
        let mut octets = seed.to_vec();
        for _ in 0..=self.below(4) {
            let at = self.below(octets.len());
            match self.below(5) {
                0 if !octets.is_empty() => octets[at] ^= 1 << self.below(8),
                1 => octets.truncate(at),
                2 => octets.insert(at.min(octets.len()), self.next() as u8),
                3 if octets.len() > 1 => {
                    let piece = octets[at..octets.len().min(at + 16)].to_vec();
                    octets.splice(at..at, piece);
                }
                _ if !octets.is_empty() => octets[at] = [0, 0xFF, 0x7F, 0x80][self.below(4)],
                _ => {}
            }
        }
        octets
    }
}

fn seeds(name: &str) -> Vec<Vec<u8>> {
    match name {
        "capwap" => {
            let message = Message::new(MessageType::JoinRequest, 7, vec![digest::support()]);
            vec![message.to_packet(), message.encode(), Vec::new()]
        }
        "frame" => std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/schema/golden/v1"))
            .expect("the golden samples")
            .map(|e| std::fs::read(e.expect("an entry").path()).expect("a sample"))
            .collect(),
        "tftp" => vec![
            b"\0\x01ap1g8\0octet\0blksize\x001428\0windowsize\x0016\0tsize\x000\0".to_vec(),
            b"\0\x03\0\x01data".to_vec(),
            b"\0\x05\0\x01File not found\0".to_vec(),
            b"\0\x06tsize\x0070512640\0".to_vec(),
        ],
        "image" => {
            let spec = ImageSpec {
                family: "ap1g8".parse().expect("a family"),
                version: "17.9.4.27".parse().expect("a version"),
                octets: 10_240,
                seed: 1,
            };
            vec![spec.to_vec().expect("an image")]
        }
        "configuration" => vec![
            b"hostname A\nsoftware version 17.9.4.27\nwireless profile image-download default\n image-download-mode tftp\n  tftp-image-server 10.0.0.5 port 70\n  tftp-image-path /a\nend\n".to_vec(),
        ],
        "line_editor" => vec![
            b"\x50sh ap im\t\rconf t\r\x1b[A\x01\x06x\x0b\x19 ?\x17\x1b[D\x08\xc3\xa4\x1a\x16?\r\n".to_vec(),
            b"\x14software version 17.9.4.27 and more\x02\x02\x02\x15\x10\x0e\x03\x04".to_vec(),
        ],
        other => panic!("no seeds for {other}"),
    }
}

#[test]
fn no_decoder_breaks_its_promise_on_damaged_input() {
    for (name, body) in fuzz::ALL {
        let mut chance = Chance(0x00C0_FFEE);
        for seed in seeds(name) {
            body(&seed);
            // The long seeds cost more to read than to damage.
            let rounds = if seed.len() > 4096 { ROUNDS / 8 } else { ROUNDS };
            for _ in 0..rounds {
                body(&chance.damage(&seed));
            }
        }
    }
}

#[test]
fn no_decoder_breaks_its_promise_on_noise() {
    let mut chance = Chance(42);
    for _ in 0..ROUNDS {
        let noise: Vec<u8> = (0..chance.below(200)).map(|_| chance.next() as u8).collect();
        for (_, body) in fuzz::ALL {
            body(&noise);
        }
    }
}
