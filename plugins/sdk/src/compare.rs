//! Comparing bytes, eight at a time. The target's own comparison reads one after the other, and names of fields are compared
//! more often than anything else is done: in every map, for every field.

#![allow(unsafe_code, reason = "it takes the place of a function of the C library")]

/// What compilers call for slices and texts: below, at or above zero as the first bytes that differ are.
///
/// # Safety
/// Both addresses have that many bytes.
#[cfg_attr(target_arch = "wasm32", unsafe(no_mangle))]
pub(crate) unsafe extern "C" fn memcmp(left: *const u8, right: *const u8, bytes: usize) -> i32 {
    let mut at = 0;
    while at + 8 <= bytes {
        // SAFETY: eight more bytes are there; the address need not be a multiple of eight.
        let (l, r) =
            unsafe { (left.add(at).cast::<u64>().read_unaligned(), right.add(at).cast::<u64>().read_unaligned()) };
        if l != r {
            return if u64::from_be(l) < u64::from_be(r) { -1 } else { 1 };
        }
        at += 8;
    }
    while at < bytes {
        // SAFETY: one more byte is there.
        let (l, r) = unsafe { (left.add(at).read(), right.add(at).read()) };
        if l != r {
            return i32::from(l) - i32::from(r);
        }
        at += 1;
    }
    0
}

#[cfg(test)]
mod tests {
    use std::cmp::Ordering;

    use super::*;

    fn compared(left: &[u8], right: &[u8]) -> Ordering {
        // SAFETY: both have as many bytes as the shorter one.
        let order = unsafe { memcmp(left.as_ptr(), right.as_ptr(), left.len().min(right.len())) };
        order.cmp(&0).then(left.len().cmp(&right.len()))
    }

    #[test]
    fn bytes_are_in_the_order_that_slices_have() {
        let text = b"transaction.gateway_response_code";
        for from in 0..text.len() {
            for to in from..text.len() {
                let part = &text[from..to];
                assert_eq!(compared(part, part), Ordering::Equal);
                for at in 0..part.len() {
                    for byte in [0, 0x7f, 0x80, 0xff] {
                        let mut other = part.to_vec();
                        other[at] = byte;
                        assert_eq!(compared(part, &other), part.cmp(&other), "{other:?}");
                        assert_eq!(compared(&other, part), other.as_slice().cmp(part), "{other:?}");
                    }
                }
            }
        }
    }
}
