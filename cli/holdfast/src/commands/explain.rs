//! `holdfast explain`: the page of an error code, from the program itself.

use holdfast_types::{Code, Problem, ProblemKind};

use crate::failure::Failure;
use crate::output::{Printer, Table};

include!(concat!(env!("OUT_DIR"), "/pages.rs"));

/// Which error.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  holdfast explain E2104\n  holdfast explain        every code there is")]
pub(crate) struct Args {
    /// The code, such as `E2104`; all codes where it is left out
    pub(crate) code: Option<String>,
}

/// Prints the page, or the list of pages.
pub(crate) fn run(printer: Printer, args: &Args) -> Result<(), Failure> {
    let Some(text) = &args.code else { return list(printer) };
    let page = page(text)?;
    printer.text(page)
}

fn page(text: &str) -> Result<&'static str, Problem> {
    let upper = text.trim().to_uppercase();
    let code: Option<Code> = upper.parse().ok().or_else(|| format!("E{upper}").parse().ok());
    let found = code.and_then(|code| PAGES.iter().find(|(number, _)| *number == code.0));
    let shown: String = text.chars().take(40).collect();
    found.map(|(_, page)| *page).ok_or_else(|| {
        Problem::new(7012, ProblemKind::NotFound, format!("`{shown}` is not an error code of this version"))
            .because(format!("it knows {} codes, each written `E` and four digits", PAGES.len()))
            .next("holdfast explain")
    })
}

fn list(printer: Printer) -> Result<(), Failure> {
    let mut table = Table::new(&["CODE", "MEANING"]);
    for (code, page) in PAGES {
        let code = Code(*code).to_string();
        let heading = page.lines().next().unwrap_or_default();
        let title = heading.trim_start_matches("# ").trim_start_matches(&code).trim();
        table.row([code, title.to_owned()]);
    }
    printer.text(&table.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_is_reachable_by_its_code() {
        assert!(PAGES.len() > 50, "{} pages", PAGES.len());
        for (number, text) in PAGES {
            let code = Code(*number).to_string();
            assert_eq!(page(&code).unwrap(), *text);
            assert_eq!(page(&code.to_lowercase()).unwrap(), *text);
            assert!(text.starts_with(&format!("# {code} ")), "{code}");
        }
        let on_disk = std::fs::read_dir("../../docs/errors").unwrap().count();
        assert!(on_disk >= PAGES.len());
    }

    #[test]
    fn an_unknown_code_is_not_found() {
        for text in ["E0000", "hello", "", "E21041"] {
            let problem = page(text).unwrap_err();
            assert_eq!(problem.kind.exit_code(), 3, "{problem}");
        }
    }
}
