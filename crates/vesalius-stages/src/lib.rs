//! What each stage does, from its spec to its result: one serde spec and one function per stage.
//!
//! The program's arguments become a spec, a worker deserialises one, and neither does anything else of a stage. What a stage
//! leans on (a device, whether to stop, who hears of progress) is its [`Context`](context::Context).

// They panic where a stream cannot be written; `say!` and `show!` (vesalius_data::output) do not.
#![warn(clippy::print_stdout, clippy::print_stderr)]

pub mod context;
pub mod judge;
pub mod meter;
pub mod overlap;
pub mod segment;
