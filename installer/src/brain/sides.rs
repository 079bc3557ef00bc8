//! A disk as it is, and beside it as it will be.

use holdfast_release::Role;

use crate::brain::bytes::amount;
use crate::brain::steps::Planned;

/// Columns of one side.
const SIDE: usize = 36;

/// What is on the disk, and beside it what will be.
#[must_use]
pub fn sides(planned: &Planned) -> Vec<String> {
    let (disk, layout) = (planned.disk(), planned.layout());
    let now = disk.holds.parts().iter().map(|(name, bytes)| {
        let name = if name.is_empty() { "(no name)" } else { name };
        part(name, *bytes, "")
    });
    let now: Vec<String> =
        if disk.holds.parts().is_empty() { vec![cut(&disk.holds.line(), SIDE)] } else { now.collect() };
    let after: Vec<String> =
        layout.parts.iter().map(|p| part(p.role.label(), p.bytes, &content(p.role, planned))).collect();
    let rows = now.len().max(after.len());
    let row = |at: usize| {
        let (left, right) = (now.get(at), after.get(at));
        line(left.map_or("", String::as_str), right.map_or("", String::as_str))
    };
    let mut lines = vec![line("now", "after"), line(&"-".repeat(SIDE), &"-".repeat(SIDE))];
    lines.extend((0..rows).map(row));
    lines
}

fn line(left: &str, right: &str) -> String {
    format!("{left:<SIDE$} | {right}").trim_end().to_owned()
}

fn part(name: &str, bytes: u64, content: &str) -> String {
    let size = amount(bytes);
    cut(format!("{:<10} {size:>9}  {content}", cut(name, 10)).trim_end(), SIDE)
}

fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(most.saturating_sub(1)).collect();
    short.push('~');
    short
}

/// What will lie in a partition.
fn content(role: Role, planned: &Planned) -> String {
    match role {
        Role::Esp => "loader, kernel".to_owned(),
        Role::Meta => "boot attempts".to_owned(),
        Role::RootA => format!("system {}", planned.release().version),
        Role::HashA => "its proof".to_owned(),
        Role::RootB | Role::HashB => "for updates".to_owned(),
        Role::Ext => "extensions".to_owned(),
        Role::State => "configuration".to_owned(),
        Role::Raft => "cluster log".to_owned(),
        Role::Data if planned.keeps_data() => "data, as it is".to_owned(),
        Role::Data => "data".to_owned(),
    }
}
