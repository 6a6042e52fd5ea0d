//! Text that comes out of files is data, never markup, a path or a command.
//!
//! It is checked once, where its file is opened ([`strings`], [`file_stem`], [`label`]), and escaped once per format in
//! which
//! it is shown ([`escape`]). The second does not trust the first: paths and command lines are somebody's own and may
//! hold
//! anything.

pub mod count;
pub mod escape;
pub mod file_stem;
mod hidden;
pub mod label;
pub mod nearest;
pub mod panic;
mod refused;
pub mod shell;
pub mod strings;
pub mod uid;

pub use hidden::is_hidden;
pub use refused::Refused;
