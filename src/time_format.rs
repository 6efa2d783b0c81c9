//! Times for display: as durations and in UTC.

use jiff::{SignedDuration, Timestamp};

/// Formats a duration: minutes below two hours, hours below four days, else days, such as `47 h`.
/// Below a minute it is `less than a minute`.
pub fn duration(length: SignedDuration) -> String {
    let minutes = length.abs().as_secs() / 60;
    match minutes {
        0 => "less than a minute".to_owned(),
        1..=119 => format!("{minutes} min"),
        120..=5759 => format!("{} h", minutes / 60),
        _ => format!("{} days", minutes / 1440),
    }
}

/// Formats a time in UTC, to the second: `2026-01-10 09:00:00 UTC`.
pub fn utc(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// Formats a time relative to `now` and in UTC: `3 h ago (2026-01-10 09:00:00 UTC)`.
pub fn relative(time: Timestamp, now: Timestamp) -> String {
    let elapsed = now.duration_since(time);
    let length = duration(elapsed);
    let words = if elapsed.is_negative() {
        format!("in {length}")
    } else {
        format!("{length} ago")
    };
    format!("{words} ({})", utc(time))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_has_its_largest_fitting_unit() {
        let minutes = |minutes| duration(SignedDuration::from_mins(minutes));
        let texts = [0, 1, 119, 120, 47 * 60 + 59, 96 * 60 - 1, 96 * 60].map(minutes);
        assert_eq!(
            texts,
            [
                "less than a minute",
                "1 min",
                "119 min",
                "2 h",
                "47 h",
                "95 h",
                "4 days"
            ]
        );
    }

    #[test]
    fn a_time_is_relative_and_in_utc() {
        let now = "2026-01-10T12:00:00Z".parse().unwrap();
        assert_eq!(
            relative("2026-01-10T09:00:00.5Z".parse().unwrap(), now),
            "2 h ago (2026-01-10 09:00:00 UTC)"
        );
        assert_eq!(
            relative("2026-01-12T12:00:00Z".parse().unwrap(), now),
            "in 48 h (2026-01-12 12:00:00 UTC)"
        );
    }
}
