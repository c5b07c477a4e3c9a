//! Rows to chunks.

use system_log_model::Event;

use super::column::{compress, put_entries, put_number, unit_of, zigzag};
use super::{COLUMNS, ChunkError, HEADER, MAGIC, Shape, VERSION};

/// A row: its sequence and what happened.
pub(crate) type Row<'a> = (u64, &'a Event);

/// Chunks for rows that stand organisation by organisation, in their order; each with how many rows it holds.
pub(crate) fn pack(rows: &[Row<'_>], shape: Shape) -> Result<Vec<(usize, Vec<u8>)>, ChunkError> {
    let mut chunks = Vec::new();
    let mut parts: Vec<&[Row<'_>]> = rows.chunks(shape.rows).rev().collect();
    while let Some(part) = parts.pop() {
        let bytes = encode(part, shape.level)?;
        if bytes.len() > shape.bytes && part.len() > 1 {
            let (left, right) = part.split_at(part.len() / 2);
            parts.extend([right, left]);
        } else {
            chunks.push((part.len(), bytes));
        }
    }
    Ok(chunks)
}

fn encode(rows: &[Row<'_>], level: i32) -> Result<Vec<u8>, ChunkError> {
    let mut head = Vec::new();
    let spans: Vec<&[Row<'_>]> = rows.chunk_by(|a, b| a.1.org == b.1.org).collect();
    put_number(&mut head, spans.len() as u64);
    for span in &spans {
        let org = span.first().map_or("", |(_, event)| event.org.as_str());
        put_number(&mut head, org.len() as u64);
        head.extend_from_slice(org.as_bytes());
        put_number(&mut head, span.len() as u64);
        let (first, last) = bounds(span);
        put_number(&mut head, first);
        put_number(&mut head, last - first);
    }
    let mut body = Vec::new();
    for raw in columns(rows, &spans)? {
        put_number(&mut head, raw.len() as u64);
        let stored = compress(raw, level)?;
        put_number(&mut head, stored.len() as u64);
        body.extend_from_slice(&stored);
    }
    let mut chunk = Vec::with_capacity(HEADER + head.len() + body.len());
    chunk.extend_from_slice(&MAGIC);
    chunk.extend_from_slice(&[0; 4]);
    chunk.extend_from_slice(&[VERSION, COLUMNS as u8, 0, 0]);
    let length = u32::try_from(head.len()).map_err(|_| ChunkError::Length)?;
    chunk.extend_from_slice(&length.to_le_bytes());
    chunk.extend_from_slice(&head);
    chunk.extend_from_slice(&body);
    let crc = crc32c::crc32c(&chunk[8..]);
    chunk[4..8].copy_from_slice(&crc.to_le_bytes());
    Ok(chunk)
}

/// The lowest and the highest sequence.
fn bounds(span: &[Row<'_>]) -> (u64, u64) {
    span.iter().fold((u64::MAX, 0), |(low, high), (sequence, _)| (low.min(*sequence), high.max(*sequence)))
}

/// The columns in the order of the format, not compressed.
fn columns(rows: &[Row<'_>], spans: &[&[Row<'_>]]) -> Result<[Vec<u8>; COLUMNS], ChunkError> {
    let mut sequences = Vec::new();
    for span in spans {
        let mut before = bounds(span).0;
        for (sequence, _) in *span {
            put_number(&mut sequences, zigzag(sequence.wrapping_sub(before).cast_signed()));
            before = *sequence;
        }
    }
    let mut times = Vec::new();
    put_times(&mut times, rows.iter().map(|(_, event)| event.occurred_at.micros()));
    put_times(&mut times, rows.iter().map(|(_, event)| event.received_at.micros()));
    let text = |of: fn(&Event) -> &str| put_entries(rows.iter().map(|(_, e)| of(e).as_bytes()));
    let packed = |of: fn(&Event) -> Result<Vec<u8>, rmp_serde::encode::Error>| {
        let entries: Result<Vec<_>, _> = rows.iter().map(|(_, event)| of(event)).collect();
        let entries = entries.map_err(|error| ChunkError::Encode(error.to_string()))?;
        Ok::<_, ChunkError>(put_entries(entries.iter().map(Vec::as_slice)))
    };
    Ok([
        sequences,
        times,
        rows.iter().map(|(_, event)| flags_of(event)).collect(),
        text(|e| &e.kind),
        text(|e| &e.message),
        text(|e| &e.recipient),
        text(|e| &e.subject),
        packed(|e| e.actor.as_ref().map_or(Ok(Vec::new()), rmp_serde::to_vec))?,
        packed(|e| e.ai.as_ref().map_or(Ok(Vec::new()), rmp_serde::to_vec))?,
        packed(|e| rmp_serde::to_vec(&(&e.source, &e.change, &e.webhook, &e.attributes)))?,
    ])
}

/// A unit, then distances in it.
fn put_times(out: &mut Vec<u8>, times: impl Iterator<Item = i64> + Clone) {
    let unit = unit_of(times.clone());
    put_number(out, unit.cast_unsigned());
    let mut before = 0_i64;
    for time in times {
        let time = time / unit;
        put_number(out, zigzag(time.wrapping_sub(before)));
        before = time;
    }
}

/// `log 2 | severity 2 | category + 1: 3 | pre_auth 1`, low bits first.
fn flags_of(event: &Event) -> u8 {
    let category = event.category.map_or(0, |c| c.rank() + 1);
    event.log.rank() | event.severity.rank() << 2 | category << 4 | u8::from(event.pre_auth) << 7
}
