//! The lives of nodes, jobs and tasks. Only the replicated state machine changes a phase, and it always says why.

use std::fmt;

macro_rules! phase {
    ($(#[$doc:meta])* $type:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $type {
            $($(#[$vdoc])* $variant),+
        }

        impl $type {
            /// Every phase.
            pub const ALL: &'static [$type] = &[$($type::$variant),+];

            /// The phase as a word.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $($type::$variant => $word),+ }
            }

            /// The phase of a word.
            #[must_use]
            pub fn from_word(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|p| p.as_str() == word)
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

phase!(
    /// The life of a node.
    NodePhase {
        /// Enrolled, waiting for approval.
        Pending = "Pending",
        /// Alive, takes work.
        Ready = "Ready",
        /// Alive, keeps its work, takes no new.
        Cordoned = "Cordoned",
        /// Alive, its work is being moved away.
        Draining = "Draining",
        /// Its lease ran out: whatever it ran has been fenced by its own clock.
        Lost = "Lost",
        /// Gone for good; its certificate is revoked.
        Retired = "Retired",
    }
);

phase!(
    /// The life of a job.
    JobPhase {
        /// Waiting for a place.
        Pending = "Pending",
        /// Its gang has places; agents fetch and start.
        Starting = "Starting",
        /// Every task runs.
        Running = "Running",
        /// Its tasks are being stopped, to start again or to end.
        Stopping = "Stopping",
        /// Every task ended well.
        Succeeded = "Succeeded",
        /// It ended badly and will not start again.
        Failed = "Failed",
        /// Its owner ended it.
        Cancelled = "Cancelled",
    }
);

impl JobPhase {
    /// Whether the job has ended for good.
    #[must_use]
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Cancelled)
    }

    /// Whether the job holds places on nodes.
    #[must_use]
    pub fn holds_places(self) -> bool {
        matches!(self, Self::Starting | Self::Running | Self::Stopping)
    }
}

phase!(
    /// The life of a task within one start of its gang.
    TaskPhase {
        /// Assigned; nothing heard of it yet.
        Assigned = "Assigned",
        /// Its agent fetches image and data.
        Fetching = "Fetching",
        /// Its process runs.
        Running = "Running",
        /// It ended with exit code 0 and its output is kept.
        Succeeded = "Succeeded",
        /// It ended otherwise.
        Failed = "Failed",
        /// It was stopped on purpose, or never started and never will under this fence.
        Stopped = "Stopped",
        /// Its node was lost.
        Lost = "Lost",
        /// Of a job that restarts tasks alone: it has no place, and waits for one.
        Waiting = "Waiting",
    }
);

impl TaskPhase {
    /// Whether this start of the task is over: nothing of it runs any more.
    #[must_use]
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Stopped | Self::Lost | Self::Waiting)
    }
}
