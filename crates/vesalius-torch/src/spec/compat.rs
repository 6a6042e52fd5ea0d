//! What is known of specs of version 0.1, which were flat: every family had the fields of all, most of them off.
//!
//! They still open: fields that a family lacks are dropped where they are off. And the flat form is still what a
//! training
//! of these families is known by: its SHA-256 stands in checkpoints, and as the `spec` of a study's task it is part of
//! that task's name. A family that came later is known by its own form.

use crate::augment::ada::AdaSpec;
use crate::augment::diff::DiffAugment;
use crate::families::adversarial::Optimisers;
use crate::families::style::spec::StyleTerms;
use crate::layers::init::InitSpec;
use crate::nets::dcgan;
use crate::nets::frozen::vgg::Network;
use crate::nets::spade::{self, patch};
use crate::nets::style::mapping::MappingSpec;
use crate::nets::style::stylegan::GrowthSpec;
use crate::nets::style::stylegan2::WidthSpec;
use crate::objective::loss::AdversarialLoss;
use crate::pairs::joint::MaskEncoding;
use crate::precision::Precision;
use crate::spec::check::is_zero;
use crate::spec::family::typed;
use crate::spec::init_source::InitSource;
use anyhow::{Result, bail};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Whether a value switches a term off.
type Off = fn(&toml::Value) -> bool;

fn zero(value: &toml::Value) -> bool {
    value.as_float() == Some(0.0) || value.as_integer() == Some(0)
}

fn once(value: &toml::Value) -> bool {
    value.as_integer() == Some(1)
}

fn no(value: &toml::Value) -> bool {
    value.as_bool() == Some(false)
}

fn no_terms(value: &toml::Value) -> bool {
    value.clone().try_into::<StyleTerms>().is_ok_and(|terms| terms.is_off())
}

fn never(_: &toml::Value) -> bool {
    false
}

/// Where the weights of a network lie that no term of the family asks.
fn whatever(_: &toml::Value) -> bool {
    true
}

/// Fields of the flat form that a family lacks, each with its table.
fn foreign(family: &str) -> &'static [(&'static str, &'static str, Off)] {
    match family {
        "dcgan" => &[
            ("regularise", "kl", zero),
            ("regularise", "style", no_terms),
            ("augment", "ada", never),
        ],
        "stylegan" | "stylegan2" => &[
            ("regularise", "gradient_penalty", zero),
            ("regularise", "weight_clip", zero),
            ("regularise", "feature_matching", zero),
            ("regularise", "vgg", zero),
            ("regularise", "vgg_network", whatever),
            ("regularise", "vgg_weights", whatever),
            ("regularise", "kl", zero),
            ("training", "critic_boost", no),
        ],
        "spade" => &[
            ("regularise", "gradient_penalty", zero),
            ("regularise", "weight_clip", zero),
            ("regularise", "style", no_terms),
            ("augment", "mask_noise", zero),
            ("augment", "ada", never),
            ("training", "critic_steps", once),
            ("training", "critic_boost", no),
        ],
        _ => &[],
    }
}

/// Drops fields that the spec's family lacks, as the flat form had them.
///
/// # Errors
/// When one is on.
pub fn drop_foreign(spec: &mut toml::Table) -> Result<()> {
    let Some(family) = family(spec).map(str::to_owned) else { return Ok(()) };
    for (table, field, off) in foreign(&family) {
        let Some(toml::Value::Table(fields)) = spec.get_mut(*table) else { continue };
        let Some(value) = fields.remove(*field) else { continue };
        if !off(&value) {
            let value = value.to_string().replace('\n', " ");
            bail!("{table}.{field} = {value}: {family} has no such term, expected it to be off");
        }
    }
    Ok(())
}

fn family(spec: &toml::Table) -> Option<&str> {
    spec.get("networks")?.get("family")?.as_str()
}

/// What a training is known by.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Identity {
    /// Of the families of version 0.1: the flat form.
    Flat(Box<Flat>),
    /// Of later ones: their own.
    Own(toml::Table),
}

impl Identity {
    /// Of a spec, given in its own form.
    ///
    /// # Errors
    /// When it is none.
    pub fn of(spec: toml::Table) -> Result<Self> {
        Ok(match family(&spec) {
            Some("dcgan" | "stylegan" | "stylegan2" | "spade") => Self::Flat(typed("", spec)?),
            _ => Self::Own(spec),
        })
    }
}

/// The flat form. The order of the fields is part of it, and so is which are left out where they are off. A setting
/// that it
/// does not know is an error: without it two trainings that differ would be one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Flat {
    preset: String,
    networks: Networks,
    loss: AdversarialLoss,
    regularise: Regularise,
    augment: Augmentation,
    optimiser: Optimisers,
    training: Training,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    init: Option<InitSource>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "family", rename_all = "snake_case", deny_unknown_fields)]
enum Networks {
    Dcgan {
        latent: i64,
        mask: MaskEncoding,
        init: InitSpec,
        generator: dcgan::GeneratorSpec,
        discriminator: dcgan::DiscriminatorSpec,
    },
    Stylegan {
        mask: MaskEncoding,
        mapping: MappingSpec,
        generator: WidthSpec,
        discriminator: WidthSpec,
        minibatch_group: i64,
        growth: GrowthSpec,
    },
    Stylegan2 {
        mask: MaskEncoding,
        mapping: MappingSpec,
        generator: WidthSpec,
        discriminator: WidthSpec,
        minibatch_group: i64,
    },
    Spade {
        generator: spade::GeneratorSpec,
        discriminator: patch::DiscriminatorSpec,
    },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Regularise {
    #[serde(default)]
    gradient_penalty: f64,
    #[serde(default)]
    weight_clip: f64,
    #[serde(default)]
    feature_matching: f64,
    #[serde(default)]
    vgg: f64,
    #[serde(default, skip_serializing_if = "Network::is_default")]
    vgg_network: Network,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    vgg_weights: Option<PathBuf>,
    #[serde(default, skip_serializing_if = "is_zero")]
    kl: f64,
    #[serde(default, skip_serializing_if = "StyleTerms::is_off")]
    style: StyleTerms,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Augmentation {
    diff_augment: Vec<DiffAugment>,
    classical: bool,
    #[serde(default, skip_serializing_if = "is_zero")]
    mask_noise: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ada: Option<AdaSpec>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Training {
    seed: u64,
    kimg: f64,
    batch: i64,
    #[serde(default = "one")]
    critic_steps: u64,
    #[serde(default)]
    critic_boost: bool,
    ema_half_life_kimg: f64,
    ema_ramp: f64,
    checkpoint_every_kimg: f64,
    distance_every_kimg: f64,
    distance_images: usize,
    #[serde(default, skip_serializing_if = "Precision::is_default")]
    precision: Precision,
}

fn one() -> u64 {
    1
}
