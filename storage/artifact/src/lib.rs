//! Datasets, models, checkpoints and images as artifacts: manifests, diffs, OCI archives.
