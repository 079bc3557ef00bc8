//! The options that every command takes. What a command cannot honour it refuses: a `--dry-run` without effect would
//! be worse than none.

use camino::Utf8PathBuf;
use holdfast_api::MAX_REQUEST_ID;
use holdfast_client::RequestTag;
use holdfast_types::{Problem, ProblemKind, Span};

/// How data is written to stdout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// Columns for people
    Table,
    /// Canonical proto JSON, as the REST interface answers
    Json,
    /// The same as YAML
    Yaml,
    /// Names alone, one a line
    Name,
}

/// The options of every command.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Globals {
    /// How to write data to stdout
    #[arg(
        short = 'o',
        long,
        global = true,
        value_enum,
        default_value_t = Format::Table,
        value_name = "FORMAT",
        help_heading = "Options of every command"
    )]
    pub(crate) output: Format,
    /// The context file: which cluster, and who you are there
    #[arg(
        long,
        global = true,
        env = "HOLDFAST_CONTEXT",
        hide_env_values = true,
        value_name = "FILE",
        help_heading = "Options of every command"
    )]
    pub(crate) context: Option<Utf8PathBuf>,
    /// Keep printing what changes
    #[arg(long, global = true, help_heading = "Options of every command")]
    pub(crate) watch: bool,
    /// Check and decide everything, change nothing
    #[arg(long, global = true, help_heading = "Options of every command")]
    pub(crate) dry_run: bool,
    /// Do not ask before something is destroyed
    #[arg(long, global = true, help_heading = "Options of every command")]
    pub(crate) yes: bool,
    /// Return only when it is done
    #[arg(long, global = true, help_heading = "Options of every command")]
    pub(crate) wait: bool,
    /// Give up after this time, such as `90s` or `1h30m`
    #[arg(long, global = true, value_name = "TIME", help_heading = "Options of every command")]
    pub(crate) timeout: Option<Span>,
    /// The id under which the cluster logs what this command asks for; made where none is given
    #[arg(
        long,
        global = true,
        value_name = "ID",
        value_parser = request_id,
        help_heading = "Options of every command"
    )]
    pub(crate) request_id: Option<RequestTag>,
    /// Say more on stderr; twice for everything
    #[arg(short = 'v', long, global = true, action = clap::ArgAction::Count, help_heading = "Options of every command")]
    pub(crate) verbose: u8,
}

fn request_id(text: &str) -> Result<RequestTag, String> {
    let shape = || format!("letters, digits and `-`, at most {MAX_REQUEST_ID}");
    RequestTag::of(text).ok_or_else(shape)
}

/// An option that only some commands can honour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flag {
    /// `--watch`.
    Watch,
    /// `--dry-run`.
    DryRun,
    /// `--wait`.
    Wait,
}

impl Globals {
    /// Refuses the options that this command does not honour.
    pub(crate) fn check(&self, command: &str, honoured: &[Flag]) -> Result<(), Problem> {
        let given = [
            (Flag::Watch, self.watch, "--watch"),
            (Flag::DryRun, self.dry_run, "--dry-run"),
            (Flag::Wait, self.wait, "--wait"),
        ];
        for (flag, is_given, text) in given {
            if is_given && !honoured.contains(&flag) {
                return Err(Problem::new(7003, ProblemKind::Invalid, format!("`{command}` has no {text}"))
                    .because("an option without effect would promise what the command does not do")
                    .next(format!("holdfast {command} --help")));
            }
        }
        Ok(())
    }
}
