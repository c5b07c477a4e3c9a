//! Which parts of a closed day are written into one. Every merge writes rows again, and every part costs each question a look: so
//! under load many parts of like size are merged at once, and when it is quiet a part is merged with whatever is not much smaller.

/// Parts that are merged at once under load: a row is written again once for each power of this that its day grows by.
const TOGETHER: usize = 8;
/// When it is quiet a part stays alone only beside ones that have less than this fraction of its rows.
const QUIET_FRACTION: u64 = 16;

/// From which part on a day is written anew, when `late` rows come to its `parts`: their number when it is the late rows alone.
pub(super) fn from(parts: &[u64], late: u64, is_quiet: bool) -> usize {
    let mut sizes = parts.to_vec();
    sizes.extend((late > 0).then_some(late));
    let behind = |at: usize| sizes[at + 1..].iter().sum::<u64>();
    let is_due = |at: &usize| match is_quiet {
        true => sizes[*at] <= behind(*at).saturating_mul(QUIET_FRACTION),
        false => sizes[*at] <= behind(*at),
    };
    let last = sizes.len().saturating_sub(1);
    let found = if is_quiet {
        (0..last).find(is_due)
    } else {
        // The shortest run that is long enough, so that large parts wait for others of their size.
        (0..(sizes.len() + 1).saturating_sub(TOGETHER)).rev().find(is_due)
    };
    found.unwrap_or(parts.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn under_load_parts_of_like_size_are_merged_together() {
        assert_eq!(from(&[], 100, false), 0);
        assert_eq!(from(&[100], 100, false), 1);
        assert_eq!(from(&[100; 7], 100, false), 0);
        assert_eq!(from(&[10_000, 100, 100, 100, 100, 100, 100, 100], 100, false), 1, "the large one waits");
        assert_eq!(from(&[800; 7], 800, false), 0, "for others of its size");
    }

    #[test]
    fn a_row_is_written_again_seldom() {
        let (mut parts, mut written, mut most) = (Vec::new(), 0, 0);
        for _ in 0..200 {
            let at = from(&parts, 100, false);
            let sum = parts.drain(at..).sum::<u64>() + 100;
            parts.push(sum);
            written += sum;
            most = most.max(parts.len());
        }
        assert!(written <= 20_000 * 4, "{written} rows for 20,000");
        assert!(most <= 3 * TOGETHER, "{most} parts");
    }

    #[test]
    fn when_it_is_quiet_few_parts_stay() {
        assert_eq!(from(&[100; 5], 0, true), 0);
        assert_eq!(from(&[10_000], 256, true), 1, "the late rows alone");
        assert_eq!(from(&[10_000, 256], 256, true), 1);
        assert_eq!(from(&[10_000, 500], 256, true), 0);
        assert_eq!(from(&[10_000, 700], 0, true), 0);
        assert_eq!(from(&[10_000], 0, true), 1, "nothing to do");
        assert_eq!(from(&[], 0, true), 0);
    }
}
