//! How queues stand.

use holdfast_api::store::{self, command};

use super::*;
use crate::world::{alive, cores, founded, law, planned, said, submitted, trainer};

fn put(state: &mut State, name: &str, edit: impl FnOnce(&mut v1::QueueSpec)) {
    let mut spec = v1::QueueSpec::default();
    edit(&mut spec);
    let (name, uid) = (name.to_owned(), format!("queue-{name}"));
    let put = store::PutQueue { name, uid, spec: Some(spec), ..store::PutQueue::default() };
    said(state, 5, command::Body::PutQueue(put));
}

fn explained(state: &State, queue: &str) -> Option<v1::QueueExplanation> {
    explain_queue(state, &law(), Time(40), (&queue.parse().unwrap(), &|_| true))
}

#[test]
fn a_queue_says_what_it_has_whose_turn_it_is_and_who_is_next() {
    let mut state = founded(1);
    trainer(&mut state);
    alive(&mut state, 0);
    put(&mut state, "lab", |spec| {
        spec.nominal.insert("nvidia".to_owned(), 2);
    });
    for (name, own, most) in [("one", 4, 1), ("two", 8, 3)] {
        put(&mut state, name, |spec| {
            spec.parent = "lab".to_owned();
            spec.nominal.insert("nvidia".to_owned(), own);
            spec.borrowing_limit.insert("nvidia".to_owned(), most);
            spec.lending_limit.insert("nvidia".to_owned(), 5);
        });
    }
    for (at, job, queue) in [(10, "a", "one"), (12, "c", "one"), (11, "b", "one")] {
        submitted(&mut state, at, job, |spec| {
            (spec.queue, spec.groups) = (queue.to_owned(), cores(1, 40_000));
        });
    }
    planned(&mut state, &law(), 20);

    let found = explained(&state, "one").unwrap();
    let nvidia = v1::QueueClass {
        class: "nvidia".to_owned(),
        nominal: 4_000,
        // It borrows no more than its limit, although more is lent.
        may_take: Some(5_000),
        ..v1::QueueClass::default()
    };
    assert_eq!(found.classes, [nvidia]);
    let turns = |level: &v1::QueueLevel| -> Vec<(String, bool)> {
        level.queues.iter().map(|turn| (turn.queue.clone(), turn.is_on_path)).collect()
    };
    let turn = |queue: &str, is_on_path| (queue.to_owned(), is_on_path);
    let levels: Vec<_> = found.levels.iter().map(turns).collect();
    assert!(levels[0].contains(&turn("lab", true)), "{levels:?}");
    // One has had something, two nothing.
    assert_eq!(levels[1], [turn("two", false), turn("one", true)]);
    let next: Vec<&str> = found.next.iter().map(|next| next.job.as_str()).collect();
    assert_eq!((found.waiting, next), (2, vec!["b", "c"]));
    assert!(found.summary.starts_with("2 jobs wait in queue `one`; `b` is next: "), "{}", found.summary);

    let mine = |job: &v1::Job| job.metadata.as_ref().is_some_and(|metadata| metadata.name == "c");
    let found = explain_queue(&state, &law(), Time(40), (&"one".parse().unwrap(), &mine)).unwrap();
    assert_eq!(found.summary, "2 jobs wait in queue `one`; one of another tenant is next");
    assert_eq!(found.next.len(), 1);

    assert_eq!(explained(&state, "two").unwrap().summary, "nobody waits in queue `two`");
    assert_eq!(explained(&state, "three"), None);
    put(&mut state, "default", |spec| spec.stopped = true);
    let summary = "queue `default` is stopped: nothing starts from it; 0 jobs wait";
    assert_eq!(explained(&state, "default").unwrap().summary, summary);
}
