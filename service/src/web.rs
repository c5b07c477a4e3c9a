//! Plain HTTP on the public listener: the export as a download.

mod answer;
pub mod export;
mod params;
