//! What can be known to be wrong before anything is done.

use camino::Utf8PathBuf;
use holdfast_types::{Problem, ProblemKind};

use super::args::Args;
use super::failure::cannot;
use super::layout::Layout;

/// Refuses arguments that cannot work.
pub(super) fn arguments(args: &Args) -> Result<(), Problem> {
    let wrong = |because: String| {
        Problem::new(7094, ProblemKind::Invalid, "such a cluster cannot come up").because(because)
    };
    if !matches!(args.controllers(), 1 | 3 | 5) {
        let because = format!(
            "{} controllers asked for: a quorum has 1, 3 or 5 members, an even one gains nothing",
            args.controllers()
        );
        return Err(wrong(because));
    }
    if args.lease().0 < 2_000 {
        return Err(wrong(format!("a lease of {} would lose live nodes: use at least 2s", args.lease())));
    }
    super::ports::parse(args.listen())?;
    if args.demo {
        if args.nodes() < 5 || args.controllers() < 3 {
            return Err(wrong(
                "the demo loses one of three DE nodes and refuses FR: it needs 5 nodes and 3 controllers"
                    .to_owned(),
            ));
        }
        corpus(args)?;
    }
    Ok(())
}

/// Refuses to start a cluster under a shape that it does not have: its members are what it was founded with. What a
/// person did not type asks for nothing.
pub(super) fn shape(args: &Args, layout: &Layout) -> Result<(), Problem> {
    let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    let (nodes, controllers) = (count(layout.nodes.len()), count(layout.controllers.len()));
    let first = layout.controllers.first().map_or("", |c| c.listen.as_str());
    let is_there = |listen: &str| listen == first || listen.ends_with(":0");
    let differing = [
        args.nodes.filter(|n| *n != nodes).map(|n| (format!("--nodes {n}"), nodes.to_string())),
        args.controllers
            .filter(|c| *c != controllers)
            .map(|c| (format!("--controllers {c}"), controllers.to_string())),
        args.listen.as_deref().filter(|l| !is_there(l)).map(|l| (format!("--listen {l}"), first.to_owned())),
        // What an older version founded does not say with which lease.
        args.lease
            .zip(layout.lease)
            .filter(|(asked, there)| asked != there)
            .map(|(asked, there)| (format!("--lease {asked}"), there.to_string())),
    ];
    match differing.into_iter().flatten().next() {
        None => Ok(()),
        Some((asked, there)) => Err(Problem::new(
            7098,
            ProblemKind::Conflict,
            format!("`{asked}` does not fit the cluster that is there"),
        )
        .because(format!("it was founded with {there}, which cannot be changed afterwards"))
        .next("repeat the command without it")
        .next("holdfast up --fresh, which puts the old cluster aside")),
    }
}

fn corpus(args: &Args) -> Result<(), Problem> {
    let absent = |because: String| {
        Problem::new(7095, ProblemKind::NotFound, format!("corpus `{}` cannot be read", args.corpus))
            .because(because)
            .next("holdfast up --demo --corpus DIR")
    };
    let mut waiting = vec![args.corpus.clone()];
    while let Some(directory) = waiting.pop() {
        let entries = directory.read_dir_utf8().map_err(|error| absent(format!("`{directory}`: {error}")))?;
        for entry in entries.filter_map(Result::ok) {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => waiting.push(entry.into_path()),
                Ok(kind) if kind.is_file() && entry.metadata().is_ok_and(|m| m.len() > 0) => return Ok(()),
                Ok(_) | Err(_) => {}
            }
        }
    }
    Err(absent("there is no file with text below it".to_owned()))
}

/// Where the cluster is kept; made, and shown to be writable.
pub(super) fn directory(args: &Args) -> Result<Utf8PathBuf, Problem> {
    let directory = match &args.dir {
        Some(directory) => camino::absolute_utf8(directory).map_err(|error| cannot(error.to_string()))?,
        None => state_home()?.join("holdfast").join(if args.demo { "demo" } else { "up" }),
    };
    super::old::check(&directory)?;
    let refused = |error: std::io::Error| {
        Problem::new(7096, ProblemKind::Failed, format!("directory `{directory}` cannot be used"))
            .because(error.to_string())
            .next("holdfast up --dir DIR")
    };
    std::fs::create_dir_all(&directory).map_err(refused)?;
    let probe = directory.join(".probe");
    std::fs::write(&probe, b"x").map_err(refused)?;
    std::fs::remove_file(&probe).map_err(refused)?;
    Ok(directory)
}

fn state_home() -> Result<Utf8PathBuf, Problem> {
    let given = |name: &str| std::env::var(name).ok().filter(|value| value.starts_with('/'));
    let home = || given("HOME").map(|home| format!("{home}/.local/state"));
    let path = given("XDG_STATE_HOME").or_else(home);
    path.map(Into::into)
        .ok_or_else(|| cannot("neither XDG_STATE_HOME nor HOME is set").next("holdfast up --dir DIR"))
}

#[cfg(test)]
mod tests {
    use camino::Utf8Path;
    use clap::Parser as _;

    use super::*;
    use crate::cli::{Cli, Command};
    use crate::up::layout::Wanted;

    fn args(typed: &str) -> Args {
        match Cli::try_parse_from(format!("holdfast up {typed}").split_whitespace()).unwrap().command {
            Command::Up(args) => args,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_cannot_come_up_is_refused_with_its_reason() {
        let temporary = tempfile::tempdir().unwrap();
        let empty = Utf8Path::from_path(temporary.path()).unwrap();
        std::fs::create_dir(empty.join("below")).unwrap();
        std::fs::write(empty.join("below/nothing"), "").unwrap();
        for (typed, code, expected) in [
            ("--controllers 4".to_owned(), 7094, "an even one gains nothing"),
            ("--controllers 7".to_owned(), 7094, "1, 3 or 5 members"),
            ("--lease 1s".to_owned(), 7094, "at least 2s"),
            ("--listen 7400".to_owned(), 7093, "expected `host:port`"),
            ("--demo --nodes 4".to_owned(), 7094, "it needs 5 nodes"),
            (format!("--demo --corpus {empty}/absent"), 7095, "absent"),
            (format!("--demo --corpus {empty}"), 7095, "no file with text"),
        ] {
            let problem = arguments(&args(&typed)).unwrap_err();
            assert_eq!(problem.code.0, code, "{typed}");
            assert!(problem.to_string().contains(expected), "{typed}: {problem}");
        }
        std::fs::write(empty.join("below/text"), "text").unwrap();
        assert_eq!(arguments(&args(&format!("--demo --corpus {empty}"))), Ok(()));
        assert_eq!(arguments(&args("")), Ok(()));
    }

    #[test]
    fn a_founded_cluster_is_not_started_under_another_shape() {
        let wanted = Wanted {
            nodes: 3,
            controllers: 1,
            listen: String::new(),
            lease: holdfast_types::Span::from_secs(9),
            demo: false,
        };
        let mut port = 9_000;
        let layout = Layout::decide("/x".into(), &wanted, &mut || {
            port += 1;
            Ok(format!("127.0.0.1:{port}"))
        })
        .unwrap();
        for fits in
            ["", "--nodes 3 --controllers 1 --lease 9s --listen 127.0.0.1:9001", "--listen 127.0.0.1:0"]
        {
            assert_eq!(shape(&args(fits), &layout), Ok(()), "{fits}");
        }
        // What is usual counts as much as anything else, once it is typed.
        for not in [
            "--nodes 4",
            "--nodes 5",
            "--controllers 5",
            "--controllers 3",
            "--lease 8s",
            "--lease 6s",
            "--listen 127.0.0.1:9002",
            "--listen 127.0.0.1:7400",
        ] {
            let problem = shape(&args(not), &layout).unwrap_err();
            assert_eq!((problem.code.0, problem.kind.exit_code()), (7098, 6), "{not}");
            assert!(problem.to_string().contains(not), "{problem}");
        }
    }
}
