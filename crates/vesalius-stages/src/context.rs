//! What a stage leans on beside its spec.

use std::fmt;
use vesalius_data::run::RunResult;
use vesalius_data::run::meter::Meter;
use vesalius_data::run::score::{Missing, Score};
use vesalius_torch::Device;

/// Hears how far a task is.
pub trait Progress {
    /// `done` pieces, with a remark.
    fn set(&mut self, done: u64, remark: &str);

    /// A line that stays.
    fn say(&self, line: &str);

    /// It is over.
    fn finish(self: Box<Self>);
}

/// Begins to show progress: what is done, in how many pieces, of what.
pub type Begin<'a> = dyn Fn(&str, u64, &str) -> Box<dyn Progress> + 'a;

/// What a stage leans on.
pub struct Context<'a> {
    /// Where tensors live.
    pub device: Device,
    /// Whether to stop; asked often.
    pub stop: Box<dyn Fn() -> bool + 'a>,
    /// Called before the first file is written: from here on nothing ends the process before the stage does.
    pub hold: Box<dyn Fn() + 'a>,
    /// Shows progress.
    pub progress: &'a Begin<'a>,
    /// The command line, for `result.json`.
    pub command: String,
    /// Processor, threads, LibTorch, for `result.json`.
    pub machine: String,
}

impl Context<'_> {
    /// Counts what a stage costs from here on.
    pub fn meter(&self) -> Meter {
        Meter::start(self.command.clone(), self.machine.clone())
    }

    /// Whether to stop.
    pub fn asked(&self) -> bool {
        (self.stop)()
    }

    /// A stage has computed and is about to write: whether it was asked to stop by now. Asked later, it writes
    /// everything first.
    pub fn stopped_before_writing(&self) -> bool {
        (self.hold)();
        self.asked()
    }
}

impl fmt::Debug for Context<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("device", &self.device).finish_non_exhaustive()
    }
}

/// What a stage measured.
#[derive(Debug, Clone, Default)]
pub struct Measured {
    /// Numbers with their protocols.
    pub scores: Vec<Score>,
    /// What could not be measured, with the reason.
    pub missing: Vec<Missing>,
    /// The run that was published, where a folder was named.
    pub result: Option<RunResult>,
}
