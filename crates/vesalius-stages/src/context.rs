//! What a stage leans on beside its spec.

use std::fmt;
use vesalius_torch::Device;

/// Hears how far a task is.
pub trait Progress {
    /// `done` pieces, with a remark.
    fn set(&mut self, done: u64, remark: &str);

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
    pub stop: &'a dyn Fn() -> bool,
    /// Shows progress.
    pub progress: &'a Begin<'a>,
    /// The command line, for `result.json`.
    pub command: String,
    /// Processor, threads, LibTorch, for `result.json`.
    pub machine: String,
}

impl Context<'_> {
    /// Counts what a stage costs from here on.
    pub fn meter(&self) -> crate::meter::Meter {
        crate::meter::Meter::start(self.command.clone(), self.machine.clone())
    }
}

impl fmt::Debug for Context<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("device", &self.device).finish_non_exhaustive()
    }
}
