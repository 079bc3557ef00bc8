//! Whether a controller may be made the only one: never while the cluster works, wherever it does. A leaf.

use holdfast_types::{Problem, ProblemKind, Span};

/// For so long nobody may have been heard of with whom the cluster would work: several elections, and several rounds in which
/// the controllers ask each other how they are.
pub(crate) const LONELY: Span = Span::from_secs(15);

/// What this controller knows of the others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Surroundings {
    /// How many vote, this one among them.
    pub(crate) voters: usize,
    /// Whether this one votes.
    pub(crate) votes: bool,
    /// The other voters that answered within [`LONELY`].
    pub(crate) answer: Vec<String>,
    /// Who of those that answered leads with a quorum.
    pub(crate) leads: Option<String>,
    /// Why this one takes no part in the cluster, if so.
    pub(crate) excluded: String,
    /// For how long it runs.
    pub(crate) runs: Span,
}

/// What a person confirmed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Confirmed<'a> {
    /// The cluster that is meant, and the one that it is.
    pub(crate) cluster: (&'a str, &'a str),
    /// Those that are given up.
    pub(crate) lost: &'a [String],
    /// All the others.
    pub(crate) others: &'a [String],
}

fn refused(because: String) -> Problem {
    Problem::new(1300, ProblemKind::Refused, "the controller is not to go on alone").because(because)
}

/// Refuses to make the only one of a controller whose cluster works, or may soon work.
pub(crate) fn check_alone(around: &Surroundings) -> Result<(), Problem> {
    let Surroundings { voters, votes, answer, leads, excluded, runs } = around;
    let needed = voters / 2 + 1;
    if !excluded.is_empty() {
        let problem = refused(format!("it takes no part in the cluster: {excluded}"));
        return Err(problem.next("holdfast cluster status"));
    }
    if !votes {
        return Err(refused("it does not vote yet: another one has more".to_owned()));
    }
    if let Some(leader) = leads {
        let problem = refused(format!("the cluster works: {leader} leads with a quorum"));
        return Err(problem.next("holdfast cluster status"));
    }
    let there = answer.len() + 1;
    if there >= needed {
        let who = if answer.is_empty() { String::new() } else { format!(" ({})", answer.join(", ")) };
        let because = format!(
            "{there} of {voters} controllers answered within {LONELY}{who}, and {needed} are enough: the cluster is not lost"
        );
        return Err(refused(because).next("holdfast cluster status"));
    }
    if *runs < LONELY {
        let because = format!("it was started {runs} ago, and the others have {LONELY} to be heard");
        return Err(refused(because).next("repeat the command in a moment"));
    }
    Ok(())
}

/// Refuses where the person meant another cluster, or other controllers than those that would be given up.
pub(crate) fn check_confirmed(confirmed: &Confirmed<'_>) -> Result<(), Problem> {
    let Confirmed { cluster: (meant, is), lost, others } = confirmed;
    let problem = || Problem::new(1301, ProblemKind::Refused, "the recovery is not what was confirmed");
    if meant != is {
        return Err(problem().because(format!("the controller is of cluster `{is}`, not of `{meant}`")));
    }
    let sorted = |names: &[String]| {
        let mut names = names.to_vec();
        names.sort();
        names.dedup();
        names
    };
    if sorted(lost) == sorted(others) {
        return Ok(());
    }
    let flags: Vec<String> = others.iter().map(|name| format!("--lost {name}")).collect();
    let named = if lost.is_empty() { "nobody".to_owned() } else { lost.join(", ") };
    Err(problem()
        .because(format!("it gives up {} for good, and named was {named}", others.join(", ")))
        .next(format!("holdfast cluster recover ... {}", flags.join(" "))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alone() -> Surroundings {
        Surroundings { voters: 3, votes: true, runs: LONELY, ..Surroundings::default() }
    }

    #[test]
    fn only_a_controller_that_hears_of_no_quorum_may_go_on_alone() {
        check_alone(&alone()).unwrap();
        let answer = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        check_alone(&Surroundings { voters: 5, answer: answer(&["b"]), ..alone() }).unwrap();
        let cases = [
            (
                Surroundings { answer: answer(&["b"]), ..alone() },
                "2 of 3 controllers answered within 15s (b)",
            ),
            (Surroundings { voters: 5, answer: answer(&["b", "c"]), ..alone() }, "3 of 5"),
            (Surroundings { voters: 1, ..alone() }, "1 of 1"),
            (Surroundings { leads: Some("c".to_owned()), ..alone() }, "c leads with a quorum"),
            (Surroundings { votes: false, ..alone() }, "does not vote"),
            (
                Surroundings { excluded: "removed".to_owned(), ..alone() },
                "takes no part in the cluster: removed",
            ),
            (Surroundings { runs: Span::from_secs(14), ..alone() }, "was started 14s ago"),
        ];
        for (around, why) in cases {
            let refused = check_alone(&around).unwrap_err();
            assert!(refused.code.0 == 1300 && refused.to_string().contains(why), "{refused}");
        }
    }

    #[test]
    fn who_is_given_up_is_named_one_and_all() {
        let others = ["b".to_owned(), "c".to_owned()];
        let check = |meant, lost: &[&str]| {
            let lost: Vec<String> = lost.iter().map(|name| (*name).to_owned()).collect();
            check_confirmed(&Confirmed { cluster: (meant, "s-1"), lost: &lost, others: &others })
        };
        check("s-1", &["c", "b"]).unwrap();
        for (meant, lost, why) in [
            ("s-2", &["b", "c"][..], "of cluster `s-1`, not of `s-2`"),
            ("s-1", &[], "named was nobody"),
            ("s-1", &["b"], "--lost b --lost c"),
            ("s-1", &["b", "c", "d"], "named was b, c, d"),
        ] {
            let refused = check(meant, lost).unwrap_err();
            assert!(refused.code.0 == 1301 && refused.to_string().contains(why), "{refused}");
        }
    }
}
