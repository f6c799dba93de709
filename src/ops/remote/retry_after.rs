//! The `Retry-After` header (RFC 9110 section 10.2.3): seconds, or an HTTP date.

/// Seconds to wait from `now` (seconds since 1970); a date in the past is 0, anything malformed
/// is `None`.
pub(super) fn parse(value: &str, now: i64) -> Option<u64> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|digit| digit.is_ascii_digit()) {
        // More digits than fit are still a number, and a long time.
        return Some(value.parse().unwrap_or(u64::MAX).min(MOST));
    }
    let at = http_date(value)?;
    Some(u64::try_from(at.saturating_sub(now)).unwrap_or(0).min(MOST))
}

/// A year: nobody means more.
const MOST: u64 = 366 * 86_400;

/// `Sun, 06 Nov 1994 08:49:37 GMT`; the two obsolete forms are not read.
fn http_date(value: &str) -> Option<i64> {
    let mut words = value.split_ascii_whitespace().skip(1);
    let day: i64 = words.next()?.parse().ok()?;
    let month = words.next()?;
    let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let month = i64::try_from(months.iter().position(|name| name.eq_ignore_ascii_case(month))?).ok()? + 1;
    let year: i64 = words.next()?.parse().ok()?;
    let mut clock = words.next()?.splitn(3, ':').map(|part| part.parse::<i64>().ok());
    let (hour, minute, second) = (clock.next()??, clock.next()??, clock.next()??);
    let in_range = (1..=31).contains(&day)
        && (1970..=9999).contains(&year)
        && (0..24).contains(&hour)
        && (0..60).contains(&minute)
        && (0..=60).contains(&second);
    if !in_range || words.next()? != "GMT" {
        return None;
    }
    // Days since 1970 of the proleptic Gregorian calendar, years starting in March.
    let (y, m) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let days = 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719_468;
    Some(days * 86_400 + hour * 3600 + minute * 60 + second)
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    #[test]
    fn seconds_and_dates_are_read_and_anything_else_is_not() {
        let now = 784_111_777; // Sun, 06 Nov 1994 08:49:37 GMT
        let check = |value: &str, expected: Option<u64>| assert_eq!(parse(value, now), expected, "{value}");
        check("0", Some(0));
        check(" 120 ", Some(120));
        check("99999999999999999999999", Some(MOST));
        check("Sun, 06 Nov 1994 08:49:37 GMT", Some(0));
        check("Sun, 06 Nov 1994 08:50:37 GMT", Some(60));
        check("Wed, 01 Mar 1995 00:00:00 GMT", Some(9_904_223));
        check("Thu, 01 Jan 1970 00:00:00 GMT", Some(0));
        check("-1", None);
        check("soon", None);
        check("", None);
        check("Sun, 06 Nov 1994 08:49 GMT", None);
        check("Sun, 06 Foo 1994 08:49:37 GMT", None);
        check("Sun, 06 Nov 1994 08:49:37 CET", None);
        check("Sun, 99 Nov 1994 08:49:37 GMT", None);
    }
}
