//! Words that have no place in a tree others will read: notes to oneself and the paths of one machine.

use camino::Utf8Path;

use crate::violation::Violation;
use crate::workspace::Workspace;

const RULE: &str = "words";

/// Split, so that this file does not find itself.
const NOTES: [&str; 3] = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];
const MACHINE_PATHS: [&str; 2] = [concat!("/wo", "rk/"), concat!("/root/", ".")];

/// Checks every text file: notes are looked for outside documents, paths everywhere.
pub(crate) fn check(workspace: &Workspace) -> Vec<Violation> {
    let mut found = Vec::new();
    for (path, text) in &workspace.texts {
        let is_document = path.extension() == Some("md");
        for (number, line) in text.lines().enumerate() {
            let notes = NOTES.iter().filter(|note| !is_document && has_word(line, note));
            let paths = MACHINE_PATHS.iter().filter(|machine| has_path(line, machine));
            for word in notes.chain(paths) {
                found.push(Violation::new(
                    path.clone(),
                    number + 1,
                    RULE,
                    format!("`{word}` does not belong here"),
                ));
            }
        }
    }
    found.extend(workspace.texts.keys().filter(|path| is_stray(path)).map(|path| {
        Violation::new(path.clone(), 1, RULE, "a stray file: a leftover of an editor or a merge")
    }));
    found
}

fn is_stray(path: &Utf8Path) -> bool {
    path.file_stem()
        .is_some_and(|stem| stem.ends_with(".orig") || stem.ends_with(".bak") || stem.ends_with('~'))
}

fn has_word(line: &str, word: &str) -> bool {
    let part = |c: char| c == '_' || c.is_alphanumeric();
    line.match_indices(word).any(|(at, _)| {
        let before = line.get(..at).and_then(|s| s.chars().next_back());
        let after = line.get(at + word.len()..).and_then(|s| s.chars().next());
        !before.is_some_and(part) && !after.is_some_and(part)
    })
}

/// An absolute path begins where no path goes on: `net/work/x` is none.
fn has_path(line: &str, path: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '}' | '*');
    line.match_indices(path)
        .any(|(at, _)| !line.get(..at).and_then(|s| s.chars().next_back()).is_some_and(part))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::made_up::workspace;

    #[test]
    fn notes_and_machine_paths_are_found() {
        let note = format!("// {}: later\nlet x = {}_LIST;", NOTES[0], NOTES[0]);
        let path = format!("see {}main\nnet{}x", MACHINE_PATHS[0], MACHINE_PATHS[0]);
        let found = check(&workspace(Vec::new(), &[("a.rs", &note), ("b.md", &path), ("c.md", &note)]));
        let places: Vec<_> = found.iter().map(|v| format!("{}:{}", v.path, v.line)).collect();
        assert_eq!(places, ["a.rs:1", "b.md:1"]);
    }
}
