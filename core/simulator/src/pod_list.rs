//! A list of what was asked of a cluster, as the published openb trace writes it: each row one task on one node, which the trace
//! calls a pod. It must not know nodes.

use holdfast_scheduler::{MAX_DEVICES_PER_NODE, Request, WHOLE};

use crate::node_list::{MAX_AMOUNT, MAX_NAME, NodeList};
use crate::table::{Rows, TableError};
use crate::trace::MAX_JOBS;

/// The most different lists of models.
const MAX_SPECS: usize = 256;
/// The most models in one of them.
const MAX_MODELS: usize = 64;

const NEEDED: [&str; 4] = ["cpu_milli", "memory_mib", "num_gpu", "gpu_milli"];
const OPTIONAL: [&str; 1] = ["gpu_spec"];
const CORES: usize = 0;
const MEMORY: usize = 1;
const DEVICES: usize = 2;
const SHARE: usize = 3;
const SPEC: usize = 4;

/// The pods, in the order of the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PodList {
    /// What each asks for, and which of `specs` it is bound to.
    pods: Vec<(Request, Option<usize>)>,
    /// Lists of models, as they are written.
    specs: Vec<String>,
}

impl PodList {
    /// Reads comma-separated text with the columns `cpu_milli`, `memory_mib`, `num_gpu`, `gpu_milli` (the share of the only one) and,
    /// where pods are bound to models, `gpu_spec`: `V100M16|V100M32` is either, nothing is any.
    ///
    /// # Errors
    ///
    /// A column is missing, a value does not fit it, or there are more pods than [`MAX_JOBS`].
    pub fn parse(text: &[u8]) -> Result<Self, TableError> {
        let mut rows = Rows::new(text, &NEEDED, &OPTIONAL)?;
        let mut list = Self { pods: Vec::new(), specs: Vec::new() };
        while rows.next()? {
            if list.pods.len() >= MAX_JOBS {
                return Err(TableError::TooMany(format!("{MAX_JOBS} pods")));
            }
            let spec = list.spec(&rows)?;
            list.pods.push((request(&rows)?, spec));
        }
        if list.pods.is_empty() { Err(TableError::Empty) } else { Ok(list) }
    }

    /// How many.
    #[must_use]
    pub fn count(&self) -> usize {
        self.pods.len()
    }

    /// What each asks of the nodes of a list.
    #[must_use]
    pub fn requests(&self, nodes: &NodeList) -> Vec<Request> {
        let classes: Vec<u64> =
            self.specs.iter().map(|spec| nodes.classes(spec.split('|').map(str::trim))).collect();
        let bound = |(request, spec): &(Request, Option<usize>)| {
            let classes = spec.map_or(u64::MAX, |spec| classes.get(spec).copied().unwrap_or(0));
            Request { classes, ..*request }
        };
        self.pods.iter().map(bound).collect()
    }

    /// Which models the pod of a row is bound to.
    fn spec(&mut self, rows: &Rows<'_>) -> Result<Option<usize>, TableError> {
        let spec = rows.text(SPEC);
        if spec.is_empty() || spec.eq_ignore_ascii_case("nan") {
            return Ok(None);
        }
        if let Some(known) = self.specs.iter().position(|known| known == spec) {
            return Ok(Some(known));
        }
        let fits = |model: &str| (1..=MAX_NAME).contains(&model.trim().chars().count());
        if self.specs.len() >= MAX_SPECS || spec.split('|').count() > MAX_MODELS || !spec.split('|').all(fits)
        {
            return Err(
                rows.refused(SPEC, format!("names of at most {MAX_NAME} characters with `|` between them"))
            );
        }
        self.specs.push(spec.to_owned());
        Ok(Some(self.specs.len() - 1))
    }
}

/// What the pod of a row asks for, whatever the models.
fn request(rows: &Rows<'_>) -> Result<Request, TableError> {
    let most = u64::try_from(MAX_DEVICES_PER_NODE).unwrap_or(u64::MAX);
    let (cores, memory) = (rows.number(CORES, MAX_AMOUNT)?, rows.number(MEMORY, MAX_AMOUNT)?);
    let devices = u32::try_from(rows.number(DEVICES, most)?).unwrap_or(u32::MAX);
    if devices == 0 {
        return Ok(Request { cores, memory, devices, share: 0, classes: u64::MAX });
    }
    let share = u32::try_from(rows.number(SHARE, u64::from(WHOLE))?).unwrap_or(u32::MAX);
    if share == 0 {
        return Err(rows.refused(SHARE, format!("a share of an accelerator from 1 to {WHOLE}")));
    }
    if devices > 1 && share != WHOLE {
        return Err(rows.refused(SHARE, format!("{WHOLE}, as a part is always of a single accelerator")));
    }
    Ok(Request { cores, memory, devices, share, classes: u64::MAX })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(rows: &str) -> Result<PodList, TableError> {
        PodList::parse(format!("name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec\n{rows}").as_bytes())
    }

    #[test]
    fn the_published_columns_are_read_with_models_or_without() {
        let nodes =
            NodeList::parse(b"cpu_milli,memory_mib,gpu,model\n1,1,1,V100M16\n1,1,1,T4\n1,1,1,V100M32\n")
                .unwrap();
        let list =
            parsed("a,6000,12288,1,460,\nb,88000,1,8,1000,V100M16|V100M32\nc,5,6,0,0,nan\nd,5,6,1,1,H800\n")
                .unwrap();
        let requests = list.requests(&nodes);
        let request = Request { cores: 6_000, memory: 12_288, devices: 1, share: 460, classes: u64::MAX };
        assert_eq!(requests[0], request);
        assert_eq!((requests[1].classes, requests[1].thousandths()), (0b101, 8_000));
        assert_eq!((requests[2].devices, requests[2].classes), (0, u64::MAX));
        assert_eq!(requests[3].classes, 0, "a model that no node has serves nobody");
        let bare = PodList::parse(b"cpu_milli,memory_mib,num_gpu,gpu_milli\n6000,12288,1,460\n").unwrap();
        assert_eq!((bare.count(), bare.requests(&nodes)), (1, vec![request]));
    }

    #[test]
    fn what_is_no_list_of_pods_is_refused_with_its_line_and_column() {
        for (rows, wanted) in [
            ("", "it has no rows"),
            (
                "a,1,1,1,0,\n",
                "line 2, column `gpu_milli`: `0` is not a share of an accelerator from 1 to 1000",
            ),
            ("a,1,1,1,1001,\n", "line 2, column `gpu_milli`: `1001` is not a number from 0 to 1000"),
            (
                "a,1,1,1,1,\nb,1,1,2,500,\n",
                "line 3, column `gpu_milli`: `500` is not 1000, as a part is always of a single accelerator",
            ),
            ("a,x,1,1,1,\n", "line 2, column `cpu_milli`: `x` is not a number from 0 to 1000000000"),
            (
                "a,1,1,1,1,T4||P100\n",
                "line 2, column `gpu_spec`: `T4||P100` is not names of at most 64 characters with `|` between them",
            ),
            ("a,1,1,1\n", "line 2: it has 4 fields, and the first line has 6"),
        ] {
            assert_eq!(parsed(rows).unwrap_err().to_string(), wanted, "{rows}");
        }
    }
}
