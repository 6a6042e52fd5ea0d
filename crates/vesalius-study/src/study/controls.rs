//! `[controls]` and `[dose]`: what stands beside the question, and how the answer hangs on how much there is.

use super::{Gan, Masks, Study};
use anyhow::{Result, bail};
use serde::Deserialize;
use std::collections::BTreeSet;
use toml::Spanned;

/// `[controls]`: training sets whose outcome is known before, if all is well.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Controls {
    /// GANs whose images are used; all of them by default.
    pub gans: Option<Vec<Spanned<String>>>,
    /// Every synthetic image with the mask of another: teaches nothing.
    pub labels_shuffled: bool,
    /// Perturbed training pairs in place of a GAN's: new to no eye, and to be caught by the audit.
    pub noise: bool,
    /// Real and synthetic pairs, both with classical augmentation.
    pub real_and_synthetic_augmented: bool,
}

/// `[dose]`: the same with fewer synthetic images, fewer patients, other shares of a batch.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dose {
    /// GANs; all of them by default.
    #[serde(default)]
    pub gans: Option<Vec<Spanned<String>>>,
    /// Numbers of synthetic pairs; each holds all smaller ones.
    pub images: Spanned<Vec<usize>>,
    /// Numbers of training patients, fewer than all; each holds all smaller ones. All of them are always among it.
    pub patients: Spanned<Vec<usize>>,
    /// Shares of each batch that synthetic pairs fill; an equal share of all packs by default.
    #[serde(default)]
    pub shares: Option<Spanned<Vec<f64>>>,
}

impl Dose {
    /// Shares of a batch; none: equal ones.
    pub fn shares(&self) -> Vec<Option<f64>> {
        match &self.shares {
            None => vec![None],
            Some(shares) => shares.get_ref().iter().copied().map(Some).collect(),
        }
    }

    /// Pairs that are sampled from a GAN of fewer patients.
    pub fn most_images(&self) -> usize {
        self.images.get_ref().iter().copied().max().unwrap_or(0)
    }
}

/// Whether a GAN is among those named, or all are meant.
pub(crate) fn includes(named: Option<&Vec<Spanned<String>>>, gan: &Gan) -> bool {
    named.is_none_or(|named| named.iter().any(|name| *name.get_ref() == gan.name()))
}

impl Study {
    pub(super) fn check_controls(&self) -> Result<()> {
        let dose = self.dose.as_ref();
        for name in
            self.controls.gans.iter().chain(dose.and_then(|dose| dose.gans.as_ref())).flatten()
        {
            if self.gan_named(name.get_ref()).is_none() {
                let names: Vec<String> = self.gan.iter().map(Gan::name).collect();
                let (at, name) = (self.at(&name.span()), name.get_ref());
                bail!(
                    "{at}: {name}: no [[gan]] of that name, expected some of {}",
                    names.join(", ")
                );
            }
        }
        let Controls { labels_shuffled, noise, real_and_synthetic_augmented, .. } = self.controls;
        if (labels_shuffled || noise || real_and_synthetic_augmented) && self.best.is_none() {
            let at = self.at_line("[controls]");
            bail!("{at}: no [best], which says what becomes of synthetic pairs");
        }
        self.check_shares()?;
        match dose {
            Some(dose) => self.check_dose(dose),
            None => Ok(()),
        }
    }

    fn check_shares(&self) -> Result<()> {
        let of_best = self.best.as_ref().and_then(|best| best.shares.as_ref());
        let of_dose = self.dose.as_ref().and_then(|dose| dose.shares.as_ref());
        for shares in of_best.into_iter().chain(of_dose) {
            let all = shares.get_ref();
            let distinct: BTreeSet<u64> = all.iter().map(|share| share.to_bits()).collect();
            let fit = all.iter().all(|share| *share > 0.0 && *share < 1.0);
            if all.is_empty() || !fit || distinct.len() < all.len() {
                let at = self.at(&shares.span());
                bail!("{at}: shares {all:?}, expected some above 0 and below 1, each once");
            }
        }
        Ok(())
    }

    fn check_dose(&self, dose: &Dose) -> Result<()> {
        let at = || self.at_line("[dose]");
        let Some(best) = self.best.as_ref().filter(|best| best.unet_with_real) else {
            bail!(
                "{}: its last points are the best runs', expected unet_with_real in [best]",
                at()
            );
        };
        if !self.baselines.real {
            bail!("{}: is compared with real images alone, expected real in [baselines]", at());
        }
        for (what, numbers) in [("images", &dose.images), ("patients", &dose.patients)] {
            let all = numbers.get_ref();
            let distinct: BTreeSet<&usize> = all.iter().collect();
            if all.is_empty() || all.contains(&0) || distinct.len() < all.len() {
                let at = self.at(&numbers.span());
                bail!("{at}: {what} {all:?}, expected some numbers above 0, each once");
            }
        }
        let (most, count) = (dose.most_images(), *best.count.get_ref());
        if most > count {
            let at = self.at(&dose.images.span());
            bail!("{at}: {most} images, expected at most the count of [best], {count}");
        }
        let painter = self
            .gan
            .iter()
            .find(|gan| includes(dose.gans.as_ref(), gan) && matches!(gan.masks(), Masks::Of(_)));
        if let Some(gan) = painter {
            bail!(
                "{}: {} paints masks of another GAN, expected gans that do not",
                at(),
                gan.name()
            );
        }
        Ok(())
    }
}
