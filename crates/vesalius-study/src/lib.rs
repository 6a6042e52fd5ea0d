//! Studies: what is to be done (`task`, `space`, `search`, `packs`, `plan`), what is known (`task_dir`, `store`) and who does it
//! (`exec`, `coordinate`).

// They panic where a stream cannot be written; `say!` and `show!` (vesalius_data::output) do not.
#![warn(clippy::print_stdout, clippy::print_stderr)]

pub mod coordinate;
pub mod exec;
pub mod packs;
pub mod plan;
pub mod room;
pub mod search;
pub mod space;
pub mod store;
pub mod study;
pub mod task;
pub mod task_dir;
