//! `--allow-overlap`, and what commands do with what [`vesalius_study::data::overlap`] finds.

use crate::commands::judge::Source;
use anyhow::{Result, bail};
use vesalius_study::data::manifest::Split;
use vesalius_study::data::overlap::{Meeting, made_and_both_sides, made_and_side};

/// Arguments.
#[derive(Debug, Clone, Copy, Default, clap::Args)]
pub struct Overlap {
    /// Go on although patients stand on both sides, or a generator was trained on another pack; every protocol says so.
    #[arg(long)]
    pub allow_overlap: bool,
}

impl Overlap {
    /// Says what is to be known; what every protocol has to say, with `; ` before it.
    ///
    /// # Errors
    /// When packs overlap and the user did not allow it.
    pub fn settle(self, meeting: &Meeting) -> Result<String> {
        for note in &meeting.notes {
            eprintln!("note: {note}");
        }
        let mut remark = String::new();
        if !meeting.overlap.is_empty() {
            let overlap = meeting.overlap.join("; ");
            if !self.allow_overlap {
                bail!(
                    "{overlap}; expected none on both sides (--allow-overlap goes on, and every protocol says so)"
                );
            }
            eprintln!("warning: {overlap}");
            remark = format!("; overlap allowed: {overlap}");
        }
        for note in &meeting.notes {
            remark = format!("{remark}; {note}");
        }
        Ok(remark)
    }
}

/// What a comparison takes the sides of a real pack for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// Its training side for what the generator saw, its test side for what it did not.
    BothSides,
    /// Images to be near to.
    Side(Split),
}

/// Asks of two sources; those that are no packs hold no patients.
pub fn compared(real: &Source, synthetic: &Source, purpose: Use) -> Meeting {
    match (real, synthetic, purpose) {
        (Source::Pack(real), Source::Pack(made), Use::BothSides) => made_and_both_sides(real, made),
        (Source::Pack(real), Source::Pack(made), Use::Side(side)) => made_and_side(real, made, side),
        _ => Meeting::default(),
    }
}
