//! Rows to chunks.

use system_log_model::{Event, OrgId};

use super::column::{compress, put_entries, put_number, zigzag};
use super::{COLUMNS, ChunkError, HEADER, MAGIC, MAX_ROWS, TARGET_BYTES, VERSION};

/// A row: its sequence and what happened.
pub(crate) type Row<'a> = (u64, &'a Event);

/// Chunks for ascending rows of one organisation, each with its first sequence.
pub(crate) fn pack(org: &OrgId, rows: &[Row<'_>]) -> Result<Vec<(u64, Vec<u8>)>, ChunkError> {
    let mut chunks = Vec::new();
    let mut parts: Vec<&[Row<'_>]> = rows.chunks(MAX_ROWS).rev().collect();
    while let Some(part) = parts.pop() {
        let bytes = encode(org, part)?;
        if bytes.len() > TARGET_BYTES && part.len() > 1 {
            let (left, right) = part.split_at(part.len() / 2);
            parts.extend([right, left]);
        } else if let Some((first, _)) = part.first() {
            chunks.push((*first, bytes));
        }
    }
    Ok(chunks)
}

fn encode(org: &OrgId, rows: &[Row<'_>]) -> Result<Vec<u8>, ChunkError> {
    let bounds = rows.first().zip(rows.last());
    let ((first, _), (last, _)) = bounds.ok_or(ChunkError::Length)?;
    let mut table = Vec::with_capacity(8 * COLUMNS);
    let mut body = Vec::new();
    for raw in columns(rows)? {
        let raw_length = raw.len();
        let stored = compress(raw)?;
        for length in [raw_length, stored.len()] {
            let length = u32::try_from(length).map_err(|_| ChunkError::Length)?;
            table.extend_from_slice(&length.to_le_bytes());
        }
        body.extend_from_slice(&stored);
    }
    let org = org.as_str().as_bytes();
    let mut chunk = Vec::with_capacity(HEADER + table.len() + org.len() + body.len());
    chunk.extend_from_slice(&MAGIC);
    chunk.extend_from_slice(&[0; 4]);
    let org_length = u8::try_from(org.len()).map_err(|_| ChunkError::Length)?;
    chunk.extend_from_slice(&[VERSION, COLUMNS as u8, org_length, 0]);
    let count = u32::try_from(rows.len()).map_err(|_| ChunkError::Length)?;
    chunk.extend_from_slice(&count.to_le_bytes());
    chunk.extend_from_slice(&first.to_le_bytes());
    chunk.extend_from_slice(&last.to_le_bytes());
    for part in [&table[..], org, &body[..]] {
        chunk.extend_from_slice(part);
    }
    let crc = crc32c::crc32c(&chunk[8..]);
    chunk[4..8].copy_from_slice(&crc.to_le_bytes());
    Ok(chunk)
}

/// The columns in the order of the format, not compressed.
fn columns(rows: &[Row<'_>]) -> Result<[Vec<u8>; COLUMNS], ChunkError> {
    let (mut sequences, mut times, mut flags) = (Vec::new(), Vec::new(), Vec::new());
    let (mut sequence_before, mut time_before) = (rows.first().map_or(0, |r| r.0), 0_i64);
    for (sequence, event) in rows {
        put_number(&mut sequences, sequence.wrapping_sub(sequence_before));
        let (occurred, received) = (event.occurred_at.micros(), event.received_at.micros());
        put_number(&mut times, zigzag(occurred.wrapping_sub(time_before)));
        put_number(&mut times, zigzag(received.wrapping_sub(occurred)));
        flags.push(flags_of(event));
        (sequence_before, time_before) = (*sequence, occurred);
    }
    let text = |of: fn(&Event) -> &str| put_entries(rows.iter().map(|(_, e)| of(e).as_bytes()));
    let packed = |of: fn(&Event) -> Result<Vec<u8>, rmp_serde::encode::Error>| {
        let entries: Result<Vec<_>, _> = rows.iter().map(|(_, event)| of(event)).collect();
        let entries = entries.map_err(|error| ChunkError::Encode(error.to_string()))?;
        Ok::<_, ChunkError>(put_entries(entries.iter().map(Vec::as_slice)))
    };
    Ok([
        sequences,
        times,
        flags,
        text(|e| &e.kind),
        text(|e| &e.message),
        text(|e| &e.recipient),
        text(|e| &e.subject),
        packed(|e| e.actor.as_ref().map_or(Ok(Vec::new()), rmp_serde::to_vec))?,
        packed(|e| e.ai.as_ref().map_or(Ok(Vec::new()), rmp_serde::to_vec))?,
        packed(|e| rmp_serde::to_vec(&(&e.source, &e.change, &e.webhook, &e.attributes)))?,
    ])
}

/// `log 2 | severity 2 | category + 1: 3 | pre_auth 1`, low bits first.
fn flags_of(event: &Event) -> u8 {
    let category = event.category.map_or(0, |c| c.rank() + 1);
    event.log.rank() | event.severity.rank() << 2 | category << 4 | u8::from(event.pre_auth) << 7
}
