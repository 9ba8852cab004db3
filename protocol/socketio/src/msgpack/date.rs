//! Dates, as notepack.io writes them and as `JSON.stringify` does.

use std::fmt::Write as _;

/// Appends a date, in milliseconds since 1970, as JSON: its ISO text, or `null` past what JavaScript's dates reach.
pub(super) fn write_date(out: &mut String, ms: i64) {
    const REACH_MS: u64 = 8_640_000_000_000_000;
    const DAY_MS: i64 = 86_400_000;
    if ms.unsigned_abs() > REACH_MS {
        out.push_str("null");
        return;
    }
    let (year, month, day) = civil(ms.div_euclid(DAY_MS));
    let ms = ms.rem_euclid(DAY_MS);
    let (hour, minute, second, milli) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1_000 % 60, ms % 1_000);
    let year = match year {
        0..=9_999 => format!("{year:04}"),
        _ => format!("{year:+07}"),
    };
    // Writing to a String cannot fail.
    let _ = write!(out, "\"{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z\"");
}

/// Year, month and day of a day counted from 1970-01-01, in the Gregorian calendar. Years begin in March here, so that a leap
/// day is the last, and eras of 400 years are all alike.
fn civil(day: i64) -> (i64, i64, i64) {
    let day = day + 719_468;
    let (era, day) = (day.div_euclid(146_097), day.rem_euclid(146_097));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (year, month) = if month < 10 { (year, month + 3) } else { (year + 1, month - 9) };
    (era * 400 + year, month, day)
}
