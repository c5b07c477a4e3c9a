//! The commit log: the truth. One log for events, their keys and every change of the directory; an answer is given when its
//! frame is synced. What store and index make of it is not known here.

pub(crate) mod frame;
pub(crate) mod record;
pub(crate) mod recovery;
pub(crate) mod segment;
pub(crate) mod writer;
