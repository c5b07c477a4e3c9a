//! Reading the log: at open, when a day must be rebuilt, and by `verify`. A torn tail is what a crash leaves and is cut;
//! damage before whole frames is reported and stepped over, and never a panic.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use super::frame::{self, Frame, FrameError};
use super::segment;

/// A part of the log that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Damage {
    pub(crate) path: PathBuf,
    /// Where it begins, in bytes.
    pub(crate) offset: usize,
    /// How long it is, in bytes.
    pub(crate) length: usize,
    /// Why the first of it could not be read.
    pub(crate) cause: FrameError,
    /// Sequences that are missing from here to the next whole frame.
    pub(crate) lost: u64,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        write!(
            f,
            "log {name}: {} bytes from {}: {}; {} sequences are missing",
            self.length, self.offset, self.cause, self.lost
        )
    }
}

/// What reading the log came to.
#[derive(Debug, Default)]
pub(crate) struct Recovered {
    /// The last sequence of any whole frame, 0 for none.
    pub(crate) last: u64,
    /// Bytes of the torn tail.
    pub(crate) torn: usize,
    pub(crate) damage: Vec<Damage>,
}

/// Hands over every whole frame that ends above `above`, in order, reading only.
pub(crate) fn read(directory: &Path, above: u64, mut visit: impl FnMut(Frame)) -> io::Result<Recovered> {
    walk(directory, above, &mut visit, false)
}

/// The same, and makes the log fit to be continued: the torn tail is cut and what remains is synced, because a killed
/// process may have left frames that only the page cache has.
pub(crate) fn recover(directory: &Path, above: u64, mut visit: impl FnMut(Frame)) -> io::Result<Recovered> {
    walk(directory, above, &mut visit, true)
}

fn walk(directory: &Path, above: u64, visit: &mut dyn FnMut(Frame), repair: bool) -> io::Result<Recovered> {
    let files = segment::list(directory)?;
    let mut recovered = Recovered::default();
    for (index, (first, path)) in files.iter().enumerate() {
        let next = files.get(index + 1).map(|(first, _)| *first);
        if next.is_some_and(|next| next <= above + 1) {
            continue; // wholly below
        }
        let bytes = fs::read(path)?;
        let end = walk_file(path, *first, &bytes, above, visit, &mut recovered, next);
        if repair && next.is_none() {
            let file = OpenOptions::new().write(true).open(path)?;
            if end < bytes.len() {
                recovered.torn = bytes.len() - end;
                file.set_len(end as u64)?;
            }
            file.sync_all()?;
        } else if next.is_none() {
            recovered.torn = bytes.len() - end;
        }
    }
    if repair {
        crate::files::sync_directory(directory)?;
    }
    Ok(recovered)
}

/// Returns where the last whole frame ends.
fn walk_file(
    path: &Path,
    first: u64,
    bytes: &[u8],
    above: u64,
    visit: &mut dyn FnMut(Frame),
    recovered: &mut Recovered,
    next_file: Option<u64>,
) -> usize {
    let has_header = bytes.starts_with(&segment::HEADER);
    let mut at = segment::HEADER.len().min(bytes.len());
    let mut broken = (!has_header && !bytes.is_empty()).then_some((0, FrameError::Magic));
    let mut expected = first;
    loop {
        let cause = match frame::decode(bytes.get(at..).unwrap_or_default()) {
            Ok((frame, length)) => {
                if let Some((offset, cause)) = broken.take() {
                    let lost = frame.first.saturating_sub(expected);
                    recovered.damage.push(Damage { path: path.to_owned(), offset, length: at - offset, cause, lost });
                }
                at += length;
                expected = frame.last() + 1;
                recovered.last = recovered.last.max(frame.last());
                if frame.last() > above {
                    visit(frame);
                }
                continue;
            }
            Err(cause) => cause,
        };
        if at == bytes.len() && broken.is_none() {
            return at;
        }
        let (offset, cause) = *broken.get_or_insert((at, cause));
        if let Some(found) = frame::find(bytes, at) {
            at = found;
            continue;
        }
        // Nothing whole follows: the torn tail of the newest file, damage anywhere else.
        if let Some(next) = next_file {
            recovered.damage.push(Damage {
                path: path.to_owned(),
                offset,
                length: bytes.len() - offset,
                cause,
                lost: next.saturating_sub(expected),
            });
        }
        return offset;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log_of(frames: &[(u64, u64)]) -> (tempfile::TempDir, PathBuf, Vec<usize>) {
        let folder = tempfile::tempdir().unwrap();
        let mut bytes = segment::HEADER.to_vec();
        let mut ends = vec![bytes.len()];
        for (first, count) in frames {
            bytes.extend(frame::encode(*first, *count, &[7; 500]).unwrap());
            ends.push(bytes.len());
        }
        let path = segment::path(folder.path(), 1);
        fs::write(&path, bytes).unwrap();
        (folder, path, ends)
    }

    fn firsts(folder: &Path, above: u64) -> (Vec<u64>, Recovered) {
        let mut firsts = Vec::new();
        let recovered = recover(folder, above, |frame| firsts.push(frame.first)).unwrap();
        (firsts, recovered)
    }

    #[test]
    fn a_torn_tail_is_cut_wherever_it_tore() {
        for cut in 1..30 {
            let (folder, path, ends) = log_of(&[(1, 2), (3, 1)]);
            let bytes = fs::read(&path).unwrap();
            fs::write(&path, &bytes[..bytes.len() - cut]).unwrap();
            let (found, recovered) = firsts(folder.path(), 0);
            assert_eq!((found, recovered.last), (vec![1], 2), "cut {cut}");
            assert!(recovered.damage.is_empty() && recovered.torn > 0);
            assert_eq!(fs::metadata(&path).unwrap().len(), ends[1] as u64);
        }
    }

    #[test]
    fn a_tail_of_zeros_is_a_torn_tail() {
        let (folder, path, ends) = log_of(&[(1, 2)]);
        let mut bytes = fs::read(&path).unwrap();
        bytes.extend([0; 4096]);
        fs::write(&path, bytes).unwrap();
        let (found, recovered) = firsts(folder.path(), 0);
        assert_eq!((found, recovered.torn), (vec![1], 4096));
        assert_eq!(fs::metadata(&path).unwrap().len(), ends[1] as u64);
    }

    #[test]
    fn damage_before_whole_frames_is_named_and_stepped_over() {
        let (folder, path, ends) = log_of(&[(1, 2), (3, 4), (7, 1)]);
        let mut bytes = fs::read(&path).unwrap();
        bytes[ends[1] + 40] ^= 1;
        fs::write(&path, &bytes).unwrap();
        let (found, recovered) = firsts(folder.path(), 0);
        assert_eq!(found, [1, 7]);
        let damage = &recovered.damage[0];
        assert_eq!((damage.offset, damage.lost), (ends[1], 4));
        assert_eq!(damage.cause, FrameError::Checksum);
        assert_eq!(fs::read(&path).unwrap(), bytes, "nothing is cut away");
    }

    #[test]
    fn what_is_below_the_position_is_not_handed_over() {
        let (folder, ..) = log_of(&[(1, 2), (3, 4), (7, 1)]);
        assert_eq!(firsts(folder.path(), 6).0, [7]);
        assert_eq!(firsts(folder.path(), 5).0, [3, 7], "a frame is never split");
    }

    #[test]
    fn a_file_without_its_header_is_a_torn_beginning() {
        let (folder, path, _) = log_of(&[]);
        fs::write(&path, b"SLO").unwrap();
        let (found, recovered) = firsts(folder.path(), 0);
        assert!(found.is_empty() && recovered.damage.is_empty());
    }
}
