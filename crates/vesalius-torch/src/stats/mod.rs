//! What a training says about itself: lines of `stats.jsonl` and TensorBoard event files, by the names of its losses.

mod line;
mod log;
mod window;

pub use line::Stat;
pub use log::StatsLog;
pub use window::{Window, WindowState};
