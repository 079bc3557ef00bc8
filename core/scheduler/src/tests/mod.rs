//! Tests of what users of the planner rely on.
