//! The building blocks of a column: numbers of variable length, lists of texts, compression with reused contexts.

use std::cell::RefCell;
use std::ops::Range;

use super::ChunkError;

/// Units that times are given in, in microseconds: many senders know no more than milliseconds or seconds.
const UNITS: [i64; 2] = [1_000_000, 1_000];
/// Below this zstd's own header eats the gain.
const WORTH_COMPRESSING: usize = 24;

thread_local! {
    // A context is some hundred kilobytes to set up and a chunk is six.
    static COMPRESSOR: RefCell<Option<zstd::bulk::Compressor<'static>>> = const { RefCell::new(None) };
    static DECOMPRESSOR: RefCell<Option<zstd::bulk::Decompressor<'static>>> = const { RefCell::new(None) };
}

/// The shorter of the raw and the compressed form.
pub(super) fn compress(raw: Vec<u8>, level: i32) -> Result<Vec<u8>, ChunkError> {
    if raw.len() < WORTH_COMPRESSING {
        return Ok(raw);
    }
    let failed = |e: std::io::Error| ChunkError::Encode(e.to_string());
    let small = COMPRESSOR.with_borrow_mut(|slot| {
        if slot.is_none() {
            *slot = Some(zstd::bulk::Compressor::new(level).map_err(failed)?);
        }
        match slot {
            Some(compressor) => {
                compressor.set_compression_level(level).map_err(failed)?;
                compressor.compress(&raw).map_err(failed)
            }
            None => Ok(Vec::new()),
        }
    })?;
    Ok(if small.len() < raw.len() { small } else { raw })
}

/// Undoes [`compress`]; `None` when the bytes are not of that length.
pub(super) fn decompress(stored: &[u8], raw_length: usize) -> Option<Vec<u8>> {
    if stored.len() == raw_length {
        return Some(stored.to_vec());
    }
    let raw = DECOMPRESSOR.with_borrow_mut(|slot| {
        if slot.is_none() {
            *slot = Some(zstd::bulk::Decompressor::new().ok()?);
        }
        slot.as_mut()?.decompress(stored, raw_length).ok()
    })?;
    (raw.len() == raw_length).then_some(raw)
}

/// Seven bits a byte, low ones first.
pub(crate) fn put_number(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

/// Takes what [`put_number`] wrote off the front.
pub(crate) fn take_number(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        let part = u64::from(byte & 0x7f);
        if part << shift >> shift != part {
            return None;
        }
        value |= part << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// Small for numbers near zero of either sign.
pub(super) const fn zigzag(value: i64) -> u64 {
    (value << 1 ^ value >> 63).cast_unsigned()
}

pub(super) const fn unzigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -(value & 1).cast_signed()
}

/// The coarsest unit that all times are whole numbers of.
pub(super) fn unit_of(times: impl Iterator<Item = i64> + Clone) -> i64 {
    let is_whole = |unit: &i64| times.clone().all(|time| time % unit == 0);
    UNITS.into_iter().find(is_whole).unwrap_or(1)
}

/// Lengths, then bytes; nothing at all when every entry is empty.
pub(super) fn put_entries<'a>(entries: impl Iterator<Item = &'a [u8]> + Clone) -> Vec<u8> {
    let mut out = Vec::new();
    if entries.clone().all(<[u8]>::is_empty) {
        return out;
    }
    for entry in entries.clone() {
        put_number(&mut out, entry.len() as u64);
    }
    for entry in entries {
        out.extend_from_slice(entry);
    }
    out
}

/// A column of byte strings.
#[derive(Debug)]
pub(super) struct Entries {
    bytes: Vec<u8>,
    /// Where each ends; the first begins at `start`.
    ends: Vec<usize>,
    start: usize,
}

impl Entries {
    pub(super) fn read(bytes: Vec<u8>, rows: usize) -> Option<Self> {
        if bytes.is_empty() {
            let ends = vec![0; rows];
            return Some(Self { bytes, ends, start: 0 });
        }
        let mut rest = bytes.as_slice();
        let mut ends = Vec::with_capacity(rows);
        let mut sum = 0_usize;
        for _ in 0..rows {
            let length = usize::try_from(take_number(&mut rest)?).ok()?;
            sum = sum.checked_add(length)?;
            ends.push(sum);
        }
        let start = bytes.len() - rest.len();
        if rest.len() != sum {
            return None;
        }
        ends.iter_mut().for_each(|end| *end += start);
        Some(Self { bytes, ends, start })
    }

    fn range(&self, row: usize) -> Option<Range<usize>> {
        let end = *self.ends.get(row)?;
        let begin = match row.checked_sub(1) {
            Some(before) => *self.ends.get(before)?,
            None => self.start,
        };
        Some(begin..end)
    }

    pub(super) fn get(&self, row: usize) -> Option<&[u8]> {
        self.bytes.get(self.range(row)?)
    }
}

/// A column of texts.
#[derive(Debug)]
pub(crate) struct Strings {
    text: String,
    ends: Vec<usize>,
    start: usize,
}

impl Strings {
    pub(super) fn read(bytes: Vec<u8>, rows: usize) -> Option<Self> {
        let Entries { bytes, ends, start } = Entries::read(bytes, rows)?;
        // Lengths of 128 and more are not UTF-8; only the texts behind them are.
        let text = String::from_utf8(bytes.get(start..)?.to_vec()).ok()?;
        let ends: Vec<usize> = ends.into_iter().map(|end| end - start).collect();
        let fits = ends.iter().all(|end| text.is_char_boundary(*end));
        fits.then_some(Self { text, ends, start: 0 })
    }

    pub(crate) fn get(&self, row: usize) -> Option<&str> {
        let end = *self.ends.get(row)?;
        let begin = match row.checked_sub(1) {
            Some(before) => *self.ends.get(before)?,
            None => self.start,
        };
        self.text.get(begin..end)
    }

    /// Where each of some rows ends in [`Strings::joined`] of them.
    pub(crate) fn ends(&self, rows: Range<usize>) -> impl Iterator<Item = usize> {
        let begin = rows.start.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(self.start);
        self.ends.get(rows).unwrap_or_default().iter().map(move |end| end - begin)
    }

    /// The texts of some rows, without anything between them.
    pub(crate) fn joined(&self, rows: Range<usize>) -> &str {
        let begin = rows.start.checked_sub(1).map_or(Some(self.start), |before| self.ends.get(before).copied());
        let end = rows.end.checked_sub(1).map_or(Some(self.start), |last| self.ends.get(last).copied());
        begin.zip(end).and_then(|(begin, end)| self.text.get(begin..end)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_back() {
        for value in [0, 1, 127, 128, 300, u64::MAX - 1, u64::MAX] {
            let mut bytes = Vec::new();
            put_number(&mut bytes, value);
            let mut rest = bytes.as_slice();
            assert_eq!(take_number(&mut rest), Some(value));
            assert!(rest.is_empty());
        }
        for value in [0, -1, 1, i64::MIN, i64::MAX] {
            assert_eq!(unzigzag(zigzag(value)), value);
        }
        assert_eq!(take_number(&mut [0xff; 11].as_slice()), None);
        assert_eq!(take_number(&mut [0x80].as_slice()), None);
    }
}
