//! Pages of lists: by name, with a token that survives changes in between and belongs to one question alone.

use std::borrow::Borrow;

use holdfast_api::status_from_problem;
use holdfast_api::v1::ListRequest;
use holdfast_types::{Problem, ProblemKind};
use sha2::{Digest as _, Sha256};
use tonic::Status;

use crate::listed::Listed;
use crate::selector::Selectors;

const DEFAULT_PAGE: usize = 500;
const MAX_PAGE: usize = 1_000;
/// The form of a token: it may change, and a token of another form is refused.
const TOKEN_FORM: u8 = 1;
/// How much of the hash of the question is in the token.
const QUESTION: usize = 8;
/// The longest token that is read.
const MAX_TOKEN: usize = 1_024;

/// One page of a list.
#[derive(Debug)]
pub(crate) struct Page<R> {
    pub(crate) items: Vec<R>,
    /// Where the next page begins; empty at the end.
    pub(crate) next: String,
}

/// Which page of a list is asked for.
pub(crate) struct Asked<R> {
    size: usize,
    selectors: Selectors<R>,
    question: Vec<u8>,
    /// The last name of the page before; empty where there is none.
    pub(crate) after: String,
}

impl<R: Listed> Asked<R> {
    /// Reads what a list asks for. `scope` is whatever else the question asks beside the list.
    pub(crate) fn read(list: &ListRequest, scope: &[&str]) -> Result<Self, Status> {
        let size = page_size(list)?;
        let selectors = Selectors::<R>::parse(list).map_err(invalid)?;
        let question = question::<R>(list, scope);
        let after = after(&list.page_token, &question)?;
        Ok(Self { size, selectors, question, after })
    }

    /// The page; `items` come in the order of their names, from the first after the page before or an earlier one.
    pub(crate) fn page<B: Borrow<R>>(&self, items: impl Iterator<Item = B>) -> Page<R> {
        let mut wanted = items.filter(|item| {
            let Some(metadata) = item.borrow().metadata() else { return false };
            metadata.name > self.after && self.selectors.select(item.borrow())
        });
        let items: Vec<R> = wanted.by_ref().take(self.size).map(|item| item.borrow().clone()).collect();
        let last = items.last().and_then(|item| item.metadata()).filter(|_| wanted.next().is_some());
        let next = last.map(|metadata| token(&self.question, &metadata.name)).unwrap_or_default();
        Page { items, next }
    }
}

/// One page of what a list asks for; `items` come in the order of their names. `scope` is whatever else the question
/// asks beside the list.
pub(crate) fn page<'a, R: Listed + 'a>(
    items: impl Iterator<Item = &'a R>,
    list: &ListRequest,
    scope: &[&str],
) -> Result<Page<R>, Status> {
    Ok(Asked::read(list, scope)?.page(items))
}

fn page_size(list: &ListRequest) -> Result<usize, Status> {
    match usize::try_from(list.page_size) {
        Ok(0) => Ok(DEFAULT_PAGE),
        Ok(size) if size <= MAX_PAGE => Ok(size),
        _ => Err(invalid(format!("pageSize is {}, at most {MAX_PAGE} are allowed", list.page_size))),
    }
}

/// What makes one question another: everything but the size of the page and which fields of the items are shown.
fn question<R: Listed>(list: &ListRequest, scope: &[&str]) -> Vec<u8> {
    let mut hash = Sha256::new();
    for part in [R::KIND, &list.label_selector, &list.field_selector].iter().chain(scope) {
        hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize().iter().take(QUESTION).copied().collect()
}

fn token(question: &[u8], name: &str) -> String {
    let bytes = [&[TOKEN_FORM], question, name.as_bytes()].concat();
    hex::encode(bytes)
}

/// The name after which the page begins.
fn after(token: &str, question: &[u8]) -> Result<String, Status> {
    if token.is_empty() {
        return Ok(String::new());
    }
    let refused = |because: &str| {
        let problem = Problem::new(1237, ProblemKind::Invalid, "the list cannot go on from this page token");
        status_from_problem(&problem.because(because).next("begin the list again, without a page token"))
    };
    let bytes = Some(token).filter(|t| t.len() <= MAX_TOKEN).and_then(|t| hex::decode(t).ok());
    let bytes = bytes.ok_or_else(|| refused("pageToken: it is not one that a list gave"))?;
    let rest =
        bytes.strip_prefix(&[TOKEN_FORM]).ok_or_else(|| refused("pageToken: it is of another version"))?;
    let name = rest.strip_prefix(question).ok_or_else(|| {
        refused("pageToken: it belongs to a list with another kind, selector or filter than this one")
    })?;
    String::from_utf8(name.to_vec()).map_err(|_| refused("pageToken: it is not one that a list gave"))
}

fn invalid(because: String) -> Status {
    status_from_problem(&Problem::new(1208, ProblemKind::Invalid, "the list cannot be made").because(because))
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdfast_api::v1::{Metadata, Queue};

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
        let page = page(queues.iter(), request, &[]).unwrap();
        (page.items.into_iter().map(|q| q.metadata.unwrap().name).collect(), page.next)
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
    fn a_token_belongs_to_its_question() {
        let all = queues(&["a1", "a2", "a3"]);
        let first =
            ListRequest { page_size: 1, label_selector: "team=a".to_owned(), ..ListRequest::default() };
        let token = page(all.iter(), &first, &["gold"]).unwrap().next;
        let go_on = |request: ListRequest, scope: &[&str]| {
            let page = page(all.iter(), &ListRequest { page_token: token.clone(), ..request }, scope);
            page.map(|page| page.items.len()).map_err(|s| holdfast_api::problem_from_status(&s).code.0)
        };
        let wider = ListRequest { page_size: 9, fields: vec!["metadata.name".to_owned()], ..first.clone() };
        assert_eq!(go_on(wider, &["gold"]), Ok(2));
        let other = ListRequest { label_selector: "team=b".to_owned(), ..first.clone() };
        for (request, scope) in [(other, &["gold"][..]), (first.clone(), &["iron"]), (first.clone(), &[])] {
            assert_eq!(go_on(request, scope), Err(1237));
        }
        for token in ["a1", "zz", "00", "01ff", &"01".repeat(MAX_TOKEN)] {
            let request = ListRequest { page_token: token.to_owned(), ..ListRequest::default() };
            assert!(page(all.iter(), &request, &[]).is_err(), "{token}");
        }
    }

    #[test]
    fn a_page_too_large_or_a_bad_selector_is_refused() {
        let none: [Queue; 0] = [];
        for request in [
            ListRequest { page_size: 1_001, ..ListRequest::default() },
            ListRequest { label_selector: "team=a=b".to_owned(), ..ListRequest::default() },
            ListRequest { field_selector: "status.phase=x".to_owned(), ..ListRequest::default() },
        ] {
            assert!(page(none.iter(), &request, &[]).is_err());
        }
    }
}
