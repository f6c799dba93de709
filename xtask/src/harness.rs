//! Reads the runners' own closing lines, so that a harness that ran nothing is not taken for one
//! that passed.

/// Cases counted over the runners of one step.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Ran and passed.
    pub passed: u64,
    /// Ran and failed.
    pub failed: u64,
    /// Did not run.
    pub skipped: u64,
    /// Test files that were started and had no case.
    pub empty: Vec<String>,
    running: Option<String>,
}

impl Tally {
    /// Takes in one line of output, without colours.
    pub fn see(&mut self, line: &str) {
        let line = line.trim();
        // cargo: "Running tests/native/layers.rs (target/…)", "Running unittests src/lib.rs (…)".
        // A program or a library without unit tests is fine; a test file without cases is not.
        if let Some(started) = line.strip_prefix("Running ") {
            let file = started.split(" (").next().unwrap_or(started);
            self.running = (!file.starts_with("unittests ")).then(|| file.to_owned());
        } else if line.starts_with("Doc-tests ") {
            self.running = None;
        } else if let Some(rest) = line.strip_prefix("test result: ") {
            // libtest and wasm-bindgen-test: "ok. 3 passed; 0 failed; 0 ignored; …".
            let (_, counts) = rest.split_once(". ").unwrap_or(("", rest));
            let (mut passed, mut failed, mut ignored) = (0, 0, 0);
            for (count, what) in counts.split("; ").filter_map(|part| part.split_once(' ')) {
                let count = count.parse().unwrap_or(0);
                match what {
                    "passed" => passed = count,
                    "failed" => failed = count,
                    "ignored" => ignored = count,
                    _ => {}
                }
            }
            if passed + failed == 0 {
                self.empty.extend(self.running.take());
            }
            self.passed += passed;
            self.failed += failed;
            self.skipped += ignored;
        } else if let Some((what, count)) = line.strip_prefix("ℹ ").and_then(|rest| rest.split_once(' ')) {
            // node:test, one block for all files.
            let count = count.parse().unwrap_or(0);
            match what {
                "pass" => self.passed += count,
                "fail" | "cancelled" => self.failed += count,
                "skipped" | "todo" => self.skipped += count,
                _ => {}
            }
        }
    }

    /// Why these counts are no success, if so.
    pub fn complaint(&self) -> Option<String> {
        if self.failed > 0 {
            return Some(format!("{} failed", self.failed));
        }
        if self.passed == 0 {
            return Some("no case ran".into());
        }
        if self.skipped > 0 {
            return Some(format!("{} did not run", self.skipped));
        }
        (!self.empty.is_empty()).then(|| format!("no case ran in {}", self.empty.join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[&str]) -> Tally {
        let mut tally = Tally::default();
        lines.iter().for_each(|line| tally.see(line));
        tally
    }

    #[test]
    fn cargo_and_wasm_bindgen_lines_are_added_up() {
        let tally = read(&[
            "     Running unittests src/main.rs (target/debug/deps/xtask-1)",
            "test result: ok. 0 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s",
            "     Running tests/native/layers.rs (target/debug/deps/layers-1)",
            "test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s",
            "   Doc-tests gitside",
            "test result: ok. 0 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s",
        ]);
        assert_eq!((tally.passed, tally.complaint()), (3, None));
    }

    #[test]
    fn node_lines_are_read() {
        let tally = read(&[
            "ℹ tests 4",
            "ℹ pass 3",
            "ℹ fail 1",
            "ℹ cancelled 0",
            "ℹ skipped 0",
            "ℹ todo 0",
        ]);
        assert_eq!((tally.passed, tally.failed), (3, 1));
        assert_eq!(tally.complaint().as_deref(), Some("1 failed"));
    }

    #[test]
    fn nothing_ran_is_no_success() {
        assert_eq!(read(&[]).complaint().as_deref(), Some("no case ran"));
    }

    #[test]
    fn a_test_file_without_a_case_is_no_success() {
        let tally = read(&[
            "Running tests/native/a.rs (x)",
            "test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out",
            "Running tests/native/b.rs (x)",
            "test result: ok. 0 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out",
        ]);
        assert_eq!(tally.complaint().as_deref(), Some("no case ran in tests/native/b.rs"));
    }

    #[test]
    fn a_skipped_case_is_no_success() {
        let tally = read(&["test result: ok. 5 passed; 0 failed; 2 ignored; 0 filtered out; finished in 0.01s"]);
        assert_eq!(tally.complaint().as_deref(), Some("2 did not run"));
        assert!(read(&["ℹ pass 5", "ℹ skipped 1"]).complaint().is_some());
    }
}
