//! Decimal numbers exactly as they were written. Money never becomes a double here, and is rounded once.

/// More digits or a larger exponent are no amount, latency or count of anything.
const MAX_CHARS: usize = 400;
const MAX_EXPONENT: i32 = 400;
/// Ten to this many places still fits the sums of [`crate::prices`].
const MAX_SCALE: u32 = 30;

/// A number: `digits` × 10^`exponent`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Decimal {
    negative: bool,
    /// ASCII, neither leading nor trailing zeros; empty for zero.
    digits: String,
    exponent: i32,
}

impl Decimal {
    /// Reads `12`, `-0.5`, `2.25e-4`; nothing else, and no unit.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.len() > MAX_CHARS {
            return None;
        }
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
            None => (text, 0),
        };
        if exponent.abs() > MAX_EXPONENT {
            return None;
        }
        let (negative, mantissa) = match mantissa.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, mantissa.strip_prefix('+').unwrap_or(mantissa)),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let mut digits = [whole, fraction].concat();
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let places = i32::try_from(fraction.len()).ok()?;
        let all = digits.len();
        digits.truncate(digits.trim_end_matches('0').len());
        let zeros = i32::try_from(all - digits.len()).ok()?;
        let digits = digits.trim_start_matches('0').to_owned();
        let exponent = if digits.is_empty() { 0 } else { exponent - places + zeros };
        Some(Self { negative: negative && !digits.is_empty(), digits, exponent })
    }

    /// Below zero.
    pub(crate) const fn is_negative(&self) -> bool {
        self.negative
    }

    /// The number times 10^`places`, rounded half to even; `None` when it does not fit.
    pub(crate) fn shifted(&self, places: i32) -> Option<i64> {
        let exponent = self.exponent + places;
        let rounded = if exponent >= 0 {
            let zeros = "0".repeat(usize::try_from(exponent).ok()?);
            read(&[&self.digits, zeros.as_str()].concat())?
        } else {
            let dropped = usize::try_from(exponent.unsigned_abs()).ok()?;
            match self.digits.len().checked_sub(dropped) {
                // Below a tenth of a unit.
                None => 0,
                Some(at) => {
                    let (kept, rest) = self.digits.split_at(at);
                    let kept = read(kept)?;
                    // The last digit is never zero, so that more than one digit is more than a half.
                    let up = match rest.as_bytes() {
                        [b'5'] => kept % 2 == 1,
                        [first, ..] => *first >= b'5',
                        [] => false,
                    };
                    kept.checked_add(i64::from(up))?
                }
            }
        };
        Some(if self.negative { -rounded } else { rounded })
    }

    /// The number, if it is whole and fits.
    pub(crate) fn whole(&self) -> Option<i64> {
        if self.exponent < 0 { None } else { self.shifted(0) }
    }

    /// Mantissa and number of decimals, for exact sums.
    pub(crate) fn scaled(&self) -> Option<(i128, u32)> {
        let mantissa: i128 = if self.digits.is_empty() { 0 } else { self.digits.parse().ok()? };
        let mantissa = if self.negative { -mantissa } else { mantissa };
        match u32::try_from(-self.exponent) {
            Ok(scale) => (scale <= MAX_SCALE).then_some((mantissa, scale)),
            Err(_) => {
                let factor = 10_i128.checked_pow(self.exponent.unsigned_abs())?;
                Some((mantissa.checked_mul(factor)?, 0))
            }
        }
    }
}

/// Digits as a number; no digits are zero.
fn read(digits: &str) -> Option<i64> {
    if digits.is_empty() { Some(0) } else { digits.parse().ok() }
}

/// A quotient rounded half to even. Both numbers are positive or zero, the divisor is not zero.
pub(crate) fn divide(number: i128, divisor: i128) -> i128 {
    let (quotient, rest) = (number / divisor, number % divisor);
    let up = match rest.cmp(&(divisor - rest)) {
        std::cmp::Ordering::Less => false,
        std::cmp::Ordering::Equal => quotient % 2 == 1,
        std::cmp::Ordering::Greater => true,
    };
    quotient + i128::from(up)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nano(text: &str) -> Option<i64> {
        Decimal::parse(text).and_then(|number| number.shifted(9))
    }

    #[test]
    fn amounts_are_exact_and_rounded_half_to_even() {
        for (text, nanos) in [
            ("0", 0),
            ("-0.0", 0),
            ("0.00022500000000000002", 225_000),
            ("9.625000000000001e-05", 96_250),
            ("8.6E-5", 86_000),
            ("12345678.123456789", 12_345_678_123_456_789),
            (".5", 500_000_000),
            ("3.", 3_000_000_000),
            (" 1e-9 ", 1),
            ("0.0000000005", 0),
            ("0.00000000050000000000000000000000000001", 1),
            ("0.0000000015", 2),
            ("0.0000000025", 2),
            ("0.0000000035", 4),
            ("0.00000000049999999999999999999999999999", 0),
            ("1e-300", 0),
            ("000123e-3", 123_000_000),
        ] {
            assert_eq!(nano(text), Some(nanos), "{text}");
        }
        assert_eq!(nano("9223372036.854775807"), Some(i64::MAX));
        for text in
            ["9223372036.8547758075", "1e300", "1e401", "", ".", "-", "NaN", "inf", "1,5", "0x10", "$1", "1e", "1 2"]
        {
            assert_eq!(nano(text), None, "{text}");
        }
        assert_eq!(nano(&"9".repeat(401)), None);
    }

    #[test]
    fn whole_numbers_are_whole() {
        let whole = |text| Decimal::parse(text).and_then(|number| number.whole());
        assert_eq!(whole("3.0"), Some(3));
        assert_eq!(whole("1e3"), Some(1_000));
        assert_eq!(whole("-7"), Some(-7));
        assert_eq!(whole("3.5"), None);
        assert_eq!(whole("9223372036854775808"), None);
    }

    #[test]
    fn quotients_round_half_to_even() {
        assert_eq!([5, 15, 25, 14, 16, 0].map(|n| divide(n, 10)), [0, 2, 2, 1, 2, 0]);
        assert_eq!(divide(i128::MAX, i128::MAX), 1);
    }

    #[test]
    fn a_scaled_number_keeps_every_decimal() {
        let scaled = |text| Decimal::parse(text).and_then(|number| number.scaled());
        assert_eq!(scaled("0.08333333333333334"), Some((8_333_333_333_333_334, 17)));
        assert_eq!(scaled("150"), Some((150, 0)));
        assert_eq!(scaled("1e-31"), None);
        assert_eq!(scaled("1e40"), None);
    }
}
