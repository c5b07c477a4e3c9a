//! Which texts cannot contain a needle: a small filter over the 5-grams and the 3-grams of a group's folded texts in one column.
//!
//! One bit a gram, one hash, both kinds in one filter. A needle of `n` bytes asks for `n - 4` bits of the one and `n - 2` of the
//! other, so a group that passes by chance is rare for needles of seven bytes and more; those of three and four, which have no
//! 5-gram, are told by their few 3-grams. The spike behind the design measured trigram postings at about five times the bytes and
//! ten times the time; it was not repeated on this store.

use system_log_model::Event;
use system_log_model::text::fold;

use crate::chunk::{Chunk, ChunkError, Column};

/// Needles that are shorter, in bytes, cannot be looked up.
pub(crate) const SHORTEST: usize = 3;
/// Bytes of a long gram.
const LONG: usize = 5;
/// Columns that have a filter, in the order of the sealed format.
pub(crate) const FILTERED: [Column; 3] = [Column::Message, Column::Recipient, Column::Subject];
/// Bits a filter has before it is folded down to what its grams need.
const WIDEST: usize = 1 << 17;
/// A filter narrower than a word is not worth folding.
const NARROWEST: usize = 64;

/// Collects the grams of one group after the other.
pub(crate) struct Grams {
    words: Vec<u64>,
}

const fn hash(gram: [u8; 8]) -> usize {
    // The high bits of a product depend on all of the factor's.
    (u64::from_le_bytes(gram).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as usize
}

fn grams(text: &[u8]) -> impl Iterator<Item = usize> {
    let long = text.array_windows::<LONG>().map(|[a, b, c, d, e]| hash([*a, *b, *c, *d, *e, 0, 0, 0]));
    // The last byte tells a short gram from a long one that ends in zeros.
    let short = text.array_windows::<SHORTEST>().map(|[a, b, c]| hash([*a, *b, *c, 0, 0, 0, 0, 1]));
    long.chain(short)
}

impl Grams {
    pub(crate) fn new() -> Self {
        Self { words: vec![0; WIDEST / 64] }
    }

    /// The filter of some texts: a power of two of bytes, or nothing when there are too many grams for it to tell anything.
    pub(crate) fn filter<'t>(&mut self, texts: impl Iterator<Item = &'t str>) -> Vec<u8> {
        self.words.resize(WIDEST / 64, 0);
        self.words.fill(0);
        for text in texts {
            for bit in grams(fold(text).as_bytes()) {
                let bit = bit % WIDEST;
                self.words[bit / 64] |= 1 << (bit % 64);
            }
        }
        if self.ones() * 2 > WIDEST {
            return Vec::new();
        }
        // Half of a filter laid over the other half is the filter of half the size; a third of its bits may be set.
        while self.words.len() * 64 > NARROWEST {
            let half = self.words.len() / 2;
            let ones: usize = (0..half).map(|at| (self.words[at] | self.words[at + half]).count_ones() as usize).sum();
            if ones * 3 > half * 64 {
                break;
            }
            for at in 0..half {
                self.words[at] |= self.words[at + half];
            }
            self.words.truncate(half);
        }
        self.words.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    fn ones(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }
}

/// The filters of some rows, in the order of [`FILTERED`].
pub(crate) type Filters = [Box<[u8]>; FILTERED.len()];

/// Where a column's filter is among them.
pub(crate) fn place_of(column: Column) -> Option<usize> {
    FILTERED.iter().position(|filtered| *filtered == column)
}

/// A text of an event that has a filter.
pub(crate) fn text_of(event: &Event, column: Column) -> &str {
    match column {
        Column::Recipient => &event.recipient,
        Column::Subject => &event.subject,
        _ => &event.message,
    }
}

impl Grams {
    /// The filters of some events.
    pub(crate) fn of_events<'e>(&mut self, events: impl Iterator<Item = &'e Event> + Clone) -> Filters {
        FILTERED.map(|column| self.filter(events.clone().map(|event| text_of(event, column))).into())
    }

    /// The filters of a chunk's rows.
    pub(crate) fn of_chunk(&mut self, chunk: &Chunk) -> Result<Filters, ChunkError> {
        let mut filters = Filters::default();
        for (filter, column) in filters.iter_mut().zip(FILTERED) {
            let strings = chunk.strings(column)?;
            *filter = self.filter((0..chunk.rows).map(|row| strings.get(row).unwrap_or_default())).into();
        }
        Ok(filters)
    }
}

/// Whether a text behind a filter may contain a folded needle. Never wrong when it says no.
pub(crate) fn may_contain(filter: &[u8], needle: &[u8]) -> bool {
    let bits = filter.len() * 8;
    bits == 0 || grams(needle).all(|bit| filter[bit % bits / 8] >> (bit % 8) & 1 == 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_a_text_contains_is_never_denied(
            texts in proptest::collection::vec(".{0,40}", 1..40),
            at in any::<prop::sample::Index>(),
            from in any::<prop::sample::Index>(),
            length in 1_usize..12,
        ) {
            let filter = Grams::new().filter(texts.iter().map(String::as_str));
            let folded = fold(&texts[at.index(texts.len())]).into_owned();
            let characters: Vec<char> = folded.chars().collect();
            prop_assume!(!characters.is_empty());
            let from = from.index(characters.len());
            let needle: String = characters[from..].iter().take(length).collect();
            prop_assert!(may_contain(&filter, needle.as_bytes()));
        }
    }

    #[test]
    fn what_is_in_no_text_is_nearly_always_denied() {
        let texts: Vec<String> = (0..256).map(|n| format!("Webhook 503 from shop-{n}.example failed")).collect();
        let filter = Grams::new().filter(texts.iter().map(String::as_str));
        let passed = (0..1_000).filter(|n| may_contain(&filter, format!("absent-{n:04}").as_bytes())).count();
        assert!(passed < 20, "{passed} of 1000 needles that are nowhere passed");
        let short = (0..1_000).filter(|n| may_contain(&filter, format!("{n:03}x").as_bytes())).count();
        assert!(short < 250, "{short} of 1000 short needles that are nowhere passed");
        assert!(!may_contain(&filter, b"qzx"));
    }

    #[test]
    fn a_column_without_texts_denies_everything_and_a_full_one_nothing() {
        let empty = Grams::new().filter(["", "abc"].into_iter());
        assert!(!may_contain(&empty, b"abcde"));
        let wild: String =
            (0..400_000_u32).filter_map(|n| char::from_u32(n.wrapping_mul(2_654_435_761) >> 15)).collect();
        assert!(Grams::new().filter([wild.as_str()].into_iter()).is_empty());
        assert!(may_contain(&[], b"abcde"));
    }
}
