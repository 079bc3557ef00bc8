//! The agent: session to the controllers, local reconcile, storage, gang relay.
