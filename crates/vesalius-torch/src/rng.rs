//! Keyed randomness: every random number is a function of (seed, purpose, index), never of what ran before.

use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use sha2::{Digest as _, Sha256};

/// What a stream of random numbers is for; two purposes never share one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Initial weights.
    Weights,
    /// Latents of sampled images; the index is the image's number.
    Latent,
    /// Latents of the previews drawn during training.
    Preview,
    /// Masks that a generator paints; the index is the image's number.
    Mask,
    /// Training images that lend their styles; the index is the image's number.
    Style,
    /// Order in which training slices are visited; the index is the epoch.
    Order,
    /// Everything drawn inside a training step (latents, augmentation, dropout); the index is the step.
    Step,
    /// Augmentation that is drawn outside LibTorch; the index is the step.
    Augment,
    /// Resampling for intervals.
    Bootstrap,
    /// Split of features into halves or subsets.
    Subset,
    /// Copies planted to test the copying audit; the index is the copy's number.
    Planted,
}

impl Purpose {
    /// The word that enters the key; a saved format.
    const fn word(self) -> &'static str {
        match self {
            Self::Weights => "weights",
            Self::Latent => "latent",
            Self::Preview => "preview",
            Self::Mask => "mask",
            Self::Style => "style",
            Self::Order => "order",
            Self::Step => "step",
            Self::Augment => "augment",
            Self::Bootstrap => "bootstrap",
            Self::Subset => "subset",
            Self::Planted => "planted",
        }
    }
}

/// A generator for (seed, purpose, index).
pub fn keyed(seed: u64, purpose: Purpose, index: u64) -> ChaCha8Rng {
    let mut hasher = Sha256::new();
    hasher.update(b"vesalius/1/");
    hasher.update(purpose.word());
    hasher.update(seed.to_le_bytes());
    let mut rng = ChaCha8Rng::from_seed(hasher.finalize().into());
    rng.set_stream(index);
    rng
}

/// Reseeds LibTorch's global generator for (seed, purpose, index).
pub fn reseed_torch(seed: u64, purpose: Purpose, index: u64) {
    use rand::RngExt as _;
    tch::manual_seed(keyed(seed, purpose, index).random::<i64>());
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::RngExt as _;

    /// LibTorch has one generator per process, and most tests of this crate draw from it: beside each other, each would
    /// change what the other draws. So they run one by one, before the harness reads the number of its threads.
    #[cfg(target_os = "linux")]
    #[used]
    #[expect(
        unsafe_code,
        reason = "a function that runs before `main` has no safe form; no other thread exists yet"
    )]
    #[unsafe(link_section = ".init_array")]
    static ONE_BY_ONE: extern "C" fn() = {
        extern "C" fn one_by_one() {
            unsafe { std::env::set_var("RUST_TEST_THREADS", "1") }
        }
        one_by_one
    };

    #[cfg(target_os = "linux")]
    #[test]
    fn tests_that_share_the_generator_run_one_by_one() {
        assert_eq!(std::env::var("RUST_TEST_THREADS").unwrap(), "1");
    }

    #[test]
    fn streams_differ_by_seed_purpose_and_index_and_repeat() {
        let draw = |seed, purpose, index| keyed(seed, purpose, index).random::<u64>();
        let first = draw(1, Purpose::Latent, 0);
        assert_eq!(first, draw(1, Purpose::Latent, 0));
        assert_ne!(first, draw(2, Purpose::Latent, 0));
        assert_ne!(first, draw(1, Purpose::Preview, 0));
        assert_ne!(first, draw(1, Purpose::Latent, 1));
    }
}
