//! The one test command: chooses suites, runs them one after another, goes on after a failure, and sums up.

use std::io::Write as _;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use camino::Utf8Path;

use crate::outcome::{Outcome, Tier};
use crate::packages;
use crate::process::{Counted, Shell};
use crate::suites::{SUITES, Suite};

/// What the command line asks for.
#[derive(Debug, Default)]
pub(crate) struct Wish {
    /// Suites of the full tier too.
    pub(crate) full: bool,
    /// These suites only, whatever their tier.
    pub(crate) only: Vec<String>,
}

/// One row of the table.
#[derive(Debug)]
struct Row {
    name: &'static str,
    outcome: Outcome,
    took: Duration,
}

/// Prints the suites.
pub(crate) fn list() {
    for suite in SUITES {
        let tier = match suite.tier {
            Tier::Default => "default",
            Tier::Full => "full",
        };
        let packages: Vec<&str> = suite.packages.iter().map(|p| p.name).collect();
        let needs =
            if packages.is_empty() { String::new() } else { format!(" (needs {})", packages.join(", ")) };
        println!("{:<9} {tier:<8} {}{needs}", suite.name, suite.what);
    }
}

/// Runs the suites wished for; an error where one fails.
pub(crate) fn run(root: &Utf8Path, wish: &Wish) -> Result<()> {
    let chosen = choose(wish)?;
    let tier = if wish.full { Tier::Full } else { Tier::Default };
    let shell = Shell::new(root);
    if !shell.offline {
        println!(
            "note: the cache of Cargo or Cargo.lock is not complete, so Cargo may ask for what is missing"
        );
    }
    let mut rows = Vec::new();
    for suite in chosen {
        println!("\n=== {}: {}", suite.name, suite.what);
        let begun = Instant::now();
        let outcome = match packages::provide(suite.packages) {
            Ok(()) => (suite.run)(&shell, tier),
            Err(reason) => Outcome::Skipped(reason),
        };
        match &outcome {
            Outcome::Passed(_) => {}
            Outcome::Failed(_, reason) => println!("!!! {} FAILED: {reason}", suite.name),
            Outcome::Skipped(reason) => println!("!!! {} SKIPPED: {reason}", suite.name),
        }
        std::io::stdout().flush()?;
        rows.push(Row { name: suite.name, outcome, took: begun.elapsed() });
    }
    print!("\n{}", table(&rows));
    let failed = rows.iter().filter(|r| matches!(r.outcome, Outcome::Failed(..))).count();
    println!("{}", closing(&rows));
    if failed == 0 { Ok(()) } else { bail!("{failed} of {} suites failed", rows.len()) }
}

fn choose(wish: &Wish) -> Result<Vec<&'static Suite>> {
    if let Some(name) = wish.only.iter().find(|name| !SUITES.iter().any(|s| s.name == **name)) {
        let names: Vec<&str> = SUITES.iter().map(|s| s.name).collect();
        bail!("no suite is named `{name}`; there are {}", names.join(", "));
    }
    let wanted = |suite: &&Suite| match wish.only.is_empty() {
        true => wish.full || suite.tier == Tier::Default,
        false => wish.only.iter().any(|name| name == suite.name),
    };
    Ok(SUITES.iter().filter(wanted).collect())
}

fn table(rows: &[Row]) -> String {
    let mut text = format!("{:<10} {:<8} {:>8}  {}\n", "SUITE", "RESULT", "SECONDS", "DETAIL");
    for row in rows {
        let (result, detail) = match &row.outcome {
            Outcome::Passed(counted) => ("passed", tests(*counted)),
            Outcome::Failed(counted, reason) => ("FAILED", [tests(*counted), reason.clone()].join(" ")),
            Outcome::Skipped(reason) => ("SKIPPED", reason.clone()),
        };
        let line = format!("{:<10} {result:<8} {:>8.1}  {}", row.name, row.took.as_secs_f64(), detail.trim());
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

fn tests(counted: Option<Counted>) -> String {
    let Some(Counted { passed, failed, ignored }) = counted else { return String::new() };
    let failed = if failed == 0 { String::new() } else { format!(", {failed} failed") };
    let ignored = if ignored == 0 { String::new() } else { format!(", {ignored} ignored") };
    format!("{passed} tests{failed}{ignored}")
}

fn closing(rows: &[Row]) -> String {
    let count = |of: fn(&Outcome) -> bool| rows.iter().filter(|r| of(&r.outcome)).count();
    let passed = count(|o| matches!(o, Outcome::Passed(_)));
    let failed = count(|o| matches!(o, Outcome::Failed(..)));
    let skipped = count(|o| matches!(o, Outcome::Skipped(_)));
    format!("{passed} passed, {failed} failed, {skipped} skipped")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(full: bool, only: &[&str]) -> Result<Vec<&'static str>> {
        let wish = Wish { full, only: only.iter().map(|s| (*s).to_owned()).collect() };
        Ok(choose(&wish)?.into_iter().map(|s| s.name).collect())
    }

    #[test]
    fn tiers_and_names_choose_suites() {
        let default = names(false, &[]).unwrap();
        assert!(default.contains(&"unit") && !default.contains(&"doc"));
        assert_eq!(names(true, &[]).unwrap().len(), SUITES.len());
        assert_eq!(names(false, &["doc", "tidy"]).unwrap(), ["tidy", "doc"]);
        assert!(names(false, &["unti"]).unwrap_err().to_string().contains("no suite is named `unti`"));
    }

    #[test]
    fn the_summary_says_what_happened_and_why() {
        let row = |name, outcome| Row { name, outcome, took: Duration::from_millis(1500) };
        let counted = Counted { passed: 7, failed: 0, ignored: 1 };
        let rows = [
            row("unit", Outcome::Passed(Some(counted))),
            row("fmt", Outcome::Failed(None, "`cargo fmt` failed".to_owned())),
            row("deny", Outcome::Skipped("no cargo-deny".to_owned())),
            row("tidy", Outcome::Passed(None)),
        ];
        assert_eq!(
            table(&rows),
            "SUITE      RESULT    SECONDS  DETAIL\n\
             unit       passed        1.5  7 tests, 1 ignored\n\
             fmt        FAILED        1.5  `cargo fmt` failed\n\
             deny       SKIPPED       1.5  no cargo-deny\n\
             tidy       passed        1.5\n"
        );
        assert_eq!(closing(&rows), "2 passed, 1 failed, 1 skipped");
    }
}
