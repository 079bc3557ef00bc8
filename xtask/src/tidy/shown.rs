//! What the documents promise is shown by tests that exist: every `crate/test_name` that the pages of promises name is a
//! test of that crate, and every numbered promise names one or says that it has none.

use std::collections::BTreeSet;

use camino::Utf8Path;

use crate::violation::Violation;
use crate::workspace::{Crate, Workspace};

const RULE: &str = "shown";
/// The page whose promises are numbered.
const SEMANTICS: &str = "docs/design/semantics.md";
const PAGES: [&str; 2] = [SEMANTICS, "docs/promises.md"];
/// What a promise says that no test shows.
const NO_TEST: &str = "No test";
/// How far above its function an attribute stands.
const ATTRIBUTES: usize = 6;

/// Checks the names of tests, and that no promise is without one.
pub(crate) fn check(workspace: &Workspace) -> Vec<Violation> {
    let mut found = Vec::new();
    for page in PAGES {
        let Some(text) = workspace.texts.get(Utf8Path::new(page)) else {
            found.push(Violation::new(page, 1, RULE, "does not exist"));
            continue;
        };
        for (line, (short, test)) in names(text) {
            let Some(checked) = crate_of(workspace, short) else {
                found.push(Violation::new(
                    page,
                    line,
                    RULE,
                    format!("`{short}/{test}`: there is no crate `{short}`"),
                ));
                continue;
            };
            if !has_test(checked, test) {
                found.push(Violation::new(
                    page,
                    line,
                    RULE,
                    format!("`{}` has no test `{test}`", checked.name),
                ));
            }
        }
    }
    found.extend(workspace.texts.get(Utf8Path::new(SEMANTICS)).into_iter().flat_map(|text| numbered(text)));
    found
}

/// Every name of a test in backticks, with its line.
fn names(text: &str) -> impl Iterator<Item = (usize, (&str, &str))> {
    text.lines().enumerate().flat_map(|(number, line)| {
        let quoted = line.split('`').skip(1).step_by(2);
        quoted.filter_map(name).map(move |name| (number + 1, name))
    })
}

/// The crate and the test of `crate/some_test_name`. A path has no three words in its last part.
fn name(quoted: &str) -> Option<(&str, &str)> {
    let (short, test) = quoted.split_once('/')?;
    let word = |text: &str| {
        text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-')
    };
    (word(short) && word(test) && test.matches('_').count() > 1).then_some((short, test))
}

fn crate_of<'a>(workspace: &'a Workspace, short: &str) -> Option<&'a Crate> {
    let long = format!("holdfast-{short}");
    workspace.crates.iter().find(|c| c.name == long || c.name == short)
}

fn has_test(checked: &Crate, test: &str) -> bool {
    let head = format!("fn {test}(");
    checked.sources.iter().any(|source| {
        let lines: Vec<&str> = source.text.lines().collect();
        let at = lines.iter().enumerate().filter(|(_, line)| line.contains(&head)).map(|(at, _)| at);
        at.into_iter().any(|at| {
            let above = lines.iter().take(at).rev().take(ATTRIBUTES).map(|line| line.trim());
            let mut attributes = above.take_while(|line| line.starts_with("#[") || line.starts_with("///"));
            attributes.any(|line| line.starts_with("#[test]") || line.starts_with("#[tokio::test"))
        })
    })
}

/// Promises without a test, and numbers that stand twice.
fn numbered(text: &str) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    let mut promises: Vec<(usize, &str, String)> = Vec::new();
    for (at, line) in text.lines().enumerate() {
        if let Some(number) =
            line.strip_prefix("- **").and_then(|rest| rest.split_once(".**")).map(|(n, _)| n)
        {
            promises.push((at + 1, number, String::new()));
        } else if line.starts_with('#') {
            promises.push((0, "", String::new()));
        }
        if let Some((_, _, body)) = promises.last_mut() {
            body.push_str(line);
            body.push('\n');
        }
    }
    for (line, number, body) in promises.iter().filter(|(line, ..)| *line > 0) {
        if !seen.insert(*number) {
            found.push(Violation::new(SEMANTICS, *line, RULE, format!("`{number}` stands twice")));
        }
        if names(body).next().is_none() && !body.contains(NO_TEST) {
            let text = format!("`{number}` names no test and does not say `{NO_TEST}`");
            found.push(Violation::new(SEMANTICS, *line, RULE, text));
        }
    }
    if seen.is_empty() {
        found.push(Violation::new(SEMANTICS, 1, RULE, "it has no promise of the form `- **W1.** ...`"));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::made_up::{crate_of, workspace};

    const CODE: &str = "#[cfg(test)]\nmod tests {\n#[test]\nfn what_is_there_stays() {}\n\
                        #[tokio::test(flavor = \"x\")]\nasync fn it_waits_a_while() {}\nfn only_a_helper() {}\n}\n";

    fn found(semantics: &str) -> Vec<String> {
        let crates = vec![crate_of("holdfast-a", "core/a", &[("src/lib.rs", CODE)])];
        let pages =
            [(SEMANTICS, semantics), ("docs/promises.md", "`a/what_is_there_stays` and `core/a/src`")];
        check(&workspace(crates, &pages)).into_iter().map(|v| format!("{}: {}", v.line, v.text)).collect()
    }

    #[test]
    fn a_promise_with_a_test_that_exists_is_fine() {
        let page = "# S\n\n- **W1.** Stays.\n  `a/what_is_there_stays`, `a/it_waits_a_while`\n- **W2.** Else. No test: hard.\n";
        assert_eq!(found(page), [""; 0]);
    }

    #[test]
    fn tests_that_do_not_exist_and_promises_without_one_are_named() {
        let page = "- **W1.** x `a/what_was_there_once`\n- **W2.** y\n- **W2.** `a/only_a_helper` `b/it_waits_a_while`\n";
        assert_eq!(
            found(page),
            [
                "1: `holdfast-a` has no test `what_was_there_once`",
                "3: `holdfast-a` has no test `only_a_helper`",
                "3: `b/it_waits_a_while`: there is no crate `b`",
                "2: `W2` names no test and does not say `No test`",
                "3: `W2` stands twice",
            ]
        );
        assert_eq!(found("nothing\n"), ["1: it has no promise of the form `- **W1.** ...`"]);
        assert_eq!(check(&workspace(Vec::new(), &[])).len(), 2);
    }
}
