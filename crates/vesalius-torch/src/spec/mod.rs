//! The resolved description of a training: what `task.toml` holds and what every `--set` path points into.
//!
//! A GAN is a preset: family × loss × regularisers × augmentation. `studies/presets.toml` holds the presets; none of
//! them is a type.

mod check;

use crate::ada::AdaSpec;
use crate::augment::DiffAugment;
use crate::joint::MaskEncoding;
use crate::layers::init::InitSpec;
use crate::loss::AdversarialLoss;
use crate::nets::mapping::MappingSpec;
use crate::nets::stylegan::GrowthSpec;
use crate::nets::stylegan2::WidthSpec;
use crate::nets::{dcgan, patch, spade};
use crate::optim::OptimiserSpec;
use anyhow::{Result, bail};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::sync::OnceLock;
use vesalius_data::pack::manifest::Layout;
use vesalius_data::text::strings;

/// Every setting of a training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainSpec {
    /// Name of the preset it came from: the row of Table 2.
    pub preset: String,
    /// Generator and discriminator.
    pub networks: Networks,
    /// Adversarial loss.
    pub loss: AdversarialLoss,
    /// Terms beside it.
    pub regularise: Regularise,
    /// Augmentation.
    pub augment: Augment,
    /// Optimisers.
    pub optimiser: Optimisers,
    /// Schedule.
    pub training: Training,
    /// Weights it starts from; absent: random ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub init: Option<InitSource>,
}

/// A file of converted weights (`init.rs`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InitSource {
    /// Where it lay.
    pub path: PathBuf,
    /// Of the file.
    pub sha256: String,
}

/// Generator and discriminator.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "family", rename_all = "snake_case", deny_unknown_fields)]
pub enum Networks {
    /// Radford et al. 2015.
    Dcgan {
        /// Latent size Z.
        latent: i64,
        /// How the mask enters the sample.
        mask: MaskEncoding,
        /// Initial weights of both networks.
        init: InitSpec,
        /// Generator.
        generator: dcgan::GeneratorSpec,
        /// Discriminator.
        discriminator: dcgan::DiscriminatorSpec,
    },
    /// Karras et al. 2019: grows while it trains.
    Stylegan {
        /// How the mask enters the sample.
        mask: MaskEncoding,
        /// Latent → style.
        mapping: MappingSpec,
        /// Style → sample.
        generator: WidthSpec,
        /// Sample → logit.
        discriminator: WidthSpec,
        /// Samples whose standard deviation the discriminator sees together; the batch is a multiple of it.
        minibatch_group: i64,
        /// When resolution doubles.
        growth: GrowthSpec,
    },
    /// Karras et al. 2020.
    Stylegan2 {
        /// How the mask enters the sample.
        mask: MaskEncoding,
        /// Latent → style.
        mapping: MappingSpec,
        /// Style → sample.
        generator: WidthSpec,
        /// Sample → logit.
        discriminator: WidthSpec,
        /// Samples whose standard deviation the discriminator sees together; the batch is a multiple of it.
        minibatch_group: i64,
    },
    /// Park et al. 2019: paints given masks.
    Spade {
        /// Layout → image.
        generator: spade::GeneratorSpec,
        /// Layout and image → logits.
        discriminator: patch::DiscriminatorSpec,
    },
}

/// Terms beside the adversarial loss; a weight of 0 switches a term off.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Regularise {
    /// λ of WGAN-GP's gradient penalty.
    pub gradient_penalty: f64,
    /// Limit c of WGAN's weight clipping, of all discriminator parameters before each of its steps.
    pub weight_clip: f64,
    /// Feature matching on the discriminator's activations.
    pub feature_matching: f64,
    /// Perceptual distance in VGG19's features.
    pub vgg: f64,
    /// VGG19's weights as safetensors; needed when `vgg` is not 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vgg_weights: Option<PathBuf>,
    /// Divergence of SPADE's encoded styles from N(0, 1); needs a style.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub kl: f64,
    /// Terms of the families with styles.
    #[serde(default, skip_serializing_if = "StyleTerms::is_off")]
    pub style: StyleTerms,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_zero(value: &f64) -> bool {
    *value == 0.0
}

/// Terms of StyleGAN and StyleGAN2 (Karras et al. 2019, 2020).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StyleTerms {
    /// γ of R1 on real samples: a number, or `auto`.
    pub r1: R1Weight,
    /// Steps between R1's updates.
    pub r1_every: u64,
    /// Weight of path-length regularisation.
    pub path_length: f64,
    /// Steps between its updates.
    pub path_length_every: u64,
    /// Probability of style mixing.
    pub mixing: f64,
}

impl StyleTerms {
    /// Whether nothing was set: families without styles.
    fn is_off(&self) -> bool {
        *self == Self::default()
    }
}

impl Default for StyleTerms {
    fn default() -> Self {
        Self {
            r1: R1Weight::Value(0.0),
            r1_every: 1,
            path_length: 0.0,
            path_length_every: 1,
            mixing: 0.0,
        }
    }
}

/// γ of R1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum R1Weight {
    /// A number; 0 switches it off.
    Value(f64),
    /// StyleGAN2-ADA's rule.
    Rule(R1Rule),
}

/// Rules for γ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum R1Rule {
    /// 0.0002 · H · W / N (NVlabs/stylegan2-ada-pytorch, `train.py`).
    Auto,
}

impl R1Weight {
    /// The number, for samples of this shape and batches of `batch`.
    pub fn value(self, layout: Layout, batch: i64) -> f64 {
        match self {
            Self::Value(value) => value,
            Self::Rule(R1Rule::Auto) => {
                0.0002 * (layout.height * layout.width) as f64 / batch as f64
            }
        }
    }
}

/// Augmentation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Augment {
    /// DiffAugment policies, on real and fake samples alike; empty: off.
    pub diff_augment: Vec<DiffAugment>,
    /// Classical augmentation of the real samples: small rotations, shifts, flips.
    pub classical: bool,
    /// Standard deviation of Gaussian noise on the mask channels of whatever the discriminator of a joint GAN sees, real
    /// and generated: hides that generated masks are not exactly one-hot.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub mask_noise: f64,
    /// Adaptive augmentation (StyleGAN, StyleGAN2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ada: Option<AdaSpec>,
}

/// Optimisers of both networks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Optimisers {
    /// Of the generator.
    pub generator: OptimiserSpec,
    /// Of the discriminator.
    pub discriminator: OptimiserSpec,
}

/// Schedule. Durations are in thousands of real images shown to the discriminator (kimg).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Training {
    /// Key of all randomness.
    pub seed: u64,
    /// Length.
    pub kimg: f64,
    /// Batch N.
    pub batch: i64,
    /// Discriminator steps per generator step.
    pub critic_steps: u64,
    /// WGAN's authors' schedule: 100 critic steps for each of the first 25 generator steps and every 500th.
    pub critic_boost: bool,
    /// Half-life of the averaged generator (StyleGAN2: batch × 10 / 32 kimg). 0: no averaging.
    pub ema_half_life_kimg: f64,
    /// The half-life is at most this share of the images seen so far (StyleGAN2-ADA: 0.05).
    pub ema_ramp: f64,
    /// Distance between checkpoints.
    pub checkpoint_every_kimg: f64,
    /// Distance between measurements of the Fréchet distance and previews. 0: never.
    pub distance_every_kimg: f64,
    /// Samples per measurement.
    pub distance_images: usize,
}

impl TrainSpec {
    /// A preset with `settings` (`path.to.field=value`, value in TOML syntax or a bare word) applied in order.
    ///
    /// # Errors
    /// An unknown preset (the known ones are listed), a path that is not a setting, a value of the wrong type or range.
    pub fn resolve(preset: &str, settings: &[String]) -> Result<Self> {
        let presets = presets();
        let Some(toml::Value::Table(mut table)) = presets.get(preset).cloned() else {
            let known: Vec<&str> = presets.keys().map(String::as_str).collect();
            bail!("--preset {preset}: no such preset; expected one of {}", known.join(", "));
        };
        table.insert("preset".to_owned(), preset.into());
        for setting in settings {
            apply(&mut table, setting)?;
        }
        let spec: Self = serde_path_to_error::deserialize(toml::Value::Table(table)).map_err(
            |error: serde_path_to_error::Error<toml::de::Error>| {
                let message = error.inner().message().replace('\n', " ");
                anyhow::anyhow!("setting {}: {message}", error.path())
            },
        )?;
        spec.check()?;
        Ok(spec)
    }

    /// Reads a resolved spec.
    ///
    /// # Errors
    /// Unknown or missing fields, values out of range.
    pub fn from_toml(text: &str) -> Result<Self> {
        let spec: Self = toml::from_str(text).map_err(|error| {
            let line = error
                .span()
                .map_or(1, |at| text[..at.start.min(text.len())].matches('\n').count() + 1);
            anyhow::anyhow!("line {line}: {}", error.message().trim().replace('\n', " "))
        })?;
        let whole: toml::Value = toml::from_str(text)?;
        strings::check_toml("", &whole)?;
        spec.check()?;
        Ok(spec)
    }

    /// The resolved spec as `task.toml`.
    ///
    /// # Errors
    /// When a text in it could not be read again (a path with control characters).
    pub fn to_toml(&self) -> Result<String> {
        let text = toml::to_string_pretty(self)?;
        strings::check_toml("", &toml::from_str(&text)?)?;
        Ok(text)
    }
}

/// The presets, as shipped.
pub const PRESETS: &str = include_str!("../../../../studies/presets.toml");

/// The same, read once: a study resolves thousands of trainings at every look.
fn presets() -> &'static toml::Table {
    static TABLE: OnceLock<toml::Table> = OnceLock::new();
    TABLE.get_or_init(|| toml::from_str(PRESETS).expect("presets.toml is checked by a test"))
}

/// Names of all presets.
pub fn preset_names() -> Vec<String> {
    presets().keys().cloned().collect()
}

fn apply(table: &mut toml::Table, setting: &str) -> Result<()> {
    let Some((path, text)) = setting.split_once('=') else {
        bail!("--set {setting}: expected path.to.setting=value");
    };
    let (path, text) = (path.trim(), text.trim());
    let value = toml::from_str::<toml::Table>(&format!("value = {text}"))
        .ok()
        .and_then(|mut parsed| parsed.remove("value"))
        .unwrap_or_else(|| toml::Value::String(text.to_owned()));
    let mut parts: Vec<&str> = path.split('.').collect();
    let leaf = parts.pop().expect("split gives at least one part");
    let mut at = table;
    for part in parts {
        at = match at.get_mut(part) {
            Some(toml::Value::Table(inner)) => inner,
            _ => bail!("--set {path}: there are no settings under `{part}`"),
        };
    }
    let value = match (at.get(leaf), value) {
        // `filters=32` and `kimg=5` mean the same type as the preset's value.
        (Some(toml::Value::Float(_)), toml::Value::Integer(n)) => toml::Value::Float(n as f64),
        (_, value) => value,
    };
    at.insert(leaf.to_owned(), value);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preset_resolves_and_survives_toml() {
        for name in preset_names() {
            // SPADE's perceptual loss needs weights that the user brings.
            let without: &[String] =
                if name == "spade" { &["regularise.vgg=0".to_owned()] } else { &[] };
            let spec =
                TrainSpec::resolve(&name, without).unwrap_or_else(|e| panic!("{name}: {e:#}"));
            assert_eq!(TrainSpec::from_toml(&spec.to_toml().unwrap()).unwrap(), spec);
        }
    }

    /// Its digest is in checkpoints: an old run can be resumed only if nothing of it reads differently.
    #[test]
    fn a_task_file_of_version_0_1_still_means_the_same() {
        let text = include_str!("../../../../golden/compat/task-1.toml");
        let spec = TrainSpec::from_toml(text).unwrap();
        assert_eq!(spec.to_toml().unwrap(), text);
    }

    #[test]
    fn settings_reach_the_spec_and_misspelt_ones_are_named() {
        let set = |text: &str| TrainSpec::resolve("wgan-gp", &[text.to_owned()]);
        let spec = set("networks.discriminator.filters=32").unwrap();
        let Networks::Dcgan { discriminator, .. } = spec.networks else { panic!("dcgan") };
        assert_eq!(discriminator.filters, 32);
        assert_eq!(set("training.kimg=3").unwrap().training.kimg, 3.0);
        assert_eq!(set("training.kimg = 0.5").unwrap().training.kimg, 0.5);
        for (text, part) in [
            ("networks.discriminator.filter=32", "filter"),
            ("training.kimg=-1", "training.kimg = -1: expected a number above 0"),
            ("training.batch=many", "batch"),
            ("network.latent=3", "no settings under `network`"),
            ("kimg", "expected path.to.setting=value"),
            ("regularise.vgg=1", "regularise.vgg_weights"),
            ("loss.kind=hing", "hing"),
        ] {
            let error = format!("{:#}", set(text).unwrap_err());
            assert!(error.contains(part) && !error.contains('\n'), "{text}: {error}");
        }
        let error = TrainSpec::resolve("wgan-gb", &[]).unwrap_err().to_string();
        assert!(error.contains("dcgan") && error.contains("wgan-gp"), "{error}");
    }
}
