//! Who the controllers are and where, as this one knows; agents are told. A leaf.

use std::collections::BTreeSet;
use std::sync::Arc;

use holdfast_raft::{Role, Status};
use parking_lot::Mutex;

/// The controllers, as this one knows them.
#[derive(Debug, Default)]
pub(crate) struct Known {
    addresses: Mutex<Arc<Vec<String>>>,
    members: Mutex<BTreeSet<String>>,
}

impl Known {
    /// The addresses of the voters.
    pub(crate) fn addresses(&self) -> Vec<String> {
        self.addresses.lock().to_vec()
    }

    /// Whether a controller of this name is a member; nobody is a stranger before it is known who the members are.
    pub(crate) fn is_member(&self, name: &str) -> bool {
        let members = self.members.lock();
        members.is_empty() || members.contains(name)
    }

    /// Takes over what raft says.
    pub(crate) fn learn(&self, status: &Status) {
        let voters = status.members.iter().filter(|member| member.role == Role::Voter);
        let addresses: Vec<String> = voters.map(|member| member.member.address.clone()).collect();
        *self.members.lock() = status.members.iter().map(|member| member.member.name.clone()).collect();
        let mut known = self.addresses.lock();
        if **known != addresses {
            *known = Arc::new(addresses);
        }
    }
}
