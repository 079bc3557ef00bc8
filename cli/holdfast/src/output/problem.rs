//! A problem as a person and as a program reads it. It goes to stderr: stdout is data.

use std::io::{self, IsTerminal as _, Write as _};

use holdfast_types::Problem;

use crate::globals::Format;

/// Writes the problem to stderr.
pub(crate) fn report(problem: &Problem, format: Format) {
    let text = render(problem, format, is_coloured());
    // Where stderr is closed there is nobody left to tell.
    let _ = writeln!(io::stderr(), "{text}");
}

fn is_coloured() -> bool {
    io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty())
}

fn render(problem: &Problem, format: Format, coloured: bool) -> String {
    match format {
        Format::Json => json(problem),
        Format::Table | Format::Yaml | Format::Name if !coloured => problem.to_string(),
        Format::Table | Format::Yaml | Format::Name => {
            let text = problem.to_string();
            let head = format!("error[{}]", problem.code);
            text.replacen(&head, &format!("\u{1b}[1;31m{head}\u{1b}[0m"), 1)
        }
    }
}

fn json(problem: &Problem) -> String {
    let mut json = serde_json::json!({
        "code": problem.code.to_string(),
        "message": problem.summary,
        "causes": problem.because,
        "next": problem.next,
    });
    if let Some(id) = &problem.request {
        json["requestId"] = id.as_str().into();
    }
    json.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdfast_types::ProblemKind;

    #[test]
    fn a_problem_has_one_shape_for_people_and_one_for_programs() {
        let problem = Problem::new(2104, ProblemKind::Failed, "job `llama-ft` cannot be placed")
            .because("it needs 8 gpus on one node; the largest free block is 6 (node-03)")
            .next("holdfast job explain llama-ft");
        let plain = "\
error[E2104]: job `llama-ft` cannot be placed
  because: it needs 8 gpus on one node; the largest free block is 6 (node-03)
  next:    holdfast job explain llama-ft";
        assert_eq!(render(&problem, Format::Table, false), plain);
        assert!(render(&problem, Format::Name, true).starts_with("\u{1b}[1;31merror[E2104]\u{1b}[0m: job"));
        let json: serde_json::Value = serde_json::from_str(&render(&problem, Format::Json, true)).unwrap();
        assert_eq!(json["code"], "E2104");
        assert_eq!(json["message"], "job `llama-ft` cannot be placed");
        assert_eq!(json["next"][0], "holdfast job explain llama-ft");
        assert_eq!(json["causes"].as_array().unwrap().len(), 1);
        assert!(json.get("requestId").is_none(), "no cluster was asked");
        let asked = Problem { request: Some("abc".to_owned()), ..problem };
        assert!(render(&asked, Format::Table, false).ends_with("\n  request id: abc"));
        let json: serde_json::Value = serde_json::from_str(&render(&asked, Format::Json, true)).unwrap();
        assert_eq!(json["requestId"], "abc");
    }
}
