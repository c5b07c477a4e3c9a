//! Does a value look made by a machine or by a person?
//!
//! Entropy per character cannot tell `WindowsUpdateAgent` from a key of that length. Neighbours can: in words most
//! pairs of letters are common ones and digits stand together, in random text few are and digits stand anywhere. The
//! share of *strange* pairs is about 0.7 in random base62, 0.55 in hex and below 0.2 in identifiers.

/// Which letters commonly follow `a`, `b`, … `z` in words and identifiers.
const FOLLOWERS: [&str; 26] = [
    "bcdgilmnprstuvy",
    "aeilorusy",
    "aehikloruty",
    "adeiorsuy",
    "acdeglmnprstvxyfi",
    "aefilorut",
    "aeghilnorsu",
    "aeiortuy",
    "abcdefglmnoprstvz",
    "aeous",
    "aeinosy",
    "adeiklostuvy",
    "abeimopsu",
    "acdefgikostuvy",
    "bcdfgiklmnoprstuvw",
    "aehiloprstuy",
    "u",
    "acdegikmnorstuvy",
    "acehikmopqstuwy",
    "aehiorstuwy",
    "abcdegilmnprst",
    "aeio",
    "aehinors",
    "aceipt",
    "acdeimnopst",
    "aeioz",
];

const COMMON: [u32; 26] = {
    let mut table = [0; 26];
    let mut row = 0;
    while row < 26 {
        let letters = FOLLOWERS[row].as_bytes();
        let mut at = 0;
        while at < letters.len() {
            table[row] |= 1 << (letters[at] - b'a');
            at += 1;
        }
        row += 1;
    }
    table
};

/// No more of a value is looked at: enough to decide, and it bounds the work of a hostile text.
const LOOK: usize = 72;

/// What a value is made of.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Shape {
    pub(super) looked: usize,
    pub(super) lower: usize,
    pub(super) upper: usize,
    pub(super) digits: usize,
    pub(super) hex: usize,
    pub(super) other: usize,
    natural: usize,
    strange: usize,
    /// Longest run of letters and digits.
    run: usize,
    distinct: u32,
}

impl Shape {
    /// Looks at the beginning of a value.
    pub(super) fn of(value: &[u8]) -> Self {
        let mut shape = Self::default();
        let (mut before, mut run, mut seen) = (0, 0, 0u128);
        for &byte in &value[..value.len().min(LOOK)] {
            shape.looked += 1;
            seen |= 1 << (byte & 0x7f);
            match byte {
                b'a'..=b'z' => shape.lower += 1,
                b'A'..=b'Z' => shape.upper += 1,
                b'0'..=b'9' => shape.digits += 1,
                _ => shape.other += 1,
            }
            shape.hex += usize::from(byte.is_ascii_hexdigit());
            run = if byte.is_ascii_alphanumeric() { run + 1 } else { 0 };
            shape.run = shape.run.max(run);
            shape.pair(before, byte);
            before = byte;
        }
        shape.distinct = seen.count_ones();
        shape
    }

    fn pair(&mut self, left: u8, right: u8) {
        let natural = match (left, right) {
            (b'0'..=b'9', b'0'..=b'9') => true,
            (b'a'..=b'z' | b'A'..=b'Z', b'a'..=b'z') | (b'A'..=b'Z', b'A'..=b'Z') => {
                let row = usize::from(left.to_ascii_lowercase() - b'a');
                COMMON[row] & (1 << (right.to_ascii_lowercase() - b'a')) != 0
            }
            (b'0'..=b'9', b'a'..=b'z' | b'A'..=b'Z') | (b'a'..=b'z' | b'A'..=b'Z', b'0'..=b'9') => false,
            // a separator, or camelCase: says nothing
            _ => return,
        };
        self.natural += usize::from(natural);
        self.strange += usize::from(!natural);
    }

    /// Share of strange pairs in per cent.
    pub(super) fn strangeness(&self) -> usize {
        100 * self.strange / (self.natural + self.strange).max(1)
    }

    pub(super) const fn letters(&self) -> usize {
        self.lower + self.upper
    }

    /// Letters only, apart from `other` signs.
    pub(super) const fn wordy(&self) -> bool {
        self.digits == 0 && self.letters() > 0
    }

    /// Digits and separators only.
    pub(super) const fn number(&self) -> bool {
        self.letters() == 0 && self.digits > 0
    }

    /// Hexadecimal of one case, nothing else.
    pub(super) const fn all_hex(&self) -> bool {
        self.hex == self.looked && (self.lower == 0 || self.upper == 0)
    }

    /// Made by a machine, when a key name has already said that a secret follows.
    pub(super) fn machine_made(&self) -> bool {
        let mixed = self.digits > 0 && self.letters() > 0;
        self.looked >= 8 && ((mixed && self.strangeness() >= 22) || (self.looked >= 12 && self.strangeness() >= 42))
    }

    /// Random on its own evidence.
    pub(super) fn random(&self) -> bool {
        let classes = usize::from(self.lower > 0) + usize::from(self.upper > 0) + usize::from(self.digits > 0);
        self.looked >= 16
            && self.run >= 10
            && classes >= 2
            && (self.digits >= 2 || (self.upper >= 3 && self.lower >= 3))
            && self.strangeness() >= 45
            && self.strange >= 7
            && self.distinct >= 9
    }
}

/// `8-4-4-4-12` hexadecimal.
pub(super) fn is_uuid(value: &[u8]) -> bool {
    value.len() == 36
        && value.iter().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// `0x` and hexadecimal: an address or a number, never a credential of ours to judge.
pub(super) fn is_pointer(value: &[u8]) -> bool {
    value.len() > 2
        && value.len() <= 34
        && (value.starts_with(b"0x") || value.starts_with(b"0X"))
        && value[2..].iter().all(u8::is_ascii_hexdigit)
}

/// 26 characters of Crockford's base 32 in one case: a ULID, which people and programs quote as an id.
fn is_ulid(value: &[u8]) -> bool {
    value.len() == 26
        && value[0] <= b'7'
        && value.iter().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase())
        && !value.iter().any(|b| matches!(b, b'I' | b'L' | b'O' | b'U'))
}

/// Beginnings of values that are long and random and no secrets.
const OPEN: [&[u8]; 17] = [
    b"sha1-",
    b"sha256-",
    b"sha384-",
    b"sha512-",
    b"sha1:",
    b"sha256:",
    b"SHA256:",
    b"sha512:",
    b"md5:",
    b"MD5:",
    b"arn:",
    b"data:",
    b"urn:",
    b"AAAAB3NzaC1",
    b"AAAAC3NzaC1",
    b"AAAAE2VjZHNh",
    b"pk_",
];

/// A public name, digest or id by its form.
pub(super) fn is_open(value: &[u8]) -> bool {
    is_uuid(value) || is_ulid(value) || is_pointer(value) || OPEN.iter().any(|open| value.starts_with(open))
}

/// The strictest judgement, for a bare word near a secret keyword: random, and in no form that ids and digests have.
pub(super) fn is_random_word(value: &[u8]) -> bool {
    if value.len() < 16 || is_open(value) || has_id_prefix(value) || is_address(value) {
        return false;
    }
    let shape = Shape::of(value);
    let token_like = value[..shape.looked]
        .iter()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=' | b'_' | b'-' | b'.' | b'~'));
    token_like && !shape.all_hex() && shape.run >= 16 && shape.random() && ksuid_free(value)
}

/// `req_…`, `cus_…`, `node-…`: a short word before the separator names what kind of id follows.
fn has_id_prefix(value: &[u8]) -> bool {
    value
        .iter()
        .take(12)
        .position(|b| matches!(b, b'_' | b'-' | b'.'))
        .is_some_and(|at| at >= 1 && value[..at].iter().all(u8::is_ascii_alphabetic))
}

/// E-mail addresses, URLs and paths.
fn is_address(value: &[u8]) -> bool {
    let slashes = value.iter().take(LOOK).filter(|b| **b == b'/').count();
    value.starts_with(b"/") || slashes > 2 || value.iter().take(LOOK).any(|b| matches!(b, b'@' | b':' | b'\\'))
}

/// 27 base62 characters are a KSUID.
const fn ksuid_free(value: &[u8]) -> bool {
    value.len() != 27
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_not_random_and_random_is() {
        for word in [
            "WindowsUpdateAgentService",
            "appattempt_1445144423722_0020_000002",
            "BlockManagerMasterEndpoint2",
            "org.apache.hadoop.mapreduce.v2.app.MRAppMaster",
            "password_reset_completed",
            "us-east-1a-prod-node-0017",
            "2024-05-01T12:33:44.123456Z",
        ] {
            assert!(!Shape::of(word.as_bytes()).random(), "{word}");
            assert!(!is_random_word(word.as_bytes()), "{word}");
        }
        for seed in 0..200 {
            let text = crate::guard::samples::Rng::new(seed).text(crate::guard::samples::ALNUM, 40);
            assert!(Shape::of(text.as_bytes()).random(), "{text}");
        }
    }

    #[test]
    fn known_forms_are_open() {
        assert!(is_open(b"550e8400-e29b-41d4-a716-446655440000"));
        assert!(is_open(b"01ARZ3NDEKTSV4RRFFQ69G5FAV"));
        assert!(is_open(b"0x14ed93111f20027"));
        assert!(!is_random_word(b"d41d8cd98f00b204e9800998ecf8427e"));
    }
}
