//! Where tasks run. An executor starts tasks by their folders and says which have ended; it knows nothing of studies,
//! and
//! what came of a task is read from its folder, whoever ran it.

pub mod local;
mod memory;
pub mod slurm;

use crate::task::{Key, Stage};
use crate::task_dir::TaskDir;
use anyhow::Result;

/// What the coordinator asks of a place where tasks run.
pub trait Executor {
    /// Takes up tasks that an earlier coordinator started and that went on without it; gives their keys.
    ///
    /// # Errors
    /// When what it left cannot be read.
    fn adopt(&mut self) -> Result<Vec<Key>> {
        Ok(vec![])
    }

    /// How many tasks more it would take now.
    fn free(&mut self) -> usize;

    /// Starts tasks.
    ///
    /// # Errors
    /// When they cannot be started, now or later. Tasks of the call that did start are not lost: they publish their
    /// results as all do.
    fn start(&mut self, tasks: Vec<Start>) -> Result<()>;

    /// Tasks that have ended since the last call.
    ///
    /// # Errors
    /// When that cannot be told, and will not be.
    fn ended(&mut self) -> Result<Vec<(Key, How)>>;

    /// Asks for the end of one task. May be called again and again.
    fn stop(&mut self, key: &Key);

    /// Asks for the end of all, or lets go of them where they go on without a coordinator. Whether it let go: then
    /// nothing has to be waited for.
    fn stop_all(&mut self) -> bool;

    /// Whether tasks are at work that would end with this coordinator.
    fn is_at_work(&self) -> bool {
        false
    }

    /// What people should know since the last call, a line each.
    fn notes(&mut self) -> Vec<String> {
        vec![]
    }
}

/// A task that is to be started.
#[derive(Debug, Clone)]
pub struct Start {
    /// What it does.
    pub stage: Stage,
    /// Its name.
    pub key: Key,
    /// Its folder, which holds `task.toml`.
    pub folder: TaskDir,
}

/// How a worker ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum How {
    /// With an exit code: 0 done, 1 failed and noted, 2 could not start, 75 stopped and wants to go on.
    Exit(i32),
    /// By a signal.
    Signal(i32),
    /// It was asked to end, or its job ended before its turn came: no fault of the task.
    Interrupted,
    /// Its job is not in the queue any more; only the task's folder says how it ended.
    Left {
        /// Job number, and what its log said last.
        job: String,
        /// Newest attempt when the job was submitted: later ones are the job's.
        before: u32,
    },
}

impl How {
    /// In words.
    pub fn describe(&self) -> String {
        match self {
            Self::Exit(code) => format!("the worker ended with exit code {code}"),
            Self::Signal(signal) => format!("the worker was killed by signal {signal}"),
            Self::Interrupted => "the worker was asked to end".to_owned(),
            Self::Left { job, .. } => format!("{job} left the queue without a result"),
        }
    }
}

/// Exit code of a worker that wants to be started again.
pub const REQUEUE: i32 = 75;
