//! What a sealed file promises: every row comes back where it is looked for, and no changed byte makes another row of it.

use std::collections::BTreeSet;

use rand::Rng;
use system_log_model::clock::Day;
use system_log_model::text::fold;
use system_log_model::{Event, Timestamp};

use super::*;
use crate::chunk::Column;
use crate::day::reader::OrgReader;
use crate::day::rows::Rows;
use crate::tests::random::{random_event, rng};

const ORGS: [&str; 3] = ["acme", "b", "zurich"];

/// Rows of one day in the order of the file.
fn day_rows(seed: u64, count: usize) -> Vec<(u64, Event)> {
    let mut rng = rng(seed);
    let start = Day(20_000).start();
    let mut rows: Vec<(u64, Event)> = (0..count as u64)
        .map(|sequence| {
            let mut event = random_event(&mut rng);
            event.org = OrgId::new(ORGS[rng.random_range(0..ORGS.len())]).unwrap();
            // Many rows of one instant, across the borders of groups.
            event.occurred_at = start.plus_micros(rng.random_range(0..20) * 1_000_000);
            (sequence + 1, event)
        })
        .collect();
    rows.sort_by(|a, b| (&a.1.org, a.1.occurred_at, a.0).cmp(&(&b.1.org, b.1.occurred_at, b.0)));
    rows
}

fn written(rows: &[(u64, Event)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = SealedWriter::create(folder.path()).unwrap();
    rows.iter().for_each(|(sequence, event)| writer.push(*sequence, event.clone()).unwrap());
    let extent = writer.finish().unwrap();
    assert_eq!(extent, Extent { last: rows.len() as u64, rows: rows.len() as u64 });
    folder
}

fn hit(row: &(u64, Event)) -> Hit {
    Hit { time: row.1.occurred_at.micros(), sequence: row.0 }
}

#[test]
fn every_row_is_found_by_its_place_and_by_its_sequence() {
    let rows = day_rows(1, 2_000);
    let folder = written(&rows);
    let sealed = Rows::Sealed(SealedRows::open(folder.path()).unwrap());
    let orgs: BTreeSet<&OrgId> = rows.iter().map(|(_, event)| &event.org).collect();
    for org in orgs {
        let mut reader = OrgReader::new(&sealed, org);
        for row in &rows {
            let found = reader.locate(hit(row)).unwrap();
            let found = found.map(|(chunk, at)| chunk.event(at).unwrap());
            let own = (row.1.org == *org).then(|| row.1.clone());
            assert_eq!(found, own);
        }
        for row in rows.iter().step_by(97) {
            let own = (row.1.org == *org).then(|| row.1.clone());
            assert_eq!(sealed.get(org, row.0).unwrap(), own);
        }
        assert_eq!(reader.locate(Hit { time: 0, sequence: 1 }).unwrap().map(|(_, row)| row), None);
    }
    let all: Vec<_> = sealed.in_order().map(Result::unwrap).collect();
    assert_eq!(all, rows);
}

#[test]
fn windows_leave_no_row_out_that_contains_the_needle() {
    let rows = day_rows(2, 2_000);
    let folder = written(&rows);
    let sealed = SealedRows::open(folder.path()).unwrap();
    let mut rng = rng(3);
    let mut narrowed = 0;
    for _ in 0..300 {
        let (_, event) = &rows[rng.random_range(0..rows.len())];
        let folded = fold(&event.message).into_owned();
        let from = (0..folded.len()).filter(|at| folded.is_char_boundary(*at)).nth(rng.random_range(0..5));
        let needle = &folded[from.unwrap_or(0)..];
        let windows = sealed.windows(&event.org, &[(Column::Message, needle.as_bytes())]);
        let is_within = |time: Timestamp| windows.iter().any(|(a, b)| (*a..=*b).contains(&time.micros()));
        for (_, other) in rows.iter().filter(|(_, other)| other.org == event.org) {
            assert!(!fold(&other.message).contains(needle) || is_within(other.occurred_at), "{needle}");
        }
        narrowed += usize::from(windows.len() < sealed.spans(&event.org).len());
    }
    assert!(narrowed > 0, "no needle narrowed anything");
    let nowhere = sealed.windows(&rows[0].1.org, &[(Column::Message, b"this stands nowhere")]);
    assert!(nowhere.is_empty());
    assert!(sealed.windows(&OrgId::new("nobody").unwrap(), &[]).is_empty());
}

#[test]
fn a_changed_byte_is_an_error_or_changes_nothing() {
    let rows = day_rows(4, 60);
    let folder = written(&rows);
    let path = folder.path().join(FILE);
    let bytes = fs::read(&path).unwrap();
    for at in 0..bytes.len() {
        let mut bad = bytes.clone();
        bad[at] ^= 0x10;
        fs::write(&path, bad).unwrap();
        let read = SealedRows::open(folder.path())
            .and_then(|sealed| Rows::Sealed(sealed).in_order().collect::<Result<Vec<_>, _>>());
        assert!(read.is_err(), "byte {at}");
    }
    for length in [0, 7, 8, 27, bytes.len() / 2, bytes.len() - 1] {
        fs::write(&path, &bytes[..length]).unwrap();
        assert!(SealedRows::open(folder.path()).is_err(), "{length} bytes");
    }
    fs::write(&path, &bytes[..bytes.len() - 30]).unwrap();
    let salvaged: Vec<_> = salvage(folder.path()).unwrap().iter().flat_map(|c| c.all_rows().unwrap()).collect();
    assert_eq!(salvaged, rows, "without a footer the groups are still there");
}
