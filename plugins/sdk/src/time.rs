//! Times as providers write them: RFC 3339, with a space instead of the T or before `UTC`, seconds since 1970 as integer, float or text.
//! What is no time keeps its text; the host decides what is plausible.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde_json::Value;

use crate::event::SourceTime;
use crate::json::scalar;
use crate::text::cut;

/// The contract's limit for a source's own spelling.
const MAX_TEXT_BYTES: usize = 128;

/// Reads a JSON value as a time.
#[must_use]
pub fn read(value: &Value) -> SourceTime {
    let text = match value {
        Value::Array(_) | Value::Object(_) => value.to_string(),
        scalar_value => scalar(scalar_value),
    };
    let micros = match value {
        Value::Number(_) => seconds(&text),
        Value::String(written) => parse(written),
        _ => None,
    };
    SourceTime { micros, text: cut(&text, MAX_TEXT_BYTES).to_owned() }
}

/// Reads a text as a time.
#[must_use]
pub fn parse(text: &str) -> Option<i64> {
    let text = text.trim();
    if let Some(micros) = usual(text) {
        return Some(micros);
    }
    if let Ok(at) = text.parse::<jiff::Timestamp>() {
        return Some(at.as_microsecond());
    }
    if text.bytes().all(|b| b.is_ascii_digit() || b == b'.' || b == b'-') && !text.get(1..).unwrap_or("").contains('-')
    {
        return seconds(text);
    }
    // Without a zone: providers that leave it out mean UTC, and some say so in words.
    let text = [" UTC", " GMT"].iter().find_map(|zone| text.strip_suffix(zone)).unwrap_or(text);
    let civil: DateTime = text.parse().ok()?;
    Some(TimeZone::UTC.to_timestamp(civil).ok()?.as_microsecond())
}

/// `2018-03-16T20:46:35Z` with at most six decimals, as nearly everybody writes it. Everything else, a leap second or a wrong
/// date among it, is left to those who know all spellings.
fn usual(text: &str) -> Option<i64> {
    let (head, tail) = text.as_bytes().split_at_checked(19)?;
    let tail = tail.strip_suffix(b"Z")?;
    let decimals = if tail.is_empty() { tail } else { tail.strip_prefix(b".")? };
    let layout = [head[4], head[7], head[10], head[13], head[16]];
    let fits = layout == *b"--T::" && decimals.len() <= 6;
    let number = |digits: &[u8]| {
        digits.iter().try_fold(0_i64, |sum, digit| digit.is_ascii_digit().then(|| sum * 10 + i64::from(digit - b'0')))
    };
    let [year, month, day] = [number(&head[..4])?, number(&head[5..7])?, number(&head[8..10])?];
    let [hour, minute, second] = [number(&head[11..13])?, number(&head[14..16])?, number(&head[17..])?];
    // Days that every month has: the others are looked up where calendars are known.
    if !fits
        || year < 1
        || !(1..=12).contains(&month)
        || !(1..=28).contains(&day)
        || hour > 23
        || minute > 59
        || second > 59
    {
        return None;
    }
    let micros = number(decimals)? * 10_i64.pow(6 - u32::try_from(decimals.len()).ok()?);
    // Years begin in March here, so that a leap day is the last of its year.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day - 1 - DAYS_TO_1970;
    Some((days * 86_400 + hour * 3_600 + minute * 60 + second) * 1_000_000 + micros)
}

/// From the first of March of the year 0.
const DAYS_TO_1970: i64 = 719_468;

/// Seconds since 1970 with any number of decimals, exact to the microsecond as the decimals are written; a double of a
/// provider's own rounding says the same.
#[must_use]
pub fn seconds(text: &str) -> Option<i64> {
    if text.contains(['e', 'E']) {
        return rounded(text.parse().ok()?);
    }
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let (sign, digits) = whole.strip_prefix('-').map_or((1, whole), |digits| (-1, digits));
    let whole: i64 = digits.parse().ok()?;
    if !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let decimals = fraction.bytes().map(|digit| i64::from(digit - b'0')).chain(std::iter::repeat(0));
    let micros = decimals.take(6).fold(0, |micros, digit| micros * 10 + digit);
    let round_up = i64::from(fraction.as_bytes().get(6).is_some_and(|digit| *digit >= b'5'));
    whole.checked_mul(1_000_000)?.checked_add(micros + round_up)?.checked_mul(sign)
}

/// The UTC date of a time: `2026-11-22`. Empty for a time that is none.
#[must_use]
pub fn date(micros: i64) -> String {
    jiff::Timestamp::from_microsecond(micros)
        .map(|at| TimeZone::UTC.to_datetime(at).date())
        .map(|date| format!("{:04}-{:02}-{:02}", date.year(), date.month(), date.day()))
        .unwrap_or_default()
}

fn rounded(seconds: f64) -> Option<i64> {
    let micros = (seconds * 1e6).round();
    #[expect(clippy::cast_possible_truncation, reason = "checked against the range of exact integers")]
    (micros.abs() < 9e15).then_some(micros as i64)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_spelling_means_the_same_instant() {
        let micros = Some(1_521_233_195_375_624);
        for value in [
            json!(1_521_233_195.375_624),
            json!("1521233195.375624"),
            json!("2018-03-16T20:46:35.375624Z"),
            json!("2018-03-16T21:46:35.375624+01:00"),
            json!("2018-03-16 20:46:35.375624"),
            json!("2018-03-16 20:46:35.375624 UTC"),
        ] {
            assert_eq!(read(&value).micros, micros, "{value}");
        }
        assert_eq!(read(&json!(1_521_233_195)).micros, Some(1_521_233_195_000_000));
        assert_eq!(read(&json!("1420255392.850187")).micros, Some(1_420_255_392_850_187));
    }

    #[test]
    fn the_usual_spelling_is_read_as_the_calendar_has_it() {
        for year in [1_i64, 4, 1582, 1900, 1969, 1970, 1972, 2000, 2024, 2026, 2100, 9998] {
            for (month, day) in (1..=12).flat_map(|month| (1..=28).map(move |day| (month, day))) {
                for tail in ["", ".5", ".000001", ".123456"] {
                    let text = format!("{year:04}-{month:02}-{day:02}T23:59:5{}{tail}Z", day % 10);
                    let at: jiff::Timestamp = text.parse().expect("a time");
                    assert_eq!(usual(&text), Some(at.as_microsecond()), "{text}");
                }
            }
        }
        for other in [
            "2024-02-29T00:00:00Z",
            "2024-02-28T00:00:60Z",
            "2024-02-28T24:00:00Z",
            "2024-02-28 00:00:00Z",
            "2024-02-28T00:00:00",
            "2024-02-28T00:00:00+00:00",
            "2024-02-28T00:00:00.1234567Z",
            "2024-02-28T00:00:0éZ",
            "2024-13-28T00:00:00Z",
            "2024-00-28T00:00:00Z",
            "-024-02-28T00:00:00Z",
            "",
        ] {
            assert_eq!(usual(other), None, "{other}");
        }
        assert_eq!(parse("2024-02-29T00:00:00Z"), Some(1_709_164_800_000_000));
    }

    #[test]
    fn dates_are_those_of_utc() {
        for (micros, expected) in [
            (0, "1970-01-01"),
            (-1, "1969-12-31"),
            (1_795_391_999_999_999, "2026-11-22"),
            (1_795_392_000_000_000, "2026-11-23"),
            (1_709_208_000_000_000, "2024-02-29"),
            (i64::MAX, ""),
        ] {
            assert_eq!(date(micros), expected, "{micros}");
        }
    }

    #[test]
    fn what_is_no_time_keeps_its_text() {
        for value in [json!("yesterday"), json!("NaN"), json!(true), json!({"a": 1}), json!("2018-13-01T00:00:00Z")] {
            let time = read(&value);
            assert_eq!(time.micros, None, "{value}");
            assert!(!time.text.is_empty());
        }
        assert_eq!(read(&json!(1e18)).micros, None, "not even a year");
        assert_eq!(read(&json!(-1)).micros, Some(-1_000_000));
    }
}
