//! Metrics as OpenMetrics 1.0 text.

use crate::build::build_info;
use crate::metrics::registry::{AnyFamily, Registered, Registry};
use crate::metrics::value::Histogram;

/// How metrics are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Exposition {
    /// OpenMetrics 1.0, for who asks for it.
    #[default]
    OpenMetrics,
    /// The text format of Prometheus 0.0.4, which every scraper and checker reads.
    Prometheus,
}

impl Exposition {
    /// What a scraper wants by its `Accept` header: OpenMetrics where it names it or says nothing, else the older format.
    #[must_use]
    pub fn accepted(accept: Option<&str>) -> Self {
        match accept {
            Some(accept)
                if !accept.contains("application/openmetrics-text") && accept.contains("text/plain") =>
            {
                Self::Prometheus
            }
            _ => Self::OpenMetrics,
        }
    }

    /// The `Content-Type` of what is written.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
        }
    }

    /// The name of a family of counters: OpenMetrics leaves the ending to the samples.
    fn counter(self, name: &str) -> &str {
        match self {
            Self::OpenMetrics => name.strip_suffix("_total").unwrap_or(name),
            Self::Prometheus => name,
        }
    }
}

impl Registry {
    /// Every metric and the build information, by name.
    #[must_use]
    pub fn render(&self, exposition: Exposition) -> String {
        let mut text = String::new();
        let build = build_info();
        match exposition {
            Exposition::OpenMetrics => head(&mut text, "holdfast_build", "info", BUILD),
            Exposition::Prometheus => head(&mut text, "holdfast_build_info", "gauge", BUILD),
        }
        let labels =
            labels(&["version", "revision"], &[build.version.to_owned(), build.revision.to_owned()], None);
        line(&mut text, "holdfast_build_info", &labels, "1");
        for (name, registered) in self.metrics() {
            metric(&mut text, name, &registered, exposition);
        }
        if exposition == Exposition::OpenMetrics {
            text.push_str("# EOF\n");
        }
        text
    }
}

const BUILD: &str = "The build of this program.";

fn metric(text: &mut String, name: &str, registered: &Registered, exposition: Exposition) {
    match &registered.family {
        AnyFamily::Counter(family) => {
            head(text, exposition.counter(name), "counter", registered.help);
            for (values, counter) in family.series() {
                line(text, name, &labels(family.labels(), &values, None), &counter.get().to_string());
            }
        }
        AnyFamily::Seconds(family) => {
            head(text, exposition.counter(name), "counter", registered.help);
            for (values, time) in family.series() {
                let us = time.get_us();
                let seconds = format!("{}.{:06}", us / 1_000_000, us % 1_000_000);
                line(text, name, &labels(family.labels(), &values, None), &seconds);
            }
        }
        AnyFamily::Gauge(family) => {
            head(text, name, "gauge", registered.help);
            for (values, gauge) in family.series() {
                line(text, name, &labels(family.labels(), &values, None), &gauge.get().to_string());
            }
        }
        AnyFamily::Histogram(family) => {
            head(text, name, "histogram", registered.help);
            for (values, histogram) in family.series() {
                buckets(text, name, family.labels(), &values, &histogram);
            }
        }
    }
}

fn head(text: &mut String, name: &str, kind: &str, help: &str) {
    text.push_str(&format!("# TYPE {name} {kind}\n# HELP {name} {}\n", escape(help)));
}

fn buckets(text: &mut String, name: &str, names: &[&str], values: &[String], histogram: &Histogram) {
    let seen = histogram.seen();
    let mut below = 0;
    for (bound, count) in histogram.bounds().iter().zip(&seen.buckets) {
        below += count;
        // `{:?}` writes 1.0 as `1.0`, the canonical form of a bound.
        let bound = format!("{bound:?}");
        line(text, &format!("{name}_bucket"), &labels(names, values, Some(&bound)), &below.to_string());
    }
    line(text, &format!("{name}_bucket"), &labels(names, values, Some("+Inf")), &seen.count.to_string());
    line(text, &format!("{name}_count"), &labels(names, values, None), &seen.count.to_string());
    line(text, &format!("{name}_sum"), &labels(names, values, None), &format!("{:?}", seen.sum));
}

fn line(text: &mut String, name: &str, labels: &str, value: &str) {
    text.push_str(&format!("{name}{labels} {value}\n"));
}

fn labels(names: &[&str], values: &[String], bound: Option<&str>) -> String {
    let mut text = String::new();
    let bound = bound.map(|bound| ("le", bound));
    for (name, value) in names.iter().copied().zip(values.iter().map(String::as_str)).chain(bound) {
        let comma = if text.is_empty() { "" } else { "," };
        text.push_str(&format!("{comma}{name}=\"{}\"", escape(value)));
    }
    if text.is_empty() { text } else { format!("{{{text}}}") }
}

fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_is_openmetrics_to_the_byte() {
        let registry = Registry::new();
        let requests =
            registry.counter("holdfast_http_requests_total", "Requests answered.", &["code"]).unwrap();
        let jobs = registry.gauge("holdfast_queue_jobs", "Jobs that wait.", &[]).unwrap();
        let commits = registry
            .histogram("holdfast_commit_seconds", "Time to commit.", &["kind"], &[0.01, 1.0])
            .unwrap();
        requests.with(&["200"]).add(3);
        requests.with(&["a\"\\\n"]).increment();
        jobs.with(&[]).set(-2);
        for value in [0.005, 0.5, 2.0] {
            commits.with(&["job"]).observe(value);
        }
        let build = build_info();
        let expected = format!(
            "# TYPE holdfast_build info\n\
             # HELP holdfast_build The build of this program.\n\
             holdfast_build_info{{version=\"{}\",revision=\"{}\"}} 1\n\
             # TYPE holdfast_commit_seconds histogram\n\
             # HELP holdfast_commit_seconds Time to commit.\n\
             holdfast_commit_seconds_bucket{{kind=\"job\",le=\"0.01\"}} 1\n\
             holdfast_commit_seconds_bucket{{kind=\"job\",le=\"1.0\"}} 2\n\
             holdfast_commit_seconds_bucket{{kind=\"job\",le=\"+Inf\"}} 3\n\
             holdfast_commit_seconds_count{{kind=\"job\"}} 3\n\
             holdfast_commit_seconds_sum{{kind=\"job\"}} 2.505\n\
             # TYPE holdfast_http_requests counter\n\
             # HELP holdfast_http_requests Requests answered.\n\
             holdfast_http_requests_total{{code=\"200\"}} 3\n\
             holdfast_http_requests_total{{code=\"a\\\"\\\\\\n\"}} 1\n\
             # TYPE holdfast_queue_jobs gauge\n\
             # HELP holdfast_queue_jobs Jobs that wait.\n\
             holdfast_queue_jobs -2\n\
             # EOF\n",
            build.version, build.revision
        );
        assert_eq!(registry.render(Exposition::OpenMetrics), expected);
        let older = registry.render(Exposition::Prometheus);
        assert!(older.contains("# TYPE holdfast_http_requests_total counter\n"), "{older}");
        assert!(!older.contains(" info\n") && !older.contains("EOF"), "{older}");
    }

    #[test]
    fn a_scraper_gets_what_it_reads() {
        for (accept, expected) in [
            (None, Exposition::OpenMetrics),
            (Some("*/*"), Exposition::OpenMetrics),
            (Some("application/openmetrics-text;version=1.0.0,text/plain;q=0.5"), Exposition::OpenMetrics),
            (Some("text/plain"), Exposition::Prometheus),
        ] {
            assert_eq!(Exposition::accepted(accept), expected, "{accept:?}");
        }
    }

    #[test]
    fn time_is_read_in_seconds() {
        let registry = Registry::new();
        let time = registry.seconds("holdfast_process_cpu_seconds_total", "Time.", &[]).unwrap();
        time.with(&[]).raise_to_us(61_000_250);
        let text = registry.render(Exposition::OpenMetrics);
        assert!(text.contains("holdfast_process_cpu_seconds_total 61.000250\n"), "{text}");
    }

    #[test]
    fn an_empty_registry_still_names_its_build_and_ends() {
        let text = Registry::new().render(Exposition::OpenMetrics);
        assert!(text.starts_with("# TYPE holdfast_build info\n") && text.ends_with("\n# EOF\n"), "{text}");
    }
}
