//! A list of the nodes of a cluster, as the published openb trace writes it. It must not know what runs on them.

use holdfast_scheduler::{Free, MAX_DEVICES_PER_NODE, WHOLE};

use crate::cluster::MAX_NODES;
use crate::table::{Rows, TableError};

/// The most thousandths of cores, and the most MiB, that a node has or a pod asks for.
pub(crate) const MAX_AMOUNT: u64 = 1_000_000_000;
/// The most models: the bits of a set of them.
const MAX_MODELS: usize = 64;
/// The most characters of the name of a model.
pub(crate) const MAX_NAME: usize = 64;

const NEEDED: [&str; 4] = ["cpu_milli", "memory_mib", "gpu", "model"];
const CORES: usize = 0;
const MEMORY: usize = 1;
const DEVICES: usize = 2;
const MODEL: usize = 3;

/// The nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeList {
    nodes: Vec<Free>,
    models: Vec<String>,
}

impl NodeList {
    /// Reads comma-separated text with the columns `cpu_milli`, `memory_mib`, `gpu` (how many accelerators) and `model`.
    ///
    /// # Errors
    ///
    /// A column is missing, a value does not fit it, or there are more nodes than [`MAX_NODES`].
    pub fn parse(text: &[u8]) -> Result<Self, TableError> {
        let mut rows = Rows::new(text, &NEEDED, &[])?;
        let mut list = Self { nodes: Vec::new(), models: Vec::new() };
        let most = u64::try_from(MAX_DEVICES_PER_NODE).unwrap_or(u64::MAX);
        while rows.next()? {
            if u64::try_from(list.nodes.len()).is_ok_and(|count| count >= MAX_NODES) {
                return Err(TableError::TooMany(format!("{MAX_NODES} nodes")));
            }
            let devices = usize::try_from(rows.number(DEVICES, most)?).unwrap_or(0);
            let class = list.class(rows.text(MODEL)).ok_or_else(|| {
                rows.refused(MODEL, format!("one of at most {MAX_MODELS} names of {MAX_NAME} characters"))
            })?;
            let (cores, memory) = (rows.number(CORES, MAX_AMOUNT)?, rows.number(MEMORY, MAX_AMOUNT)?);
            list.nodes.push(Free::new(cores, memory, class, vec![WHOLE; devices]));
        }
        if list.nodes.is_empty() { Err(TableError::Empty) } else { Ok(list) }
    }

    /// The nodes, with nothing on them: cores in thousandths, memory in MiB.
    #[must_use]
    pub fn nodes(&self) -> &[Free] {
        &self.nodes
    }

    /// All their accelerators, in thousandths.
    #[must_use]
    pub fn thousandths(&self) -> u64 {
        self.nodes.iter().map(Free::thousandths).sum()
    }

    /// The models named, as a set of classes. None of a name that no node has.
    pub(crate) fn classes<'a>(&self, models: impl Iterator<Item = &'a str>) -> u64 {
        let bit = |name: &str| self.models.iter().position(|model| model == name).map_or(0, |at| 1_u64 << at);
        models.map(bit).fold(0, |set, bit| set | bit)
    }

    /// The class of a model, which is a new one where the name is new.
    fn class(&mut self, model: &str) -> Option<u32> {
        let at = self.models.iter().position(|known| known == model).unwrap_or(self.models.len());
        if at == self.models.len() {
            if at >= MAX_MODELS || model.chars().count() > MAX_NAME {
                return None;
            }
            self.models.push(model.to_owned());
        }
        u32::try_from(at).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_columns_are_read_in_any_order() {
        let text = "sn,cpu_milli,memory_mib,gpu,model\nn0,64000,262144,2,P100\nn1,96000,393216,8,G2\nn2,1,2,0,P100\n";
        let list = NodeList::parse(text.as_bytes()).unwrap();
        assert_eq!((list.nodes().len(), list.thousandths()), (3, 10_000));
        assert_eq!(list.nodes()[0], Free::new(64_000, 262_144, 0, vec![1_000; 2]));
        assert_eq!(list.classes(["G2", "T4"].into_iter()), 2);
        let other = "model,gpu,cpu_milli,memory_mib\nP100,2,64000,262144\nG2,8,96000,393216\nP100,0,1,2\n";
        assert_eq!(NodeList::parse(other.as_bytes()).unwrap(), list);
    }

    #[test]
    fn what_is_no_list_of_nodes_is_refused_with_its_line_and_column() {
        let many: String = (0..65).map(|model| format!("1,1,1,m{model}\n")).collect();
        for (rows, wanted) in [
            ("", "it has no rows"),
            ("1,1,129,G2\n", "line 2, column `gpu`: `129` is not a number from 0 to 128"),
            (
                "1,1,1,G2\n1,-1,1,G2\n",
                "line 3, column `memory_mib`: `-1` is not a number from 0 to 1000000000",
            ),
            ("1,1,1\n", "line 2: it has 3 fields, and the first line has 4"),
            (many.as_str(), "line 66, column `model`: `m64` is not one of at most 64 names of 64 characters"),
        ] {
            let text = format!("cpu_milli,memory_mib,gpu,model\n{rows}");
            assert_eq!(NodeList::parse(text.as_bytes()).unwrap_err().to_string(), wanted, "{rows}");
        }
        let error = NodeList::parse(b"cpu_milli,gpu,model\n1,1,G2\n").unwrap_err().to_string();
        assert_eq!(error, "no column is named `memory_mib`");
        let error = NodeList::parse(b"cpu_milli,memory_mib,gpu,model\n1,1,1,\xff\n").unwrap_err().to_string();
        assert_eq!(error, "line 2: it is no UTF-8 text");
    }
}
