//! The network that looks at images, for every command that compares some: its arguments, and what scores say of it.

mod features;
mod side;

pub use features::{features, features_by_each};
pub use side::{Side, only_packs};

use crate::commands::weights;
use crate::environment::{Stop, context};
use anyhow::{Context, Result, bail};
use std::path::PathBuf;
use vesalius_data::pack::Pack;
use vesalius_data::pack::manifest::{SliceShape, Split};
use vesalius_data::run::Subject;
use vesalius_torch::Device;
use vesalius_torch::features::Extractor;
use vesalius_torch::features::inception::{Dialect, InceptionExtractor};
use vesalius_torch::features::lpips::LpipsExtractor;
use vesalius_torch::features::script::{Input as ScriptInput, ScriptExtractor};
use vesalius_torch::features::unet::UnetExtractor;
use vesalius_torch::nets::lpips::Backbone;

/// Help of the arguments below.
pub const EXTRACTORS: &str = "\
Extractors of packs and image folders:
  unet         bottleneck of a U-Net trained on the real pack's training patients (kept in the cache); no download.
               Comparable only among packs judged by the same network: the score names its digest.
  inception    FID's own network (inception-2015-12-05); the score is called FID only with its own weights.
               --dialect says whose resizing and scaling.
  vgg16, alexnet   mean activation of the last layer that LPIPS compares.
  torchscript  any TorchScript module from --weights FILE that maps [N, 3, H, W] to [N, D]; --input-size and
               --normalise say what it expects (default: as the dialect of FID, 299x299).
Weights other than unet's come from --weights FILE.safetensors or `vesalius weights`.
Dialects: clean-fid (default), pytorch-fid, torch-fidelity. See docs/method.md.";

/// The network that looks.
#[derive(Debug, Clone, clap::Args)]
pub struct JudgeArgs {
    /// Network whose features are compared.
    #[arg(long, value_enum, default_value = "unet")]
    pub extractor: Kind,
    /// Weights of the extractor.
    #[arg(long, value_name = "FILE")]
    pub weights: Option<PathBuf>,
    /// Input treatment of inception and torchscript.
    #[arg(long, value_enum, default_value = "clean-fid")]
    pub dialect: DialectName,
    /// Height and width that the TorchScript module expects.
    #[arg(long, value_name = "HxW", value_parser = parse_size)]
    pub input_size: Option<[i64; 2]>,
    /// How the TorchScript module expects its input: tanh ([-1, 1]), unit ([0, 1]) or imagenet (mean and deviation).
    #[arg(long, value_enum, default_value = "tanh", requires = "input_size")]
    pub normalise: Normalise,
}

/// Kinds of extractors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Kind {
    /// The real pack's own U-Net.
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum DialectName {
    /// PIL bicubic, antialiased.
    CleanFid,
    /// Bilinear without antialiasing.
    PytorchFid,
    /// TensorFlow 1's bilinear.
    TorchFidelity,
}

impl DialectName {
    /// As the library has it.
    pub fn dialect(self) -> Dialect {
        match self {
            Self::CleanFid => Dialect::CleanFid,
            Self::PytorchFid => Dialect::PytorchFid,
            Self::TorchFidelity => Dialect::TorchFidelity,
        }
    }
}

/// What a TorchScript module expects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Normalise {
    /// [-1, 1].
    Tanh,
    /// [0, 1].
    Unit,
    /// ImageNet's mean and deviation.
    Imagenet,
}

/// Which real slices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum RealSplit {
    /// Training patients.
    Train,
    /// Test patients.
    Test,
}

impl RealSplit {
    /// The pack's word.
    pub fn split(self) -> Split {
        match self {
            Self::Train => Split::Train,
            Self::Test => Split::Test,
        }
    }
}

/// An extractor, with what scores say of it.
pub struct Judge {
    /// The network.
    pub extractor: Box<dyn Extractor>,
    /// What happens to an image on its way in.
    pub treatment: String,
    /// Name of the dialect, where there is one.
    pub dialect: Option<&'static str>,
}

impl Judge {
    /// The same network in FID's other dialects; none where it is not FID's.
    pub fn in_other_dialects(&self) -> Vec<Self> {
        Dialect::ALL
            .into_iter()
            .filter(|dialect| self.dialect != Some(dialect.name()))
            .filter_map(|dialect| {
                Some(Self {
                    extractor: self.extractor.in_dialect(dialect)?,
                    treatment: dialect.describe(),
                    dialect: Some(dialect.name()),
                })
            })
            .collect()
    }
}

impl JudgeArgs {
    /// Refuses images that the network cannot compare, before it is loaded or trained; a remark for protocols where it
    /// brings other sizes to its own.
    ///
    /// # Errors
    /// When packs of other sizes or channels are to be seen by a U-Net, which looks at pixels as they are.
    pub fn check_sizes(&self, real: &Side, synthetic: &Side) -> Result<String> {
        let (Side::Pack(real), Side::Pack(synthetic)) = (real, synthetic) else {
            return Ok(String::new());
        };
        let (a, b) = (real.slice_shape(), synthetic.slice_shape());
        if (a.height, a.width, a.channels) == (b.height, b.width, b.channels) {
            return Ok(String::new());
        }
        let text = |of: SliceShape| {
            format!("{}x{} pixels and {} channels", of.height, of.width, of.channels)
        };
        if self.extractor == Kind::Unet {
            bail!(
                "{}: {}, expected {} as {}",
                synthetic.path().display(),
                text(b),
                text(a),
                real.path().display()
            );
        }
        Ok(format!("; {} against real {}", text(b), text(a)))
    }

    /// Loads the network, or trains the real pack's U-Net.
    ///
    /// # Errors
    /// When weights are missing or do not fit, or the U-Net is asked for without a real pack.
    pub fn judge(&self, real: &Side, device: Device, stop: &Stop) -> Result<Judge> {
        let dialect = self.dialect.dialect();
        let weights = |name: &str| match &self.weights {
            Some(path) => Ok(path.clone()),
            None => weights::in_cache(name).context("--weights: missing"),
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
        Ok(match self.extractor {
            Kind::Unet => {
                if self.weights.is_some() {
                    bail!("--weights: the unet extractor trains its own, expected none");
                }
                let Side::Pack(pack) = real else {
                    bail!(
                        "--extractor unet: learns from the real pack's masks, and {} is none; expected a pack or another \
                         extractor",
                        real.path().display()
                    );
                };
                Judge {
                    extractor: Box::new(unet(pack, device, stop)?),
                    treatment: "mean bottleneck features of the real pack's U-Net".to_owned(),
                    dialect: None,
                }
            }
            Kind::Inception => Judge {
                extractor: Box::new(InceptionExtractor::load(
                    &weights("inception")?,
                    dialect,
                    device,
                )?),
                treatment: dialect.describe(),
                dialect: Some(dialect.name()),
            },
            Kind::Vgg16 => lpips(Backbone::Vgg16)?,
            Kind::Alexnet => lpips(Backbone::Alexnet)?,
            Kind::Torchscript => {
                let path =
                    self.weights.as_deref().context("--weights: expected the TorchScript file")?;
                let input = match self.input_size {
                    None => ScriptInput::Dialect(dialect),
                    Some(size) => ScriptInput::Plain { size, normalise: self.normalise.into() },
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

impl From<Normalise> for vesalius_torch::features::script::Normalise {
    fn from(name: Normalise) -> Self {
        match name {
            Normalise::Tanh => Self::Tanh,
            Normalise::Unit => Self::Unit,
            Normalise::Imagenet => Self::Imagenet,
        }
    }
}

/// The real pack's own U-Net, from the cache or trained now.
///
/// # Errors
/// When training fails or is stopped, or the cache cannot be written.
pub fn unet(pack: &Pack, device: Device, stop: &Stop) -> Result<UnetExtractor> {
    vesalius_stages::judge::unet(pack, &context(device, &|| stop.asked()))
}

/// What scores of feature files call their extractor.
pub const UNKNOWN: &str = "unknown: features from files";

/// What is compared with what, for protocols, with `remark` at its end; and the subject of the run, where both sides
/// are
/// packs.
pub fn against(
    judge: &Judge,
    sides: [&Side; 2],
    side: RealSplit,
    remark: &str,
) -> (String, Option<Subject>) {
    let [Side::Pack(real), Side::Pack(synthetic)] = sides else {
        return (judge.treatment.clone(), None);
    };
    let provenance = &synthetic.manifest().provenance;
    let painted =
        provenance.painted_masks().map_or(String::new(), |masks| format!("; painted {masks}"));
    let subject = Subject {
        dataset: real.manifest().dataset.clone(),
        gan: provenance.row(),
        trained_on: None,
    };
    let side = match side {
        RealSplit::Train => "training",
        RealSplit::Test => "test",
    };
    let text = format!("{}; against real {side} slices{painted}{remark}", judge.treatment);
    (text, Some(subject))
}

fn parse_size(text: &str) -> Result<[i64; 2], String> {
    let side = |text: &str| text.parse::<i64>().ok().filter(|&side| side > 0);
    text.split_once('x')
        .and_then(|(h, w)| Some([side(h)?, side(w)?]))
        .ok_or_else(|| "expected HEIGHTxWIDTH, such as 224x224".to_owned())
}
