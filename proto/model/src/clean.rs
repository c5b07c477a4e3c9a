//! The proof that an event has passed the guard.
//!
//! S1: the store takes [`Clean`] and nothing else, and only [`crate::Guard`] makes one, so that storing an unredacted event
//! does not compile.

use crate::event::Event;

/// An event without secrets, ready to be stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Clean(Event);

impl Clean {
    /// For the guard alone.
    pub(crate) const fn from_guarded(event: Event) -> Self {
        Self(event)
    }

    /// The event, to read.
    #[must_use]
    pub const fn event(&self) -> &Event {
        &self.0
    }

    /// The event, to keep.
    #[must_use]
    pub fn into_event(self) -> Event {
        self.0
    }
}
