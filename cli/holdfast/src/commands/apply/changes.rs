//! What differs between what is and what is wanted.

use holdfast_api::v1::JobSpec;

/// Whether a job that was admitted is the one wanted: admission fills in the versions that a manifest leaves open.
pub(super) fn is_as_wanted(live: &JobSpec, wanted: &JobSpec) -> bool {
    let mut live = live.clone();
    open(&mut live.image, &wanted.image);
    open(&mut live.base_model, &wanted.base_model);
    for (live, wanted) in live.datasets.iter_mut().zip(&wanted.datasets) {
        open(&mut live.dataset, &wanted.dataset);
    }
    live == *wanted
}

/// Takes the version off a reference where the wanted one has none.
fn open(live: &mut String, wanted: &str) {
    if !wanted.contains('@')
        && let Some((name, _)) = live.split_once('@')
        && name == wanted
    {
        *live = wanted.to_owned();
    }
}

/// The lines that differ, marked `-` and `+`; empty where none does. Specs are short, so the table of the longest
/// common subsequence is small; past this many lines the two are shown one after the other.
pub(super) fn lines(before: &str, after: &str) -> String {
    const MOST: usize = 2_000;
    let (old, new): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    if old == new {
        return String::new();
    }
    let common = if old.len().max(new.len()) > MOST { Vec::new() } else { common(&old, &new) };
    let mut text = String::new();
    let (mut i, mut j) = (0, 0);
    for (at_old, at_new) in common.into_iter().chain([(old.len(), new.len())]) {
        old.iter().take(at_old).skip(i).for_each(|line| text.push_str(&format!("-{line}\n")));
        new.iter().take(at_new).skip(j).for_each(|line| text.push_str(&format!("+{line}\n")));
        if let Some(line) = old.get(at_old) {
            text.push_str(&format!(" {line}\n"));
        }
        (i, j) = (at_old.saturating_add(1), at_new.saturating_add(1));
    }
    text
}

/// The places of the lines of a longest common subsequence.
fn common(old: &[&str], new: &[&str]) -> Vec<(usize, usize)> {
    let width = new.len().saturating_add(1);
    let mut longest = vec![0_u16; old.len().saturating_add(1).saturating_mul(width)];
    let at = |table: &[u16], i: usize, j: usize| table.get(i * width + j).copied().unwrap_or(0);
    for (i, a) in old.iter().enumerate().rev() {
        for (j, b) in new.iter().enumerate().rev() {
            let length = if a == b {
                at(&longest, i + 1, j + 1).saturating_add(1)
            } else {
                at(&longest, i + 1, j).max(at(&longest, i, j + 1))
            };
            if let Some(cell) = longest.get_mut(i * width + j) {
                *cell = length;
            }
        }
    }
    let (mut i, mut j, mut places) = (0, 0, Vec::new());
    while let (Some(a), Some(b)) = (old.get(i), new.get(j)) {
        if a == b {
            places.push((i, j));
            (i, j) = (i + 1, j + 1);
        } else if at(&longest, i + 1, j) >= at(&longest, i, j + 1) {
            i += 1;
        } else {
            j += 1;
        }
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_marked() {
        for (before, after, expected) in [
            ("a\nb\nc\n", "a\nb\nc\n", ""),
            ("a\nb\nc\n", "a\nx\nc\n", " a\n-b\n+x\n c\n"),
            ("", "a\nb\n", "+a\n+b\n"),
            ("a\nb\n", "b\n", "-a\n b\n"),
            ("a\n", "a\nb\n", " a\n+b\n"),
        ] {
            assert_eq!(lines(before, after), expected);
        }
    }

    #[test]
    fn a_version_filled_in_at_admission_is_no_difference() {
        let wanted = JobSpec { image: "trainer".to_owned(), ..JobSpec::default() };
        let live = |image: &str| JobSpec { image: image.to_owned(), ..JobSpec::default() };
        assert!(is_as_wanted(&live("trainer@3"), &wanted));
        assert!(!is_as_wanted(&live("other@3"), &wanted));
        assert!(!is_as_wanted(&live("trainer@3"), &live("trainer@2")));
    }
}
