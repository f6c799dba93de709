//! Trailers: lines like `Signed-off-by: A <a@example.org>` at the end of a message
//! (git-interpret-trailers(1); `find_trailer_block_start` in git's `trailer.c`).

/// Lines that git itself adds, so that what stands among them is taken for trailers more readily.
const OF_GIT: [&[u8]; 2] = [b"Signed-off-by: ", b"(cherry picked from commit "];

/// Whether the last paragraph of a message is made of trailers: all of its lines, or a quarter if git
/// has added one of them. The first paragraph is the title.
pub fn has_trailers(message: &[u8]) -> bool {
    let lines: Vec<&[u8]> = message.split(|byte| *byte == b'\n').collect();
    let Some(title) = lines.iter().position(|line| is_blank(line)) else {
        return false;
    };
    let body = lines.get(title..).unwrap_or_default();
    let last = body.iter().rev().skip_while(|line| is_blank(line));
    let paragraph: Vec<&[u8]> = last.take_while(|line| !is_blank(line)).copied().collect();
    let (mut trailers, mut others, mut indented, mut of_git) = (0_usize, 0_usize, 0_usize, false);
    // From the last line up: an indented one goes on with the one before it.
    for line in paragraph {
        if line.starts_with(b"#") {
            others += std::mem::take(&mut indented);
        } else if OF_GIT.iter().any(|prefix| line.starts_with(prefix)) {
            (trailers, indented, of_git) = (trailers + 1, 0, true);
        } else if line.first().is_some_and(u8::is_ascii_whitespace) {
            indented += 1;
        } else if is_trailer(line) {
            (trailers, indented) = (trailers + 1, 0);
        } else {
            others += 1 + std::mem::take(&mut indented);
        }
    }
    others += indented;
    (of_git && trailers.saturating_mul(3) >= others) || (trailers > 0 && others == 0)
}

fn is_blank(line: &[u8]) -> bool {
    line.iter().all(u8::is_ascii_whitespace)
}

/// A word of letters, digits and hyphens, perhaps blanks, and a colon.
fn is_trailer(line: &[u8]) -> bool {
    let Some(colon) = line.iter().position(|byte| *byte == b':') else {
        return false;
    };
    let name = line.get(..colon).unwrap_or_default().trim_ascii_end();
    !name.is_empty() && name.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    #[test]
    fn trailers_are_found_where_git_finds_them() {
        for (message, expected) in [
            ("title\n", false),
            ("Title: word\n", false),
            ("title\n\nbody\n", false),
            ("title\n\nAcked-by: A\n", true),
            ("title\n\nAcked-by : A\n  and more\n\n\n", true),
            ("title\n\nbody\nAcked-by: A\n", false),
            ("title\n\nbody\nSigned-off-by: A\n", true),
            ("title\n\n1\n2\n3\n4\nSigned-off-by: A\n", false),
            ("title\n\nAcked-by: A\n\nbody\n", false),
            ("title\n\nbody\n(cherry picked from commit 1)\n", true),
            ("title\n\na b: c\n", false),
            ("title\n\n: c\n", false),
            ("title\n\n indented\nAcked-by: A\n", false),
        ] {
            assert_eq!(has_trailers(message.as_bytes()), expected, "{message:?}");
        }
    }
}
