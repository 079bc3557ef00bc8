//! Files and functions that fit into a head: 600 lines and 80 lines at most, tests not counted.

use crate::lex::{matching, text_at, tokens};
use crate::source::Source;
use crate::violation::Violation;
use crate::workspace::Workspace;

const RULE: &str = "sizes";

/// More lines than this are a violation.
const MAX_FILE_LINES: usize = 600;
/// More lines than this are counted in a warning.
const LARGE_FILE_LINES: usize = 400;
/// More lines than this, from `fn` to the closing brace, are a violation.
const MAX_FUNCTION_LINES: usize = 80;

/// Reports files and functions over the hard limits.
pub(crate) fn check(workspace: &Workspace) -> Vec<Violation> {
    let mut found = Vec::new();
    for source in workspace.crates.iter().flat_map(|c| &c.sources).filter(|s| !s.is_test) {
        let lines = source.lines_without_tests();
        if lines > MAX_FILE_LINES {
            let text = format!("{lines} lines without tests; at most {MAX_FILE_LINES}");
            found.push(Violation::new(source.path.clone(), 1, RULE, text));
        }
        for (name, line, length) in functions(source) {
            if length > MAX_FUNCTION_LINES {
                let text = format!("`fn {name}` has {length} lines; at most {MAX_FUNCTION_LINES}");
                found.push(Violation::new(source.path.clone(), line, RULE, text));
            }
        }
    }
    found
}

/// Files over the soft limit, each with its lines.
pub(crate) fn large_files(workspace: &Workspace) -> Vec<String> {
    let sources = workspace.crates.iter().flat_map(|c| &c.sources).filter(|s| !s.is_test);
    let counted = sources.map(|s| (s, s.lines_without_tests()));
    counted
        .filter(|(_, lines)| *lines > LARGE_FILE_LINES)
        .map(|(s, lines)| format!("{} ({lines})", s.path))
        .collect()
}

/// Name, first line and length of every function with a body.
fn functions(source: &Source) -> Vec<(String, usize, usize)> {
    let tokens = tokens(&source.live);
    let mut found = Vec::new();
    for (i, token) in tokens.iter().enumerate().filter(|(_, t)| t.text == "fn") {
        let name = text_at(&tokens, i + 1);
        let Some(open) = body(&tokens, i + 1).filter(|_| name != "(") else { continue };
        let close = tokens.get(matching(&tokens, open)).map_or(token.at, |t| t.at);
        let (first, last) = (source.line(token.at), source.line(close));
        found.push((name.to_owned(), first, last + 1 - first));
    }
    found
}

/// The brace that opens the body, or none where the declaration ends without one.
fn body(tokens: &[crate::lex::Token<'_>], from: usize) -> Option<usize> {
    let mut i = from;
    while i < tokens.len() {
        match text_at(tokens, i) {
            "{" => return Some(i),
            ";" => return None,
            "(" | "[" => i = matching(tokens, i),
            _ => {}
        }
        i += 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::made_up::{crate_of, workspace};

    fn found(text: &str) -> Vec<String> {
        check(&workspace(vec![crate_of("x", "core/x", &[("src/lib.rs", text)])], &[]))
            .into_iter()
            .map(|v| v.to_string())
            .collect()
    }

    fn function(lines: usize) -> String {
        format!("fn f(a: [u8; 2]) -> fn(u8) {{\n{}}}\n", "a;\n".repeat(lines - 2))
    }

    #[test]
    fn a_function_is_measured_from_its_first_line_to_its_brace() {
        assert!(found(&function(80)).is_empty());
        assert_eq!(found(&function(81)), ["core/x/src/lib.rs:1: sizes: `fn f` has 81 lines; at most 80"]);
        assert!(found(&format!("#[cfg(test)]\n{}", function(200))).is_empty());
        assert!(found("trait T { fn a(); }\n").is_empty());
    }

    #[test]
    fn tests_do_not_count_into_the_file() {
        let code = "//! x\n".repeat(600);
        assert!(found(&code).is_empty());
        assert_eq!(found(&format!("{code}// one more\n")).len(), 1);
        assert!(found(&format!("{code}#[cfg(test)]\nmod tests {{\n{}}}", "a;\n".repeat(50))).is_empty());
    }
}
