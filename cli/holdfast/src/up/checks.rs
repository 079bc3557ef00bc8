//! What can be known to be wrong before anything is done.

use camino::Utf8PathBuf;
use holdfast_types::{Problem, ProblemKind};

use super::args::Args;
use super::failure::cannot;

/// Refuses arguments that cannot work.
pub(super) fn arguments(args: &Args) -> Result<(), Problem> {
    let wrong = |because: String| {
        Problem::new(7094, ProblemKind::Invalid, "such a cluster cannot come up").because(because)
    };
    if !matches!(args.controllers, 1 | 3 | 5) {
        let because = format!(
            "{} controllers asked for: a quorum has 1, 3 or 5 members, an even one gains nothing",
            args.controllers
        );
        return Err(wrong(because));
    }
    if args.lease.0 < 2_000 {
        return Err(wrong(format!("a lease of {} would lose live nodes: use at least 2s", args.lease)));
    }
    super::ports::parse(&args.listen)?;
    if args.demo {
        if args.nodes < 5 || args.controllers < 3 {
            return Err(wrong(
                "the demo loses one of three DE nodes and refuses FR: it needs 5 nodes and 3 controllers"
                    .to_owned(),
            ));
        }
        corpus(args)?;
    }
    Ok(())
}

fn corpus(args: &Args) -> Result<(), Problem> {
    let absent = |because: String| {
        Problem::new(7095, ProblemKind::NotFound, format!("corpus `{}` cannot be read", args.corpus))
            .because(because)
            .next("holdfast up --demo --corpus DIR")
    };
    let mut entries = args.corpus.read_dir_utf8().map_err(|error| absent(error.to_string()))?;
    if entries.next().is_none() {
        return Err(absent("the directory is empty".to_owned()));
    }
    Ok(())
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
