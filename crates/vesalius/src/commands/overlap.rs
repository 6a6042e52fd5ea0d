//! `--allow-overlap`, and what commands do with what [`vesalius_data::checks::overlap`] finds.

use crate::commands::judge::Side;
use anyhow::Result;
use vesalius_data::checks::overlap::{Meeting, made_and_both_sides, made_and_side};
use vesalius_data::pack::manifest::Split;
pub use vesalius_stages::overlap::Settled;

#[derive(Debug, Clone, Copy, Default, clap::Args)]
pub struct Overlap {
    /// Go on although patients stand on both sides, or a generator was trained on another pack; every protocol says so.
    #[arg(long)]
    pub allow_overlap: bool,
}

impl Overlap {
    /// Says what is to be known.
    ///
    /// # Errors
    /// When packs overlap and the user did not allow it.
    pub fn settle(self, meeting: &Meeting) -> Result<Settled> {
        vesalius_stages::overlap::settle(meeting, self.allow_overlap)
    }
}

/// What a comparison takes the sides of a real pack for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// Its training side for what the generator saw, its test side for what it did not.
    BothSides,
    /// Images to be near to.
    OneSplit(Split),
}

/// Asks of two sources; those that are no packs hold no patients.
pub fn compared(real: &Side, synthetic: &Side, purpose: Use) -> Meeting {
    match (real, synthetic, purpose) {
        (Side::Pack(real), Side::Pack(made), Use::BothSides) => made_and_both_sides(real, made),
        (Side::Pack(real), Side::Pack(made), Use::OneSplit(side)) => {
            made_and_side(real, made, side)
        }
        _ => Meeting::default(),
    }
}
