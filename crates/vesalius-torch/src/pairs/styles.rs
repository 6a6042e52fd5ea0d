//! Styles of real images for a generator with an encoder: what it was trained to paint in, where N(0, 1) is what its
//! encoder was pulled towards.

use crate::families::generator::Generator;
use crate::pairs::batch::load;
use crate::rng::{Purpose, keyed};
use anyhow::{Context, Result, bail};
use rand::RngExt as _;
use tch::Tensor;
use vesalius_data::pack::Pack;
use vesalius_data::pack::manifest::Split;

/// Training images that lend their styles: that of image i is a function of (seed, i).
#[derive(Debug)]
pub struct Styles<'a> {
    pack: &'a Pack,
    indices: Vec<usize>,
    seed: u64,
}

impl<'a> Styles<'a> {
    /// Of the training images of `pack`, which has to be the one that the generator was trained on: nobody else's style is
    /// a style of its training.
    ///
    /// # Errors
    /// When it is another one.
    pub fn new(pack: &'a Pack, trained_on: &str, seed: u64) -> Result<Self> {
        if pack.digest() != trained_on {
            bail!(
                "--styles: {} has the digest {:.12}, expected the pack that the run was trained on, {trained_on:.12}",
                pack.path().display(),
                pack.digest()
            );
        }
        Ok(Self { pack, indices: pack.indices(Split::Train), seed })
    }

    /// Latents `first..first + count`: `[count, Z]`, from `noise` `[count, Z]`, N(0, 1).
    ///
    /// # Errors
    /// When the generator has no encoder, or a slice was damaged on the disk.
    pub fn latents(&self, generator: &dyn Generator, first: u64, noise: &Tensor) -> Result<Tensor> {
        let count = noise.size()[0] as u64;
        let drawn: Vec<usize> = (first..first + count)
            .map(|i| {
                let mut rng = keyed(self.seed, Purpose::Style, i);
                self.indices[rng.random_range(0..self.indices.len())]
            })
            .collect();
        let device = generator.params().device();
        let images = load(self.pack, &drawn, device)?.image;
        let styles = tch::no_grad(|| generator.styles(&images, &noise.to_device(device)));
        styles.context(
            "--styles: this generator has no style encoder, expected SPADE with networks.generator.style above 0",
        )
    }
}
