//! Why a job was not placed, as data and as text for `holdfast job explain`. It must not know how the reasons were
//! found.

use std::collections::BTreeMap;
use std::fmt;

use holdfast_types::NodeName;

/// The most nodes an explanation speaks of one by one; the waterfall always counts them all.
pub const MAX_EXPLAINED_NODES: usize = 64;

/// Why a job was not placed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Explanation {
    /// One sentence with numbers.
    pub summary: String,
    /// The nodes left after each filter. The first step counts all nodes, and each later one leaves what it did not
    /// remove.
    pub waterfall: Vec<WaterfallStep>,
    /// What each node lacks, for the first [`MAX_EXPLAINED_NODES`] by name.
    pub per_node: BTreeMap<NodeName, String>,
    /// Whether it could not be placed even if nothing else ran on these nodes and all of them took work.
    pub never_fits: bool,
    /// Why it was not placed in each of its other variants, in their order; the rest of the explanation is of the one it wants most.
    pub variants: Vec<String>,
    /// What would have to be otherwise for it to start, where somebody tried: see [`crate::counterfactuals`].
    pub if_only: Vec<String>,
    /// When it is expected to start, in words, where somebody looked ahead: see [`crate::Foresight`].
    pub estimate: String,
}

/// One filter of the waterfall.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaterfallStep {
    /// The filter.
    pub filter: String,
    /// How many nodes it leaves.
    pub remaining: u32,
    /// How many it removes, by reason.
    pub removed: Vec<(String, u32)>,
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.summary)?;
        for (variant, text) in (1..).zip(&self.variants) {
            writeln!(f, "variant {variant}: {text}")?;
        }
        if self.never_fits {
            writeln!(f, "it would not fit even if nothing else ran and every node took work")?;
        }
        for (position, text) in self.if_only.iter().enumerate() {
            let before = if position == 0 { "it would start now" } else { "                or" };
            writeln!(f, "{before} {text}")?;
        }
        if !self.estimate.is_empty() {
            writeln!(f, "{}", self.estimate)?;
        }
        writeln!(f)?;
        for step in &self.waterfall {
            write!(f, "{:>7}  {}", step.remaining, step.filter)?;
            for (position, (reason, count)) in step.removed.iter().enumerate() {
                let before = if position == 0 { ":" } else { "," };
                write!(f, "{before} -{count} {reason}")?;
            }
            writeln!(f)?;
        }
        writeln!(f)?;
        let width = self.per_node.keys().map(|name| name.as_str().len()).max().unwrap_or(0);
        for (name, text) in &self.per_node {
            writeln!(f, "  {:<width$}  {text}", name.as_str())?;
        }
        let nodes = self.waterfall.first().map_or(0, |step| step.remaining);
        match usize::try_from(nodes).unwrap_or(usize::MAX).saturating_sub(self.per_node.len()) {
            0 => Ok(()),
            more => writeln!(f, "  and {more} more"),
        }
    }
}
