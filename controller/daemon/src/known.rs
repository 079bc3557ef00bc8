//! Where the controllers are, as this one knows; agents are told. A leaf.

use std::sync::Arc;

use holdfast_raft::{Role, Status};
use parking_lot::Mutex;

/// Where the controllers are, as this one knows; agents are told.
#[derive(Debug, Default)]
pub(crate) struct Known(Mutex<Arc<Vec<String>>>);

impl Known {
    /// The addresses of the voters.
    pub(crate) fn addresses(&self) -> Vec<String> {
        self.0.lock().to_vec()
    }

    /// Takes over what raft says.
    pub(crate) fn learn(&self, status: &Status) {
        let voters = status.members.iter().filter(|member| member.role == Role::Voter);
        let addresses: Vec<String> = voters.map(|member| member.member.address.clone()).collect();
        let mut known = self.0.lock();
        if **known != addresses {
            *known = Arc::new(addresses);
        }
    }
}
