//! Cluster CA, node and operator certificates, join tokens and rustls configurations.
