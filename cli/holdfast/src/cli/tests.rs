//! What is promised of every command, held to all of them at once.

use clap::{CommandFactory as _, Parser as _};

use super::*;
use crate::commands::generate;

#[test]
fn the_commands_do_not_contradict_each_other() {
    Cli::command().debug_assert();
}

#[test]
fn every_command_says_what_it_does_and_shows_how() {
    let all = generate::visible(&Cli::command());
    assert!(all.len() > 40, "{} commands", all.len());
    for (name, command) in all {
        assert!(
            command.get_about().is_some_and(|about| !about.to_string().is_empty()),
            "{name} says nothing"
        );
        let is_leaf = command.get_subcommands().all(|c| c.get_name() == "help");
        let help = command.clone().render_long_help().to_string();
        let (_, examples) = help.split_once("Examples:\n").unwrap_or_default();
        let count =
            examples.lines().take_while(|line| !line.is_empty()).filter(|l| l.contains("holdfast ")).count();
        assert!(!is_leaf || (1..=4).contains(&count), "{name} has {count} examples:\n{help}");
    }
}

#[test]
fn examples_can_be_typed() {
    for (name, command) in generate::visible(&Cli::command()) {
        // As written, not as wrapped to the width of a terminal.
        let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        let Some((_, examples)) = help.split_once("Examples:\n") else { continue };
        for line in examples.lines().take_while(|line| !line.is_empty()) {
            // Of a pipe, the part that is ours; what follows two spaces is a remark.
            let line = line.trim().split("  ").next().unwrap_or_default();
            let Some(at) = line.find("holdfast ") else { continue };
            let typed = line.get(at..).unwrap_or_default().split(" > ").next().unwrap_or_default();
            let words = typed.split_whitespace().map(|word| word.trim_matches('"'));
            let quoted = typed.contains('"');
            let parsed = Cli::try_parse_from(words);
            assert!(
                quoted || parsed.is_ok(),
                "{name}: `{typed}`: {}",
                parsed.err().map(|e| e.to_string()).unwrap_or_default()
            );
        }
    }
}

#[test]
fn an_option_without_effect_is_refused() {
    for (typed, refused) in [
        ("holdfast job submit -f x --dry-run --wait", false),
        ("holdfast job list --dry-run", true),
        ("holdfast node drain n1 --wait", false),
        ("holdfast node cordon n1 --wait", true),
        ("holdfast apply -f x --dry-run", false),
        ("holdfast diff -f x --dry-run", true),
        ("holdfast queue show q --watch", true),
        ("holdfast up --watch", true),
    ] {
        let cli = Cli::try_parse_from(typed.split(' ')).unwrap();
        let (name, honoured) = cli.command.honours();
        let checked = cli.globals.check(&name, honoured);
        assert_eq!(checked.is_err(), refused, "{typed}");
        if let Err(problem) = checked {
            assert_eq!((problem.code.0, problem.kind.exit_code()), (7003, 2));
        }
    }
}

#[test]
fn wrong_usage_is_exit_code_2() {
    for typed in [
        "holdfast",
        "holdfast jobs",
        "holdfast job submit",
        "holdfast job list --phase Sleeping",
        "holdfast job list --timeout 5",
        "holdfast dataset import x ./d --purpose research --tenant lab",
        "holdfast dataset import x ./d --residency de --purpose research --tenant lab",
        "holdfast dataset import X ./d --residency DE --purpose research --tenant lab",
    ] {
        assert_eq!(Cli::try_parse_from(typed.split(' ')).unwrap_err().exit_code(), 2, "{typed}");
    }
}

#[test]
fn generated_files_are_the_same_twice() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for dir in [&one, &two] {
        generate::run(&Cli::command(), camino::Utf8Path::from_path(dir.path()).unwrap()).unwrap();
    }
    for file in ["docs/man/holdfast-job-submit.1", "docs/completions/_holdfast", "docs/reference/cli.md"] {
        let read = |dir: &tempfile::TempDir| std::fs::read_to_string(dir.path().join(file)).unwrap();
        assert_eq!(read(&one), read(&two), "{file}");
    }
    let page = std::fs::read_to_string(one.path().join("docs/reference/cli.md")).unwrap();
    assert!(page.contains("## holdfast job submit\n") && !page.contains("__gen"));
}
