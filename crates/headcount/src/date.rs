//! Times for people: durations read, moments written.
//!
//! Moments are written in UTC, to the minute. There is no time zone database here.

use headcount_core::limits::Limits;

/// Reads a duration into seconds: `90s`, `30m`, `12h`, `7d`, or a bare number of seconds.
pub(crate) fn seconds(text: &str) -> Result<u32, String> {
    let unit_at = text
        .find(|letter: char| !letter.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let factor: u32 = match unit {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return Err("write a number and a unit, as in 90s, 30m, 12h or 7d".to_owned()),
    };
    number
        .parse::<u32>()
        .ok()
        .and_then(|number| number.checked_mul(factor))
        .filter(|&seconds| seconds > 0)
        .ok_or_else(|| "write a duration of at least one second and at most 136 years".to_owned())
}

/// Reads a spread into milliseconds: as [`seconds`] does, or `500ms`, and none at all. It is at most an hour.
pub(crate) fn spread(text: &str) -> Result<u32, String> {
    let milliseconds = match text.strip_suffix("ms") {
        Some(number) => number
            .parse()
            .map_err(|_| "write a number before `ms`, as in 500ms".to_owned())?,
        None if matches!(text, "0" | "0s" | "0m" | "0h" | "0d") => 0,
        None => seconds(text)?.saturating_mul(1_000),
    };
    if milliseconds > Limits::SPREAD_MS_MAX {
        Err("write at most 1h".to_owned())
    } else {
        Ok(milliseconds)
    }
}

/// Writes a time, milliseconds, in seconds to the tenth.
pub(crate) fn seconds_of(milliseconds: u32) -> String {
    let tenths = milliseconds.div_ceil(100);
    match tenths % 10 {
        0 => format!("{} s", tenths / 10),
        tenth => format!("{}.{tenth} s", tenths / 10),
    }
}

/// Writes a moment, milliseconds since the Unix epoch, as `2026-11-22 05:13 UTC`.
pub(crate) fn moment(unix_ms: u64) -> String {
    let minutes = unix_ms / 60_000;
    let (year, month, day) = civil(minutes / 1_440);
    let (hour, minute) = (minutes / 60 % 24, minutes % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02} UTC")
}

/// Year, month and day of a number of days since 1970-01-01, after Howard Hinnant's `civil_from_days`
/// (<https://howardhinnant.github.io/date_algorithms.html>): years begin in March, so that the leap day comes last.
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let era = days / 146_097;
    let day_of_era = days % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units() {
        assert_eq!(seconds("90"), Ok(90));
        assert_eq!(seconds("90s"), Ok(90));
        assert_eq!(seconds("30m"), Ok(1_800));
        assert_eq!(seconds("12h"), Ok(43_200));
        assert_eq!(seconds("7d"), Ok(604_800));
        for wrong in ["", "0", "0m", "m", "-1", "1w", "1 h", "9999999999", "4294967295d"] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_spread_is_at_most_an_hour() {
        assert_eq!(spread("500ms"), Ok(500));
        assert_eq!(spread("30"), Ok(30_000));
        assert_eq!(spread("1h"), Ok(3_600_000));
        assert_eq!((spread("0"), spread("0d")), (Ok(0), Ok(0)));
        for long in ["3601s", "2h", "3600001ms", "7d", "9000d"] {
            assert_eq!(spread(long), Err("write at most 1h".to_owned()), "{long}");
        }
        for wrong in ["", "ms", "soon", "1w"] {
            assert!(spread(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn moments_are_those_of_date() {
        // Expected values from `date -u -d @…`.
        assert_eq!(moment(0), "1970-01-01 00:00 UTC");
        assert_eq!(moment(951_782_400_000), "2000-02-29 00:00 UTC");
        assert_eq!(moment(1_795_318_473_149), "2026-11-22 03:34 UTC");
        assert_eq!(moment(4_107_542_399_000), "2100-02-28 23:59 UTC");
        assert_eq!(moment(4_107_542_400_000), "2100-03-01 00:00 UTC");
    }
}
