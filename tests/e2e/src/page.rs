//! A page of the documentation as steps that can be done: its commands in order, and what they promise to say.
//!
//! A block fenced as `sh` is done; a block fenced as `text` after it is what it says, where a line of `...` stands for any
//! lines and `...` within a line for anything. What a reader need not see stands in comments:
//!
//! - `<!-- world: ARGUMENTS -->`: `holdfast up ARGUMENTS` runs from here on; `disk=SIZE` gives every controller a small disk.
//! - `<!-- hidden: COMMANDS -->`: done, and not shown.
//! - `<!-- let: NAME=COMMAND -->`: what COMMAND says stands for the word NAME from here on.
//! - `<!-- file: PATH -->`: the next block is the text of that file.
//! - `<!-- until: SECONDS -->`: the next block is done again until it holds.
//! - `<!-- exit: CODE -->`: the next block ends with CODE.
//! - `<!-- background -->`: the next block runs on until the page ends.
//! - `<!-- elsewhere: WHY -->`: the next block is not done here.

use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};

/// How the commands of a block are done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Manner {
    /// How long they may be done again until they hold.
    pub until: Duration,
    /// What they end with.
    pub exit: i32,
    /// Whether they run on.
    pub background: bool,
}

/// What is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// A cluster of `holdfast up` with these arguments.
    World(String),
    /// Commands that a reader does not see.
    Hidden(String),
    /// What a command says stands for a word.
    Let(String, String),
    /// A file with this text.
    File(String, String),
    /// Commands, and what they say if that is promised.
    Commands(String, Option<String>, Manner),
    /// Commands that are not done here, and why.
    Elsewhere(String),
}

/// One step of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The line of the page on which it begins.
    pub line: usize,
    /// What is done.
    pub act: Act,
}

#[derive(Debug, Default)]
struct Pending {
    manner: Manner,
    file: Option<String>,
    elsewhere: Option<String>,
}

/// Reads the steps of a page.
///
/// # Errors
///
/// Where a comment is not understood, or a fence does not end.
pub fn steps(page: &str) -> Result<Vec<Step>> {
    let (mut steps, mut pending) = (Vec::new(), Pending::default());
    let mut lines = (1..).zip(page.lines());
    while let Some((line, text)) = lines.next() {
        if let Some(language) = text.strip_prefix("```") {
            let body: Vec<&str> = lines.by_ref().map(|(_, text)| text).take_while(|t| *t != "```").collect();
            let body: String = body.into_iter().map(|text| format!("{text}\n")).collect();
            block(&mut steps, &mut pending, (line, language, body))
                .with_context(|| format!("line {line}"))?;
        } else if let Some(comment) = text.strip_prefix("<!--") {
            let mut comment = comment.to_owned();
            while !comment.trim_end().ends_with("-->") {
                let (_, more) =
                    lines.next().with_context(|| format!("line {line}: the comment does not end"))?;
                comment = format!("{comment}\n{more}");
            }
            let comment = comment.trim_end().trim_end_matches("-->").trim();
            remark(&mut steps, &mut pending, line, comment).with_context(|| format!("line {line}"))?;
        }
    }
    Ok(steps)
}

fn block(
    steps: &mut Vec<Step>,
    pending: &mut Pending,
    (line, language, body): (usize, &str, String),
) -> Result<()> {
    let Pending { manner, file, elsewhere } = std::mem::take(pending);
    let act = match (language, file, elsewhere) {
        (_, Some(path), None) => Act::File(path, body),
        ("sh", None, Some(why)) => Act::Elsewhere(why),
        ("sh", None, None) => Act::Commands(body, None, manner),
        ("text", None, None) => {
            let last = steps.last_mut().map(|step| &mut step.act);
            let Some(Act::Commands(_, promised @ None, _)) = last else {
                bail!("a block of text has to follow the commands that say it");
            };
            *promised = Some(body);
            return Ok(());
        }
        (_, None, None) => return Ok(()),
        _ => bail!("a block cannot be a file and elsewhere at once"),
    };
    steps.push(Step { line, act });
    Ok(())
}

fn remark(steps: &mut Vec<Step>, pending: &mut Pending, line: usize, comment: &str) -> Result<()> {
    let (word, rest) = comment.split_once(':').unwrap_or((comment, ""));
    let rest = rest.trim();
    let act = match word {
        "world" => Act::World(rest.to_owned()),
        "hidden" => Act::Hidden(rest.to_owned()),
        "let" => {
            let (name, command) = rest.split_once('=').context("let: NAME=COMMAND")?;
            ensure!(!name.is_empty(), "let: NAME=COMMAND");
            Act::Let(name.to_owned(), command.to_owned())
        }
        "file" => {
            pending.file = Some(rest.to_owned());
            return Ok(());
        }
        "until" => {
            pending.manner.until = Duration::from_secs(rest.parse().context("until: SECONDS")?);
            return Ok(());
        }
        "exit" => {
            pending.manner.exit = rest.parse().context("exit: CODE")?;
            return Ok(());
        }
        "background" => {
            pending.manner.background = true;
            return Ok(());
        }
        "elsewhere" => {
            ensure!(!rest.is_empty(), "elsewhere: WHY");
            pending.elsewhere = Some(rest.to_owned());
            return Ok(());
        }
        _ => bail!("`{word}` is no remark that is known"),
    };
    steps.push(Step { line, act });
    Ok(())
}

/// Whether something said is what was promised; the first promised line that it is not, otherwise.
///
/// # Errors
///
/// The first line of the promise for which there is none, or what was said beyond it.
pub fn keeps(promised: &str, said: &str) -> Result<(), String> {
    let promised: Vec<&str> = promised.lines().map(str::trim_end).collect();
    let said: Vec<&str> = said.lines().map(str::trim_end).collect();
    let mut furthest = 0;
    if follows(&promised, &said, 0, &mut furthest) {
        return Ok(());
    }
    match promised.get(furthest) {
        Some(line) => Err(format!("the page promises `{line}`")),
        None => Err("more is said than the page promises".to_owned()),
    }
}

fn follows(promised: &[&str], said: &[&str], depth: usize, furthest: &mut usize) -> bool {
    *furthest = depth.max(*furthest);
    match (promised.split_first(), said.split_first()) {
        (None, None) => true,
        (Some((&"...", after)), _) => (0..=said.len())
            .any(|skipped| follows(after, said.get(skipped..).unwrap_or(&[]), depth + 1, furthest)),
        (Some((line, promised)), Some((text, said))) => {
            is_like(line, text) && follows(promised, said, depth + 1, furthest)
        }
        _ => false,
    }
}

/// Whether a line is like a promised one, in which `...` stands for anything and blanks for blanks.
fn is_like(line: &str, text: &str) -> bool {
    let squeeze = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let (line, text) = (squeeze(line), squeeze(text));
    let mut parts = line.split("...").map(str::trim);
    let first = parts.next().unwrap_or("");
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        let Some((_, after)) = rest.split_once(*part) else { return false };
        rest = after;
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_becomes_steps() {
        let page = "# Page\n\n<!-- world: --nodes 3 -->\n<!-- hidden: a\nb -->\n<!-- let: NODE=echo n -->\nWords.\n\n<!-- until: 5 -->\n\
                    ```sh\nholdfast x\n```\n\nIt says:\n\n```text\n... y\n```\n<!-- file: /f -->\n```toml\na = 1\n```\n\
                    ```yaml\nno: matter\n```\n<!-- exit: 4 -->\n```sh\nfalse\n```\n<!-- elsewhere: it is long -->\n```sh\nup\n```\n";
        let steps = steps(page).unwrap();
        let acts: Vec<Act> = steps.iter().map(|step| step.act.clone()).collect();
        let manner = |until, exit| Manner { until: Duration::from_secs(until), exit, background: false };
        let expected = [
            Act::World("--nodes 3".to_owned()),
            Act::Hidden("a\nb".to_owned()),
            Act::Let("NODE".to_owned(), "echo n".to_owned()),
            Act::Commands("holdfast x\n".to_owned(), Some("... y\n".to_owned()), manner(5, 0)),
            Act::File("/f".to_owned(), "a = 1\n".to_owned()),
            Act::Commands("false\n".to_owned(), None, manner(0, 4)),
            Act::Elsewhere("it is long".to_owned()),
        ];
        assert_eq!(acts, expected);
        assert_eq!(steps.iter().map(|step| step.line).collect::<Vec<_>>(), [3, 4, 6, 10, 20, 27, 31]);
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for page in [
            "<!-- wrold: x -->",
            "<!-- hidden: x",
            "```text\nx\n```",
            "<!-- let: x -->",
            "<!-- until: soon -->",
        ] {
            assert!(steps(page).is_err(), "{page}");
        }
    }

    #[test]
    fn a_promise_is_kept_or_not() {
        for (promised, said) in [
            ("a\nb", "a\nb\n"),
            ("...\nb\n...", "a\nb"),
            ("...", ""),
            ("NAME  PHASE\n... Ready ...", "NAME     PHASE\nnode-1   Ready   3s"),
            ("took ... ms", "took 17 ms"),
            ("a ... c ... e", "a b c d e"),
            ("a ...", "a"),
        ] {
            assert_eq!(keeps(promised, said), Ok(()), "{promised:?} {said:?}");
        }
        for (promised, said, because) in [
            ("a\nb", "a\nc", "promises `b`"),
            ("a", "a\nb", "more is said"),
            ("a\nb", "a", "promises `b`"),
            ("...\nReady", "Lost", "promises `Ready`"),
            ("took ... ms", "took 17 s", "promises `took"),
        ] {
            let fault = keeps(promised, said).unwrap_err();
            assert!(fault.contains(because), "{promised:?} {said:?}: {fault}");
        }
    }
}
