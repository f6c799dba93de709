//! Merges in which files and directories have moved, and those of histories that crossed.

use crate::matrix::{Case, case, criss_cross, tree};
use crate::scene::Commit;

pub fn renames() -> Vec<Case> {
    vec![
        case(
            "renamed by ours, changed by theirs",
            "f=#1; g=#2",
            "h=#1; g=#2",
            "f=#1!; g=#2",
        ),
        case(
            "renamed by theirs, changed by ours",
            "f=#1; g=#2",
            "f=#1!; g=#2",
            "h=#1; g=#2",
        ),
        case(
            "renamed and changed, changed apart",
            "f=#1; g=#2",
            "h=#1^; g=#2",
            "f=#1+; g=#2",
        ),
        case(
            "renamed and changed, the same line changed",
            "f=#1; g=#2",
            "h=#1!; g=#2",
            "f=#1?; g=#2",
        ),
        case("renamed by both to the same name", "f=#1", "h=#1^", "h=#1+"),
        case(
            "renamed by both to the same name, in conflict",
            "f=#1",
            "h=#1!",
            "h=#1?",
        ),
        case("renamed by both to different names", "f=#1", "g=#1", "h=#1"),
        case(
            "renamed by both to different names, changed apart",
            "f=#1",
            "g=#1^",
            "h=#1+",
        ),
        case(
            "renamed by both to different names, in conflict",
            "f=#1",
            "g=#1!",
            "h=#1?",
        ),
        case(
            "a binary renamed by both to different names",
            "f=a\\0aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\\nb\\n",
            "g=a\\0aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\\nc\\n",
            "h=a\\0aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\\nd\\n",
        ),
        case(
            "two files renamed to one name",
            "f=#1; g=#2",
            "h=#1; g=#2",
            "f=#1; h=#2",
        ),
        case(
            "two files renamed to one name, each changed by the other",
            "f=#1; g=#2",
            "h=#1!; g=#2+",
            "f=#1?; h=#2^",
        ),
        case("renamed by ours, removed by theirs", "f=#1; g=#2", "h=#1; g=#2", "g=#2"),
        case(
            "renamed and changed by ours, removed by theirs",
            "f=#1; g=#2",
            "h=#1!; g=#2",
            "g=#2",
        ),
        case("removed by ours, renamed by theirs", "f=#1; g=#2", "g=#2", "h=#1; g=#2"),
        case(
            "renamed by ours, the name added by theirs",
            "f=#1",
            "h=#1",
            "f=#1; h=#2",
        ),
        case(
            "renamed by ours, the name added and the file changed by theirs",
            "f=#1",
            "h=#1!",
            "f=#1?; h=#2",
        ),
        case(
            "renamed by ours, the name added and the file removed by theirs",
            "f=#1",
            "h=#1!",
            "h=#2",
        ),
        case(
            "renamed by ours, a directory of the name by theirs",
            "f=#1",
            "h=#1",
            "f=#1!; h/a=#2",
        ),
        case(
            "renamed into a directory that theirs made a file",
            "f=#1; d/a=#2",
            "d/a=#2; d/f=#1",
            "f=#1!; d=#3",
        ),
        case(
            "renamed by ours, a link at the old name by theirs",
            "f=#1",
            "h=#1",
            "f=->a",
        ),
        case(
            "renamed by both, a link at the old name",
            "f=#1",
            "h=#1; f=->a",
            "h=#1!",
        ),
        case(
            "renamed with another mode, changed by theirs",
            "f=#1",
            "h=x:#1",
            "f=#1!",
        ),
        case(
            "swapped by ours, changed by theirs",
            "f=#1; g=#2",
            "f=#2; g=#1",
            "f=#1!; g=#2+",
        ),
        case("renamed in a circle", "f=#1; g=#2", "g=#1", "f=#2; g=#2!"),
        case("a chain of renames", "f=#1; g=#2", "g=#1; h=#2", "f=#1!; g=#2!"),
        case(
            "moved into a directory, changed by theirs",
            "f=#1; g=#2",
            "d/f=#1; g=#2",
            "f=#1!; g=#2",
        ),
        case(
            "moved by name among many",
            "a/x=#1; b/x=#2; c/y=#3",
            "d/x=#1^; b/x=#2; e/y=#3^",
            "a/x=#1!; b/x=#2; c/y=#3!",
        ),
        case(
            "equal files renamed",
            "a=#1; b=#1; c=#2",
            "d=#1; e=#1; c=#2",
            "a=#1!; b=#1+; c=#2",
        ),
        case(
            "a link renamed, changed by theirs",
            "f=->target; g=#2",
            "h=->target; g=#2",
            "f=->other; g=#2",
        ),
        case(
            "a submodule renamed, moved by theirs",
            "s=sub 1; g=#2",
            "t=sub 1; g=#2",
            "s=sub 2; g=#2",
        ),
        case(
            "too different to be a rename",
            "f=#1; g=#2",
            "h=#3; g=#2",
            "f=#1!; g=#2",
        ),
        case("an empty file renamed", "f=; g=#2", "h=; g=#2", "f=a\\n; g=#2"),
        case("renamed and shortened, changed by theirs", "f=#1", "h=#1~", "f=#1^"),
    ]
}

pub fn directory_renames() -> Vec<Case> {
    let base = "d/a=#1; d/b=#2; d/c=#3";
    vec![
        case(
            "directory renamed, a file added by the other",
            base,
            "e/a=#1; e/b=#2; e/c=#3",
            "d/a=#1; d/b=#2; d/c=#3; d/n=#4",
        ),
        case(
            "directory renamed, a file added in a new directory of it",
            base,
            "e/a=#1; e/b=#2; e/c=#3",
            "d/a=#1; d/b=#2; d/c=#3; d/x/n=#4",
        ),
        case(
            "directory renamed, a file moved into it",
            "d/a=#1; d/b=#2; f=#5",
            "e/a=#1; e/b=#2; f=#5",
            "d/a=#1; d/b=#2; d/f=#5",
        ),
        case(
            "directory renamed, files changed by the other",
            base,
            "e/a=#1; e/b=#2; e/c=#3",
            "d/a=#1!; d/b=#2+; d/c=#3",
        ),
        case(
            "directory split evenly, a file added",
            "d/a=#1; d/b=#2",
            "e/a=#1; f/b=#2",
            "d/a=#1; d/b=#2; d/n=#4",
        ),
        case(
            "directory split, most in one place",
            base,
            "e/a=#1; e/b=#2; f/c=#3",
            "d/a=#1; d/b=#2; d/c=#3; d/n=#4",
        ),
        case(
            "directory renamed, something in the way",
            base,
            "e/a=#1; e/b=#2; e/c=#3; e/n=#5",
            "d/a=#1; d/b=#2; d/c=#3; d/n=#4",
        ),
        case(
            "directory renamed by both, differently",
            base,
            "e/a=#1; e/b=#2; e/c=#3",
            "f/a=#1; f/b=#2; f/c=#3; f/n=#4",
        ),
        case(
            "directory merged into another",
            "d/a=#1; d/b=#2; e/c=#3",
            "e/a=#1; e/b=#2; e/c=#3",
            "d/a=#1; d/b=#2; d/n=#4; e/c=#3",
        ),
        case(
            "two directories merged, the same name added to both",
            "d/a=#1; d/b=#2; e/c=#3; e/d=#5",
            "g/a=#1; g/b=#2; g/c=#3; g/d=#5",
            "d/a=#1; d/b=#2; d/n=#4; e/c=#3; e/d=#5; e/n=#6",
        ),
        case(
            "directory moved to the root",
            "d/a=#1; d/b=#2",
            "a=#1; b=#2",
            "d/a=#1; d/b=#2; d/n=#4",
        ),
        case(
            "directory moved down",
            "d/a=#1; d/b=#2; x=#9",
            "q/d/a=#1; q/d/b=#2; x=#9",
            "d/a=#1; d/b=#2; d/n=#4; x=#9",
        ),
        case(
            "directories renamed into each other",
            "d/a=#1; d/b=#2; e/c=#3; e/d=#4",
            "e/d2/a=#1; e/d2/b=#2; e/c=#3; e/d=#4",
            "d/a=#1; d/b=#2; d/e2/c=#3; d/e2/d=#4",
        ),
        case(
            "nested directory renamed with its parent",
            "d/s/a=#1; d/s/b=#2; d/c=#3",
            "e/s/a=#1; e/s/b=#2; e/c=#3",
            "d/s/a=#1; d/s/b=#2; d/s/n=#4; d/c=#3",
        ),
        case(
            "directory renamed, removed file changed",
            base,
            "e/a=#1; e/b=#2",
            "d/a=#1; d/b=#2; d/c=#3!; d/n=#4",
        ),
        case(
            "a transitive rename",
            "d/a=#1; d/b=#2; e/c=#3; e/d=#4",
            "f/a=#1; f/b=#2; e/c=#3; e/d=#4",
            "d/a=#1; d/b=#2; d/c=#3; d/d=#4",
        ),
        case(
            "directory renamed, a file of the old name of the directory",
            base,
            "e/a=#1; e/b=#2; e/c=#3; d=#7",
            "d/a=#1; d/b=#2; d/c=#3; d/n=#4",
        ),
    ]
}

pub fn ancestors() -> Vec<Case> {
    vec![
        criss_cross(
            "criss-cross, no conflict in the base",
            ["f=#1; g=#2", "f=#1^; g=#2", "f=#1+; g=#2"],
            "f=#1^+; g=#2",
            "f=#1^+; g=#2!",
        ),
        criss_cross(
            "criss-cross, a conflict in the base",
            ["f=#1", "f=#1!", "f=#1?"],
            "f=#1!",
            "f=#1?",
        ),
        criss_cross(
            "criss-cross, solved in the same way",
            ["f=#1", "f=#1!", "f=#1?"],
            "f=#1!+",
            "f=#1!+",
        ),
        criss_cross(
            "criss-cross, added by both",
            ["g=#1", "g=#1; f=#2!", "g=#1; f=#2?"],
            "g=#1; f=#2!",
            "g=#1; f=#2?",
        ),
        criss_cross(
            "criss-cross, removed and changed",
            ["f=#1; g=#2", "g=#2", "f=#1!; g=#2"],
            "f=#1!; g=#2",
            "f=#1!+; g=#2",
        ),
        criss_cross("criss-cross, modes", ["f=#1", "f=x:#1", "f=#1!"], "f=x:#1!", "f=#1!"),
        criss_cross(
            "criss-cross, binaries",
            ["f=\\0", "f=\\01", "f=\\02"],
            "f=\\01",
            "f=\\02",
        ),
        criss_cross("criss-cross, links", ["f=->a", "f=->b", "f=->c"], "f=->b", "f=->c"),
        criss_cross(
            "criss-cross, submodules",
            ["s=sub 1", "s=sub 2", "s=sub 3"],
            "s=sub 2",
            "s=sub 3",
        ),
        criss_cross(
            "criss-cross, a file and a directory",
            ["f=#1", "f=#1; d=#2", "f=#1; d/a=#3"],
            "f=#1; d=#2",
            "f=#1!; d/a=#3",
        ),
        criss_cross(
            "criss-cross, a file and a link",
            ["g=#1", "g=#1; f=#2", "g=#1; f=->a"],
            "g=#1; f=#2",
            "g=#1; f=->a",
        ),
        criss_cross(
            "criss-cross, renamed to different names",
            ["f=#1", "g=#1!", "h=#1"],
            "g=#1!",
            "h=#1?",
        ),
        criss_cross(
            "criss-cross, renamed and added",
            ["f=#1", "h=#1", "f=#1; h=#2"],
            "h=#1",
            "f=#1; h=#2",
        ),
        criss_cross(
            "criss-cross, a directory renamed",
            ["d/a=#1; d/b=#2", "e/a=#1; e/b=#2", "d/a=#1; d/b=#2; d/n=#3"],
            "e/a=#1; e/b=#2; e/n=#3",
            "e/a=#1; e/b=#2; d/n=#3!",
        ),
        Case {
            title: "unrelated histories",
            commits: vec![
                Commit::new("ours", &[], tree("f=#1; g=#2")),
                Commit::new("theirs", &[], tree("f=#1!; h=#2")),
            ],
        },
        Case {
            title: "three common ancestors",
            commits: vec![
                Commit::new("base", &[], tree("f=#1")),
                Commit::new("one", &["base"], tree("f=#1!")),
                Commit::new("two", &["base"], tree("f=#1?")),
                Commit::new("three", &["base"], tree("f=#1^")),
                Commit::new("ours", &["one", "two", "three"], tree("f=#1!^")),
                Commit::new("theirs", &["three", "two", "one"], tree("f=#1?^+")),
            ],
        },
        Case {
            title: "common ancestors that have two common ancestors",
            commits: vec![
                Commit::new("base", &[], tree("f=#1")),
                Commit::new("one", &["base"], tree("f=#1!")),
                Commit::new("two", &["base"], tree("f=#1?")),
                Commit::new("three", &["one", "two"], tree("f=#1!^")),
                Commit::new("four", &["two", "one"], tree("f=#1?+")),
                Commit::new("ours", &["three", "four"], tree("f=#1!^+")),
                Commit::new("theirs", &["four", "three"], tree("f=#1?^+")),
            ],
        },
    ]
}
