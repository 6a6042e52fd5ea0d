//! What each stage does, from its spec to its result: one serde spec and one function per stage.
//!
//! The program's arguments become a spec, a worker makes one of its task, and neither does anything else of a stage.
//! What a stage leans on (a device, whether to stop, who hears of progress) is its [`Context`](context::Context).
//! A function gives `None` where it was asked to stop: nothing was written, or a checkpoint that says so.

// They panic where a stream cannot be written; `say!` and `show!` (vesalius_data::output) do not.
#![warn(clippy::print_stdout, clippy::print_stderr)]

pub mod coherence;
pub mod context;
pub mod copying;
pub mod distance;
pub mod judge;
pub mod map;
pub mod memory;
pub mod metrics;
pub mod overlap;
mod planes;
pub mod plausibility;
pub mod predict;
pub mod predictions;
pub mod sample;
pub mod score;
pub mod segment;
pub mod side;
pub mod train;
pub mod weights;

use vesalius_data::run::score::Score;

/// For serde: what is as it is by default is left out, so that the name of a task does not change when a setting comes
/// into being.
pub(crate) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Images that a comparison worked through, where its scores say.
pub(crate) fn images_of(scores: &[Score]) -> Option<u64> {
    let counted = scores.iter().find_map(|score| score.real_count.zip(score.synthetic_count));
    counted.map(|(real, synthetic)| (real + synthetic) as u64)
}
