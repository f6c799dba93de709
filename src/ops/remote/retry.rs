//! Another try: after the network or a gateway failed, and where the caller allows it, when the
//! server says to come back later (`handle_rate_limit_retry` of git's http.c). Only requests that
//! change nothing are repeated.

use super::connection::Connection;
use super::options::Retry;
use super::request::Prepared;
use super::retry_after;
use crate::error::Outcome;
use crate::host::Response;
use crate::task::Event;

/// How often a request is sent again after the network or a gateway failed.
const MOST_RETRIES: u32 = 2;

/// What is waited before the first such retry, in milliseconds, more or less; then three times as
/// long.
const FIRST_PAUSE: u32 = 300;

/// What is waited, in milliseconds, more or less, where a server says to come back later and does
/// not say when (or the browser hides it); then twice as long.
const FIRST_WAIT: u32 = 1000;

/// The tries of one request.
#[derive(Default)]
pub(super) struct Tries {
    /// After a failure.
    failures: u32,
    /// After being told to come back later.
    waits: u32,
}

impl Tries {
    /// How often it was sent again.
    pub(super) fn count(&self) -> u32 {
        self.failures + self.waits
    }
}

/// What an answer says of coming back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Later {
    /// Nothing: it may be worth a try at once.
    Unsaid,
    /// Not before so many seconds; `None` if it does not say how many.
    After(Option<u64>),
}

/// `None` if the answer's status is final.
fn later(status: u16, retry_after: Option<u64>) -> Option<Later> {
    match (status, retry_after) {
        (429, told) => Some(Later::After(told)),
        (503, Some(told)) if told > 0 => Some(Later::After(Some(told))),
        (502..=504, _) => Some(Later::Unsaid),
        _ => None,
    }
}

/// Milliseconds to wait, or why not: a hint.
fn wait(retry: Retry, told: Option<u64>, waits: u32) -> Result<u64, String> {
    if retry.max_retries == 0 {
        return Err(match told {
            Some(seconds) => format!("try again in {seconds} s; with the option retry the call waits by itself"),
            None => "try again later; with the option retry the call does so by itself".to_owned(),
        });
    }
    if waits >= retry.max_retries {
        return Err(format!("it was tried again {waits} times, as the option retry says"));
    }
    let longest = u64::from(retry.max_retry_time);
    match told {
        Some(seconds) if seconds > longest => Err(format!(
            "the server wants a pause of {seconds} s, longer than the {longest} s that the option retry allows"
        )),
        Some(seconds) => Ok(seconds.saturating_mul(1000)),
        None => Ok((u64::from(FIRST_WAIT) << waits.min(20)).min(longest.saturating_mul(1000))),
    }
}

impl Connection {
    /// Waits and answers true if a request that got no answer is worth another try.
    pub(super) async fn try_again_unanswered(&self, prepared: &Prepared, tries: &mut Tries) -> Outcome<bool> {
        // The first request to another origin mostly fails for its CORS rules, which do not change.
        let most = if prepared.crosses && !self.answered {
            1
        } else {
            MOST_RETRIES
        };
        if tries.failures >= most {
            return Ok(false);
        }
        let pause = self.pause("no answer", tries);
        self.sleep(pause).await?;
        Ok(true)
    }

    /// How many milliseconds to wait if an answer's status is worth another try; else what to say
    /// of coming back, if there is anything.
    pub(super) fn wait_for(&self, status: u16, told: Option<u64>, tries: &mut Tries) -> Result<u32, Option<String>> {
        let told = match later(status, told) {
            None => return Err(None),
            Some(Later::Unsaid) if tries.failures >= MOST_RETRIES => return Err(None),
            Some(Later::Unsaid) => return Ok(self.pause(&format!("status {status}"), tries)),
            Some(Later::After(told)) => told,
        };
        let wait = wait(self.options.retry, told, tries.waits).map_err(Some)?;
        let wait = self.spread(wait, told.is_some());
        tries.waits += 1;
        let (url, most) = (&self.url, self.options.retry.max_retries);
        // Without floating point: nothing else needs the code that writes such numbers.
        let tenths = u64::from(wait).div_ceil(100);
        let (seconds, tenths) = (tenths / 10, tenths % 10);
        let text = format!(
            "{url} answered with status {status}; waiting {seconds}.{tenths} s before retry {} of {most}",
            tries.waits
        );
        self.note(|| text.clone());
        self.task.tell(Event::Warning(text));
        Ok(wait)
    }

    /// What the server says of coming back, in seconds, where it can be read.
    pub(super) fn retry_after(&self, response: &Response) -> Option<u64> {
        retry_after::parse(response.header("retry-after")?, self.task.clock().unix_seconds())
    }

    fn pause(&self, why: &str, tries: &mut Tries) -> u32 {
        let pause = u64::from(FIRST_PAUSE) * 3_u64.saturating_pow(tries.failures);
        let pause = self.spread(pause, false);
        tries.failures += 1;
        self.note(|| format!("{why}; trying again in {pause} ms"));
        pause
    }

    /// Makes a pause longer by up to a half, so that not all come back at once; one that nobody
    /// asked for may be shorter as well.
    fn spread(&self, milliseconds: u64, told: bool) -> u32 {
        // The fraction of the clock's reading is as good as a die, and no generator is needed.
        let die = (self.task.clock().now() * 997.0).fract().abs();
        let milliseconds = u32::try_from(milliseconds).unwrap_or(u32::MAX);
        let (least, more) = if told {
            (f64::from(milliseconds), f64::from(milliseconds.min(1000)) * 0.5)
        } else {
            (f64::from(milliseconds) * 0.5, f64::from(milliseconds))
        };
        (least + more * die) as u32
    }

    pub(super) async fn sleep(&self, milliseconds: u32) -> Outcome<()> {
        self.task.race(self.task.clock().sleep(milliseconds)).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    #[test]
    fn who_says_later_is_told_from_who_just_failed() {
        for (status, told, expected) in [
            (429, None, Some(Later::After(None))),
            (429, Some(0), Some(Later::After(Some(0)))),
            (429, Some(9), Some(Later::After(Some(9)))),
            (503, None, Some(Later::Unsaid)),
            (503, Some(0), Some(Later::Unsaid)),
            (503, Some(9), Some(Later::After(Some(9)))),
            (502, Some(9), Some(Later::Unsaid)),
            (504, None, Some(Later::Unsaid)),
            (500, None, None),
            (500, Some(9), None),
            (200, None, None),
        ] {
            assert_eq!(later(status, told), expected, "{status} {told:?}");
        }
    }

    #[test]
    fn a_wait_is_as_long_as_the_server_says_and_never_longer_than_allowed() {
        let allowed = |max_retries, max_retry_time| Retry {
            max_retries,
            max_retry_time,
        };
        assert!(wait(Retry::default(), Some(1), 0).is_err());
        assert_eq!(wait(allowed(1, 300), Some(0), 0), Ok(0));
        assert_eq!(wait(allowed(1, 300), Some(300), 0), Ok(300_000));
        assert!(wait(allowed(1, 300), Some(301), 0).unwrap_err().contains("301 s"));
        assert!(wait(allowed(1, 300), Some(1), 1).unwrap_err().contains("1 times"));
        let unsaid: Vec<_> = (0..5).map(|waits| wait(allowed(9, 7), None, waits)).collect();
        assert_eq!(unsaid, [Ok(1000), Ok(2000), Ok(4000), Ok(7000), Ok(7000)]);
        assert_eq!(wait(allowed(u32::MAX, u32::MAX), None, 4_000_000), Ok(1000 << 20));
    }
}
