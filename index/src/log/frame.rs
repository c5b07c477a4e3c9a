//! One frame: what one group commit writes. It says how long it is, which sequences it holds, and whether it is whole.
//!
//! `magic 4 | crc32c 4 | payload length 4 | raw length 4 | sequences 4 | kind 1 | first sequence 8 | payload`; the checksum
//! covers everything behind it. Little endian.

use std::io;

const MAGIC: [u8; 4] = *b"SLF1";
/// Bytes before the payload.
pub(crate) const HEADER: usize = 29;
/// Records, compressed with zstd.
const KIND_RECORDS: u8 = 1;
/// Fast enough for the one writer thread; the bytes are gone again when the days have them.
const LEVEL: i32 = 1;
/// More than any group commit: a longer length is damage and is never allocated.
pub(crate) const MAX_RAW: usize = 128 << 20;

/// A whole frame.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) first: u64,
    pub(crate) count: u64,
    pub(crate) raw: Vec<u8>,
}

/// Why bytes are not a whole frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FrameError {
    #[error("the frame is cut off")]
    Short,
    #[error("no frame begins here")]
    Magic,
    #[error("the checksum is wrong")]
    Checksum,
    #[error("the frame cannot be unpacked")]
    Payload,
}

impl Frame {
    /// The last sequence it holds.
    pub(crate) const fn last(&self) -> u64 {
        (self.first + self.count).saturating_sub(1)
    }
}

/// A frame's bytes.
pub(crate) fn encode(first: u64, count: u64, raw: &[u8]) -> io::Result<Vec<u8>> {
    let payload = zstd::bulk::compress(raw, LEVEL)?;
    let too_long = |_| io::Error::new(io::ErrorKind::InvalidInput, "a frame is too long");
    let mut body = Vec::with_capacity(HEADER + payload.len());
    body.extend_from_slice(&MAGIC);
    body.extend_from_slice(&[0; 4]);
    for number in [payload.len(), raw.len()] {
        body.extend_from_slice(&u32::try_from(number).map_err(too_long)?.to_le_bytes());
    }
    body.extend_from_slice(&u32::try_from(count).map_err(too_long)?.to_le_bytes());
    body.push(KIND_RECORDS);
    body.extend_from_slice(&first.to_le_bytes());
    body.extend_from_slice(&payload);
    let crc = crc32c::crc32c(&body[8..]);
    body[4..8].copy_from_slice(&crc.to_le_bytes());
    Ok(body)
}

/// The frame at the beginning of some bytes, and how many it takes.
pub(crate) fn decode(bytes: &[u8]) -> Result<(Frame, usize), FrameError> {
    let (header, rest) = bytes.split_first_chunk::<HEADER>().ok_or(FrameError::Short)?;
    if header[..4] != MAGIC {
        return Err(FrameError::Magic);
    }
    let number = |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
    let length = number(8) as usize;
    let raw_length = number(12) as usize;
    if length > MAX_RAW || raw_length > MAX_RAW || rest.len() < length {
        return Err(FrameError::Short);
    }
    let end = HEADER + length;
    if crc32c::crc32c(&bytes[8..end]) != number(4) {
        return Err(FrameError::Checksum);
    }
    if header[20] != KIND_RECORDS {
        return Err(FrameError::Payload);
    }
    let raw = zstd::bulk::decompress(&rest[..length], raw_length).map_err(|_| FrameError::Payload)?;
    let mut first = [0; 8];
    first.copy_from_slice(&header[21..HEADER]);
    let frame = Frame { first: u64::from_le_bytes(first), count: u64::from(number(16)), raw };
    Ok((frame, end))
}

/// Where the next whole frame begins, at or after `from`. Only damage makes this necessary.
pub(crate) fn find(bytes: &[u8], from: usize) -> Option<usize> {
    let tail = bytes.get(from..)?;
    memchr::memmem::find_iter(tail, &MAGIC).map(|at| from + at).find(|at| decode(&bytes[*at..]).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_read_back() {
        let bytes = encode(7, 3, b"some records").unwrap();
        let (frame, end) = decode(&bytes).unwrap();
        assert_eq!((frame.first, frame.last(), end), (7, 9, bytes.len()));
        assert_eq!(frame.raw, b"some records");
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_seen() {
        let bytes = encode(7, 3, b"some records").unwrap();
        for at in 0..bytes.len() * 8 {
            let mut bad = bytes.clone();
            bad[at / 8] ^= 1 << (at % 8);
            assert!(decode(&bad).is_err(), "bit {at}");
        }
        for length in 0..bytes.len() {
            assert!(decode(&bytes[..length]).is_err(), "cut at {length}");
        }
    }

    #[test]
    fn the_next_frame_is_found_behind_damage() {
        let mut bytes = b"SLF1 rubbish".to_vec();
        let at = bytes.len();
        bytes.extend(encode(1, 1, b"x").unwrap());
        assert_eq!(find(&bytes, 0), Some(at));
        assert_eq!(find(&bytes, at + 1), None);
    }
}
