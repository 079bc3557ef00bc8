//! The training: submitted, followed, robbed of a node, resumed from its checkpoint, finished.

use std::time::{Duration, Instant};

use holdfast_types::{Problem, Span};
use serde_json::Value;

use crate::up::failure::{cannot, word};
use crate::up::layout::Layout;
use crate::up::program;
use crate::up::say::Say;
use crate::up::supervise::Supervisor;

const JOB: &str = "demo-train";
/// The longest the whole training may take.
const PATIENCE: Duration = Duration::from_secs(300);
const LOOK: Duration = Duration::from_millis(250);
/// How long the cluster may leave the demo without an answer: much longer than an election.
const SILENCE: Duration = Duration::from_secs(45);

/// The example's manifest under another name and place, slowed so that a person can watch.
pub(super) fn manifest(name: &str, jurisdiction: &str) -> String {
    include_str!("../../../../../examples/train.yaml")
        .replace("name: train\n", &format!("name: {name}\n"))
        .replace("jurisdictions: [DE]", &format!("jurisdictions: [{jurisdiction}]"))
        .replace(r#""50"]"#, r#""50", --step-delay-ms, "20"]"#)
}

/// What the job's first task printed, as far as it is of interest.
#[derive(Debug, Default, PartialEq)]
struct Seen {
    resumed_from: Option<u64>,
    /// Step and loss of the last line that told them.
    last: Option<(u64, String)>,
    done: Option<(String, String)>,
}

fn read(log: &str) -> Seen {
    let mut seen = Seen::default();
    for line in log.lines() {
        let field = |name: &str| {
            let value = line.split_whitespace().find_map(|w| w.strip_prefix(name)?.strip_prefix('='));
            value.map(str::to_owned)
        };
        if let Some(step) = line.strip_prefix("resumed from step ") {
            seen.resumed_from = step.trim().parse().ok();
        } else if line.starts_with("done ") {
            seen.done = field("first_loss").zip(field("last_loss"));
        } else if line.starts_with("step=") {
            seen.last = field("step").and_then(|s| s.parse().ok()).zip(field("loss"));
        }
    }
    seen
}

pub(super) fn run(supervisor: &Supervisor, say: &Say) -> Result<(), Problem> {
    let layout = supervisor.layout();
    let path = layout.directory.join("train.yaml");
    std::fs::write(&path, manifest(JOB, "DE")).map_err(|error| cannot(format!("write `{path}`: {error}")))?;
    program::text(layout, &["job", "submit", "-f", path.as_str()])?;
    let deadline = Instant::now() + PATIENCE;
    let job = follow(layout, say, deadline, |status| (number(&status["checkpointStep"]) > 0).then_some(()))?;
    let victim = leader_node(&job)?;
    let gang = nodes(&job).join(" and ");
    say.line(&format!(
        "job {JOB} trains on {gang}; its checkpoint of step {} is on two nodes",
        number(&job["checkpointStep"])
    ));

    supervisor.lose(&victim)?;
    let lost = Instant::now();
    say.line(&format!("{victim} loses power: agent, relay, shims and tasks at once"));
    follow(layout, say, deadline, |status| {
        (number(&status["fence"]) > 1 && status["phase"] == "Running").then_some(())
    })?;
    let resumed = first_step(layout, say, deadline)?;
    let took = Span(u64::try_from(lost.elapsed().as_millis()).unwrap_or(u64::MAX));
    let status = status(layout)?;
    let on = nodes(&status).join(" and ");
    say.line(&format!(
        "the gang runs again on {on}, resumed from step {resumed}; first new step {took} after the loss"
    ));
    if nodes(&status).contains(&victim) || resumed == 0 {
        return Err(cannot(format!("the gang resumed from step {resumed} on {on}")));
    }

    finish(layout, say, deadline)?;
    supervisor.release(&victim)?;
    crate::up::start::wait(supervisor, say, "waiting for the lost node", || {
        let node = program::json(layout, &["node", "show", &victim]).ok()?;
        (node["status"]["phase"] == "Ready").then_some(())
    })?;
    say.line(&format!("{victim} is back and ready"));
    Ok(())
}

/// The node of the task that leads, where there is one.
pub(super) fn node(layout: &Layout) -> Option<String> {
    nodes(&status(layout).ok()?).first().filter(|name| !name.is_empty()).cloned()
}

fn status(layout: &Layout) -> Result<Value, Problem> {
    Ok(program::json(layout, &["job", "show", JOB])?["status"].clone())
}

fn number(value: &Value) -> u64 {
    value.as_u64().or_else(|| value.as_str()?.parse().ok()).unwrap_or(0)
}

fn nodes(status: &Value) -> Vec<String> {
    let tasks = status["tasks"].as_array().map_or(&[][..], Vec::as_slice);
    tasks.iter().map(|t| word(&t["node"])).collect()
}

fn leader_node(status: &Value) -> Result<String, Problem> {
    nodes(status).first().cloned().ok_or_else(|| cannot("the job has no tasks"))
}

fn log(layout: &Layout) -> Seen {
    // Between two starts there is no log to be had; what is told next is in the next one.
    let output = program::output(layout, &["job", "logs", JOB]);
    output.map(|o| read(&String::from_utf8_lossy(&o.stdout))).unwrap_or_default()
}

/// How long a cluster has left its caller without an answer.
struct Quiet {
    since: Instant,
    longest: Duration,
}

impl Quiet {
    /// A single question may fall into an election; a cluster that answers none of them has failed.
    fn hear<T>(&mut self, answer: Result<T, Problem>) -> Result<Option<T>, Problem> {
        match answer {
            Ok(answer) => {
                self.since = Instant::now();
                Ok(Some(answer))
            }
            Err(problem) if self.since.elapsed() > self.longest => Err(problem),
            Err(_) => Ok(None),
        }
    }
}

/// Follows the job until a condition holds of its status.
fn follow(
    layout: &Layout,
    say: &Say,
    deadline: Instant,
    mut reached: impl FnMut(&Value) -> Option<()>,
) -> Result<Value, Problem> {
    let mut quiet = Quiet { since: Instant::now(), longest: SILENCE };
    loop {
        if let Some(status) = quiet.hear(status(layout))? {
            if reached(&status).is_some() {
                return Ok(status);
            }
            let phase = word(&status["phase"]);
            if matches!(phase.as_str(), "Failed" | "Cancelled") {
                return Err(cannot(format!("job {JOB} is {phase}: {}", word(&status["reason"]))));
            }
            let told = match log(layout).last {
                Some((step, loss)) if phase == "Running" => format!("{JOB}: step {step}, loss {loss}"),
                _ => format!("{JOB}: {phase}, {}", word(&status["reason"])),
            };
            say.progress(&told);
        }
        if Instant::now() > deadline {
            return Err(cannot(format!("job {JOB} took longer than {} s", PATIENCE.as_secs())));
        }
        std::thread::park_timeout(LOOK);
    }
}

/// The step the new start resumed from, once it has trained on.
fn first_step(layout: &Layout, say: &Say, deadline: Instant) -> Result<u64, Problem> {
    loop {
        let seen = log(layout);
        if let (Some(from), Some((step, _))) = (seen.resumed_from, &seen.last)
            && *step > from
        {
            return Ok(from);
        }
        if Instant::now() > deadline {
            return Err(cannot(format!("job {JOB} did not train on: {seen:?}")));
        }
        say.progress("waiting for the first new step");
        std::thread::park_timeout(LOOK);
    }
}

fn finish(layout: &Layout, say: &Say, deadline: Instant) -> Result<(), Problem> {
    let status = follow(layout, say, deadline, |status| (status["phase"] == "Succeeded").then_some(()))?;
    let (first, last) = log(layout).done.ok_or_else(|| cannot("the trainer did not say how it ended"))?;
    let falls =
        first.parse::<f64>().ok().zip(last.parse::<f64>().ok()).is_some_and(|(first, last)| last < first);
    if !falls {
        return Err(cannot(format!("the loss did not fall: {first} to {last}")));
    }
    say.line(&format!("training ended well: loss {first} at first, {last} at last"));
    let name = word(&status["output"]);
    let spec = program::json(layout, &["model", "show", &name])?["spec"].clone();
    let list = |value: &Value| {
        value.as_array().map_or_else(String::new, |l| l.iter().map(word).collect::<Vec<_>>().join(" "))
    };
    let (label, lineage) = (&spec["label"], &spec["lineage"]);
    if list(&label["labels"]) != "personal" || list(&label["residency"]) != "DE" {
        return Err(cannot(format!("model {name} did not inherit the label of its data: {label}")));
    }
    say.line(&format!(
        "model {name}: inherited {}, residency {}",
        list(&label["labels"]),
        list(&label["residency"])
    ));
    say.line(&format!(
        "  lineage: dataset {}, image {}, job {}, checkpoint {}, nodes {}, law {}",
        list(&lineage["datasets"]),
        word(&lineage["image"]),
        word(&lineage["job"]),
        word(&lineage["checkpoint"]),
        list(&lineage["nodes"]),
        word(&lineage["bundle"]).chars().take(16).collect::<String>(),
    ));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_trainers_words_are_understood() {
        let log = "start rank=0 world=2 vocab=90 params=55000 from_step=50\nresumed from step 50\n\
            step=60 loss=2.5000 tokens_per_s=1\nstep=70 loss=2.4000 tokens_per_s=1\n\
            done step=400 first_loss=4.40 last_loss=1.64\n";
        let expected = Seen {
            resumed_from: Some(50),
            last: Some((70, "2.4000".to_owned())),
            done: Some(("4.40".to_owned(), "1.64".to_owned())),
        };
        assert_eq!(read(log), expected);
    }

    #[test]
    fn a_cluster_that_answers_nothing_for_long_has_failed() {
        let silent = || Err::<(), _>(cannot("nobody is there"));
        let mut patient = Quiet { since: Instant::now(), longest: SILENCE };
        assert_eq!(patient.hear(silent()), Ok(None));
        let mut at_the_end = Quiet { since: Instant::now(), longest: Duration::ZERO };
        std::thread::yield_now();
        assert_eq!(at_the_end.hear(silent()), silent().map(Some));
        let before = at_the_end.since;
        assert_eq!(at_the_end.hear(Ok(())), Ok(Some(())));
        assert!(at_the_end.since > before, "an answer begins the silence anew");
    }

    #[test]
    fn the_manifest_is_the_example_under_another_name() {
        let text = manifest("demo-train", "FR");
        assert!(text.contains("name: demo-train\n") && text.contains("jurisdictions: [FR]"), "{text}");
        assert!(text.contains("--step-delay-ms"), "{text}");
    }
}
