//! `holdfast policy`: the law in force, and what it would say.

use std::fmt::Write as _;

use holdfast_api::v1::policies_client::PoliciesClient;
use holdfast_api::v1::{CheckPolicyRequest, Decision, PolicyBundle, ShowPolicyRequest};
use holdfast_types::{Problem, ProblemKind};

use crate::failure::Failure;
use crate::globals::Flag;
use crate::output::since;
use crate::session::{Session, call};

/// What can be asked of the law.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Show the bundle in force
    #[command(after_help = "Examples:\n  holdfast policy show\n  holdfast policy show -o json")]
    Show,
    /// Ask what would be decided; exit code 4 where it would be refused
    #[command(after_help = "\
Examples:
  holdfast policy check --action use --artifact dataset/corpus@1 --node node-1 --tenant lab --purpose research")]
    Check {
        /// What is to be done
        #[arg(long, value_parser = ["use", "place"], default_value = "use")]
        action: String,
        /// To what, as `kind/name@version`
        #[arg(long)]
        artifact: String,
        /// On which node
        #[arg(long)]
        node: String,
        /// For whom
        #[arg(long)]
        tenant: String,
        /// What for
        #[arg(long)]
        purpose: String,
    },
}

impl Command {
    /// The verb, and the options it honours.
    pub(crate) fn honours(&self) -> (&'static str, &'static [Flag]) {
        match self {
            Self::Show => ("show", &[]),
            // Checking never changes anything, so a dry run is what it is.
            Self::Check { .. } => ("check", &[Flag::DryRun]),
        }
    }
}

/// Runs the command.
pub(crate) async fn run(session: &Session, command: &Command) -> Result<(), Failure> {
    match command {
        Command::Show => {
            let bundle = call!(session, PoliciesClient, show, ShowPolicyRequest {})?;
            session.printer.show(&bundle, || shown(&bundle))
        }
        Command::Check { action, artifact, node, tenant, purpose } => {
            let request = CheckPolicyRequest {
                action: action.clone(),
                artifact: artifact.clone(),
                node: node.clone(),
                tenant: tenant.clone(),
                purpose: purpose.clone(),
            };
            let decision = call!(session, PoliciesClient, check, request)?;
            session.printer.show(&decision, || format!("{}\n", decision.verdict))?;
            Ok(verdict(&decision, action, artifact)?)
        }
    }
}

fn shown(bundle: &PolicyBundle) -> String {
    let mut text = format!("bundle   {}\nversion  {}\n", bundle.hash, bundle.version);
    let _ = writeln!(text, "age      {}", since(bundle.since.as_ref()));
    for (title, body) in [
        ("constitution", &bundle.constitution),
        ("tenant policies", &bundle.tenant),
        ("law", &bundle.law),
        ("schema", &bundle.schema),
    ] {
        let _ = writeln!(text, "\n# {title}\n{}", body.trim_end());
    }
    text
}

/// Refused always says by which rule of which bundle.
fn verdict(decision: &Decision, action: &str, artifact: &str) -> Result<(), Problem> {
    if decision.verdict == "allow" {
        return Ok(());
    }
    let mut problem =
        Problem::new(7050, ProblemKind::Refused, format!("the law would refuse to {action} `{artifact}`"));
    for reason in &decision.reasons {
        problem = problem.because(format!("rule `{}`: {}", reason.rule, reason.text));
    }
    for error in &decision.errors {
        problem = problem.because(error.clone());
    }
    Err(problem.because(format!("bundle {}", decision.bundle)).next("holdfast policy show"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdfast_api::v1::Reason;

    #[test]
    fn a_refusal_names_rule_and_bundle() {
        let mut decision = Decision {
            verdict: "deny".to_owned(),
            reasons: vec![Reason { rule: "residency".to_owned(), text: "US is not in DE, FR".to_owned() }],
            errors: Vec::new(),
            bundle: "b1".to_owned(),
        };
        let problem = verdict(&decision, "use", "dataset/x@1").unwrap_err();
        assert_eq!(problem.kind.exit_code(), 4);
        let text = problem.to_string();
        assert!(
            text.contains("rule `residency`: US is not in DE, FR") && text.contains("bundle b1"),
            "{text}"
        );
        decision.verdict = "allow".to_owned();
        assert_eq!(verdict(&decision, "use", "dataset/x@1"), Ok(()));
        // Whatever is not an allow is none.
        decision.verdict = String::new();
        assert!(verdict(&decision, "use", "dataset/x@1").is_err());
    }
}
