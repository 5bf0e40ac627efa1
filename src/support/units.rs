//! The one place where a number becomes text, and text a number with a unit.

use std::time::{SystemTime, UNIX_EPOCH};

/// `1500ms`, `12.3s`, `840µs`: three significant digits, the tutorial's spelling.
pub fn duration(seconds: f64) -> String {
    let magnitude = seconds.abs();
    if magnitude >= 600.0 {
        return format!("{:.0}min", seconds / 60.0);
    }
    if magnitude >= 10.0 {
        return format!("{seconds:.1}s");
    }
    if magnitude >= 0.01 {
        return format!("{:.0}ms", seconds * 1e3);
    }
    if magnitude >= 0.001 {
        return format!("{:.1}ms", seconds * 1e3);
    }
    format!("{:.0}µs", seconds * 1e6)
}

/// `1.2GB`, `480MB`, `3KB`: decimal units, as the tutorial writes them.
pub fn bytes(bytes: u64) -> String {
    let value = bytes as f64;
    if value >= 9.995e8 {
        return format!("{:.1}GB", value / 1e9);
    }
    if value >= 9.995e5 {
        return format!("{:.0}MB", value / 1e6);
    }
    if value >= 1e3 {
        return format!("{:.0}KB", value / 1e3);
    }
    format!("{bytes}B")
}

/// `75%`, and one decimal below ten percent (`4.8%`).
pub fn percent(share: f64) -> String {
    let value = share * 100.0;
    if value >= 9.95 || value == 0.0 { format!("{value:.0}%") } else { format!("{value:.1}%") }
}

/// `1,000`: counts with thousands separated.
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 query`, `1,000 queries`.
pub fn counted(n: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(n), if n == 1 { one } else { many })
}

/// `20260131T235959`: a time in UTC that sorts as text and is a fine file name.
pub fn timestamp(time: SystemTime) -> String {
    let (year, month, day, second) = civil(time);
    format!("{year:04}{month:02}{day:02}T{:02}{:02}{:02}", second / 3600, second / 60 % 60, second % 60)
}

/// `2026-01-31 23:59 UTC`, for people.
pub fn moment(time: SystemTime) -> String {
    let (year, month, day, second) = civil(time);
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02} UTC", second / 3600, second / 60 % 60)
}

/// Year, month, day and second of the day in UTC.
fn civil(time: SystemTime) -> (u64, u64, u64, u64) {
    let seconds = time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    // Howard Hinnant's days-to-civil algorithm, for dates after 1970.
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let day_of_era = shifted % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_index = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_index + 2) / 5 + 1;
    let month = if month_index < 10 { month_index + 3 } else { month_index - 9 };
    (year_of_era + era * 400 + u64::from(month <= 2), month, day, second)
}

/// Reads a duration with its unit (`250ms`, `10s`, `2m`, `1h`; a bare number is seconds), in seconds.
///
/// # Errors
/// A sentence that says what is accepted.
pub fn parse_duration(text: &str) -> Result<f64, String> {
    let text = text.trim();
    let split = text.find(|c: char| c.is_ascii_alphabetic() || c == 'µ').unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let factor = match unit.trim() {
        "" | "s" | "sec" => 1.0,
        "ms" => 1e-3,
        "us" | "µs" => 1e-6,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        _ => return Err(format!("`{text}` has no unit of time: use ms, s, m or h")),
    };
    match number.trim().parse::<f64>() {
        Ok(value) if value.is_finite() && value > 0.0 => Ok(value * factor),
        _ => Err(format!("`{text}` is not a duration: write it like 250ms, 10s or 5m")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_the_unit_that_reads_best() {
        let shown: Vec<_> = [2.0, 1.5, 12.34, 0.0421, 0.0042, 0.00084, 900.0].map(duration).into();
        assert_eq!(shown, ["2000ms", "1500ms", "12.3s", "42ms", "4.2ms", "840µs", "15min"]);
    }

    #[test]
    fn bytes_counts_and_shares_read_as_in_the_tutorial() {
        assert_eq!([1_200_000_000, 480_000_000, 3_000, 12].map(bytes), ["1.2GB", "480MB", "3KB", "12B"]);
        assert_eq!([0.75, 0.048, 0.0, 1.0].map(percent), ["75%", "4.8%", "0%", "100%"]);
        assert_eq!([1, 999, 1000, 1_234_567].map(count), ["1", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn timestamps_are_dates_in_utc() {
        let at = |seconds| timestamp(UNIX_EPOCH + std::time::Duration::from_secs(seconds));
        assert_eq!(at(0), "19700101T000000");
        assert_eq!(at(951_782_400), "20000229T000000");
        assert_eq!(at(1_795_390_215), "20261122T233015");
        assert_eq!(moment(UNIX_EPOCH + std::time::Duration::from_secs(1_795_390_215)), "2026-11-22 23:30 UTC");
    }

    #[test]
    fn durations_are_read_with_their_units() {
        assert_eq!(parse_duration("250ms"), Ok(0.25));
        assert_eq!(parse_duration("10"), Ok(10.0));
        assert_eq!(parse_duration("5m"), Ok(300.0));
        assert!(parse_duration("5 parsecs").is_err());
        assert!(parse_duration("-1s").is_err());
    }
}
