//! What the scheduler would decide as people read it.

use std::fmt::Write as _;

use holdfast_api::millis;
use holdfast_api::v1::{ClusterOutlook, JobForecast, ReplayReport, WhatIfReport};
use holdfast_types::Span;
use prost_types::Timestamp;

use crate::output::{Table, now};

/// Two columns: as it is, and as it would be; and below the jobs for which it differs.
pub(super) fn report(report: &WhatIfReport) -> String {
    let (now, then) = (report.now.clone().unwrap_or_default(), report.then.clone().unwrap_or_default());
    let mut table = Table::new(&["", "AS IT IS", "AS IT WOULD BE"]);
    for ((name, one), (_, two)) in figures(&now).into_iter().zip(figures(&then)) {
        table.row([name.to_owned(), one, two]);
    }
    let mut text = table.to_string();
    if report.jobs.is_empty() {
        text.push_str("\nit goes on as it is for every job\n");
        return text;
    }
    let mut table = Table::new(&["JOB", "QUEUE", "AS IT IS", "AS IT WOULD BE"]);
    for job in &report.jobs {
        table.row([
            job.job.clone(),
            job.queue.clone(),
            forecast(job.now.as_ref()),
            forecast(job.then.as_ref()),
        ]);
    }
    let _ = write!(text, "\n{table}");
    if report.more_jobs > 0 {
        let _ = writeln!(text, "and {} more", report.more_jobs);
    }
    text
}

/// How many came out the same, and what came out otherwise.
pub(super) fn replayed(report: &ReplayReport) -> String {
    let mut text = format!(
        "{} of {} plans come out the same, bit for bit (revisions {} to {})\n",
        report.same, report.plans, report.from_revision, report.to_revision
    );
    if report.too_old > 0 {
        let _ = writeln!(text, "{} were made of states before the log begins", report.too_old);
    }
    for plan in &report.details {
        let at = millis(plan.decided_at.as_ref());
        let _ = write!(
            text,
            "\nplan of revision {}, made of revision {} at {at}\n  starts {}, stops {}, holds for {}\n  law       {}\n  \
             committed {}\n  replayed  {}\n",
            plan.revision,
            plan.base_revision,
            plan.starts,
            plan.stops,
            plan.holds,
            plan.law,
            plan.committed,
            plan.replayed
        );
        plan.differences.iter().for_each(|difference| {
            let _ = writeln!(text, "  {difference}");
        });
    }
    text
}

fn figures(outlook: &ClusterOutlook) -> [(&'static str, String); 6] {
    let devices = |(class, count): (&String, &u32)| {
        let used = outlook.devices_in_use.get(class).copied().unwrap_or(0);
        format!("{used} of {count} {class}")
    };
    let devices: Vec<String> = outlook.devices.iter().map(devices).collect();
    [
        ("nodes that take work", outlook.nodes.to_string()),
        ("accelerators in use", if devices.is_empty() { "-".to_owned() } else { devices.join(", ") }),
        ("jobs with places", outlook.running.to_string()),
        ("jobs that wait", outlook.waiting.to_string()),
        ("of them can never start", outlook.never_fit.to_string()),
        ("all others have started", all(outlook)),
    ]
}

fn all(outlook: &ClusterOutlook) -> String {
    if outlook.waiting == outlook.never_fit {
        return "now".to_owned();
    }
    outlook.all_started_at.as_ref().map_or_else(|| "nobody can tell".to_owned(), ahead)
}

/// `in 3h20m`
fn ahead(at: &Timestamp) -> String {
    let span = millis(Some(at)).since(now());
    if span < Span::from_secs(1) { "any moment".to_owned() } else { format!("in {}", whole_seconds(span)) }
}

fn whole_seconds(span: Span) -> Span {
    Span::from_secs(span.0 / 1_000)
}

fn forecast(forecast: Option<&JobForecast>) -> String {
    let Some(forecast) = forecast else { return "is not there".to_owned() };
    let mut text = forecast.outcome.clone();
    if !forecast.nodes.is_empty() {
        let _ = write!(text, " on {}", some(&forecast.nodes));
    }
    if matches!(forecast.outcome.as_str(), "waits" | "stops") {
        match &forecast.starts_at {
            Some(at) => {
                let _ = write!(text, ", starts {}", ahead(at));
            }
            None => text.push_str(", nobody can tell until when"),
        }
    }
    if !forecast.reason.is_empty() {
        let _ = write!(text, ": {}", forecast.reason);
    }
    text
}

/// The first few of many.
fn some(nodes: &[String]) -> String {
    const FEW: usize = 4;
    match nodes.get(..FEW) {
        Some(few) if nodes.len() > FEW => format!("{} and {} more", few.join(", "), nodes.len() - FEW),
        _ => nodes.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdfast_api::timestamp;
    use holdfast_api::v1::JobOutlook;
    use holdfast_types::Time;

    fn outlook(nodes: u32, used: u32, waiting: u32) -> ClusterOutlook {
        ClusterOutlook {
            nodes,
            devices: [("nvidia".to_owned(), 8 * nodes)].into(),
            devices_in_use: [("nvidia".to_owned(), used)].into(),
            running: 2,
            waiting,
            ..ClusterOutlook::default()
        }
    }

    #[test]
    fn a_report_shows_both_columns_and_every_job_that_differs() {
        let waits = JobForecast {
            outcome: "waits".to_owned(),
            starts_at: Some(timestamp(Time(0))),
            reason: "it needs 8 nvidia".to_owned(),
            nodes: Vec::new(),
        };
        let nodes = (1..7).map(|number| format!("n{number}")).collect();
        let starts = JobForecast { outcome: "starts".to_owned(), nodes, ..JobForecast::default() };
        let job = JobOutlook {
            job: "big".to_owned(),
            queue: "lab".to_owned(),
            now: Some(waits),
            then: Some(starts),
        };
        let told = report(&WhatIfReport {
            revision: 7,
            now: Some(outlook(2, 12, 1)),
            then: Some(outlook(3, 20, 0)),
            jobs: vec![job],
            more_jobs: 2,
        });
        let expected = "                         AS IT IS         AS IT WOULD BE
nodes that take work     2                3
accelerators in use      12 of 16 nvidia  20 of 24 nvidia
jobs with places         2                2
jobs that wait           1                0
of them can never start  0                0
all others have started  nobody can tell  now

JOB  QUEUE  AS IT IS                                     AS IT WOULD BE
big  lab    waits, starts any moment: it needs 8 nvidia  starts on n1, n2, n3, n4 and 2 more
and 2 more
";
        assert_eq!(told, expected);
    }
}
