//! Arguments of every command that compares images: the network that looks at them.

use std::path::PathBuf;
use vesalius_stages::judge::{DialectName, JudgeSpec, Network, Normalise, Weights};

/// Help of the arguments below.
pub const EXTRACTORS: &str = "\
Extractors of packs and image folders:
  unet         bottleneck of a U-Net trained on the real pack's training patients (kept in the cache); no download.
               Comparable only among packs judged by the same network: the score names its digest. Packs of volumes are
               seen by nnU-Net's network in three dimensions, PACK/slices plane by plane; all others see slices only.
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
    pub extractor: Network,
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

impl JudgeArgs {
    /// As stages have it.
    pub fn spec(&self) -> JudgeSpec {
        JudgeSpec {
            network: self.extractor,
            weights: self.weights.as_deref().map(Weights::at),
            dialect: self.dialect,
            input_size: self.input_size,
            normalise: self.normalise,
        }
    }
}

fn parse_size(text: &str) -> Result<[i64; 2], String> {
    let side = |text: &str| text.parse::<i64>().ok().filter(|&side| side > 0);
    text.split_once('x')
        .and_then(|(h, w)| Some([side(h)?, side(w)?]))
        .ok_or_else(|| "expected HEIGHTxWIDTH, such as 224x224".to_owned())
}
