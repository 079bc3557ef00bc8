//! Queues of a tree share what they have, and no more than they say.

use holdfast_types::MilliDevices;
use proptest::prelude::*;

use super::*;
use crate::need::gang_devices;
use crate::queues::{QueueRefusal, Queues};
use crate::shares::Shares;

const CLASSES: [DeviceClass; 2] = [DeviceClass::Nvidia, DeviceClass::Amd];

fn views(lines: &[&str]) -> Vec<QueueView> {
    let mut views: Vec<QueueView> = lines.iter().map(|line| queue(line)).collect();
    views.sort_unstable();
    views
}

/// The most accelerators of NVIDIA that a queue may have beside what is held: `a=3 b=4`.
fn most(lines: &[&str], held: &str, queue: &str) -> u64 {
    let views = views(lines);
    let at = |name: &str| views.iter().position(|view| view.name.as_str() == name).unwrap();
    let mut shares = Shares::new(&views);
    for (name, count) in words(held) {
        shares.hold(at(name), DeviceClass::Nvidia, MilliDevices::whole(count.parse().unwrap()));
    }
    let fits =
        |count: &u64| shares.check(at(queue), DeviceClass::Nvidia, MilliDevices::whole(*count)).is_ok();
    (1..1_000).take_while(fits).last().unwrap_or(0)
}

#[test]
fn the_examples_that_kueue_publishes() {
    let cohort = ["ab", "team-a parent=ab nominal=nvidia:9", "team-b parent=ab nominal=nvidia:12"];
    let limited =
        ["ab", "team-a parent=ab nominal=nvidia:9 borrow=nvidia:1", "team-b parent=ab nominal=nvidia:12"];
    let lending =
        ["ab", "team-a parent=ab nominal=nvidia:9", "team-b parent=ab nominal=nvidia:12 lend=nvidia:1"];
    // The quota of an inner queue is beside that of those below it.
    let pool = ["hello nominal=nvidia:12", "mine parent=hello"];
    // Production may borrow from research, but not the other way round.
    let one_way = [
        "company",
        "research parent=company borrow=nvidia:0",
        "production parent=company",
        "physics parent=research nominal=nvidia:4",
        "biology parent=research nominal=nvidia:4",
        "sales parent=production nominal=nvidia:3",
    ];
    // Organisations do not borrow from each other; one queue borrows from any of them.
    let special = [
        "top",
        "east parent=top borrow=nvidia:0",
        "west parent=top borrow=nvidia:0",
        "e1 parent=east nominal=nvidia:6",
        "w1 parent=west nominal=nvidia:5",
        "special parent=top",
    ];
    // What `docs/scheduling.md` tells of.
    let told = [
        "research nominal=nvidia:16",
        "physics parent=research nominal=nvidia:32 borrow=nvidia:8",
        "biology parent=research nominal=nvidia:16 lend=nvidia:12",
    ];
    let cases: &[(&[&str], &str, &str, u64)] = &[
        (&told, "", "physics", 40),
        (&told, "", "biology", 64),
        (&told, "research=28", "physics", 32),
        (&told, "research=28 physics=32", "biology", 4),
        (&cohort, "", "team-a", 21),
        (&cohort, "team-b=12", "team-a", 9),
        (&cohort, "team-a=21", "team-b", 0),
        (&cohort, "team-a=10", "team-b", 11),
        (&limited, "", "team-a", 10),
        (&limited, "", "team-b", 21),
        (&lending, "", "team-a", 10),
        (&lending, "team-a=10", "team-b", 11),
        (&lending, "team-a=9 team-b=11", "team-a", 1),
        (&pool, "", "mine", 12),
        (&one_way, "", "physics", 8),
        (&one_way, "biology=4", "physics", 4),
        (&one_way, "", "sales", 11),
        (&one_way, "sales=8", "physics", 3),
        (&special, "", "e1", 6),
        (&special, "", "special", 11),
        (&special, "w1=5", "special", 6),
        (&special, "special=11", "w1", 0),
    ];
    for (lines, held, queue, expected) in cases {
        assert_eq!(most(lines, held, queue), *expected, "{queue} beside {held} of {lines:?}");
    }
}

#[test]
fn a_class_that_nobody_of_a_tree_has_is_not_counted() {
    let lines = ["top", "a parent=top", "b parent=top nominal=amd:1", "other nominal=nvidia:2"];
    assert_eq!((most(&lines, "", "a"), most(&lines, "a=99", "b"), most(&lines, "", "other")), (999, 999, 2));
}

#[test]
fn a_circle_or_a_parent_that_is_not_there_is_no_parent() {
    let lines = [
        "a parent=b nominal=nvidia:1",
        "b parent=a nominal=nvidia:2",
        "c parent=a",
        "d parent=z nominal=nvidia:4",
    ];
    let most = |queue| most(&lines, "", queue);
    assert_eq!((most("a"), most("b"), most("c"), most("d")), (1, 2, 1, 4));
}

#[test]
fn an_explanation_names_the_queue_that_has_too_little() {
    let tree = |job: &str, holds: &str| {
        let queues = [
            "research nominal=nvidia:52",
            "a parent=research nominal=nvidia:8 borrow=nvidia:4",
            "b parent=research nominal=nvidia:4",
            "solo nominal=nvidia:2",
        ];
        let held = format!("held gpus=1 tasks={} queue={} priority=1", holds[1..].trim(), &holds[..1]);
        let snapshot =
            cluster(&["m gpus=64", "n gpus=64"], &queues, &[&held, "solo queue=solo gpus=2 priority=1", job]);
        explanation(&tell(&snapshot, &config(), NOW), "j").summary.clone()
    };
    let cases = [
        (
            "j queue=a gpus=2",
            "a 12",
            "it needs 2 nvidia accelerators; queue `a` has 8 of its own and may borrow 4, of which 12 are held",
        ),
        (
            "j queue=a gpus=2",
            "b 63",
            "it needs 2 nvidia accelerators; queue `research` lends no more: 63 of 64 are held",
        ),
        ("j queue=a gpus=13", "b 1", "it needs 13 nvidia accelerators; queue `a` never has more than 12"),
        (
            "j queue=b tasks=65 gpus=1",
            "b 1",
            "it needs 65 nvidia accelerators; queue `research` never has more than 64",
        ),
        (
            "j queue=solo gpus=1",
            "b 1",
            "it needs 1 nvidia accelerator; queue `solo` has 2 of its own, of which 2 are held",
        ),
    ];
    for (job, holds, expected) in cases {
        assert_eq!(tree(job, holds), expected);
    }
}

#[test]
fn a_gang_of_two_classes_needs_both() {
    let queues = ["a nominal=nvidia:4,amd:1"];
    let job = |line: &str| job(line, &[]).spec;
    let (mut two, one) = ((*job("j queue=a gpus=4 side=1x2")).clone(), job("k queue=a gpus=4"));
    let counts = Queues::new(&views(&queues), Amounts::default());
    assert_eq!(counts.check(0, &gang_devices(&one, 0)), Ok(()));
    two.groups[1].resources.devices.as_mut().unwrap().class = DeviceClass::Amd;
    let refusal = counts.check(0, &gang_devices(&two, 0));
    assert!(
        matches!(refusal, Err(QueueRefusal::Short(short)) if short.class == DeviceClass::Amd && short.needs == MilliDevices::whole(2))
    );
}

#[test]
fn a_gang_that_its_tree_has_no_share_for_is_refused_before_it_starts() {
    let mut snapshot =
        cluster(&["n gpus=8"], &["top nominal=nvidia:4", "a parent=top"], &["j queue=a gpus=3"]);
    let gang = plan(&snapshot, &config(), NOW).gangs.remove(0);
    snapshot.queues[0].nominal = counts("nvidia:2");
    assert_eq!(
        verify_gang(&snapshot, NOW, &gang).unwrap_err().to_string(),
        "queue `top` has 2 nvidia accelerators for queue `a`, of which 0 are held; the gang needs 3"
    );
}

/// Trees, with circles and parents that are not there.
fn trees() -> impl Strategy<Value = Vec<QueueView>> {
    let count = || prop::option::weighted(0.6, 0..9_u32);
    let counts = move || {
        (count(), count()).prop_map(|(one, two)| -> BTreeMap<DeviceClass, u32> {
            CLASSES.into_iter().zip([one, two]).filter_map(|(class, count)| Some((class, count?))).collect()
        })
    };
    let one = (prop::option::weighted(0.8, 0..9_usize), counts(), counts(), counts());
    prop::collection::vec(one, 1..8).prop_map(|queues| {
        let view = |(at, (parent, nominal, borrowing_limit, lending_limit))| QueueView {
            parent: Option::map(parent, |parent: usize| format!("q{parent}").parse().unwrap()),
            nominal,
            borrowing_limit,
            lending_limit,
            ..queue(&format!("q{at}"))
        };
        (0..queues.len()).zip(queues).map(view).collect()
    })
}

/// What a queue takes: which, of which class, how many thousandths, and how many of those who took before give back first.
type Taking = (usize, usize, u64, usize);

fn takings() -> impl Strategy<Value = Vec<Taking>> {
    prop::collection::vec(
        (0..8_usize, 0..2_usize, (1..18_u64).prop_map(|halves| halves * 500), 0..3_usize),
        0..40,
    )
}

/// Counts everything anew, by the definition of Kueue's KEP 79, in thousandths.
struct Oracle<'a> {
    views: &'a [QueueView],
    held: Vec<(usize, DeviceClass, u64)>,
}

impl Oracle<'_> {
    fn named(&self, at: usize) -> Option<usize> {
        let parent = self.views[at].parent.as_ref()?;
        self.views.iter().position(|view| view.name == *parent)
    }

    fn parent(&self, at: usize) -> Option<usize> {
        let mut above = self.named(at);
        for _ in 0..self.views.len() {
            if above == Some(at) {
                return None;
            }
            above = above.and_then(|above| self.named(above));
        }
        self.named(at)
    }

    fn path(&self, at: usize) -> Vec<usize> {
        std::iter::successors(Some(at), |at| self.parent(*at)).collect()
    }

    fn below(&self, at: usize) -> Vec<usize> {
        (0..self.views.len()).filter(|other| self.path(*other).contains(&at)).collect()
    }

    fn tree(&self, at: usize) -> Vec<usize> {
        self.below(*self.path(at).last().unwrap())
    }

    fn nominal(&self, at: usize, class: DeviceClass) -> i64 {
        self.views[at].nominal.get(&class).map_or(0, |count| 1_000 * i64::from(*count))
    }

    fn used(&self, at: usize, class: DeviceClass) -> i64 {
        let mine = self.held.iter().filter(|(queue, of, _)| (*queue, *of) == (at, class));
        mine.map(|(_, _, count)| i64::try_from(*count).unwrap()).sum()
    }

    fn left(&self, at: usize, class: DeviceClass) -> i64 {
        let children = (0..self.views.len()).filter(|child| self.parent(*child) == Some(at));
        let lent = children.map(|child| {
            let left = self.left(child, class);
            self.views[child]
                .lending_limit
                .get(&class)
                .map_or(left, |most| left.min(1_000 * i64::from(*most)))
        });
        self.nominal(at, class) - self.used(at, class) + lent.sum::<i64>()
    }

    fn borrows(&self, at: usize, class: DeviceClass) -> i64 {
        let limit = self.views[at].borrowing_limit.get(&class);
        let limit = limit.map_or(i64::MAX / 2, |count| 1_000 * i64::from(*count));
        if self.parent(at).is_none() { 0 } else { limit }
    }

    fn counts(&self, at: usize, class: DeviceClass) -> bool {
        self.tree(at).iter().any(|other| self.views[*other].nominal.contains_key(&class))
    }

    /// Whether nobody whom it touches owes more than it may once this is held.
    fn allows(&mut self, at: usize, class: DeviceClass, count: u64) -> bool {
        let path = self.path(at);
        let before: Vec<i64> = path.iter().map(|at| self.left(*at, class)).collect();
        self.held.push((at, class, count));
        let after: Vec<i64> = path.iter().map(|at| self.left(*at, class)).collect();
        let fits = |((at, before), after): ((&usize, i64), i64)| {
            before == after || after >= -self.borrows(*at, class)
        };
        let allowed = path.iter().zip(before).zip(after).all(fits);
        self.held.pop();
        !self.counts(at, class) || allowed
    }

    fn check_limits(&self) {
        for (at, view) in self.views.iter().enumerate() {
            for class in CLASSES.into_iter().filter(|class| self.counts(at, *class)) {
                let sum = |queues: &[usize], of: fn(&Self, usize, DeviceClass) -> i64| {
                    queues.iter().map(|at| of(self, *at, class)).sum::<i64>()
                };
                let below = self.below(at);
                let others: Vec<usize> =
                    self.tree(at).into_iter().filter(|other| !below.contains(other)).collect();
                let borrowed = sum(&below, Self::used) - sum(&below, Self::nominal);
                assert!(borrowed <= self.borrows(at, class), "{} borrows {borrowed} {class}", view.name);
                let lent = sum(&others, Self::used) - sum(&others, Self::nominal);
                let most = view.lending_limit.get(&class).filter(|_| self.parent(at).is_some());
                assert!(
                    most.is_none_or(|most| lent <= 1_000 * i64::from(*most)),
                    "{} lends {lent} {class}",
                    view.name
                );
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_counted_on_a_path_is_what_is_counted_anew(views in trees(), takings in takings(), careless in prop::bool::ANY) {
        let mut shares = Shares::new(&views);
        let mut oracle = Oracle { views: &views, held: Vec::new() };
        for (at, class, count, back) in takings {
            let (at, class) = (at % views.len(), CLASSES[class]);
            for _ in 0..back.min(oracle.held.len()) {
                let (at, class, count) = oracle.held.swap_remove(count as usize % oracle.held.len());
                shares.release(at, class, MilliDevices(count));
            }
            let allowed = oracle.allows(at, class, count);
            prop_assert_eq!(shares.check(at, class, MilliDevices(count)).is_ok(), allowed);
            let before = shares.clone();
            shares.hold(at, class, MilliDevices(count));
            prop_assert_eq!(shares.check_counted(at, class, MilliDevices(count)).is_ok(), allowed);
            if allowed || careless {
                oracle.held.push((at, class, count));
            } else {
                shares.release(at, class, MilliDevices(count));
                prop_assert_eq!(&shares, &before);
            }
            // Who had more before his queue was given less may owe more than it may.
            if !careless {
                oracle.check_limits();
            }
        }
        for (at, class, count) in oracle.held {
            shares.release(at, class, MilliDevices(count));
        }
        prop_assert_eq!(shares, Shares::new(&views));
    }

    #[test]
    fn a_plan_keeps_to_what_queues_share(
        mut views in trees(),
        jobs in prop::collection::vec((0..8_usize, 1..4_u32, 0..7_usize, 0..2_usize), 1..14),
    ) {
        views.sort_unstable();
        let devices = ["gpus=0", "gpus=1", "gpus=2", "gpus=3", "gpus=4", "share=250", "share=700"];
        let line = |(at, (queue, tasks, gpus, class)): (usize, (usize, u32, usize, usize))| {
            let devices = devices[gpus];
            format!("j{at} queue=q{} tasks={tasks} {devices} class={} age={at}", queue % views.len(), CLASSES[class])
        };
        let lines: Vec<String> = jobs.into_iter().enumerate().map(line).collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let mut snapshot = cluster(&["n gpus=24", "m gpus=16 class=amd"], &["x"], &lines);
        snapshot.queues = views.clone();
        let made = plan(&snapshot, &config(), NOW);
        commit(&mut snapshot, &made);
        let at = |job: &JobView| views.iter().position(|view| view.name == job.queue).unwrap();
        let placed = snapshot.jobs.iter().filter(|job| matches!(job.state, JobState::Placed { .. }));
        let held = placed.flat_map(|job| gang_devices(&job.spec, job.state.variant()).iter().map(|(class, count)| (at(job), class, count.0)).collect::<Vec<_>>());
        let oracle = Oracle { views: &views, held: held.collect() };
        oracle.check_limits();
    }
}
