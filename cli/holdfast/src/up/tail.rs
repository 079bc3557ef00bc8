//! The end of a log, for a person who has to know why.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};

use camino::Utf8Path;

/// How much of the end is looked at.
const LOOK: u64 = 16 << 10;
/// How long a line may be that a person is shown.
const MAX_LINE: usize = 300;

/// The last lines of a log, without colours; none where it cannot be read.
pub(super) fn last_lines(path: &Utf8Path, count: usize) -> Vec<String> {
    let read = || {
        let mut file = File::open(path)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(LOOK)))?;
        let mut bytes = Vec::new();
        file.take(LOOK).read_to_end(&mut bytes)?;
        std::io::Result::Ok((bytes, length > LOOK))
    };
    let Ok((bytes, is_cut)) = read() else { return Vec::new() };
    let text = plain(&String::from_utf8_lossy(&bytes));
    let mut lines: Vec<&str> = text.lines().skip(usize::from(is_cut)).collect();
    lines.retain(|line| !line.trim().is_empty());
    let first = lines.len().saturating_sub(count);
    lines.into_iter().skip(first).map(|line| line.chars().take(MAX_LINE).collect()).collect()
}

/// A text without the escape sequences of terminals and without control characters.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if character == '\u{1b}' {
            // A sequence ends with its first letter.
            characters.by_ref().find(char::is_ascii_alphabetic);
        } else if character == '\n' || !character.is_control() {
            out.push(character);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_log_is_whole_lines_without_colours() {
        let temporary = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(temporary.path()).unwrap().join("log");
        assert!(last_lines(&path, 3).is_empty());
        let long: String = (0..3_000).map(|i| format!("line {i}\n")).collect();
        std::fs::write(&path, format!("{long}\u{1b}[31mERROR\u{1b}[0m it\r broke\n\n")).unwrap();
        assert_eq!(last_lines(&path, 2), ["line 2999", "ERROR it broke"]);
        assert!(last_lines(&path, 9_999).iter().all(|l| l.starts_with("line ") || l.contains("broke")));
        std::fs::write(&path, [0xff, b'\n', b'x']).unwrap();
        assert_eq!(last_lines(&path, 1), ["x"]);
    }
}
