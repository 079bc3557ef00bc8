//! The pure planners of the controller: node lifecycle, job lifecycle, placement, replication.
