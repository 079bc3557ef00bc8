//! `holdfast up`: a whole cluster on this machine, of the real daemons as processes of their own.
//!
//! It founds, starts and supervises; everything else it does through the command line as a person would. What is
//! simulated, the accelerators, says so wherever it appears.

mod args;
mod checks;
mod demo;
mod failure;
mod layout;
mod leftover;
mod old;
mod ports;
mod program;
mod say;
mod start;
mod supervise;
mod tail;

use std::sync::Arc;

use holdfast_types::{Problem, ProblemKind};
use tokio::signal::unix::{SignalKind, signal};

pub(crate) use args::Args;
use failure::cannot;
use layout::{Layout, Wanted};
use say::Say;
use supervise::Supervisor;

/// Runs the cluster until it is stopped.
pub(crate) fn run(args: &Args) -> Result<(), Problem> {
    checks::arguments(args)?;
    let directory = checks::directory(args)?;
    let _lock = layout::lock(&directory)?;
    // A demo shows a cluster from its first moment.
    let say = Arc::new(Say::new());
    let layout = if args.fresh || args.demo {
        if let Some(old) = old::clear(&directory)? {
            say.line(&format!("what was in {directory} is in {old} now"));
        }
        None
    } else {
        old::end_daemons(&directory);
        Layout::read(&directory)?
    };
    let layout = match layout {
        Some(layout) => {
            checks::shape(args, &layout)?;
            ours_now(layout)?
        }
        None => start::found(&directory, &wanted(args))?,
    };
    let supervisor = Supervisor::begin(layout, Arc::clone(&say))?;
    let ran = go(args, &supervisor, &say);
    say.line("stopping");
    supervisor.stop();
    say.line("stopped");
    ran
}

/// From here on somebody works with it, so that no demo may delete it.
fn ours_now(layout: Layout) -> Result<Layout, Problem> {
    if !layout.demo {
        return Ok(layout);
    }
    let layout = Layout { demo: false, ..layout };
    layout.save().map(|()| layout)
}

fn wanted(args: &Args) -> Wanted {
    Wanted {
        nodes: args.nodes(),
        controllers: args.controllers(),
        listen: args.listen().to_owned(),
        lease: args.lease(),
        // One that is left running is for somebody to work with.
        demo: args.demo && !args.keep,
    }
}

/// Brings the cluster up, does what is asked, and waits for the end.
fn go(args: &Args, supervisor: &Arc<Supervisor>, say: &Arc<Say>) -> Result<(), Problem> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| cannot(error.to_string()))?;
    let (done, finished) = tokio::sync::oneshot::channel();
    let (working, speaking) = (Arc::clone(supervisor), Arc::clone(say));
    let (is_demo, corpus) = (args.demo, args.corpus.clone());
    std::thread::spawn(move || {
        let result = start::until_ready(&working, &speaking)
            .and_then(|()| if is_demo { demo::run(&working, &speaking, &corpus) } else { Ok(()) });
        // Where the receiver is gone a signal came first, and the result is of no interest any more.
        let _ = done.send(result);
    });
    let keep = !args.demo || args.keep;
    runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate()).map_err(|error| cannot(error.to_string()))?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(|error| cannot(error.to_string()))?;
        // The terminal was closed.
        let mut hangup = signal(SignalKind::hangup()).map_err(|error| cannot(error.to_string()))?;
        tokio::select! {
            _ = terminate.recv() => return stopped_early(is_demo),
            _ = interrupt.recv() => return stopped_early(is_demo),
            _ = hangup.recv() => return stopped_early(is_demo),
            result = finished => result.unwrap_or_else(|_| Err(cannot("a part of it ended without a word")))?,
        }
        if !keep {
            return Ok(());
        }
        say.next_steps(supervisor.layout());
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            _ = hangup.recv() => {}
        }
        Ok(())
    })
}

/// A signal before the work is done: fine for a cluster, not for a demo that promised an end.
fn stopped_early(is_demo: bool) -> Result<(), Problem> {
    if !is_demo {
        return Ok(());
    }
    Err(Problem::new(7101, ProblemKind::Failed, "the demo was interrupted")
        .because("a signal ended it before it had shown every step")
        .next("holdfast up --demo"))
}
