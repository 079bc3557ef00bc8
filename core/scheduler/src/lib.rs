//! The clock-free brain: plan(&Snapshot, &Config, Time) -> Plan with an Explanation for every job not placed.
