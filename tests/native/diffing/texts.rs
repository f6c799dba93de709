//! Random texts and what people do to them.

use crate::pack_oracle::Random;

/// A text of one of several sorts, from a line to some thousand.
pub fn text(random: &mut Random) -> Vec<u8> {
    let count = match random.below(20) {
        0 => 0,
        1 => 400 + random.below(2500),
        2..=4 => 60 + random.below(200),
        _ => 1 + random.below(40),
    };
    let lines = match random.below(4) {
        0 => (0..count).map(|_| letter(random)).collect(),
        1 => (0..count).map(|_| word(random)).collect(),
        _ => code(random, count),
    };
    joined(random, lines)
}

/// The text after some edits: few, or many all over it.
pub fn edited(random: &mut Random, text: &[u8]) -> Vec<u8> {
    let mut lines: Vec<String> = String::from_utf8_lossy(text)
        .split_inclusive('\n')
        .map(str::to_owned)
        .collect();
    let edits = match random.below(6) {
        0 => 1 + lines.len() / 3,
        1 => 1 + lines.len() / 20,
        _ => 1 + random.below(4),
    };
    for _ in 0..edits {
        edit(random, &mut lines);
    }
    if random.below(12) == 0 {
        let end = random.below(2) == 0;
        let newline =
            |line: &mut String| *line = format!("{}{}", line.trim_end_matches('\n'), if end { "\n" } else { "" });
        lines.last_mut().into_iter().for_each(newline);
    }
    lines.concat().into_bytes()
}

fn edit(random: &mut Random, lines: &mut Vec<String>) {
    let at = random.below(lines.len() + 1);
    let len = random.below(5).min(lines.len() - at);
    match random.below(9) {
        0 => drop(lines.drain(at..at + len)),
        1 => {
            let copy = lines[at..at + len].to_vec();
            let to = random.below(lines.len() + 1);
            lines.splice(to..to, copy);
        }
        2 => {
            let block: Vec<String> = lines.drain(at..at + len).collect();
            let to = random.below(lines.len() + 1);
            lines.splice(to..to, block);
        }
        3 => {
            let count = 1 + random.below(12);
            let block = code(random, count);
            lines.splice(at..at, block.into_iter().map(|line| line + "\n"));
        }
        4 => lines.insert(at, letter(random) + "\n"),
        5 => {
            for line in &mut lines[at..at + len] {
                *line = space_changed(random, line);
            }
        }
        6 => lines.insert(at, "\n".to_owned()),
        _ => {
            for line in &mut lines[at..at + len] {
                *line = word(random) + "\n";
            }
        }
    }
}

/// The line with other white space.
fn space_changed(random: &mut Random, line: &str) -> String {
    let text = line.trim_end_matches('\n');
    match random.below(6) {
        0 => format!("{text} \t\n"),
        1 => format!("{text}\r\n"),
        2 => format!("\t{text}\n"),
        3 => text.replace(' ', "  ") + "\n",
        4 => text.replace(' ', "") + "\n",
        _ => text.trim_end().to_owned() + "\n",
    }
}

fn joined(random: &mut Random, lines: Vec<String>) -> Vec<u8> {
    let end = if random.below(8) == 0 { "\r\n" } else { "\n" };
    let mut text = lines.join(end);
    if !text.is_empty() && random.below(10) > 0 {
        text += end;
    }
    text.into_bytes()
}

/// Few different lines: there is always more than one shortest way.
fn letter(random: &mut Random) -> String {
    ["a", "b", "c", "d", ""][random.below(5)].to_owned()
}

fn word(random: &mut Random) -> String {
    format!("word {} of {}", random.below(300), random.below(3))
}

/// Functions with blocks in them, which are much alike.
fn code(random: &mut Random, count: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut depth = 0;
    while lines.len() < count {
        let indent = match random.below(30) {
            0 => " ".repeat(8 * depth),
            _ => "\t".repeat(depth),
        };
        match random.below(10) {
            0 | 1 if depth < 4 => {
                lines.push(format!("{indent}if (x{}) {{", random.below(4)));
                depth += 1;
            }
            2..=4 if depth > 0 => {
                depth -= 1;
                lines.push(format!("{}}}", "\t".repeat(depth)));
            }
            5 => lines.push(String::new()),
            6 if depth == 0 => {
                lines.push(format!("int f{}(void)", random.below(50)));
                lines.push("{".to_owned());
                depth = 1;
            }
            _ => lines.push(format!("{indent}call({});", random.below(8))),
        }
    }
    lines
}
