//! What each step looks like.

use holdfast_tui::{Hint, Page, Theme, bar, choices, text};
use ratatui::text::Line;

use crate::brain::{Disk, Planned, amount, disk_name, sides};
use crate::ui::answers::Role;
use crate::ui::model::{Installed, Model, Step, Work};

const STEPS: [&str; 7] = ["Hardware", "Role", "Disk", "Network", "Cluster", "Review", "Writing"];
/// Columns of the bar.
const BAR: u64 = 60;
/// Disks that the first screen has room for; the third one has all.
const SHOWN: usize = 3;
/// Lines that a page has room for.
const LINES: usize = 18;
const NEXT: Hint = ("enter", "next");
const BACK: Hint = ("esc", "back");
const MOVE: Hint = ("up/down", "choose");

/// The page of the step.
pub(crate) fn page<'a>(model: &Model, theme: &Theme) -> Page<'a> {
    let (number, hints, lines): (usize, Vec<Hint>, Vec<Line<'a>>) = match &model.step {
        Step::Hardware => (0, vec![NEXT], text(hardware(model))),
        Step::Role => {
            let names = Role::ALL.map(|role| role.line().to_owned());
            (
                1,
                vec![MOVE, NEXT, BACK],
                asked("What is this machine to be?", choices(&names, model.role, theme)),
            )
        }
        Step::Disk => {
            let names: Vec<String> = model.disks().iter().map(|disk| disk_name(disk)).collect();
            let chosen = model.disks().get(model.disk).map(|disk| format!("  On it: {}", disk.holds.line()));
            let mut lines = choices(&names, model.disk, theme);
            lines.push(Line::raw(""));
            lines.extend(text(chosen));
            (2, vec![MOVE, NEXT, BACK], asked("Which disk is it installed on?", lines))
        }
        Step::Network => (3, form_hints(), asked("How does it reach others?", model.network.lines(theme))),
        Step::Cluster => {
            (4, form_hints(), asked("Which cluster does it belong to?", model.cluster.lines(theme)))
        }
        Step::Review(planned, typed) => (5, vec![("enter", "install"), BACK], text(review(planned, typed))),
        Step::Writing(work) => (6, Vec::new(), text(writing(work))),
        Step::Done(installed) => (6, vec![("enter", "start the machine")], text(done(installed))),
        Step::Failed(why) => (6, vec![("enter", "begin again")], text(failed(why))),
    };
    let name = STEPS.get(number).copied().unwrap_or_default();
    Page {
        title: format!("Holdfast {} - {name}", model.detected.release.version),
        place: format!("step {} of {}", number + 1, STEPS.len()),
        lines,
        wrong: model.wrong.clone(),
        hints,
    }
}

fn form_hints() -> Vec<Hint> {
    vec![("up/down", "line"), ("enter", "next line, and on from the last one"), BACK]
}

fn asked<'a>(question: &str, lines: Vec<Line<'a>>) -> Vec<Line<'a>> {
    [Line::raw(question.to_owned()), Line::raw("")].into_iter().chain(lines).collect()
}

fn hardware(model: &Model) -> Vec<String> {
    let facts = &model.detected.facts;
    let product = if facts.system.product.is_empty() { "this machine" } else { &facts.system.product };
    let mut lines = vec![format!("What was found out about {product}:"), String::new()];
    lines.extend(model.checks().iter().map(|check| check.line()));
    lines.push(String::new());
    let mut below = Vec::new();
    if model.detected.installed().count() > 0 {
        below.push("Holdfast is on a disk already; take this medium out to boot it.".to_owned());
    }
    below.extend(model.desk.iter().cloned());
    let room = LINES.saturating_sub(lines.len() + below.len() + 1) / 2;
    lines.extend(facts.disks.iter().take(SHOWN.min(room)).flat_map(disk_lines));
    if !below.is_empty() {
        lines.push(String::new());
        lines.extend(below);
    }
    lines
}

/// A disk, and below it what it holds.
fn disk_lines(disk: &Disk) -> [String; 2] {
    let kept = disk.kept.map(|why| format!(" [{why}]")).unwrap_or_default();
    [disk_name(disk), format!("     {}{kept}", disk.holds.line())]
}

fn review(planned: &Planned, typed: &str) -> Vec<String> {
    let disk = planned.disk();
    let mut lines: Vec<String> = disk_lines(disk).into_iter().chain([String::new()]).collect();
    lines.extend(sides(planned));
    lines.push(String::new());
    let what = if disk.serial.is_some() { "serial number" } else { "device" };
    lines.push(format!("All that is on the disk is lost. Type its {what} to go on: {typed}_"));
    lines
}

fn writing(work: &Work) -> Vec<String> {
    let rate = work.done / work.seconds.max(1);
    vec![
        "Every block is written, read back and compared.".to_owned(),
        String::new(),
        bar(work.done, work.total, BAR),
        String::new(),
        format!("{} of {}, {}/s", amount(work.done), amount(work.total), amount(rate)),
        work.what.clone(),
        String::new(),
        "The power may go at any moment: begin again, and it goes on from there.".to_owned(),
    ]
}

fn done(installed: &Installed) -> Vec<String> {
    let mut lines = vec![format!("{} is installed.", installed.machine), String::new()];
    if let Some(key) = &installed.recovery {
        lines.extend([
            "Its recovery key opens its disk where its TPM does not. Write it down now: it".to_owned(),
            "is shown this once, and kept nowhere.".to_owned(),
            String::new(),
            format!("  {}", key.text()),
            String::new(),
        ]);
    }
    lines.extend([
        "Take the medium out and press enter: the machine starts from its disk.".to_owned(),
        "Then, from where you operate the cluster:".to_owned(),
        String::new(),
        "    holdfast node list".to_owned(),
    ]);
    lines
}

fn failed(why: &str) -> Vec<String> {
    vec![
        "It is not installed:".to_owned(),
        String::new(),
        why.to_owned(),
        String::new(),
        "The disk boots nothing, or what it booted before.".to_owned(),
    ]
}
