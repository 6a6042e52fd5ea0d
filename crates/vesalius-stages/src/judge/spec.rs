//! Which network looks at images, as commands and files say it.

use super::network::Judge;
use super::unet::{remark, unet};
use crate::context::Context;
use crate::side::Side;
use crate::weights::in_cache;
use anyhow::{Context as _, Result, bail};
use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use vesalius_data::files::digest;
use vesalius_data::pack::view;
use vesalius_data::run::score::VOLUMES;
use vesalius_torch::features::EachChannel;
use vesalius_torch::features::inception::{Dialect, InceptionExtractor};
use vesalius_torch::features::lpips::LpipsExtractor;
use vesalius_torch::features::script::{self, ScriptExtractor};
use vesalius_torch::nets::frozen::lpips::Backbone;

/// The network that looks, with its weights and input. A file that says its name alone (`"unet"`) means the rest by
/// default.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct JudgeSpec {
    /// Whose features are compared.
    pub network: Network,
    /// Its weights, where they are not those of the cache.
    pub weights: Option<Weights>,
    /// Input treatment of inception and torchscript.
    pub dialect: DialectName,
    /// Height and width that a TorchScript module expects; by default it takes the dialect's input.
    pub input_size: Option<[i64; 2]>,
    /// What values it expects then.
    pub normalise: Normalise,
}

/// A file of weights.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Weights {
    /// The file.
    pub path: PathBuf,
    /// SHA-256, lower-case hexadecimal, where another file may not take its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

impl Weights {
    /// Whatever lies at `path`.
    pub fn at(path: &Path) -> Self {
        Self { path: path.to_owned(), sha256: None }
    }

    /// The file, if it is still the one that was meant.
    ///
    /// # Errors
    /// When it cannot be read or is another one.
    pub fn path(&self) -> Result<&Path> {
        if let Some(expected) = &self.sha256 {
            let found = digest::of_file(&self.path)
                .with_context(|| format!("{}: cannot be read", self.path.display()))?;
            if found != *expected {
                bail!(
                    "{}: SHA-256 {found:.12}, expected {expected:.12}: not the file that was meant",
                    self.path.display()
                );
            }
        }
        Ok(&self.path)
    }
}

/// Networks that look at images.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Network {
    /// The real pack's own U-Net.
    #[default]
    Unet,
    /// FID's network.
    Inception,
    /// VGG16 with LPIPS' weights.
    Vgg16,
    /// AlexNet with LPIPS' weights.
    Alexnet,
    /// A module of yours.
    Torchscript,
}

/// Whose input treatment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DialectName {
    /// PIL bicubic, antialiased.
    #[default]
    CleanFid,
    /// Bilinear without antialiasing.
    PytorchFid,
    /// TensorFlow 1's bilinear.
    TorchFidelity,
}

impl From<DialectName> for Dialect {
    fn from(name: DialectName) -> Self {
        match name {
            DialectName::CleanFid => Self::CleanFid,
            DialectName::PytorchFid => Self::PytorchFid,
            DialectName::TorchFidelity => Self::TorchFidelity,
        }
    }
}

/// What a TorchScript module expects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Normalise {
    /// [-1, 1].
    #[default]
    Tanh,
    /// [0, 1].
    Unit,
    /// ImageNet's mean and deviation.
    Imagenet,
}

impl From<Normalise> for script::Normalise {
    fn from(name: Normalise) -> Self {
        match name {
            Normalise::Tanh => Self::Tanh,
            Normalise::Unit => Self::Unit,
            Normalise::Imagenet => Self::Imagenet,
        }
    }
}

impl JudgeSpec {
    /// This network, the rest by default.
    pub fn of(network: Network) -> Self {
        Self { network, ..Self::default() }
    }

    /// Refuses what contradicts itself.
    ///
    /// # Errors
    /// A network that trains its own weights and is given some, or one that needs them and has none; an input that only
    /// TorchScript modules take.
    pub fn check(&self) -> Result<()> {
        match (self.network, &self.weights) {
            (Network::Unet, Some(_)) => {
                bail!("--weights: the unet extractor trains its own, expected none")
            }
            (Network::Torchscript, None) => bail!("--weights: expected the TorchScript file"),
            _ => {}
        }
        if let Some([height, width]) = self.input_size {
            if height < 1 || width < 1 {
                bail!("--input-size {height}x{width}: expected at least 1x1");
            }
            if self.network != Network::Torchscript {
                bail!(
                    "--input-size {height}x{width}: only torchscript modules take it, expected none"
                );
            }
        }
        Ok(())
    }

    /// Holds fast to the weights that lie there now: another file may not take their place.
    ///
    /// # Errors
    /// Those of [`Self::check`], and a file that cannot be read.
    pub fn pin(&mut self) -> Result<()> {
        self.check()?;
        if let Some(weights) = &mut self.weights {
            let sha256 = digest::of_file(&weights.path)
                .with_context(|| format!("{}: cannot be read", weights.path.display()))?;
            if weights.sha256.as_ref().is_some_and(|expected| *expected != sha256) {
                weights.path()?;
            }
            weights.sha256 = Some(sha256);
        }
        Ok(())
    }

    /// Whether the weights that it needs are there.
    ///
    /// # Errors
    /// When they are not; the line says how to get them.
    pub fn find_weights(&self) -> Result<()> {
        let name = match self.network {
            _ if self.weights.is_some() => return Ok(()),
            Network::Unet | Network::Torchscript => return Ok(()),
            Network::Inception => "inception",
            Network::Vgg16 => "lpips-vgg16",
            Network::Alexnet => "lpips-alexnet",
        };
        in_cache(name).map(drop)
    }

    /// Refuses images that the network cannot compare, before it is loaded or trained; a remark for protocols where it
    /// brings other sizes to its own.
    ///
    /// # Errors
    /// When channels are of other names, or packs of other sizes or channels are to be seen by a U-Net, which looks at
    /// pixels as they are.
    pub fn check_sizes(&self, real: &Side, synthetic: &Side) -> Result<String> {
        let (Side::Pack(real), Side::Pack(synthetic)) = (real, synthetic) else {
            return Ok(String::new());
        };
        let (a, b) = (real.kind(), synthetic.kind());
        let same = synthetic.same_images(real);
        // Another size is brought to the network's own; other channels are another thing.
        if same.is_ok() || self.network == Network::Unet || a.sequences != b.sequences {
            return same.map(|()| String::new());
        }
        Ok(format!("; {} against real {}", b.images(), a.images()))
    }

    /// Whether whole volumes can be shown to it: the real pack's own network alone has three dimensions.
    pub fn sees_volumes(&self) -> bool {
        self.network == Network::Unet
    }

    /// Loads the network, or trains the real pack's U-Net.
    ///
    /// # Errors
    /// When weights are missing or do not fit, or the U-Net is asked for without a real pack.
    pub fn load(&self, real: &Side, context: &Context) -> Result<Judge> {
        if let Side::Pack(pack) = real
            && pack.slice_shape().is_volume()
            && !self.sees_volumes()
        {
            bail!(
                "--extractor {}: looks at slices, and {} are volumes; expected unet, or {} and the planes of the other pack",
                self.network
                    .to_possible_value()
                    .map_or_else(String::new, |value| value.get_name().to_owned()),
                pack.path().display(),
                view::name(pack.path(), view::View::PLANES).display()
            );
        }
        let judge = self.load_one(real, context)?;
        let Side::Pack(pack) = real else { return Ok(judge) };
        let channels = pack.slice_shape().channels;
        let one_picture = [1, 3].contains(&channels) && pack.manifest().sequences.is_empty();
        // The pack's own U-Net sees all channels.
        if one_picture || self.network == Network::Unet {
            return Ok(judge);
        }
        Ok(Judge {
            extractor: Box::new(EachChannel::new(judge.extractor, channels)),
            treatment: format!(
                "{}, each of {channels} channels by itself, features beside each other",
                judge.treatment
            ),
            dialect: judge.dialect,
        })
    }

    /// The network of grey and colour images.
    fn load_one(&self, real: &Side, context: &Context) -> Result<Judge> {
        self.check()?;
        let device = context.device;
        let dialect = Dialect::from(self.dialect);
        let weights = |name: &str| match &self.weights {
            Some(weights) => weights.path().map(Path::to_owned),
            None => in_cache(name).context("--weights: missing"),
        };
        let lpips = |backbone: Backbone| -> Result<Judge> {
            let name = format!("lpips-{}", backbone.name());
            Ok(Judge {
                extractor: Box::new(LpipsExtractor::load(backbone, &weights(&name)?, device)?),
                treatment: "mean activation of the last LPIPS layer, images at their own size"
                    .to_owned(),
                dialect: None,
            })
        };
        Ok(match self.network {
            Network::Unet => {
                let Side::Pack(pack) = real else {
                    bail!(
                        "--extractor unet: learns from the real pack's masks, and {} is none; expected a pack or another \
                         extractor",
                        real.path().display()
                    );
                };
                let (what, dialect) = if pack.slice_shape().is_volume() {
                    let what = "mean bottleneck features of the real pack's nnU-Net of volumes, each volume standardised";
                    (what, Some(VOLUMES))
                } else {
                    ("mean bottleneck features of the real pack's U-Net", None)
                };
                let extractor = Box::new(unet(pack, context)?);
                Judge { extractor, treatment: format!("{what}{}", remark(pack)?), dialect }
            }
            Network::Inception => Judge {
                extractor: Box::new(InceptionExtractor::load(
                    &weights("inception")?,
                    dialect,
                    device,
                )?),
                treatment: dialect.describe(),
                dialect: Some(dialect.name()),
            },
            Network::Vgg16 => lpips(Backbone::Vgg16)?,
            Network::Alexnet => lpips(Backbone::Alexnet)?,
            Network::Torchscript => {
                let weights = self.weights.as_ref();
                let path = weights.context("--weights: expected the TorchScript file")?.path()?;
                let input = match self.input_size {
                    None => script::Input::Dialect(dialect),
                    Some(size) => script::Input::Plain { size, normalise: self.normalise.into() },
                };
                Judge {
                    treatment: input.describe(),
                    dialect: self.input_size.is_none().then(|| dialect.name()),
                    extractor: Box::new(ScriptExtractor::load(path, input, device)?),
                }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_name_alone_and_a_table_are_read_and_written_as_short_as_they_can_be() {
        for (text, network) in [("unet", Network::Unet), ("vgg16", Network::Vgg16)] {
            let spec: JudgeSpec = serde_json::from_value(json!(text)).unwrap();
            assert_eq!(spec, JudgeSpec::of(network));
            assert_eq!(serde_json::to_value(&spec).unwrap(), json!(text));
        }
        let long = json!({
            "network": "torchscript", "weights": {"path": "a.pt"}, "dialect": "clean-fid",
            "input_size": [64, 32], "normalise": "unit",
        });
        let spec: JudgeSpec = serde_json::from_value(long.clone()).unwrap();
        assert_eq!(serde_json::to_value(&spec).unwrap(), long);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (value, part) in [
            (json!("unett"), "unett"),
            (json!({"network": "unet", "dialekt": "clean-fid"}), "dialekt"),
            (json!({"dialect": "clean-fid"}), "network"),
            (json!({"network": "inception", "dialect": "fid"}), "fid"),
            (json!(3), "the name of a network (unet, inception, vgg16, alexnet, torchscript"),
        ] {
            let error = serde_json::from_value::<JudgeSpec>(value).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
        let sized = JudgeSpec { input_size: Some([8, 8]), ..JudgeSpec::default() };
        assert!(sized.check().unwrap_err().to_string().contains("torchscript"));
        let given =
            JudgeSpec { weights: Some(Weights::at(Path::new("x"))), ..JudgeSpec::default() };
        assert!(given.check().unwrap_err().to_string().contains("trains its own"));
    }

    #[test]
    fn weights_that_changed_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("w.safetensors");
        std::fs::write(&path, b"one").unwrap();
        let meant = Weights { sha256: Some(digest::of_bytes(b"one")), ..Weights::at(&path) };
        assert_eq!(meant.path().unwrap(), path);
        std::fs::write(&path, b"two").unwrap();
        assert!(meant.path().unwrap_err().to_string().contains("expected"));
    }
}
