//! What the codec promises: everything comes back, and no changed byte goes unseen.

use proptest::prelude::*;
use rand::Rng;
use system_log_model::{Event, OrgId};

use super::{Chunk, Column, Shape, pack};
use crate::tests::random::{random_event, rng};

/// Rows of three organisations, one behind the other.
fn rows(seed: u64, count: usize) -> Vec<(u64, Event)> {
    let mut rng = rng(seed);
    let mut sequence = rng.random_range(0..u64::MAX / 2);
    let mut rows: Vec<(u64, Event)> = (0..count)
        .map(|_| {
            sequence += rng.random_range(1..1_000);
            let mut event = random_event(&mut rng);
            event.org = OrgId::new(["acme", "b", "zurich"][rng.random_range(0..3)]).unwrap();
            (sequence, event)
        })
        .collect();
    rows.sort_by(|a, b| (&a.1.org, a.1.occurred_at).cmp(&(&b.1.org, b.1.occurred_at)));
    rows
}

fn packed(rows: &[(u64, Event)], shape: Shape) -> Vec<Vec<u8>> {
    let rows: Vec<_> = rows.iter().map(|(s, e)| (*s, e)).collect();
    let packed = pack(&rows, shape).unwrap();
    assert_eq!(packed.iter().map(|(count, _)| count).sum::<usize>(), rows.len());
    packed.into_iter().map(|(_, bytes)| bytes).collect()
}

proptest! {
    #[test]
    fn rows_come_back(seed in any::<u64>(), count in 1_usize..200) {
        let rows = rows(seed, count);
        for shape in [Shape::LIVE, Shape::SEALED] {
            let mut back = Vec::new();
            for bytes in packed(&rows, shape) {
                prop_assert!(bytes.len() <= shape.bytes);
                let chunk = Chunk::parse(bytes).unwrap();
                prop_assert!(chunk.rows <= shape.rows);
                let mut own = Vec::new();
                for span in &chunk.spans {
                    let sequences = chunk.sequences(span).unwrap();
                    prop_assert_eq!(sequences.iter().min(), Some(&span.first));
                    prop_assert_eq!(sequences.iter().max(), Some(&span.last));
                    own.extend(sequences.into_iter().zip(chunk.events(span).unwrap()));
                }
                prop_assert_eq!(&chunk.all_rows().unwrap(), &own);
                back.extend(own);
            }
            prop_assert_eq!(&back, &rows);
        }
    }

    #[test]
    fn rubbish_is_an_error_and_never_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(Chunk::parse(bytes).is_err());
    }
}

#[test]
fn every_flipped_bit_and_every_cut_is_seen() {
    let bytes = packed(&rows(1, 5), Shape::SEALED).remove(0);
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
    let bytes = packed(&rows(2, 9), Shape::SEALED).remove(0);
    for at in 8..bytes.len() {
        for flip in [1, 0x80, 0xff] {
            let mut bad = bytes.clone();
            bad[at] ^= flip;
            let crc = crc32c::crc32c(&bad[8..]);
            bad[4..8].copy_from_slice(&crc.to_le_bytes());
            if let Ok(chunk) = Chunk::parse(bad) {
                let _either = chunk.all_rows();
            }
        }
    }
}

#[test]
fn a_giant_row_is_a_chunk_of_its_own() {
    let mut rows = rows(3, 3);
    let mut rng = rng(4);
    rows[1].1.message = (0..16_000).map(|_| rng.random::<char>()).collect();
    rows.iter_mut().for_each(|(_, event)| event.org = OrgId::new("acme").unwrap());
    let chunks = packed(&rows, Shape::LIVE);
    assert_eq!(chunks.len(), 3);
    let chunk = Chunk::parse(chunks[1].clone()).unwrap();
    assert_eq!(chunk.all_rows().unwrap()[0], rows[1]);
}

#[test]
fn one_column_is_read_without_the_others() {
    let rows = rows(5, 20);
    let chunk = Chunk::parse(packed(&rows, Shape::SEALED).remove(0)).unwrap();
    let events: Vec<Event> = chunk.spans.iter().flat_map(|span| chunk.only(span, Column::Subject).unwrap()).collect();
    for (event, (_, row)) in events.iter().zip(&rows) {
        assert_eq!((event.subject.as_str(), event.message.as_str()), (row.subject.as_str(), ""));
    }
    let messages = chunk.strings(Column::Message).unwrap();
    for span in &chunk.spans {
        let all: String = rows[span.rows.clone()].iter().map(|(_, e)| e.message.as_str()).collect();
        assert_eq!(messages.joined(span.rows.clone()), all);
    }
}

#[test]
fn whole_chunks_are_found_among_rubbish() {
    let rows = rows(6, 9);
    let chunk = packed(&rows, Shape::SEALED).remove(0);
    let mut bytes = b"SLC2 is no chunk ".to_vec();
    bytes.extend_from_slice(&chunk);
    bytes.extend_from_slice(&chunk[..chunk.len() - 1]);
    bytes.extend_from_slice(&chunk);
    let found = crate::day::sealed::chunks_within(&bytes);
    assert_eq!(found.len(), 2);
    assert_eq!(found[0].all_rows().unwrap(), rows);
}
