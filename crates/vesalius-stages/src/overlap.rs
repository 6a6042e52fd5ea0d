//! What a stage does with what [`vesalius_data::checks::overlap`] finds.

use crate::side::Side;
use anyhow::{Result, bail};
use vesalius_data::checks::overlap::{Meeting, made_and_both_sides, made_and_side};
use vesalius_data::pack::manifest::Split;
use vesalius_data::run::RunResult;
use vesalius_data::run::score::Score;
use vesalius_data::say;

/// Says what is to be known of packs that meet; `allowed`: go on although patients stand on both sides.
///
/// # Errors
/// When packs overlap and the user did not allow it.
pub fn settle(meeting: &Meeting, allowed: bool) -> Result<Settled> {
    for note in &meeting.notes {
        say!("note: {note}");
    }
    let mut remark = String::new();
    if !meeting.overlap.is_empty() {
        let overlap = meeting.overlap.join("; ");
        if !allowed {
            bail!(
                "{overlap}; expected none on both sides (--allow-overlap goes on, and every protocol says so)"
            );
        }
        say!("warning: {overlap}");
        remark = format!("; overlap allowed: {overlap}");
    }
    for note in &meeting.notes {
        remark = format!("{remark}; {note}");
    }
    Ok(Settled { remark, overlap: meeting.overlap.clone() })
}

/// What a run has to say of the packs it brought together.
#[derive(Debug, Clone, Default)]
pub struct Settled {
    /// For every protocol, with `; ` before it; empty where there is nothing to say.
    pub remark: String,
    /// What was allowed.
    pub overlap: Vec<String>,
}

impl Settled {
    /// The same for another two packs.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.remark += &other.remark;
        self.overlap.extend(other.overlap);
        self
    }

    /// Adds the remark to protocols that lack it.
    pub fn note(&self, scores: &mut [Score]) {
        for score in scores {
            if !score.protocol.ends_with(&self.remark) {
                score.remark(&self.remark);
            }
        }
    }

    /// The run that says it.
    pub fn of(self, result: RunResult) -> RunResult {
        RunResult { overlap: Some(self.overlap), ..result }
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
