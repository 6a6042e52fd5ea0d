//! Training a generator, whatever its family; stopped and resumed without a trace.

mod average;
mod look;
mod prepared;
mod resume;
mod session;

pub use look::Probe;
pub use prepared::{Prepared, begin, write_spec};
pub use session::{Ended, TrainContext, train};
