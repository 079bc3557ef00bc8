//! Runs a workload as an OCI container: zygote, shim per task, namespaces, cgroups, logs, checkpoint hooks.
