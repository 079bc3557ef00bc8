//! Tracing set-up, the metrics registry and build information.
