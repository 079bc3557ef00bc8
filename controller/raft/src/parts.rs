//! Work on many records on several threads, of which one takes the results in the order of the records. A leaf, but for what a
//! record is.

use std::collections::VecDeque;
use std::num::NonZero;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use parking_lot::Mutex;

use crate::machine::Record;

/// So many records are worked on together.
const BATCH: usize = 2_048;
/// Fewer batches than this are not worth a thread.
const FEW: usize = 4;
/// More threads than this wait for whoever reads and takes.
const MOST_THREADS: usize = 8;

/// A batch, and where to put what was made of it.
type Job<T> = (Vec<Record>, SyncSender<T>);

/// Works on records in batches, on as many threads as there are cores where there are many, and hands over what was made of
/// each batch in the order of the records.
///
/// # Errors
///
/// The first one with which `take` refuses what it is handed; records are left over then.
pub fn in_order<T: Send, E>(
    records: &mut dyn Iterator<Item = Record>,
    work: impl Fn(Vec<Record>) -> T + Sync,
    mut take: impl FnMut(T) -> Result<(), E>,
) -> Result<(), E> {
    for _ in 0..FEW {
        let batch = batch(records);
        if batch.is_empty() {
            return Ok(());
        }
        take(work(batch))?;
    }
    let threads = thread::available_parallelism().map_or(1, NonZero::get).min(MOST_THREADS);
    let (give, jobs) = sync_channel(threads);
    // Held by the threads alone: where all of them panicked nothing can be given out any more.
    let (jobs, work) = (Arc::new(Mutex::new(jobs)), &work);
    thread::scope(|scope| {
        for _ in 0..threads {
            let jobs = Arc::clone(&jobs);
            scope.spawn(move || serve(&jobs, work));
        }
        drop(jobs);
        let taken = spread(records, &give, 2 * threads, &mut take);
        drop(give);
        taken
    })
}

fn batch(records: &mut dyn Iterator<Item = Record>) -> Vec<Record> {
    let mut batch = Vec::with_capacity(BATCH);
    batch.extend(records.take(BATCH));
    batch
}

/// Works until no more can come.
fn serve<T>(jobs: &Mutex<Receiver<Job<T>>>, work: &impl Fn(Vec<Record>) -> T) {
    loop {
        // Let go at once: one waits for a batch, the others for that one.
        let job = jobs.lock().recv();
        let Ok((batch, made)) = job else { return };
        // Nobody takes it where something before it was refused.
        drop(made.send(work(batch)));
    }
}

/// Gives out the batches and takes what comes of them, with so many on their way.
fn spread<T, E>(
    records: &mut dyn Iterator<Item = Record>,
    give: &SyncSender<Job<T>>,
    ahead: usize,
    take: &mut impl FnMut(T) -> Result<(), E>,
) -> Result<(), E> {
    let mut underway: VecDeque<Receiver<T>> = VecDeque::with_capacity(ahead);
    loop {
        let batch = batch(records);
        let ended = batch.is_empty();
        if !ended {
            let (made, coming) = sync_channel(1);
            // A thread that panicked takes this one with it at the end of the scope.
            drop(give.send((batch, made)));
            underway.push_back(coming);
        }
        while underway.len() >= ahead || ended {
            let Some(first) = underway.pop_front() else { return Ok(()) };
            if let Ok(made) = first.recv() {
                take(made)?;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn many(count: u32) -> impl Iterator<Item = Record> {
        (0..count).map(|number| (number.to_be_bytes().to_vec(), Vec::new()))
    }

    fn number((key, _): &Record) -> u32 {
        u32::from_be_bytes(key.as_slice().try_into().unwrap())
    }

    #[test]
    fn whatever_was_made_comes_in_order_and_all_of_it() {
        for count in [0, 1, 5_000, 50_001] {
            let mut numbers = Vec::new();
            let taken = in_order(
                &mut many(count),
                |batch| batch.iter().map(number).collect::<Vec<_>>(),
                |made| {
                    numbers.extend(made);
                    Ok::<_, ()>(())
                },
            );
            assert_eq!(taken, Ok(()));
            assert!(numbers.into_iter().eq(0..count));
        }
    }

    #[test]
    fn the_first_refusal_in_order_ends_it_and_the_threads() {
        for bad in [100, 30_000, 50_000] {
            let mut seen = 0;
            let refused = in_order(
                &mut many(50_001),
                |batch| batch.iter().map(number).max().unwrap(),
                |most| {
                    seen = most;
                    if most >= bad { Err(most) } else { Ok(()) }
                },
            );
            assert_eq!(refused, Err(seen));
            assert!(seen >= bad && seen - bad < u32::try_from(BATCH).unwrap());
        }
    }
}
