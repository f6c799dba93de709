//! How long what nothing reaches is kept: `gc.pruneExpire` of git-config(1).

use crate::format::config::Config;
use crate::task::{Event, Task};

const MINUTE: u64 = 60;
const DAY: u64 = 24 * 60 * MINUTE;

/// A grace period: from the first time that an object is found to be unreachable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grace {
    /// Seconds; 0 drops at once what nothing reaches.
    Seconds(u64),
    /// For good.
    Forever,
}

impl Default for Grace {
    /// git's default, two weeks.
    fn default() -> Self {
        Grace::Seconds(14 * DAY)
    }
}

impl Grace {
    /// Whether an object that is unreachable since then is still kept. One whose time is yet to
    /// come (clocks are set back) is kept until then, unless there is no grace at all.
    pub(super) fn keeps(self, since: i64, now: i64) -> bool {
        match self {
            Grace::Forever => true,
            Grace::Seconds(0) => false,
            Grace::Seconds(seconds) => match u64::try_from(now.saturating_sub(since)) {
                Ok(past) => past < seconds,
                Err(_) => true,
            },
        }
    }

    /// What a value of `gc.pruneExpire` says: `now`, `never`, or a count of a unit of time with or
    /// without `ago`, separated by dots or blanks. Git's `approxidate` reads more than that. Months
    /// and years are the longest there are.
    pub fn parse(value: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(value).ok()?.to_ascii_lowercase();
        let words = text.split(|letter: char| letter == '.' || letter.is_ascii_whitespace());
        let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
        let (count, unit) = match words.as_slice() {
            ["now" | "all"] => return Some(Grace::Seconds(0)),
            ["never" | "false"] => return Some(Grace::Forever),
            [count, unit] | [count, unit, "ago"] => (count.parse::<u64>().ok()?, *unit),
            _ => return None,
        };
        let seconds = match unit.strip_suffix('s').unwrap_or(unit) {
            "second" => 1,
            "minute" => MINUTE,
            "hour" => 60 * MINUTE,
            "day" => DAY,
            "week" => 7 * DAY,
            "month" => 31 * DAY,
            "year" => 366 * DAY,
            _ => return None,
        };
        count.checked_mul(seconds).map(Grace::Seconds)
    }
}

/// What the configuration says. A value that is not understood does as if there were none, and is
/// told: the default keeps longer than most who set it want.
pub(super) fn configured(task: &Task, config: &Config) -> Grace {
    let Some(value) = config.get(b"gc.pruneExpire") else {
        return Grace::default();
    };
    Grace::parse(value).unwrap_or_else(|| {
        let value = crate::ops::fault::quoted(value);
        let warning =
            format!("gc.pruneExpire is {value}, which is not understood: unreachable objects are kept for two weeks");
        task.tell(Event::Warning(warning));
        Grace::default()
    })
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    #[test]
    fn periods_are_read_as_git_users_write_them() {
        let check = |text: &str, expected: Option<Grace>| assert_eq!(Grace::parse(text.as_bytes()), expected, "{text}");
        check("now", Some(Grace::Seconds(0)));
        check("Never", Some(Grace::Forever));
        check("false", Some(Grace::Forever));
        check("2.weeks.ago", Some(Grace::default()));
        check("2 weeks ago", Some(Grace::default()));
        check("1.day", Some(Grace::Seconds(DAY)));
        check("90.minutes.ago", Some(Grace::Seconds(5400)));
        check("3.months.ago", Some(Grace::Seconds(93 * DAY)));
        for odd in [
            "",
            "yesterday",
            "2.fortnights.ago",
            "-1.day",
            "x.days",
            "99999999999999999999.days",
            "9999999999999999999.days",
            "2.weeks.hence",
        ] {
            check(odd, None);
        }
    }

    #[test]
    fn an_object_is_kept_until_its_time_is_over_and_never_longer_than_asked() {
        let day = Grace::Seconds(DAY);
        let (since, length) = (1_700_000_000, i64::try_from(DAY).unwrap());
        for (grace, now, kept) in [
            (day, since, true),
            (day, since + length - 1, true),
            (day, since + length, false),
            (day, since - 5, true),
            (Grace::Seconds(0), since - 5, false),
            (Grace::Forever, i64::MAX, true),
            (day, i64::MIN, true),
        ] {
            assert_eq!(grace.keeps(since, now), kept, "{grace:?} at {now}");
        }
    }
}
