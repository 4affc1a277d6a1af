use proptest::prelude::*;

use super::*;

const T0: Monotonic = Monotonic(1_000_000);

/// The fragments of a payload, each as header and octets.
fn fragments(payload: &[u8], id: u16, mtu: usize) -> Vec<(Header, Vec<u8>)> {
    let packets = split(&Header::control(), payload, id, mtu).expect("it can be cut");
    let parsed = packets.iter().map(|p| {
        assert!(p.len() <= mtu);
        let (header, octets) = Header::parse(p).expect("a header");
        (header, octets.to_vec())
    });
    parsed.collect()
}

fn payload(len: usize) -> Vec<u8> {
    (0..len).map(|n| n as u8).collect()
}

fn reassembler() -> Reassembler<u8> {
    Reassembler::new(Limits::default())
}

fn fragment(id: u16, offset: u16, last: bool) -> Header {
    Header { fragment: true, last_fragment: last, fragment_id: id, fragment_offset: offset, ..Header::control() }
}

#[test]
fn a_payload_that_fits_is_no_fragment() {
    let packets = split(&Header::control(), &payload(92), 5, 100).expect("it fits");
    assert_eq!(packets.len(), 1);
    let (header, octets) = Header::parse(&packets[0]).expect("a header");
    assert_eq!((header, octets), (Header::control(), payload(92).as_slice()));
    assert_eq!(split(&Header::control(), &[], 5, 8).expect("it fits").len(), 1);
}

#[test]
fn a_payload_is_cut_at_multiples_of_eight() {
    let pieces = fragments(&payload(200), 5, 100);
    let places: Vec<_> = pieces.iter().map(|(h, p)| (h.fragment_offset, h.last_fragment, p.len())).collect();
    assert_eq!(places, [(0, false, 88), (11, false, 88), (22, true, 24)]);
}

#[test]
fn what_cannot_be_cut_is_refused() {
    assert_eq!(split(&Header::control(), &payload(20), 0, 15), Err(SplitError::MtuTooSmall { mtu: 15, header: 8 }));
    assert_eq!(split(&Header::control(), &payload(70_000), 0, 1400), Err(SplitError::PayloadTooLong(70_000)));
}

#[test]
fn a_duplicate_is_ignored() {
    let pieces = fragments(&payload(200), 1, 100);
    let mut r = reassembler();
    assert_eq!(r.push(&1, &pieces[0].0, &pieces[0].1, T0), Ok(None));
    assert_eq!(r.push(&1, &pieces[0].0, &pieces[0].1, T0), Ok(None));
    assert_eq!(r.push(&1, &pieces[2].0, &pieces[2].1, T0), Ok(None));
    assert_eq!(r.push(&1, &pieces[1].0, &pieces[1].1, T0), Ok(Some(payload(200).into())));
    assert!(r.is_empty());
}

#[test]
fn the_same_fragment_id_of_two_peers_is_two_sets() {
    let pieces = fragments(&payload(100), 1, 72);
    let mut r = reassembler();
    assert_eq!(r.push(&1, &pieces[0].0, &pieces[0].1, T0), Ok(None));
    assert_eq!(r.push(&2, &pieces[1].0, &pieces[1].1, T0), Ok(None));
    assert_eq!(r.len(), 2);
    r.forget(&1);
    assert_eq!(r.len(), 1);
}

#[test]
fn fragments_that_overlap_are_refused_and_their_set_forgotten() {
    for (offset, octets) in [(0, vec![9; 16]), (1, vec![9; 8]), (0, vec![9; 8])] {
        let mut r = reassembler();
        assert_eq!(r.push(&1, &fragment(1, 0, false), &payload(16), T0), Ok(None));
        assert_eq!(r.push(&1, &fragment(1, offset, false), &octets, T0), Err(FragmentError::Overlap));
        assert!(r.is_empty());
    }
    let mut r = reassembler();
    assert_eq!(r.push(&1, &fragment(1, 1, false), &payload(8), T0), Ok(None));
    assert_eq!(r.push(&1, &fragment(1, 0, false), &payload(16), T0), Err(FragmentError::Overlap));
}

#[test]
fn fragments_that_disagree_about_the_end_are_refused() {
    let mut r = reassembler();
    assert_eq!(r.push(&1, &fragment(1, 2, true), &[1], T0), Ok(None));
    assert_eq!(r.push(&1, &fragment(1, 4, true), &[1], T0), Err(FragmentError::EndConflict));
    assert_eq!(r.push(&1, &fragment(1, 2, true), &[1], T0), Ok(None));
    assert_eq!(r.push(&1, &fragment(1, 3, false), &[1; 8], T0), Err(FragmentError::EndConflict));
    assert_eq!(r.push(&1, &fragment(1, 3, false), &[1; 8], T0), Ok(None));
    assert_eq!(r.push(&1, &fragment(1, 1, true), &[1], T0), Err(FragmentError::EndConflict));
    assert!(r.is_empty());
}

#[test]
fn a_fragment_of_an_odd_or_no_length_is_refused_and_its_set_kept() {
    let mut r = reassembler();
    assert_eq!(r.push(&1, &fragment(1, 0, false), &[1; 8], T0), Ok(None));
    assert_eq!(r.push(&1, &fragment(1, 1, false), &[1; 9], T0), Err(FragmentError::Unaligned(9)));
    assert_eq!(r.push(&1, &fragment(1, 1, true), &[], T0), Err(FragmentError::Unaligned(0)));
    assert_eq!(r.len(), 1);
}

#[test]
fn every_limit_is_kept_and_named() {
    let limits = Limits { sets: 3, sets_per_peer: 2, octets: 64, fragments: 3, age: Duration::from_secs(1) };
    let mut r: Reassembler<u8> = Reassembler::new(limits);
    assert_eq!(r.push(&1, &fragment(1, 8, true), &[1], T0), Err(FragmentError::TooLong(64)));
    for n in 0..3 {
        assert_eq!(r.push(&1, &fragment(1, n, false), &[1; 8], T0), Ok(None));
    }
    assert_eq!(r.push(&1, &fragment(1, 3, false), &[1; 8], T0), Err(FragmentError::TooManyFragments(3)));
    for peer in 1..4 {
        assert_eq!(r.push(&peer, &fragment(1, 0, false), &[1; 8], T0), Ok(None));
    }
    assert_eq!(r.push(&4, &fragment(1, 0, false), &[1; 8], T0), Err(FragmentError::TooManySets(3)));
    assert_eq!(r.deadline(), Some(T0 + Duration::from_secs(1)));
    assert_eq!(r.push(&4, &fragment(1, 0, false), &[1; 8], T0 + Duration::from_secs(1)), Ok(None));
    assert_eq!(r.len(), 1);
}

#[test]
fn a_peer_that_begins_too_many_sets_loses_its_own_oldest() {
    let mut r = reassembler();
    for id in 0..10 {
        assert_eq!(r.push(&1, &fragment(id, 0, false), &[1; 8], T0 + Duration::from_millis(id.into())), Ok(None));
        assert_eq!(r.push(&2, &fragment(7, id, false), &[1; 8], T0), Ok(None));
    }
    assert_eq!(r.len(), 3);
    assert_eq!(r.push(&1, &fragment(9, 1, true), &[2], T0), Ok(Some(vec![1, 1, 1, 1, 1, 1, 1, 1, 2].into())));
}

proptest! {
    #[test]
    fn fragments_in_any_order_give_the_payload_once(
        octets in prop::collection::vec(any::<u8>(), 0..4000),
        mtu in 48..1500usize,
        order in any::<u64>(),
    ) {
        let mut pieces = fragments(&octets, 77, mtu);
        let n = pieces.len() as u64;
        pieces.sort_by_key(|(h, _)| u64::from(h.fragment_offset).wrapping_mul(order | 1) % (n + 1));
        let mut r = reassembler();
        let mut whole = Vec::new();
        for (header, piece) in &pieces {
            whole.extend(r.push(&0, header, piece, T0).expect("a good fragment"));
        }
        prop_assert_eq!(whole, vec![std::borrow::Cow::from(octets)]);
        prop_assert!(r.is_empty());
    }

    #[test]
    fn arbitrary_fragments_never_panic_and_never_pass_the_limits(
        pushes in prop::collection::vec((0..3u8, 0..4u16, 0..20u16, any::<bool>(), 0..40usize, 0..3000u64), 0..200),
    ) {
        let limits = Limits { sets: 5, sets_per_peer: 2, octets: 100, fragments: 6, age: Duration::from_millis(50) };
        let mut r: Reassembler<u8> = Reassembler::new(limits);
        let mut now = T0;
        for (peer, id, offset, last, len, wait) in pushes {
            now = now + Duration::from_micros(wait);
            if let Ok(Some(whole)) = r.push(&peer, &fragment(id, offset, last), &payload(len), now) {
                prop_assert!(whole.len() <= limits.octets);
            }
            prop_assert!(r.len() <= limits.sets);
            prop_assert!(r.deadline().is_none_or(|at| at > now));
        }
    }
}
