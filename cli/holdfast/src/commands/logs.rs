//! `holdfast job logs`: the output of one task, over the loss of a controller too.

use holdfast_api::problem_from_status;
use holdfast_api::v1::JobLogsRequest;
use holdfast_api::v1::jobs_client::JobsClient;
use holdfast_types::{Bytes, Problem, ProblemKind};

use crate::failure::Failure;
use crate::session::{Session, call};

/// How often a stream that breaks without having brought anything is opened again.
const MAX_BARREN: u32 = 5;

/// Which output.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The job
    name: String,
    /// The task
    #[arg(long, default_value_t = 0)]
    rank: u32,
    /// Keep printing until the task ends
    #[arg(short = 'f', long)]
    follow: bool,
    /// At most the last of it, such as `64KiB`
    #[arg(long, value_name = "BYTES")]
    tail: Option<Bytes>,
}

/// Prints the output. A broken stream is opened again where it broke.
pub(crate) async fn run(session: &Session, args: &Args) -> Result<(), Failure> {
    let mut request = JobLogsRequest {
        name: args.name.clone(),
        rank: args.rank,
        offset: 0,
        follow: args.follow,
        tail_bytes: args.tail.map_or(0, |bytes| bytes.0),
    };
    let mut barren = 0;
    while barren < MAX_BARREN {
        let before = request.offset;
        let Some(broken) = stream(session, &mut request).await? else { return Ok(()) };
        if broken.kind != ProblemKind::Unreachable {
            return Err(broken.into());
        }
        session.client().forget_current();
        barren = if request.offset > before { 0 } else { barren + 1 };
    }
    Err(Problem::new(
        7043,
        ProblemKind::Unreachable,
        format!("the output of job `{}` keeps breaking off", args.name),
    )
    .because(format!("{MAX_BARREN} attempts brought nothing new after byte {}", request.offset))
    .next(format!("holdfast job show {}", args.name))
    .into())
}

/// Prints what one stream brings, and says why it broke; `None` at its proper end.
async fn stream(session: &Session, request: &mut JobLogsRequest) -> Result<Option<Problem>, Failure> {
    let mut chunks = call!(session, JobsClient, logs, request.clone())?;
    loop {
        match chunks.message().await {
            Ok(Some(chunk)) => {
                session.printer.bytes(&chunk.data)?;
                let length = u64::try_from(chunk.data.len()).unwrap_or(u64::MAX);
                request.offset = chunk.offset.saturating_add(length);
                // Only the beginning is counted from the end.
                request.tail_bytes = 0;
            }
            Ok(None) => return Ok(None),
            Err(status) => {
                let mut problem = problem_from_status(&status);
                // A connection that breaks under a stream has no problem of ours in it.
                if status.details().is_empty() {
                    problem.kind = ProblemKind::Unreachable;
                }
                return Ok(Some(problem));
            }
        }
    }
}
