//! What of days is on disk: `days/<day>/store` and `index` while a day is written, `days/<day>/sealed-<n>` once it is closed.
//! Whatever a crash left half done is told apart by its name.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use system_log_model::Timestamp;
use system_log_model::clock::Day;

use super::Base;
use crate::failpoint::{self, Failpoint};
use crate::files;

const SEALED: &str = "sealed-";

/// The days that have a directory, ascending.
pub(crate) fn list(root: &Path) -> io::Result<Vec<Day>> {
    let mut days = Vec::new();
    for entry in fs::read_dir(root)? {
        let name = entry?.file_name();
        let name = name.to_string_lossy();
        let midnight = format!("{name}T00:00:00Z");
        if let Some(at) = Timestamp::parse(&midnight) {
            days.push(at.day());
        }
    }
    days.sort_unstable();
    Ok(days)
}

/// Finishes removals that were cut off.
pub(crate) fn finish_removals(directory: &Path) -> io::Result<()> {
    let root = directory.join("days");
    if !root.is_dir() {
        return Ok(());
    }
    for entry in fs::read_dir(root)? {
        let path = entry?.path();
        if path.extension().is_some_and(|e| e == "removed") {
            fs::remove_dir_all(path)?;
        }
    }
    Ok(())
}

/// The directory of a generation of a closed day.
pub(crate) fn sealed(day: &Path, generation: u32) -> PathBuf {
    day.join(format!("{SEALED}{generation}"))
}

/// Where a generation is written before it has its name.
pub(crate) fn unfinished(day: &Path, generation: u32) -> PathBuf {
    day.join(format!("{SEALED}{generation}.new"))
}

/// What a day's directory holds.
pub(crate) fn base(day: &Path) -> io::Result<Base> {
    if let Some(newest) = generations(day)?.last() {
        return Ok(Base::Sealed(*newest));
    }
    let is_live = day.join("store").is_dir();
    Ok(if is_live { Base::Live } else { Base::Nothing })
}

fn generations(day: &Path) -> io::Result<Vec<u32>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(day)? {
        let name = entry?.file_name();
        let number: Option<u32> = name.to_str().and_then(|name| name.strip_prefix(SEALED)).and_then(|n| n.parse().ok());
        found.extend(number);
    }
    found.sort_unstable();
    Ok(found)
}

/// Gives a finished generation its name, which then lasts.
pub(crate) fn finish(day: &Path, generation: u32) -> io::Result<()> {
    files::sync_directory(&unfinished(day, generation))?;
    failpoint::hit(Failpoint::DayName);
    fs::rename(unfinished(day, generation), sealed(day, generation))?;
    failpoint::hit(Failpoint::DayNamed);
    files::sync_directory(day)
}

/// Removes what a closed day has no more use for: its live form, older generations, unfinished ones.
pub(crate) fn tidy(day: &Path, generation: u32) -> io::Result<()> {
    let keep = sealed(day, generation);
    for entry in fs::read_dir(day)? {
        let path = entry?.path();
        if path != keep {
            failpoint::hit(Failpoint::DayTidy);
            fs::remove_dir_all(path)?;
        }
    }
    Ok(())
}
