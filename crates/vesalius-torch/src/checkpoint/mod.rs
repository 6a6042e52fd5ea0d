//! Everything a resumed training needs, in one folder that appears whole or not at all.
//!
//! ```text
//! RUN/checkpoints/kimg_000010.240/
//!     NAME.safetensors             weights and buffers of each network: of a GAN generator and discriminator
//!     averaged.safetensors         of the averaged generator, which is what is sampled
//!     NAME_optimiser.safetensors   moments of each optimiser, likewise
//!     controls.safetensors   controllers and running means, for families that have some
//!     task.toml      the settings it was trained with, to say what changed since; older checkpoints have none
//!     state.json     counters, SHA-256 of every other file, and of itself
//! ```
//!
//! It is on the disk before it has its name; what cannot be trusted any more is [`Damaged`], and a training goes on
//! from
//! the one before.

mod damaged;
mod folder;
pub mod init;
mod parts;
mod state;

pub use damaged::Damaged;
pub use folder::{Found, generators, list, name, newest_whole, prune, set_aside, to_sample};
pub use parts::{AVERAGED, check_names, load, read_part, read_settings, save, verify};
pub use state::{CHECKPOINT_FORMAT, State, read_state};
