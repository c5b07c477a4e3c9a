//! One file of keys: `entries | several | filter | trailer`. Entries are sorted by key and of one length, so that one is found
//! by halving; a group of several events has its days apart.
//!
//! An entry is `key 12 | sequence 4 | received 5 | day 2`, the last three as distances from what the trailer says. A day of
//! `0x7fff` means that "sequence" is a place in `several`: `sequence 8 | received 8 | days 2 | day 4 …`.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use system_log_model::Timestamp;
use system_log_model::clock::Day;
use tantivy::directory::OwnedBytes;

use crate::dedupe::{KeyHash, Remembered};
use crate::files;

pub(super) const UNFINISHED: &str = "unfinished";
const EXTENSION: &str = "keys";
const MAGIC: [u8; 8] = *b"SLKEYS\0\x01";
const KEY: usize = size_of::<KeyHash>();
const ENTRY: usize = KEY + 4 + 5 + 2;
/// The distance of a day that says "see `several`".
const SEVERAL: u16 = 0x7fff;
/// `base sequence 8 | base time 8 | newest time 8 | base day 4 | keys 4 | several 4 | filter 4 | checksum 4 | magic 8`.
const TRAILER: usize = 52;
/// Bits of the filter for each key, and how many of them a key sets.
const BITS: usize = 10;
const PROBES: usize = 6;
/// Bits of a block: one cache line, so that a lookup touches one.
const BLOCK: usize = 512;

/// A key and what it was used for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) key: KeyHash,
    pub(super) first: u64,
    pub(super) received: i64,
    days: Vec<Day>,
}

/// See the file's first lines.
#[derive(Debug)]
pub(super) struct Run {
    path: PathBuf,
    range: (u64, u64),
    bytes: OwnedBytes,
    base: Base,
    newest: i64,
    keys: usize,
    several: usize,
}

/// What an entry's numbers are distances from.
#[derive(Debug, Clone, Copy)]
struct Base {
    first: u64,
    received: i64,
    day: i32,
}

impl Entry {
    pub(super) fn of(key: &KeyHash, remembered: &Remembered) -> Self {
        let Remembered { received, first, days } = remembered;
        Self { key: *key, first: *first, received: received.micros(), days: days.clone() }
    }

    fn remembered(self) -> Remembered {
        Remembered { received: Timestamp::from_micros(self.received), first: self.first, days: self.days }
    }
}

impl Run {
    /// Opens a file; `None` when its name is not one of ours.
    pub(super) fn open(path: &Path) -> io::Result<Option<Self>> {
        let Some(range) = range_of(path) else {
            return Ok(None);
        };
        let bytes = files::map(path)?;
        let damaged = || io::Error::new(io::ErrorKind::InvalidData, "the file is damaged");
        Self::read(path, range, bytes).ok_or_else(damaged).map(Some)
    }

    fn read(path: &Path, range: (u64, u64), bytes: OwnedBytes) -> Option<Self> {
        let (body, trailer) = bytes.split_last_chunk::<TRAILER>()?;
        let word = |at: usize| trailer.get(at..at + 4)?.first_chunk::<4>().map(|b| u32::from_le_bytes(*b));
        let long = |at: usize| trailer.get(at..at + 8)?.first_chunk::<8>().map(|b| u64::from_le_bytes(*b));
        if trailer.last_chunk() != Some(&MAGIC) {
            return None;
        }
        let checked = bytes.get(..bytes.len() - 12)?;
        if crc32c::crc32c(checked) != word(TRAILER - 12)? {
            return None;
        }
        let base = Base { first: long(0)?, received: long(8)?.cast_signed(), day: word(24)?.cast_signed() };
        let (keys, several, filter) = (word(28)? as usize, word(32)? as usize, word(36)? as usize);
        let is_whole = keys.checked_mul(ENTRY)?.checked_add(several)?.checked_add(filter)? == body.len();
        let newest = long(16)?.cast_signed();
        is_whole.then(|| Self { path: path.to_owned(), range, bytes: bytes.clone(), base, newest, keys, several })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) const fn first(&self) -> u64 {
        self.range.0
    }

    pub(super) const fn last(&self) -> u64 {
        self.range.1
    }

    pub(super) const fn len(&self) -> usize {
        self.keys
    }

    /// When the first of its keys was received, in microseconds.
    pub(super) const fn oldest(&self) -> i64 {
        self.base.received
    }

    /// When the last of its keys was received, in microseconds.
    pub(super) const fn newest(&self) -> i64 {
        self.newest
    }

    /// Whether everything of another file is in this one.
    pub(super) fn covers(&self, other: &Self) -> bool {
        self.range != other.range && self.range.0 <= other.range.0 && other.range.1 <= self.range.1
    }

    /// What a key was used for.
    pub(super) fn get(&self, key: &KeyHash) -> Option<Remembered> {
        let filter = &self.bytes[self.keys * ENTRY + self.several..self.bytes.len() - TRAILER];
        if !may_hold(filter, key) {
            return None;
        }
        let (mut low, mut high) = (0, self.keys);
        while low < high {
            let middle = usize::midpoint(low, high);
            match self.key_at(middle).cmp(key) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
                std::cmp::Ordering::Equal => return self.entry(middle).map(Entry::remembered),
            }
        }
        None
    }

    fn key_at(&self, at: usize) -> KeyHash {
        self.bytes.get(at * ENTRY..).and_then(|bytes| bytes.first_chunk().copied()).unwrap_or_default()
    }

    fn entry(&self, at: usize) -> Option<Entry> {
        let bytes: &[u8; ENTRY] = self.bytes.get(at * ENTRY..)?.first_chunk()?;
        let (key, rest) = bytes.split_first_chunk::<KEY>()?;
        let sequence = u32::from_le_bytes(*rest.first_chunk()?);
        let mut received = [0; 8];
        received[..5].copy_from_slice(&rest[4..9]);
        let day = u16::from_le_bytes(*rest.last_chunk()?);
        if day != SEVERAL {
            return Some(Entry {
                key: *key,
                first: self.base.first + u64::from(sequence),
                received: self.base.received.wrapping_add_unsigned(u64::from_le_bytes(received)),
                days: vec![Day(self.base.day.wrapping_add_unsigned(u32::from(day)))],
            });
        }
        let several = self.bytes.get(self.keys * ENTRY..self.keys * ENTRY + self.several)?;
        let (first, rest) = several.get(sequence as usize..)?.split_first_chunk::<8>()?;
        let (received, rest) = rest.split_first_chunk::<8>()?;
        let (count, rest) = rest.split_first_chunk::<2>()?;
        let days = rest.get(..usize::from(u16::from_le_bytes(*count)) * 4)?.as_chunks::<4>().0;
        Some(Entry {
            key: *key,
            first: u64::from_le_bytes(*first),
            received: i64::from_le_bytes(*received),
            days: days.iter().map(|day| Day(i32::from_le_bytes(*day))).collect(),
        })
    }

    fn entries(&self) -> impl Iterator<Item = Entry> {
        (0..self.keys).filter_map(|at| self.entry(at))
    }

    /// One file of several, without the entries that need not be kept; of one key the newest use counts.
    pub(super) fn merge(
        directory: &Path,
        range: (u64, u64),
        parts: &[std::sync::Arc<Self>],
        keep: impl Fn(&Entry) -> bool,
    ) -> io::Result<Self> {
        let keys = parts.iter().map(|run| run.keys).sum();
        let mut sources: Vec<_> = parts.iter().map(|run| run.entries().peekable()).collect();
        // Of equal keys the one of the newest file comes first.
        let mut heads: BinaryHeap<Reverse<(KeyHash, Reverse<usize>)>> = BinaryHeap::new();
        for (at, source) in sources.iter_mut().enumerate() {
            heads.extend(source.peek().map(|entry| Reverse((entry.key, Reverse(at)))));
        }
        let mut before = None;
        let merged = std::iter::from_fn(|| {
            loop {
                let Reverse((key, Reverse(at))) = heads.pop()?;
                let entry = sources[at].next()?;
                heads.extend(sources[at].peek().map(|next| Reverse((next.key, Reverse(at)))));
                if before != Some(key) && keep(&entry) {
                    before = Some(key);
                    return Some(entry);
                }
            }
        });
        let base = Base {
            first: parts.iter().map(|run| run.base.first).min().unwrap_or_default(),
            received: parts.iter().map(|run| run.base.received).min().unwrap_or_default(),
            day: parts.iter().map(|run| run.base.day).min().unwrap_or_default(),
        };
        Self::write_from(directory, range, keys, base, merged)
    }

    /// Writes a file of sorted entries; it lasts when this returns.
    pub(super) fn write(
        directory: &Path,
        range: (u64, u64),
        keys: usize,
        entries: impl Iterator<Item = Entry> + Clone,
    ) -> io::Result<Self> {
        let base = Base {
            first: entries.clone().map(|entry| entry.first).min().unwrap_or_default(),
            received: entries.clone().map(|entry| entry.received).min().unwrap_or_default(),
            day: entries.clone().filter_map(|entry| entry.days.first().map(|day| day.0)).min().unwrap_or_default(),
        };
        Self::write_from(directory, range, keys, base, entries)
    }

    fn write_from(
        directory: &Path,
        range: (u64, u64),
        keys: usize,
        base: Base,
        entries: impl Iterator<Item = Entry>,
    ) -> io::Result<Self> {
        let name = format!("{:020}-{:020}", range.0, range.1);
        let unfinished = directory.join(&name).with_extension(UNFINISHED);
        let path = directory.join(&name).with_extension(EXTENSION);
        let mut out = BufWriter::with_capacity(1 << 18, File::create(&unfinished)?);
        let mut crc = 0;
        let mut put = |bytes: &[u8]| -> io::Result<()> {
            crc = crc32c::crc32c_append(crc, bytes);
            out.write_all(bytes)
        };
        let mut filter = vec![0_u8; (keys * BITS).div_ceil(BLOCK).max(1) * BLOCK / 8];
        let (mut several, mut count, mut newest) = (Vec::new(), 0_u32, i64::MIN);
        for entry in entries {
            put(&encode(&entry, base, &mut several))?;
            set(&mut filter, &entry.key);
            count += 1;
            newest = newest.max(entry.received);
        }
        put(&several)?;
        put(&filter)?;
        let mut trailer = Vec::with_capacity(TRAILER);
        trailer.extend_from_slice(&base.first.to_le_bytes());
        trailer.extend_from_slice(&base.received.to_le_bytes());
        trailer.extend_from_slice(&newest.to_le_bytes());
        trailer.extend_from_slice(&base.day.to_le_bytes());
        for length in [count as usize, several.len(), filter.len()] {
            let length = u32::try_from(length).map_err(|_| io::Error::other("more keys than a file can hold"))?;
            trailer.extend_from_slice(&length.to_le_bytes());
        }
        put(&trailer)?;
        out.write_all(&crc.to_le_bytes())?;
        out.write_all(&MAGIC)?;
        out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        fs::rename(&unfinished, &path)?;
        files::sync_directory(directory)?;
        Self::open(&path)?.ok_or_else(|| io::Error::other("a file of keys has a name that is not one"))
    }
}

fn range_of(path: &Path) -> Option<(u64, u64)> {
    if path.extension()? != EXTENSION {
        return None;
    }
    let (first, last) = path.file_stem()?.to_str()?.split_once('-')?;
    Some((first.parse().ok()?, last.parse().ok()?))
}

fn encode(entry: &Entry, base: Base, several: &mut Vec<u8>) -> [u8; ENTRY] {
    let sequence = u32::try_from(entry.first - base.first).ok();
    let received = entry.received.wrapping_sub(base.received).cast_unsigned();
    let day = match entry.days.as_slice() {
        [day] => u16::try_from(day.0.wrapping_sub(base.day)).ok().filter(|day| *day < SEVERAL),
        _ => None,
    };
    let (sequence, received, day) = match (sequence, day) {
        (Some(sequence), Some(day)) if received < 1 << 40 => (sequence, received, day),
        _ => {
            let at = several.len() as u32;
            several.extend_from_slice(&entry.first.to_le_bytes());
            several.extend_from_slice(&entry.received.to_le_bytes());
            several.extend_from_slice(&(entry.days.len() as u16).to_le_bytes());
            entry.days.iter().for_each(|day| several.extend_from_slice(&day.0.to_le_bytes()));
            (at, 0, SEVERAL)
        }
    };
    let mut bytes = [0; ENTRY];
    bytes[..KEY].copy_from_slice(&entry.key);
    bytes[KEY..KEY + 4].copy_from_slice(&sequence.to_le_bytes());
    bytes[KEY + 4..KEY + 9].copy_from_slice(&received.to_le_bytes()[..5]);
    bytes[KEY + 9..].copy_from_slice(&day.to_le_bytes());
    bytes
}

/// Which block of a filter a key belongs to, and the bits it sets there. A key is a digest already.
fn probes(blocks: usize, key: &KeyHash) -> (usize, impl Iterator<Item = usize> + use<>) {
    let word = |at: usize| key[at..].first_chunk::<4>().map_or(0, |bytes| u32::from_le_bytes(*bytes));
    let block = ((u64::from(word(8)) * blocks as u64) >> 32) as usize;
    let bits = (u64::from(word(0)) << 32) | u64::from(word(4));
    (block, (0..PROBES).map(move |n| (bits >> (9 * n)) as usize % BLOCK))
}

fn set(filter: &mut [u8], key: &KeyHash) {
    let (block, bits) = probes(filter.len() * 8 / BLOCK, key);
    for bit in bits {
        filter[block * BLOCK / 8 + bit / 8] |= 1 << (bit % 8);
    }
}

fn may_hold(filter: &[u8], key: &KeyHash) -> bool {
    let (block, mut bits) = probes(filter.len() * 8 / BLOCK, key);
    bits.all(|bit| filter.get(block * BLOCK / 8 + bit / 8).is_some_and(|byte| byte >> (bit % 8) & 1 == 1))
}
