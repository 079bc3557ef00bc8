//! Histories that are known to be good, known to be bad, and all small ones against every order there is.

use super::*;
use crate::chance::Chance;

fn operation(client: u32, begun: u64, ended: u64, call: Call, answer: Answer) -> Operation {
    Operation { client, key: "k".to_owned(), call, answer, begun, ended }
}

fn is(value: u32, revision: u64) -> Answer {
    Answer::Is(Some(Held { value, revision }))
}

fn write(begun: u64, ended: u64, value: u32, revision: u64) -> Operation {
    operation(1, begun, ended, Call::Write(value), Answer::Done(revision))
}

fn lost(begun: u64, value: u32) -> Operation {
    operation(1, begun, NEVER, Call::Write(value), Answer::Unknown)
}

fn read(begun: u64, ended: u64, answer: Answer) -> Operation {
    operation(2, begun, ended, Call::Read, answer)
}

fn exchange(begun: u64, ended: u64, expected: u64, value: u32, answer: Answer) -> Operation {
    operation(3, begun, ended, Call::Exchange { expected, value }, answer)
}

#[test]
fn good_histories_are_taken() {
    for (name, history) in [
        ("nothing", vec![]),
        ("one after another", vec![write(1, 2, 7, 10), read(3, 4, is(7, 10)), write(5, 6, 8, 11)]),
        (
            "a read beside a write sees the old",
            vec![write(1, 2, 7, 10), write(3, 9, 8, 11), read(4, 5, is(7, 10))],
        ),
        ("or the new", vec![write(1, 2, 7, 10), write(3, 9, 8, 11), read(4, 5, is(8, 11))]),
        (
            "two writes beside each other in the order of their revisions",
            vec![write(1, 9, 7, 11), write(2, 8, 8, 10), read(10, 11, is(7, 11))],
        ),
        ("a write without an answer happened", vec![write(1, 2, 7, 10), lost(3, 8), read(9, 10, is(8, 11))]),
        ("or did not", vec![write(1, 2, 7, 10), lost(3, 8), read(9, 10, is(7, 10))]),
        (
            "or happened much later",
            vec![write(1, 2, 7, 10), lost(3, 8), read(9, 10, is(7, 10)), read(11, 12, is(8, 20))],
        ),
        (
            "only one of many without an answer happened, at the end",
            vec![lost(1, 1), lost(1, 2), lost(1, 3), lost(1, 4), read(9, 10, is(3, 4))],
        ),
        (
            "an exchange that fitted, and one that did not",
            vec![
                write(1, 2, 7, 10),
                exchange(3, 6, 10, 8, Answer::Done(11)),
                exchange(3, 6, 10, 9, Answer::Conflict),
                read(7, 8, is(8, 11)),
            ],
        ),
        (
            "an exchange without an answer made another conflict",
            vec![
                write(1, 2, 7, 10),
                exchange(3, NEVER, 10, 8, Answer::Unknown),
                exchange(4, 5, 10, 9, Answer::Conflict),
            ],
        ),
    ] {
        assert_eq!(check(&history), Ok(()), "{name}");
        assert_eq!(revisions(&history), Ok(()), "{name}");
    }
}

#[test]
fn bad_histories_are_found() {
    for (name, history) in [
        ("a stale read", vec![write(1, 2, 7, 10), write(3, 4, 8, 11), read(5, 6, is(7, 10))]),
        (
            "a read that goes back while the write is on its way",
            vec![write(1, 2, 7, 10), write(3, 20, 8, 11), read(4, 5, is(8, 11)), read(6, 7, is(7, 10))],
        ),
        ("a lost write", vec![write(1, 2, 7, 10), read(3, 4, Answer::Is(None))]),
        (
            "a lost write that another covers",
            vec![write(1, 2, 7, 10), write(3, 4, 8, 11), exchange(5, 6, 10, 9, Answer::Done(12))],
        ),
        (
            "a write applied twice",
            vec![write(1, 2, 7, 10), write(3, 4, 8, 11), read(5, 6, is(8, 11)), read(7, 8, is(7, 12))],
        ),
        (
            "one without an answer applied twice",
            vec![lost(1, 7), read(2, 3, is(7, 10)), write(4, 5, 8, 11), read(6, 7, is(7, 12))],
        ),
        ("a value from nowhere", vec![write(1, 2, 7, 10), read(3, 4, is(9, 11))]),
        (
            "two exchanges of one revision",
            vec![
                write(1, 2, 7, 10),
                exchange(3, 6, 10, 8, Answer::Done(11)),
                exchange(3, 6, 10, 9, Answer::Done(12)),
            ],
        ),
        ("a conflict without a cause", vec![write(1, 2, 7, 10), exchange(3, 4, 10, 8, Answer::Conflict)]),
        ("a revision that goes back", vec![write(1, 2, 7, 10), write(3, 4, 8, 9)]),
        (
            "read before it was written, by one without an answer",
            vec![write(1, 2, 7, 10), read(3, 4, is(8, 11)), lost(5, 8)],
        ),
    ] {
        assert!(check(&history).is_err(), "{name}");
    }
    let other = Operation { key: "other".to_owned(), ..write(3, 4, 8, 9) };
    assert!(revisions(&[write(1, 2, 7, 10), other.clone()]).is_err());
    assert_eq!(check(&[write(1, 2, 7, 10), other]), Ok(()), "each register alone is well");
}

#[test]
fn what_did_not_fit_is_named() {
    let stale = read(5, 6, is(7, 10));
    let fault = check(&[write(1, 2, 7, 10), write(3, 4, 8, 11), stale.clone()]).unwrap_err();
    assert_eq!((fault.prefix.len(), &fault.stuck), (2, &vec![stale]));
    assert!(fault.to_string().contains("2 operations fit"), "{fault}");
}

/// Every order there is, without memory and without haste.
fn brute_force(
    history: &[Operation],
    seen: &BTreeMap<u32, u64>,
    placed: &mut Vec<usize>,
    state: State,
) -> bool {
    let open: Vec<usize> = (0..history.len()).filter(|i| !placed.contains(i)).collect();
    if open.iter().all(|i| history[*i].ended == NEVER) {
        return true;
    }
    open.iter().any(|&index| {
        let allowed = open.iter().all(|&other| history[other].ended >= history[index].begun);
        let next = step(state, &history[index], seen).filter(|_| allowed);
        next.is_some_and(|next| {
            placed.push(index);
            let fits = brute_force(history, seen, placed, next);
            placed.pop();
            fits
        })
    })
}

/// What clients might see of a real register, spoilt now and then.
fn made_up(chance: &mut Chance) -> Vec<Operation> {
    let (mut state, mut history): (Option<Held>, _) = (None, Vec::new());
    let count = 2 + chance.below(6);
    for number in 0..count {
        let moment = 10 * (number + 1);
        let (begun, ended) = (moment - chance.below(25).min(moment), moment + chance.below(25));
        let (value, revision) = (u32::try_from(number).unwrap() + 1, number + 1);
        let expected = state.map_or(0, |held| held.revision) + chance.below(2);
        let fits = state.is_some_and(|held| held.revision == expected);
        let put = Some(Held { value, revision });
        let (call, answer, next) = match chance.below(4) {
            0 | 1 => (Call::Read, Answer::Is(state), state),
            2 => (Call::Write(value), Answer::Done(revision), put),
            _ if fits => (Call::Exchange { expected, value }, Answer::Done(revision), put),
            _ => (Call::Exchange { expected, value }, Answer::Conflict, state),
        };
        state = next;
        history.push(operation(0, begun, ended, call, answer));
        if call != Call::Read && chance.below(4) == 0 {
            let last = history.last_mut().unwrap();
            (last.answer, last.ended) = (Answer::Unknown, NEVER);
        }
    }
    if chance.below(2) == 0 {
        let (a, b) = (chance.index(history.len()), chance.index(history.len()));
        let answer = history[b].answer;
        if history[a].call == Call::Read && matches!(answer, Answer::Is(_)) {
            history[a].answer = answer;
        } else if history[a].ended != NEVER {
            history[a].begun = history[b].begun;
            history[a].ended = history[b].begun.saturating_add(1);
        }
    }
    history
}

#[test]
fn the_search_agrees_with_every_order_there_is() {
    let (mut good, mut bad) = (0, 0);
    for seed in 0..20_000 {
        let mut history = made_up(&mut Chance::new(seed));
        history.sort_by_key(|o| (o.begun, o.ended));
        let all: Vec<&Operation> = history.iter().collect();
        let expected =
            seen(&all).is_ok_and(|seen| brute_force(&history, &seen, &mut Vec::new(), State::default()));
        assert_eq!(check(&history).is_ok(), expected, "seed {seed}: {history:#?}");
        if expected { good += 1 } else { bad += 1 }
    }
    assert!(good > 1_000 && bad > 1_000, "{good} good and {bad} bad: too few of one kind to show anything");
}

#[test]
fn a_long_history_with_much_at_once_is_searched_fast() {
    let mut history = Vec::new();
    for number in 0..3_000_u64 {
        let value = u32::try_from(number).unwrap();
        history.push(write(number * 10, number * 10 + 45, value, number + 1));
        history.push(read(number * 10 + 46, number * 10 + 60, Answer::Is(None)));
        if number % 100 == 0 {
            history.push(lost(number * 10, 1_000_000 + value));
        }
    }
    for operation in history.iter_mut().filter(|o| o.call == Call::Read) {
        // What the register held when the read began.
        let newest = ((operation.begun - 44) / 10).min(2_999);
        operation.answer = is(u32::try_from(newest).unwrap(), newest + 1);
    }
    assert_eq!(check(&history), Ok(()));
}
