//! Pages of lists: by name, with a token that survives changes in between.

use holdfast_api::status_from_problem;
use holdfast_api::v1::{ListRequest, Metadata};
use holdfast_types::{Problem, ProblemKind};
use tonic::Status;

const DEFAULT_PAGE: usize = 500;
const MAX_PAGE: usize = 1_000;

/// One page of what a list asks for, and the token of the next; `items` come in the order of their names.
pub(crate) fn page<'a, R: Clone + 'a>(
    items: impl Iterator<Item = &'a R>,
    metadata: impl Fn(&R) -> Option<&Metadata>,
    list: &ListRequest,
) -> Result<(Vec<R>, String), Status> {
    let size = page_size(list)?;
    let selector = parse_selector(&list.label_selector)?;
    let name = |item: &R| metadata(item).map(|m| m.name.clone()).unwrap_or_default();
    let mut wanted = items.filter(|item| {
        let Some(metadata) = metadata(item) else { return false };
        let after = list.page_token.is_empty() || metadata.name > list.page_token;
        after && selector.iter().all(|(k, v)| metadata.labels.get(k) == Some(v))
    });
    let page: Vec<R> = wanted.by_ref().take(size).cloned().collect();
    let more = wanted.next().is_some();
    let token = if more { page.last().map(name).unwrap_or_default() } else { String::new() };
    Ok((page, token))
}

fn page_size(list: &ListRequest) -> Result<usize, Status> {
    match usize::try_from(list.page_size) {
        Ok(0) => Ok(DEFAULT_PAGE),
        Ok(size) if size <= MAX_PAGE => Ok(size),
        _ => Err(invalid(format!("pageSize is {}, at most {MAX_PAGE} are allowed", list.page_size))),
    }
}

fn parse_selector(text: &str) -> Result<Vec<(String, String)>, Status> {
    let terms = text.split(',').filter(|term| !term.is_empty());
    terms
        .map(|term| {
            let pair = term
                .split_once('=')
                .ok_or_else(|| invalid(format!("labelSelector: `{term}` is not of the form `key=value`")))?;
            Ok((pair.0.to_owned(), pair.1.to_owned()))
        })
        .collect()
}

fn invalid(because: String) -> Status {
    status_from_problem(&Problem::new(1208, ProblemKind::Invalid, "the list cannot be made").because(because))
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdfast_api::v1::Queue;

    fn queues(names: &[&str]) -> Vec<Queue> {
        let queue = |name: &&str| Queue {
            metadata: Some(Metadata {
                name: (*name).to_owned(),
                labels: [("team".to_owned(), name[..1].to_owned())].into(),
                ..Metadata::default()
            }),
            ..Queue::default()
        };
        names.iter().map(queue).collect()
    }

    fn list(queues: &[Queue], request: &ListRequest) -> (Vec<String>, String) {
        let (items, token) = page(queues.iter(), |q: &Queue| q.metadata.as_ref(), request).unwrap();
        (items.into_iter().map(|q| q.metadata.unwrap().name).collect(), token)
    }

    #[test]
    fn pages_follow_each_other_without_gap_or_double() {
        let all = queues(&["a1", "a2", "b1", "b2", "b3"]);
        let mut request = ListRequest { page_size: 2, ..ListRequest::default() };
        let mut seen = Vec::new();
        loop {
            let (items, token) = list(&all, &request);
            seen.extend(items);
            if token.is_empty() {
                break;
            }
            request.page_token = token;
        }
        assert_eq!(seen, ["a1", "a2", "b1", "b2", "b3"]);
        let request = ListRequest { label_selector: "team=b".to_owned(), ..ListRequest::default() };
        assert_eq!(list(&all, &request).0, ["b1", "b2", "b3"]);
    }

    #[test]
    fn a_page_too_large_or_a_bad_selector_is_refused() {
        for request in [
            ListRequest { page_size: 1_001, ..ListRequest::default() },
            ListRequest { label_selector: "team".to_owned(), ..ListRequest::default() },
        ] {
            assert!(page([].iter(), |q: &Queue| q.metadata.as_ref(), &request).is_err());
        }
    }
}
