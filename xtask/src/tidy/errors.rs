//! Every error code has its page, every page its code, and no two crates share one.
//!
//! A code is made by `Problem::new(NNNN, ...)`, `problem(NNNN, ...)` or `Code(NNNN)`. A file that speaks of problems may
//! also keep codes as plain numbers, in a table for example: they do not ask for a page, but a page may stand on them.

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};

use crate::lex::{Token, text_at, tokens};
use crate::violation::Violation;
use crate::workspace::{Crate, Workspace};

const RULE: &str = "errors";
const SECTIONS: [&str; 3] = ["## Meaning", "## Cause", "## What to do"];

/// Where codes are made: by crate, the first place of each.
type Uses = BTreeMap<String, BTreeMap<String, (Utf8PathBuf, usize)>>;

/// Checks codes against pages, both ways.
pub(crate) fn check(workspace: &Workspace) -> Vec<Violation> {
    let uses = uses(workspace);
    let mentioned = mentioned(workspace);
    let pages: BTreeMap<&str, (&Utf8Path, &str)> = workspace
        .texts
        .iter()
        .filter(|(path, _)| path.parent() == Some(Utf8Path::new("docs/errors")))
        .filter_map(|(path, text)| Some((path.file_stem()?, (path.as_path(), text.as_str()))))
        .filter(|(stem, _)| is_code(stem))
        .collect();
    let mut found = Vec::new();
    for (code, crates) in &uses {
        let places: Vec<_> = crates.iter().collect();
        let Some((_, (path, line))) = places.first() else { continue };
        if !pages.contains_key(code.as_str()) {
            found.push(Violation::new(
                path.clone(),
                *line,
                RULE,
                format!("{code} has no page docs/errors/{code}.md"),
            ));
        }
        if places.len() > 1 {
            let names: Vec<&str> = crates.keys().map(String::as_str).collect();
            let text = format!("{code} is made by more than one crate: {}", names.join(", "));
            found.push(Violation::new(path.clone(), *line, RULE, text));
        }
    }
    for (code, (path, text)) in pages {
        if !uses.contains_key(code) && !mentioned.contains(code) {
            found.push(Violation::new(path, 1, RULE, format!("no source makes {code}")));
        }
        if !text.starts_with(&format!("# {code} ")) {
            found.push(Violation::new(path, 1, RULE, format!("does not begin with `# {code} ` and a title")));
        }
        for section in SECTIONS.iter().filter(|s| !text.lines().any(|line| line.trim_end() == **s)) {
            found.push(Violation::new(path, 1, RULE, format!("lacks the section `{section}`")));
        }
    }
    found
}

fn is_code(stem: &str) -> bool {
    stem.strip_prefix('E')
        .is_some_and(|digits| digits.len() == 4 && digits.bytes().all(|b| b.is_ascii_digit()))
}

fn uses(workspace: &Workspace) -> Uses {
    let mut uses = Uses::new();
    for checked in &workspace.crates {
        for source in checked.shipped() {
            let tokens = tokens(&source.live);
            for (i, token) in tokens.iter().enumerate() {
                let Some(number) = constructed(&tokens, i) else { continue };
                let place = (source.path.clone(), source.line(token.at));
                uses.entry(format!("E{number:04}")).or_default().entry(checked.name.clone()).or_insert(place);
            }
        }
    }
    uses
}

/// The number that makes a code at `i`.
fn constructed(tokens: &[Token<'_>], i: usize) -> Option<u16> {
    let at = |offset: usize| text_at(tokens, i + offset);
    // `Outcome::Code(0)` is a variant of somebody's enum.
    let of_ours = || match i.checked_sub(1).map_or("", |before| text_at(tokens, before)) {
        "::" => i.checked_sub(2).is_some_and(|before| text_at(tokens, before) == "holdfast_types"),
        "fn" | "." => false,
        _ => true,
    };
    let number = match at(0) {
        "Problem" if at(1) == "::" && at(2) == "new" && at(3) == "(" => at(4),
        "Code" if at(1) == "(" && at(3) == ")" && of_ours() => at(2),
        "problem" if at(1) == "(" && of_ours() => at(2),
        _ => return None,
    };
    code_number(number)
}

fn code_number(text: &str) -> Option<u16> {
    text.replace('_', "")
        .trim_end_matches("u16")
        .parse()
        .ok()
        .filter(|number| (1000..10_000).contains(number))
}

/// Numbers that can be codes in files that speak of problems.
fn mentioned(workspace: &Workspace) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for source in workspace.crates.iter().flat_map(Crate::shipped) {
        let tokens = tokens(&source.live);
        if tokens.iter().any(|t| matches!(t.text, "Problem" | "AsProblem")) {
            found
                .extend(tokens.iter().filter_map(|t| code_number(t.text)).map(|number| format!("E{number}")));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::made_up::{crate_of, workspace};

    const PAGE: &str = "# E2104 a title\n\n## Meaning\n\nx\n\n## Cause\n\nx\n\n## What to do\n\nx\n";

    fn found(sources: &[(&str, &str)], pages: &[(&str, &str)]) -> Vec<String> {
        let crates = sources
            .iter()
            .map(|(name, text)| crate_of(name, &format!("core/{name}"), &[("src/lib.rs", text)]));
        check(&workspace(crates.collect(), pages)).into_iter().map(|v| v.text).collect()
    }

    #[test]
    fn a_code_with_its_page_is_fine() {
        let made = [("a", "fn p() { Problem::new(2104, K, x) }\n#[cfg(test)] mod t { fn x() { Code(9) } }")];
        assert!(found(&made, &[("docs/errors/E2104.md", PAGE), ("docs/errors/README.md", "x")]).is_empty());
    }

    #[test]
    fn codes_without_pages_and_pages_without_codes_are_named() {
        assert_eq!(
            found(&[("a", "const C: Code = Code(2_104);")], &[]),
            ["E2104 has no page docs/errors/E2104.md"]
        );
        assert_eq!(found(&[("a", "")], &[("docs/errors/E2104.md", PAGE)]), ["no source makes E2104"]);
    }

    #[test]
    fn helpers_and_tables_make_codes_and_variants_do_not() {
        let pages = [("docs/errors/E2104.md", PAGE)];
        assert!(
            found(&[("a", "fn f() { let p: Problem = problem(2104, K); Outcome::Code(2); }")], &pages)
                .is_empty()
        );
        assert!(found(&[("a", "fn f() -> Problem { match x { A => 2104 } }")], &pages).is_empty());
        assert_eq!(found(&[("a", "fn f() -> u16 { 2104 }")], &pages), ["no source makes E2104"]);
        assert!(found(&[("a", "fn f() -> Problem { 2105 }")], &[]).is_empty());
    }

    #[test]
    fn a_page_has_its_sections_and_a_code_one_maker() {
        let made = ("a", "fn p() { types::Problem::new(\n2104, K, x) }");
        let bad = PAGE.replace("## Cause", "## Why").replace("# E2104 a", "# E2105 a");
        assert_eq!(
            found(&[made], &[("docs/errors/E2104.md", &bad)]),
            ["does not begin with `# E2104 ` and a title", "lacks the section `## Cause`"]
        );
        let twice = found(&[made, ("b", made.1)], &[("docs/errors/E2104.md", PAGE)]);
        assert_eq!(twice, ["E2104 is made by more than one crate: a, b"]);
    }
}
