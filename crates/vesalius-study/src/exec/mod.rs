//! Where tasks run. An executor starts tasks by their folders and says which have ended; it knows nothing of studies, and
//! what came of a task is read from its folder, whoever ran it.

pub mod local;

/// How a worker ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum How {
    /// With an exit code: 0 done, 1 failed and noted, 2 could not start, 75 stopped and wants to go on.
    Exit(i32),
    /// By a signal.
    Signal(i32),
}

impl How {
    /// In words.
    pub fn describe(&self) -> String {
        match self {
            Self::Exit(code) => format!("the worker ended with exit code {code}"),
            Self::Signal(signal) => format!("the worker was killed by signal {signal}"),
        }
    }
}

/// Exit code of a worker that wants to be started again.
pub const REQUEUE: i32 = 75;
