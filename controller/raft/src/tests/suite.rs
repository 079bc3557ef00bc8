//! openraft's own checks of a store.

use std::sync::Arc;

use openraft::StorageIOError;
use openraft::testing::{StoreBuilder, Suite};
use tempfile::TempDir;

use super::harness::{Register, options_in};
use crate::applied::StateMachine;
use crate::log::LogStore;
use crate::open::open;
use crate::types::{StorageError, TypeConfig};

struct Builder;

impl StoreBuilder<TypeConfig, LogStore, StateMachine<Register>, Arc<TempDir>> for Builder {
    async fn build(&self) -> Result<(Arc<TempDir>, LogStore, StateMachine<Register>), StorageError> {
        let temp = TempDir::new().map_err(|error| StorageIOError::write(&error))?;
        let options = options_in(&temp, 1);
        let opened = tokio::task::spawn_blocking(move || open(&options, Register::default())).await;
        let (log, state) = opened.unwrap().map_err(|error| StorageIOError::write(&error))?;
        // The checks purge as if a snapshot were there.
        log.covered(u64::MAX);
        Ok((Arc::new(temp), log, state))
    }
}

#[test]
fn the_store_keeps_the_contract_of_openraft() {
    Suite::test_all(Builder).unwrap();
}
