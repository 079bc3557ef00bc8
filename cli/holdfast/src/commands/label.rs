//! The label of an import as it is typed.

use std::collections::BTreeSet;

use holdfast_types::{Jurisdiction, LabelName, LegalLabel, PurposeName, TenantName};

/// What the law is to know of the data. It never changes after the import.
#[derive(Debug, clap::Args)]
pub(crate) struct Label {
    /// Classification, such as `personal`, separated by commas
    #[arg(long = "label", value_name = "LABELS", value_delimiter = ',')]
    labels: Vec<LabelName>,
    /// The jurisdictions where the bytes may be kept and used, such as `DE,FR`
    #[arg(long, value_name = "JURISDICTIONS", value_delimiter = ',', required = true)]
    residency: Vec<Jurisdiction>,
    /// What it may be used for, such as `research`
    #[arg(long = "purpose", value_name = "PURPOSES", value_delimiter = ',', required = true)]
    purposes: Vec<PurposeName>,
    /// The clearance needed, 0 for none
    #[arg(long, default_value_t = 0)]
    level: u32,
    /// Whose it is
    #[arg(long)]
    pub(crate) tenant: TenantName,
    /// How many nodes should have it
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=16))]
    pub(crate) copies: u32,
    /// Add a version to what has this name already
    #[arg(long)]
    pub(crate) new_version: bool,
}

impl Label {
    /// The label.
    pub(crate) fn legal(&self) -> LegalLabel {
        LegalLabel {
            labels: self.labels.iter().cloned().collect::<BTreeSet<_>>(),
            residency: self.residency.iter().cloned().collect(),
            purposes: self.purposes.iter().cloned().collect(),
            level: self.level,
        }
    }
}
