//! What comes, in which order, until a cluster has been asked for a share of all it has. It must not know what becomes of it.

use holdfast_scheduler::Request;

use crate::chance::Draws;

/// The most that arrives.
pub(crate) const MAX_ARRIVALS: usize = 20_000_000;
/// The draws of a seed that are of arrivals.
const STREAM: u64 = 0;

/// The requests of a list, each once, and then more of them by chance with repetition, as long as they ask for no more than `most`
/// thousandths of accelerators together; where the list asks for more, by chance some of it are left out. All in an order by chance.
/// `None` where nothing in the list asks for accelerators, or too much would arrive.
pub(crate) fn arrivals(list: &[Request], most: u64, seed: u64) -> Option<Vec<Request>> {
    let mut draws = Draws::new(seed, STREAM);
    let mut coming = list.to_vec();
    let mut asked: u64 = coming.iter().map(Request::thousandths).sum();
    if asked == 0 || coming.len() > MAX_ARRIVALS {
        return None;
    }
    while asked > most {
        let left_out = coming.swap_remove(draws.below(coming.len()));
        asked -= left_out.thousandths();
    }
    while let Some(next) = list.get(draws.below(list.len())) {
        asked += next.thousandths();
        if asked > most {
            break;
        }
        if coming.len() >= MAX_ARRIVALS {
            return None;
        }
        coming.push(*next);
    }
    for last in (1..coming.len()).rev() {
        coming.swap(last, draws.below(last + 1));
    }
    Some(coming)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(devices: u32) -> Request {
        Request { cores: 1, memory: 1, devices, share: if devices == 0 { 0 } else { 1_000 }, classes: 1 }
    }

    #[test]
    fn each_comes_once_and_then_some_again_up_to_the_load() {
        let list: Vec<Request> = (0..9).map(request).collect();
        let asked = |coming: &[Request]| coming.iter().map(Request::thousandths).sum::<u64>();
        let coming = arrivals(&list, 60_000, 7).unwrap();
        assert!((52_001..=60_000).contains(&asked(&coming)), "{}", asked(&coming));
        assert!(list.iter().all(|request| coming.contains(request)));
        assert_eq!(arrivals(&list, 60_000, 7).unwrap(), coming);
        assert_ne!(arrivals(&list, 60_000, 8).unwrap(), coming);
        let fewer = arrivals(&list, 20_000, 7).unwrap();
        assert!(fewer.len() < 9 || asked(&fewer) <= 20_000);
        assert_eq!(arrivals(&[request(0)], 1_000, 7), None);
    }
}
