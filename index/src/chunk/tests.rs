//! What the codec promises: everything comes back, and no changed byte goes unseen.

use proptest::prelude::*;
use rand::Rng;
use system_log_model::{Event, OrgId};

use super::{Chunk, Column, MAX_ROWS, TARGET_BYTES, pack};
use crate::tests::random::{random_event, rng};

fn rows(seed: u64, count: usize) -> Vec<(u64, Event)> {
    let mut rng = rng(seed);
    let mut sequence = rng.random_range(0..u64::MAX / 2);
    (0..count)
        .map(|_| {
            sequence += rng.random_range(1..1_000);
            let mut event = random_event(&mut rng);
            event.org = org();
            (sequence, event)
        })
        .collect()
}

fn org() -> OrgId {
    OrgId::new("acme").unwrap()
}

fn packed(rows: &[(u64, Event)]) -> Vec<(u64, Vec<u8>)> {
    let rows: Vec<_> = rows.iter().map(|(s, e)| (*s, e)).collect();
    pack(&org(), &rows).unwrap()
}

proptest! {
    #[test]
    fn rows_come_back(seed in any::<u64>(), count in 1_usize..200) {
        let rows = rows(seed, count);
        let mut back = Vec::new();
        for (first, bytes) in packed(&rows) {
            prop_assert!(bytes.len() <= TARGET_BYTES);
            let chunk = Chunk::parse(bytes).unwrap();
            prop_assert!(chunk.rows <= MAX_ROWS && chunk.first == first);
            let sequences = chunk.sequences().unwrap();
            prop_assert_eq!(sequences.last(), Some(&chunk.last));
            back.extend(sequences.into_iter().zip(chunk.events().unwrap()));
        }
        prop_assert_eq!(back, rows);
    }

    #[test]
    fn rubbish_is_an_error_and_never_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(Chunk::parse(bytes).is_err());
    }
}

#[test]
fn every_flipped_bit_and_every_cut_is_seen() {
    let (_, bytes) = packed(&rows(1, 5)).remove(0);
    assert!(Chunk::parse(bytes.clone()).is_ok());
    for at in 0..bytes.len() * 8 {
        let mut bad = bytes.clone();
        bad[at / 8] ^= 1 << (at % 8);
        assert!(Chunk::parse(bad).is_err(), "bit {at}");
    }
    for length in 0..bytes.len() {
        assert!(Chunk::parse(bytes[..length].to_vec()).is_err());
    }
}

#[test]
fn content_that_is_wrong_under_a_right_checksum_is_an_error_and_never_a_panic() {
    let (_, bytes) = packed(&rows(2, 9)).remove(0);
    for at in 8..bytes.len() {
        for flip in [1, 0x80, 0xff] {
            let mut bad = bytes.clone();
            bad[at] ^= flip;
            let crc = crc32c::crc32c(&bad[8..]);
            bad[4..8].copy_from_slice(&crc.to_le_bytes());
            if let Ok(chunk) = Chunk::parse(bad) {
                let _either = (chunk.rows < 1 << 20).then(|| (chunk.sequences(), chunk.events()));
            }
        }
    }
}

#[test]
fn a_giant_row_is_a_chunk_of_its_own() {
    let mut rows = rows(3, 3);
    let mut rng = rng(4);
    rows[1].1.message = (0..16_000).map(|_| rng.random::<char>()).collect();
    let chunks = packed(&rows);
    assert_eq!(chunks.len(), 3);
    let chunk = Chunk::parse(chunks[1].1.clone()).unwrap();
    assert_eq!(chunk.events().unwrap()[0], rows[1].1);
}

#[test]
fn one_column_is_read_without_the_others() {
    let rows = rows(5, 20);
    let chunk = Chunk::parse(packed(&rows).remove(0).1).unwrap();
    let mut events = chunk.blank();
    chunk.fill(Column::Subject, &mut events).unwrap();
    for (event, (_, row)) in events.iter().zip(&rows) {
        assert_eq!((event.subject.as_str(), event.message.as_str()), (row.subject.as_str(), ""));
    }
    let messages = chunk.strings(Column::Message).unwrap();
    let all: String = rows.iter().map(|(_, e)| e.message.as_str()).collect();
    assert_eq!(messages.all(), all);
}
