//! Charts as SVG: how the latencies of two sides are spread, and how the figures of many rows compare. A reader with or
//! without colours can tell the sides apart, and every chart says in words what it shows.

use std::time::Duration;

use crate::measure::Curve;
use crate::report::Line;

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 360.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 20.0;
const TOP: f64 = 50.0;
const BOTTOM: f64 = 50.0;
/// The shares that the horizontal axis names.
const SHARES: [(f64, &str); 5] =
    [(0.0, "0 %"), (0.5, "50 %"), (0.9, "90 %"), (0.99, "99 %"), (0.999, "99.9 %")];
/// How each side is drawn: colour, and dashes for eyes and printers without it.
const STYLES: [(&str, &str); 3] = [("#1f6feb", ""), ("#b45309", "6 4"), ("#3b4252", "2 3")];
/// The height of one row of bars.
const ROW: f64 = 26.0;
/// Points of a curve.
const POINTS: u32 = 120;

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn open(width: f64, height: f64, title: &str, about: &str) -> String {
    let (title, about) = (escaped(title), escaped(about));
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" role=\"img\" \
         aria-labelledby=\"t d\" font-family=\"ui-sans-serif, system-ui, sans-serif\" font-size=\"13\">\n\
         <title id=\"t\">{title}</title>\n<desc id=\"d\">{about}</desc>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n\
         <text x=\"16\" y=\"26\" font-size=\"16\" fill=\"#111827\">{title}</text>\n"
    )
}

fn text(out: &mut String, (x, y): (f64, f64), anchor: &str, words: &str) {
    let words = escaped(words);
    out.push_str(&format!(
        "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" fill=\"#374151\">{words}</text>\n"
    ));
}

fn line(out: &mut String, (x1, y1): (f64, f64), (x2, y2): (f64, f64)) {
    out.push_str(&format!(
            "<line x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\" stroke=\"#d1d5db\" stroke-width=\"1\"/>\n"
    ));
}

/// Where a share of the calls stands: each nine takes the same room, because the slow calls are what matters.
fn across(share: f64) -> f64 {
    let nines = -(1.0 - share).max(1e-4).log10();
    LEFT + (WIDTH - LEFT - RIGHT) * nines / 4.0
}

fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e3).max(1e-3)
}

/// How the latencies of each side are spread; nothing where there are too few samples to draw.
#[must_use]
pub fn spread(title: &str, curves: &[Curve]) -> Option<String> {
    let curves: Vec<(&str, Vec<f64>)> = curves
        .iter()
        .filter(|curve| curve.samples.len() > 1)
        .map(|curve| (curve.name, points(curve)))
        .collect();
    let all = || curves.iter().flat_map(|(_, points)| points.iter().copied());
    let (least, most) = (all().reduce(f64::min)?.log10().floor(), all().reduce(f64::max)?.log10().ceil());
    let (least, most) = (least, most.max(least + 1.0));
    let up =
        |value: f64| HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (value.log10() - least) / (most - least);
    let about = format!("Latency by share of the calls, logarithmic. {}", in_words(&curves));
    let mut out = open(WIDTH, HEIGHT, title, &about);
    for power in least as i32..=most as i32 {
        let y = up(10_f64.powi(power));
        line(&mut out, (LEFT, y), (WIDTH - RIGHT, y));
        text(&mut out, (LEFT - 8.0, y + 4.0), "end", &format!("{} ms", 10_f64.powi(power)));
    }
    for (share, name) in SHARES {
        line(&mut out, (across(share), TOP), (across(share), HEIGHT - BOTTOM));
        text(&mut out, (across(share), HEIGHT - BOTTOM + 18.0), "middle", name);
    }
    for (nth, ((name, points), (colour, dashes))) in curves.iter().zip(STYLES).enumerate() {
        let places = points
            .iter()
            .zip(0_u32..)
            .map(|(value, at)| format!("{:.1},{:.1}", across(share_of(at)), up(*value)));
        let places: Vec<String> = places.collect();
        out.push_str(&format!(
            "<polyline fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\" stroke-dasharray=\"{dashes}\" points=\"{}\"/>\n",
            places.join(" ")
        ));
        legend(&mut out, nth, name, (colour, dashes));
    }
    Some(out + "</svg>\n")
}

fn legend(out: &mut String, nth: usize, name: &str, (colour, dashes): (&str, &str)) {
    let x = WIDTH - 260.0 + 120.0 * nth as f64;
    out.push_str(&format!(
            "<line x1=\"{x}\" y1=\"22\" x2=\"{}\" y2=\"22\" stroke=\"{colour}\" stroke-width=\"3\" stroke-dasharray=\"{dashes}\"/>\n",
        x + 28.0
    ));
    text(out, (x + 34.0, 26.0), "start", name);
}

fn share_of(point: u32) -> f64 {
    1.0 - 10_f64.powf(-4.0 * f64::from(point) / f64::from(POINTS))
}

fn points(curve: &Curve) -> Vec<f64> {
    let mut samples = curve.samples.clone();
    samples.sort_unstable();
    let at = |share: f64| {
        let rank = (share * samples.len() as f64) as usize;
        samples.get(rank.min(samples.len().saturating_sub(1))).copied().unwrap_or_default()
    };
    (0..=POINTS).map(|point| milliseconds(at(share_of(point)))).collect()
}

fn in_words(curves: &[(&str, Vec<f64>)]) -> String {
    let last = |points: &[f64]| points.last().copied().unwrap_or_default();
    let words = curves.iter().map(|(name, points)| format!("{name} at most {:.3} ms.", last(points)));
    words.collect::<Vec<_>>().join(" ")
}

/// What our side reaches of each peer; nothing where no row has a ratio.
#[must_use]
pub fn bars(title: &str, lines: &[Line]) -> Option<String> {
    let rows: Vec<(&Line, f64)> =
        lines.iter().filter_map(|line| Some((line, line.ratio.strip_suffix('x')?.parse().ok()?))).collect();
    let most = rows.iter().map(|(_, ratio)| *ratio).reduce(f64::max)?.max(1.0);
    let height = TOP + ROW * rows.len() as f64 + 20.0;
    let words: Vec<String> =
        rows.iter().map(|(line, _)| format!("{} {} ({})", line.id, line.ratio, line.state)).collect();
    let mut out =
        open(WIDTH, height, title, &format!("Ours to the peer's, row by row: {}.", words.join(", ")));
    let (left, wide) = (220.0, WIDTH - 220.0 - 150.0);
    let along = |ratio: f64| left + wide * ratio / most;
    for (nth, (row, ratio)) in rows.iter().enumerate() {
        let y = TOP + ROW * nth as f64;
        text(&mut out, (left - 8.0, y + 16.0), "end", &row.id);
        out.push_str(&format!(
            "<rect x=\"{left}\" y=\"{:.1}\" width=\"{:.1}\" height=\"16\" fill=\"{}\"/>\n",
            y + 3.0,
            along(*ratio) - left,
            STYLES[0].0
        ));
        let words = format!("{} of {}, {}", row.ratio, row.promise, row.state);
        text(&mut out, (along(*ratio) + 6.0, y + 16.0), "start", &words);
    }
    line(&mut out, (along(1.0), TOP), (along(1.0), height - 20.0));
    Some(out + "</svg>\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::State;

    fn curve(name: &'static str, least: u64) -> Curve {
        Curve { name, samples: (least..least + 500).map(Duration::from_micros).collect() }
    }

    #[test]
    fn both_sides_are_drawn_and_said_in_words() {
        let chart = spread("puts <64>", &[curve("Holdfast", 100), curve("etcd", 900)]).unwrap();
        assert_eq!(chart.matches("<polyline").count(), 2);
        assert!(chart.contains("puts &lt;64&gt;") && chart.contains("Holdfast at most 0.599 ms."), "{chart}");
        assert!(!chart.contains("NaN") && !chart.contains("inf"));
        assert_eq!(spread("nothing", &[Curve { name: "a", samples: Vec::new() }]), None);
    }

    #[test]
    fn rows_with_a_ratio_become_bars() {
        let row = |id: &str, ratio: &str| Line {
            id: id.to_owned(),
            promise: ">= 1x".to_owned(),
            figure: "2".to_owned(),
            peer: "1".to_owned(),
            ratio: ratio.to_owned(),
            state: State::Met,
            note: String::new(),
            details: Vec::new(),
            curves: Vec::new(),
        };
        let chart = bars("control", &[row("a", "2.00x"), row("b", "-")]).unwrap();
        assert_eq!((chart.matches("<rect").count(), chart.contains("a 2.00x (met)")), (2, true));
        assert_eq!(bars("control", &[row("b", "-")]), None);
    }
}
