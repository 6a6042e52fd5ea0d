//! A pack: an immutable folder of equally shaped slices, or volumes, with label maps, real or synthetic.
//!
//! ```text
//! PACK/manifest.json   what, whence, who (see `manifest`)
//! PACK/slices.bin      header, 64 bytes, little endian:
//!                        "VSALPACK" · version u32 · bytes per pixel u32 · C u32 · H u32 · W u32 · D u32
//!                        · slices u64 · 0 (20 bytes) · CRC-32 of the 60 bytes before
//!                      slices (version 1, D is 0): pixels [C, H, W] then labels [H, W] (u8), one after the other
//!                      volumes (version 2): pixels [D, C, H, W] then labels [D, H, W], so that planes are slices
//!                      CRC-32 of each slice (u32 each), CRC-32 of that table
//! ```
//! The file is memory-mapped; each slice's checksum is verified the first time it is read.

mod agree;
mod header;
pub mod inspect;
pub mod kind;
pub mod manifest;
pub mod masks;
pub mod provenance;
mod reader;
pub mod row;
mod seen;
pub mod source_grid;
mod turned;
pub mod view;
mod writer;

pub use header::{Header, PACK_VERSION};
pub use reader::{Pack, PackError, PackFile, Slice, check_bytes};
pub use seen::{Few, InFold, SeenAs};
pub use writer::PackWriter;
