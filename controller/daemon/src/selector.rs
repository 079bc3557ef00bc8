//! Which resources a list is about: by their labels, in the words of Kubernetes, and by a few of their fields.

use std::collections::BTreeMap;

use holdfast_api::v1::ListRequest;

use crate::listed::{Listed, Read};

/// The longest selector, in bytes.
const LONGEST: usize = 4_096;
/// The most terms of one selector, and the most values of one term.
const MAX_TERMS: usize = 64;

/// What has to hold on one value, which may not be there.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Test {
    /// It is there.
    Exists,
    /// It is not there.
    Missing,
    /// It is there, and one of these.
    In(Vec<String>),
    /// It is none of these; not to be there is to be none.
    NotIn(Vec<String>),
}

impl Test {
    fn holds(&self, value: Option<&str>) -> bool {
        let among = |values: &[String]| value.is_some_and(|value| values.iter().any(|v| v == value));
        match self {
            Self::Exists => value.is_some(),
            Self::Missing => value.is_none(),
            Self::In(values) => among(values),
            Self::NotIn(values) => !among(values),
        }
    }
}

/// Both selectors of a list.
pub(crate) struct Selectors<R> {
    labels: Vec<(String, Test)>,
    fields: Vec<(Read<R>, Test)>,
}

impl<R: Listed> Selectors<R> {
    /// Reads them, or says which term is wrong.
    pub(crate) fn parse(list: &ListRequest) -> Result<Self, String> {
        let labels = terms(&list.label_selector).map_err(|why| format!("labelSelector: {why}"))?;
        let labels = labels.into_iter().map(label).collect::<Result<_, _>>();
        let labels = labels.map_err(|why| format!("labelSelector: {why}"))?;
        let fields = terms(&list.field_selector).map_err(|why| format!("fieldSelector: {why}"))?;
        let fields = fields.into_iter().map(field).collect::<Result<_, _>>();
        let fields = fields.map_err(|why| format!("fieldSelector: {why}"))?;
        Ok(Self { labels, fields })
    }

    /// Whether everything holds on a resource.
    pub(crate) fn select(&self, item: &R) -> bool {
        let none = BTreeMap::new();
        let labels = item.metadata().map_or(&none, |metadata| &metadata.labels);
        self.labels.iter().all(|(key, test)| test.holds(labels.get(key).map(String::as_str)))
            && self.fields.iter().all(|(read, test)| test.holds(read(item).as_deref()))
    }
}

/// The terms between the commas that stand outside of brackets.
fn terms(text: &str) -> Result<Vec<&str>, String> {
    if text.len() > LONGEST {
        return Err(format!("it has {} bytes, at most {LONGEST} are read", text.len()));
    }
    let mut inside = false;
    let parts = text.split(|c: char| {
        inside = if c == '(' { true } else { inside && c != ')' };
        c == ',' && !inside
    });
    let parts: Vec<&str> = parts.map(str::trim).filter(|part| !part.is_empty()).collect();
    if parts.len() > MAX_TERMS {
        return Err(format!("it has {} terms, at most {MAX_TERMS} are read", parts.len()));
    }
    Ok(parts)
}

fn label(term: &str) -> Result<(String, Test), String> {
    let (key, test) = if let Some(key) = term.strip_prefix('!') {
        (key.trim(), Test::Missing)
    } else if let Some((key, test)) = compared(term) {
        (key, test)
    } else if let Some((key, values)) = listed(term, " notin") {
        (key, Test::NotIn(values?))
    } else if let Some((key, values)) = listed(term, " in") {
        (key, Test::In(values?))
    } else {
        (term, Test::Exists)
    };
    let word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/');
    let values = match &test {
        Test::Exists | Test::Missing => &[][..],
        Test::In(values) | Test::NotIn(values) => values,
    };
    if key.is_empty() || !key.chars().all(word) || values.iter().any(|v| !v.chars().all(word)) {
        let forms = "`key=value`, `key!=value`, `key in (a,b)`, `key notin (a,b)`, `key` or `!key`";
        return Err(format!("`{term}` is none of {forms}"));
    }
    Ok((key.to_owned(), test))
}

/// `key=value`, `key==value` or `key!=value`.
fn compared(term: &str) -> Option<(&str, Test)> {
    let (left, right) = term.split_once('=')?;
    let value = |text: &str| vec![text.trim().to_owned()];
    match left.strip_suffix('!') {
        Some(key) => Some((key.trim(), Test::NotIn(value(right)))),
        None => Some((left.trim(), Test::In(value(right.strip_prefix('=').unwrap_or(right))))),
    }
}

/// `key WORD (a,b)`.
fn listed<'a>(term: &'a str, word: &str) -> Option<(&'a str, Result<Vec<String>, String>)> {
    let (left, right) = term.split_once('(')?;
    let key = left.trim_end().strip_suffix(word)?;
    let values = right
        .strip_suffix(')')
        .map(|inner| inner.split(',').map(|value| value.trim().to_owned()).collect::<Vec<String>>());
    let values = values.filter(|values| values.len() <= MAX_TERMS);
    Some((key.trim(), values.ok_or_else(|| format!("`{term}` is not a list of up to {MAX_TERMS} values"))))
}

fn field<R: Listed>(term: &str) -> Result<(Read<R>, Test), String> {
    let (path, test) =
        compared(term).ok_or_else(|| format!("`{term}` is neither `path=value` nor `path!=value`"))?;
    let found = R::FIELDS.iter().find(|(known, _)| *known == path);
    let read = found.map(|(_, read)| *read).ok_or_else(|| {
        let known: Vec<&str> = R::FIELDS.iter().map(|(known, _)| *known).collect();
        format!("`{path}` is not a field that a {} is selected by: use {}", R::KIND, known.join(", "))
    })?;
    Ok((read, test))
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdfast_api::v1::{Job, JobSpec, JobStatus, Metadata};

    fn job(labels: &[(&str, &str)], queue: &str, phase: &str) -> Job {
        let labels = labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Job {
            metadata: Some(Metadata { name: "j".to_owned(), labels, ..Metadata::default() }),
            spec: Some(JobSpec { queue: queue.to_owned(), ..JobSpec::default() }),
            status: Some(JobStatus { phase: phase.to_owned(), ..JobStatus::default() }),
        }
    }

    fn selects(labels: &str, fields: &str, job: &Job) -> Result<bool, String> {
        let list = ListRequest {
            label_selector: labels.to_owned(),
            field_selector: fields.to_owned(),
            ..ListRequest::default()
        };
        Selectors::<Job>::parse(&list).map(|selectors| selectors.select(job))
    }

    #[test]
    fn labels_are_selected_in_the_words_of_kubernetes() {
        let job = job(&[("team", "a"), ("tier", "gold"), ("example.org/x", "")], "q", "Running");
        for (selector, expected) in [
            ("", true),
            ("team=a", true),
            ("team==a", true),
            ("team=b", false),
            ("team!=b", true),
            ("team!=a", false),
            ("absent!=a", true),
            ("team", true),
            ("absent", false),
            ("!absent", true),
            ("!team", false),
            ("team in (a,b)", true),
            ("team in (b, c)", false),
            ("team in(a)", true),
            ("team notin (b,c)", true),
            ("team notin (a)", false),
            ("absent notin (a)", true),
            ("team in (a,b),tier=gold", true),
            ("team in (a,b), tier notin (gold,iron)", false),
            ("example.org/x=", true),
        ] {
            assert_eq!(selects(selector, "", &job), Ok(expected), "{selector}");
        }
        for bad in ["=a", "team=a b", "team in (a", "team in a", "te am", "!", "team=a=b", "a>1"] {
            let why = selects(bad, "", &job).unwrap_err();
            assert!(why.starts_with("labelSelector: "), "{why}");
        }
        assert!(selects(&"a,".repeat(MAX_TERMS + 1), "", &job).is_err());
        assert!(selects(&"a".repeat(LONGEST + 1), "", &job).is_err());
    }

    #[test]
    fn fields_are_selected_by_their_paths() {
        let job = job(&[], "gold", "Running");
        for (selector, expected) in [
            ("status.phase=Running", true),
            ("status.phase!=Running", false),
            ("spec.queue==gold,status.phase=Running", true),
            ("spec.queue=iron,status.phase=Running", false),
            ("metadata.name=j", true),
        ] {
            assert_eq!(selects("", selector, &job), Ok(expected), "{selector}");
        }
        let unknown = selects("", "spec.image=x", &job).unwrap_err();
        assert!(unknown.contains("`spec.image`") && unknown.contains("spec.queue"), "{unknown}");
        assert!(selects("", "status.phase", &job).is_err());
    }
}
