//! The sides of a comparison, and the real samples that trained nothing.

use crate::judge::JudgeSpec;
use crate::overlap::{Settled, Use, compared, settle};
use crate::side::Side;
use anyhow::{Context as _, Result, bail};
use vesalius_data::checks::overlap::held_out_and_others;
use vesalius_data::pack::manifest::Split;
use vesalius_torch::features::images::ImageSet;

/// Both sides, and the real samples that trained nothing.
#[derive(Debug)]
pub struct Sides {
    /// Of the real samples.
    pub real: Side,
    /// Of the synthetic ones.
    pub synthetic: Side,
    /// Of real ones that trained nothing, where they are named.
    pub held_out: Option<Side>,
    /// What protocols have to say of overlaps and sizes.
    pub settled: Settled,
}

impl Sides {
    /// Settles whether they may be compared. `asks_who_was_seen`: as [`Metric`](super::Metric) has it, of any of them.
    ///
    /// # Errors
    /// When they overlap and may not, or cannot be compared by this network.
    pub fn settled(
        (real, synthetic, held_out): (Side, Side, Option<Side>),
        asks_who_was_seen: bool,
        judge: &JudgeSpec,
        allow_overlap: bool,
    ) -> Result<Self> {
        let meeting = match (&held_out, &real, &synthetic) {
            (Some(Side::Pack(held_out)), Side::Pack(real), Side::Pack(made)) => {
                held_out_and_others(held_out, real, made)
            }
            _ if asks_who_was_seen => compared(&real, &synthetic, Use::BothSides),
            _ => compared(&real, &synthetic, Use::OneSplit(Split::Train)),
        };
        let remark = judge.check_sizes(&real, &synthetic)?;
        let settled = settle(&meeting, allow_overlap)?;
        let settled = Settled { remark, overlap: vec![] }.and(settled);
        Ok(Self { real, synthetic, held_out, settled })
    }

    /// The real training images, all synthetic ones, the held-out ones.
    ///
    /// # Errors
    /// When a side has no images.
    pub fn images(&self) -> Result<(Images<'_>, Images<'_>, Option<Images<'_>>)> {
        let split = if self.held_out.is_none() { Some(Split::Train) } else { None };
        let (Some(real), Some(synthetic)) = (self.real.images(split), self.synthetic.images(None))
        else {
            bail!("--real and --synthetic: expected two feature files, or images on both sides");
        };
        let held_out = match (&self.held_out, &self.real) {
            (Some(held_out), _) => Some(held_out.images(None).with_context(|| {
                format!("--held-out {}: expected images", held_out.path().display())
            })?),
            (None, Side::Pack(_)) => self.real.images(Some(Split::Test)),
            (None, _) => None,
        };
        Ok((real, synthetic, held_out))
    }
}

/// Images of a side.
pub type Images<'a> = Box<dyn ImageSet + 'a>;
