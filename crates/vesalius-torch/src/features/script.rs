//! Extractors from outside: a TorchScript module, named by its digest.

use super::Extractor;
use super::dialect::Dialect;
use anyhow::{Context, Result, bail};
use std::path::Path;
use tch::{CModule, Device, Tensor};
use vesalius_data::files::digest;

/// What the module expects of its input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// 299x299 pixels, as one of FID's packages makes them.
    Dialect(Dialect),
    /// Antialiased bicubic resizing, then normalisation.
    Plain {
        /// Height and width, pixels.
        size: [i64; 2],
        /// Range of values.
        normalise: Normalise,
    },
}

/// Range of values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Normalise {
    /// [-1, 1].
    Tanh,
    /// [0, 1].
    Unit,
    /// [0, 1], less ImageNet's mean, over its deviation, per channel.
    Imagenet,
}

const IMAGENET_MEAN: [f32; 3] = [0.485, 0.456, 0.406];
const IMAGENET_DEVIATION: [f32; 3] = [0.229, 0.224, 0.225];

impl Input {
    /// In words, for protocols.
    pub fn describe(self) -> String {
        match self {
            Self::Dialect(dialect) => dialect.describe(),
            Self::Plain { size: [h, w], normalise } => {
                let range = match normalise {
                    Normalise::Tanh => "[-1, 1]",
                    Normalise::Unit => "[0, 1]",
                    Normalise::Imagenet => "ImageNet's mean and deviation",
                };
                format!("antialiased bicubic to {h}x{w}, {range}")
            }
        }
    }

    fn treat(self, image: &Tensor) -> Result<Tensor> {
        let (size, normalise) = match self {
            Self::Dialect(dialect) => return dialect.input(image),
            Self::Plain { size, normalise } => (size, normalise),
        };
        let channels = image.size()[1];
        if ![1, 3].contains(&channels) {
            bail!("images of {channels} channels, expected 1 or 3");
        }
        let resized =
            image.internal_upsample_bicubic2d_aa(size, false, None, None).clamp(-1.0, 1.0);
        let rgb = resized.expand([-1, 3, -1, -1], false);
        let per_channel =
            |values: [f32; 3]| Tensor::from_slice(&values).reshape([1, 3, 1, 1]).to(image.device());
        Ok(match normalise {
            Normalise::Tanh => rgb,
            Normalise::Unit => (rgb + 1.0) / 2.0,
            Normalise::Imagenet => {
                ((rgb + 1.0) / 2.0 - per_channel(IMAGENET_MEAN)) / per_channel(IMAGENET_DEVIATION)
            }
        })
    }
}

/// A TorchScript module that maps `[N, 3, H, W]`, treated as [`Input`] says, to `[N, D]`.
#[derive(Debug)]
pub struct ScriptExtractor {
    module: CModule,
    input: Input,
    device: Device,
    name: String,
}

impl ScriptExtractor {
    /// Loads a module.
    ///
    /// # Errors
    /// When the file is missing or not TorchScript.
    pub fn load(path: &Path, input: Input, device: Device) -> Result<Self> {
        let digest =
            digest::of_file(path).with_context(|| format!("{}: cannot be read", path.display()))?;
        let mut module = CModule::load_on_device(path, device)
            .with_context(|| format!("{}: not a TorchScript module", path.display()))?;
        module.set_eval();
        Ok(Self { module, input, device, name: format!("torchscript@{}", &digest[..12]) })
    }
}

impl Extractor for ScriptExtractor {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn device(&self) -> Device {
        self.device
    }

    fn features(&self, image: &Tensor) -> Result<Tensor> {
        let features = tch::no_grad(|| {
            self.module
                .forward_ts(&[self.input.treat(image)?])
                .context("the TorchScript module failed")
        })?;
        if features.dim() != 2 || features.size()[0] != image.size()[0] {
            bail!("{}: output of shape {:?}, expected [N, D]", self.name, features.size());
        }
        Ok(features)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Kind;

    const UNIT: Input = Input::Plain { size: [8, 8], normalise: Normalise::Unit };

    /// Traces a network on an image of 8x8 pixels and loads it as users do: by the path of its file.
    fn traced(mut network: impl FnMut(&Tensor) -> Tensor) -> ScriptExtractor {
        let example = Tensor::zeros([1, 3, 8, 8], (Kind::Float, Device::Cpu));
        let mut closure = |inputs: &[Tensor]| vec![network(&inputs[0])];
        let module =
            CModule::create_by_tracing("Traced", "forward", &[example], &mut closure).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("network.pt");
        module.save(&path).unwrap();
        ScriptExtractor::load(&path, UNIT, Device::Cpu).unwrap()
    }

    /// Two grey images of 16x12 pixels, of one value each.
    fn images() -> Tensor {
        let values = Tensor::from_slice(&[0.5_f32, -1.0]).reshape([2, 1, 1, 1]);
        values.expand([2, 1, 16, 12], false).contiguous()
    }

    #[test]
    fn a_traced_module_is_given_treated_images_and_gives_their_features() {
        let means = traced(|x: &Tensor| x.mean_dim(&[2_i64, 3][..], false, Kind::Float));
        assert!(means.name().starts_with("torchscript@"), "{}", means.name());
        let features = means.features(&images()).unwrap();
        assert_eq!(features.size(), [2, 3]);
        // 0.5 of [-1, 1] is 0.75 of [0, 1]; a grey image becomes three equal channels.
        for (i, expected) in [0.75, 0.0].into_iter().enumerate() {
            for channel in 0..3 {
                let found = features.double_value(&[i as i64, channel]);
                assert!((found - expected).abs() < 1e-6, "{found}, expected {expected}");
            }
        }
    }

    #[test]
    fn what_is_no_module_or_gives_no_features_is_refused() {
        let error = traced(Tensor::neg).features(&images()).unwrap_err().to_string();
        assert!(error.contains("[2, 3, 8, 8], expected [N, D]"), "{error}");
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("text.pt");
        let error = |path: &Path| {
            format!("{:#}", ScriptExtractor::load(path, UNIT, Device::Cpu).unwrap_err())
        };
        assert!(error(&path).contains("text.pt: cannot be read"));
        std::fs::write(&path, "no archive").unwrap();
        assert!(error(&path).contains("text.pt: not a TorchScript module"));
    }
}
