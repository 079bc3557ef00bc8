//! Charts as SVG: how full the cluster was, how many jobs waited, and how long they did. Each says in words what it shows, and its
//! lines can be told apart without colours. It must not know how a simulation runs.

use std::fmt::Write as _;

use crate::filling::Filled;
use crate::outcome::Outcome;
use crate::placing::Rule;
use crate::series::Series;

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 380.0;
const LEFT: f64 = 76.0;
const RIGHT: f64 = 20.0;
const TOP: f64 = 64.0;
const BOTTOM: f64 = 50.0;
/// How each policy is drawn: colour, and dashes for eyes and printers without it.
const STYLES: [(&str, &str); 5] =
    [("#1f6feb", ""), ("#b45309", "7 4"), ("#3b4252", "2 3"), ("#15803d", "10 3 2 3"), ("#a21caf", "4 2")];
const DAY: f64 = 86_400_000.0;
/// Waits that the axis names, in seconds.
const NAMED: [(f64, &str); 7] = [
    (1.0, "1 s"),
    (60.0, "1 min"),
    (600.0, "10 min"),
    (3_600.0, "1 h"),
    (36_000.0, "10 h"),
    (345_600.0, "4 d"),
    (3_456_000.0, "40 d"),
];
/// Shares of jobs that the axis names.
const SHARES: [(f64, &str); 5] =
    [(1.0, "100 %"), (0.1, "10 %"), (0.01, "1 %"), (0.001, "0.1 %"), (0.0001, "0.01 %")];
/// The share in percent above which a filling is drawn alone.
const NEARLY_FULL: f64 = 60.0;
/// Points of the curve of waits.
const POINTS: u32 = 160;

/// A line of a chart: its name, what is said of it in words, and its points in the units of the axes.
struct Drawn<'a> {
    name: &'a str,
    words: String,
    points: Vec<(f64, f64)>,
}

/// An axis: how a value becomes a share of its length, and the values that it names.
struct Axis {
    at: Box<dyn Fn(f64) -> f64>,
    named: Vec<(f64, String)>,
}

/// How much of the accelerators was held over time.
#[must_use]
pub fn utilisation(outcomes: &[Outcome]) -> String {
    let drawn: Vec<Drawn<'_>> = outcomes
        .iter()
        .map(|outcome| {
            let all = number(outcome.devices.max(1));
            let points = over_time(&outcome.held, |held| 100.0 * held / all);
            let words = format!("{} {}.", outcome.policy, percent(outcome.utilisation));
            Drawn { name: &outcome.policy, words, points }
        })
        .collect();
    let named = [0.0, 25.0, 50.0, 75.0, 100.0].map(|share| (share, format!("{share:.0} %"))).to_vec();
    let up = Axis { at: Box::new(|share| share / 100.0), named };
    chart(
        "Accelerators in use",
        "Share of all accelerators that was held, by day.",
        &days(&drawn),
        &up,
        &drawn,
    )
}

/// How many jobs waited over time.
#[must_use]
pub fn depth(outcomes: &[Outcome]) -> String {
    let drawn: Vec<Drawn<'_>> = outcomes
        .iter()
        .map(|outcome| {
            let points = over_time(&outcome.depth, |jobs| jobs);
            let most = points.iter().map(|(_, jobs)| *jobs).fold(0.0, f64::max);
            let words = format!("{} at most {most:.0} jobs.", outcome.policy);
            Drawn { name: &outcome.policy, words, points }
        })
        .collect();
    let most = drawn.iter().flat_map(|drawn| &drawn.points).map(|(_, jobs)| *jobs).fold(1.0, f64::max);
    let named = [0.0, 0.25, 0.5, 0.75, 1.0].map(|part| (most * part, format!("{:.0}", most * part))).to_vec();
    let up = Axis { at: Box::new(move |jobs| jobs / most), named };
    chart("Jobs that wait", "How many jobs waited, by day.", &days(&drawn), &up, &drawn)
}

/// Which share of the jobs waited longer than a time.
#[must_use]
pub fn waits(outcomes: &[Outcome]) -> String {
    let drawn: Vec<Drawn<'_>> = outcomes
        .iter()
        .map(|outcome| {
            let words = format!(
                "{}: one in a hundred longer than {} s, none longer than {} s.",
                outcome.policy,
                outcome.wait.p99.0 / 1_000,
                outcome.wait.max.0 / 1_000
            );
            Drawn { name: &outcome.policy, words, points: longer(&outcome.waits) }
        })
        .collect();
    let most = outcomes.iter().map(|outcome| number(outcome.wait.max.0) / 1_000.0).fold(60.0, f64::max);
    let decades = most.log10();
    let along = Axis {
        at: Box::new(move |seconds| seconds.max(1.0).log10() / decades),
        named: NAMED
            .iter()
            .filter(|(wait, _)| *wait <= most)
            .map(|(wait, name)| (*wait, (*name).to_owned()))
            .collect(),
    };
    let up = Axis {
        at: Box::new(|share| 1.0 + share.max(1e-5).log10() / 5.0),
        named: SHARES.iter().map(|(share, name)| (*share, (*name).to_owned())).collect(),
    };
    chart(
        "How long jobs wait",
        "Share of the jobs that waited longer, both axes logarithmic.",
        &along,
        &up,
        &drawn,
    )
}

/// How much of the accelerators was given away, against how much of them had been asked for: by rule, the mean of all seeds.
#[must_use]
pub fn filled(fillings: &[Filled]) -> String {
    let mut drawn: Vec<Drawn<'_>> = Rule::ALL
        .into_iter()
        .map(|rule| (rule, fillings.iter().filter(|filled| filled.rule == rule).collect::<Vec<_>>()))
        .filter(|(_, of_rule)| !of_rule.is_empty())
        .map(|(rule, of_rule)| {
            let longest = of_rule.iter().map(|filled| filled.curve.len()).max().unwrap_or(0);
            let at = |percent: usize| of_rule.iter().filter_map(move |filled| filled.curve.get(percent));
            let mean = |shares: Vec<f64>| shares.iter().sum::<f64>() / number_of(shares.len().max(1)) / 100.0;
            let point =
                |percent| (number_of(percent), mean(at(percent).map(|share| number(*share)).collect()));
            let last = mean(of_rule.iter().map(|filled| number(filled.allocated)).collect());
            let words = format!("{} {last:.2} % in the end.", rule.word());
            Drawn { name: rule.word(), words, points: (0..longest).map(point).collect() }
        })
        .collect();
    let most = drawn.iter().flat_map(|drawn| &drawn.points).map(|(asked, _)| *asked).fold(1.0, f64::max);
    // Rules differ where a cluster is nearly full.
    let full = drawn.iter().all(|drawn| drawn.points.last().is_some_and(|(_, share)| *share > NEARLY_FULL));
    let from = if full { NEARLY_FULL } else { 0.0 };
    let step =
        [10.0, 20.0, 50.0, 100.0].into_iter().find(|step| (most - from) / step <= 10.0).unwrap_or(200.0);
    let named = |step: f64, last: f64| {
        let shares =
            (0..=10_u32).map(move |nth| from + f64::from(nth) * step).take_while(move |share| *share <= last);
        shares.map(|share| (share, format!("{share:.0} %"))).collect()
    };
    let along =
        Axis { named: named(step, most), at: Box::new(move |asked| (asked - from) / (most - from).max(1.0)) };
    let up = Axis {
        named: named((100.0 - from) / 4.0, 100.0),
        at: Box::new(move |share| (share - from) / (100.0 - from)),
    };
    for drawn in &mut drawn {
        drawn.points.retain(|(asked, _)| *asked >= from);
    }
    let about = "Share of all accelerators that was given away, against the share that had been asked for.";
    chart("Accelerators given away", about, &along, &up, &drawn)
}

/// Points of a series against days.
fn over_time(series: &Series, value: impl Fn(f64) -> f64) -> Vec<(f64, f64)> {
    let width = number(series.width()) / DAY;
    let point = |(piece, mean): (usize, u64)| {
        ((number(u64::try_from(piece).unwrap_or(u64::MAX)) + 0.5) * width, value(number(mean) / 1_000.0))
    };
    series.means().into_iter().enumerate().map(point).collect()
}

/// The axis of days, long enough for all lines.
fn days(drawn: &[Drawn<'_>]) -> Axis {
    let last = drawn.iter().flat_map(|drawn| &drawn.points).map(|(day, _)| *day).fold(1.0, f64::max);
    let step = [0.25, 1.0, 2.0, 7.0, 14.0, 28.0, 91.0, 365.0]
        .into_iter()
        .find(|step| last / step <= 12.0)
        .unwrap_or(last / 10.0);
    let named = (0..=12_u32).map(|nth| f64::from(nth) * step).take_while(|day| *day <= last);
    Axis {
        named: named.map(|day| (day, format!("day {day}"))).collect(),
        at: Box::new(move |day| day / last),
    }
}

/// Points (seconds, share of the jobs that waited longer), each where the share falls.
fn longer(sorted: &[u64]) -> Vec<(f64, f64)> {
    let count = sorted.len();
    let mut points = Vec::new();
    for nth in 0..=POINTS {
        // Equal steps on the logarithmic axis of shares: the longest waits are what matters.
        let share = 10_f64.powf(-5.0 * f64::from(nth) / f64::from(POINTS));
        let passed = count.saturating_sub(1).min(whole(number_of(count) * (1.0 - share)));
        let Some(wait) = sorted.get(passed) else { continue };
        points.push((number(*wait) / 1_000.0, share));
        if passed + 1 == count {
            break;
        }
    }
    points
}

fn chart(title: &str, about: &str, along: &Axis, up: &Axis, drawn: &[Drawn<'_>]) -> String {
    let words: Vec<&str> = drawn.iter().map(|drawn| drawn.words.as_str()).collect();
    let x = |value: f64| LEFT + (WIDTH - LEFT - RIGHT) * (along.at)(value).clamp(0.0, 1.0);
    let y = |value: f64| HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (up.at)(value).clamp(0.0, 1.0);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-labelledby=\"t d\" \
         font-family=\"ui-sans-serif, system-ui, sans-serif\" font-size=\"13\">\n<title id=\"t\">{}</title>\n\
         <desc id=\"d\">{}</desc>\n<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n\
         <text x=\"16\" y=\"26\" font-size=\"16\" fill=\"#111827\">{}</text>\n",
        escaped(title),
        escaped(&format!("{about} {}", words.join(" "))),
        escaped(title),
    );
    let (left, right, top, bottom) = (LEFT, WIDTH - RIGHT, TOP, HEIGHT - BOTTOM);
    for (value, name) in &up.named {
        grid(&mut out, (left, y(*value)), (right, y(*value)));
        text(&mut out, (left - 8.0, y(*value) + 4.0), "end", name);
    }
    for (value, name) in &along.named {
        grid(&mut out, (x(*value), top), (x(*value), bottom));
        text(&mut out, (x(*value), bottom + 18.0), "middle", name);
    }
    for (nth, drawn) in drawn.iter().enumerate() {
        let (colour, dashes) = STYLES.get(nth % STYLES.len()).copied().unwrap_or_default();
        let points: Vec<String> =
            drawn.points.iter().map(|(at, value)| format!("{:.1},{:.1}", x(*at), y(*value))).collect();
        // Writing into a String cannot fail.
        let _ = writeln!(
            out,
            "<polyline fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.8\" stroke-dasharray=\"{dashes}\" points=\"{}\"/>",
            points.join(" ")
        );
        let at = LEFT + 130.0 * number_of(nth);
        let _ = writeln!(
            out,
            "<line x1=\"{at}\" y1=\"46\" x2=\"{}\" y2=\"46\" stroke=\"{colour}\" stroke-width=\"3\" stroke-dasharray=\"{dashes}\"/>",
            at + 28.0
        );
        text(&mut out, (at + 34.0, 50.0), "start", drawn.name);
    }
    out + "</svg>\n"
}

fn grid(out: &mut String, (x1, y1): (f64, f64), (x2, y2): (f64, f64)) {
    let _ = writeln!(
        out,
        "<line x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\" stroke=\"#d1d5db\" stroke-width=\"1\"/>"
    );
}

fn text(out: &mut String, (x, y): (f64, f64), anchor: &str, words: &str) {
    let words = escaped(words);
    let _ = writeln!(
        out,
        "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" fill=\"#374151\">{words}</text>"
    );
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Hundredths of a percent as people read them.
fn percent(share: u64) -> String {
    format!("{}.{:02} %", share / 100, share % 100)
}

/// A pixel is far coarser than what is lost here.
fn number(whole: u64) -> f64 {
    whole as f64
}

fn number_of(count: usize) -> f64 {
    count as f64
}

/// Down to a whole number that is not negative.
fn whole(number: f64) -> usize {
    number.max(0.0) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::Cluster;
    use crate::engine::Simulation;
    use crate::filling::fill;
    use crate::node_list::NodeList;
    use crate::pod_list::PodList;
    use crate::policy::{Baseline, Policy};
    use crate::trace::Trace;

    #[test]
    fn every_policy_is_drawn_and_said_in_words() {
        let text = "arrival,devices,duration\n0,2,100000\n10,8,200000\n20,1,50000\n30,8,7\n";
        let trace = Trace::parse(text.as_bytes()).unwrap();
        let run = |baseline| {
            let policy = Policy::Baseline(baseline);
            let simulation = Simulation::new(&trace, &Cluster::of(1, 8), &policy, 0, (0, 1)).unwrap();
            simulation.run(&mut |_, _| ()).unwrap()
        };
        let outcomes = [run(Baseline::Fifo), run(Baseline::Sjf)];
        for chart in [utilisation(&outcomes), depth(&outcomes), waits(&outcomes)] {
            assert_eq!(chart.matches("<polyline").count(), 2);
            assert!(chart.contains("fifo") && chart.contains("sjf"), "{chart}");
            assert!(!chart.contains("NaN") && !chart.contains("inf"), "{chart}");
        }
        assert!(depth(&outcomes).contains("fifo at most 3 jobs."), "{}", depth(&outcomes));
        assert!(!utilisation(&[]).contains("NaN") && !waits(&[]).contains("NaN"));
    }

    #[test]
    fn a_filling_is_drawn_by_rule_as_the_mean_of_its_seeds() {
        let nodes = NodeList::parse(b"cpu_milli,memory_mib,gpu,model\n8000,64,4,G2\n").unwrap();
        let pods = PodList::parse(b"cpu_milli,memory_mib,num_gpu,gpu_milli\n1000,1,1,600\n").unwrap();
        let of = |rule, load| [1, 2].map(|seed| fill(&nodes, &pods, rule, seed, load).unwrap());
        let drawn = filled(&[of(Rule::Random, 130), of(Rule::Default, 130)].concat());
        assert!(drawn.contains("default 60.00 % in the end. random 60.00 % in the end."), "{drawn}");
        for chart in [drawn, filled(&of(Rule::BestFit, 20)), filled(&[])] {
            assert!(!chart.contains("NaN") && !chart.contains("inf"), "{chart}");
        }
    }
}
