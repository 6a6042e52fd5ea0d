//! Starting from somebody else's weights (`--init-from`): a file that `scripts/convert_reference.py` made from an
//! official StyleGAN2-ADA or SPADE checkpoint.
//!
//! ```text
//! FILE.safetensors   tensors `generator.<name>`, `discriminator.<name>`, for SPADE `generator.encoder.<name>`
//!                    metadata vesalius_init = 1, family, height, width, channels
//! ```
//!
//! Every name and shape has to fit. Only a StyleGAN2 of RGB images may become one of joint samples of another channel
//! count: its first and last layers are carried over for the image channels, and those of the mask start anew.

use crate::families::trainer::{Parts, Trainer};
use crate::layers::params::load_strictly;
use crate::spec::{InitSource, TrainSpec};
use anyhow::{Context, Result, bail};
use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;
use tch::{Kind, Tensor};
use vesalius_data::files::digest;
use vesalius_data::pack::manifest::SliceShape;

/// Version of the file.
const FORMAT: &str = "1";

/// Names a file for a spec, with its digest.
///
/// # Errors
/// When it cannot be read.
pub fn source(path: &Path) -> Result<InitSource> {
    let sha256 = digest::of_file(path)
        .with_context(|| format!("--init-from {}: cannot be read", path.display()))?;
    Ok(InitSource { path: path.to_owned(), sha256 })
}

/// Loads `source` into the networks of a training that has not begun.
///
/// # Errors
/// When the file changed, is of another family or size, or a tensor is missing, extra or wrongly shaped (all named).
pub fn load(
    trainer: &dyn Trainer,
    source: &InitSource,
    spec: &TrainSpec,
    slice_shape: SliceShape,
) -> Result<()> {
    let path = &source.path;
    let found = digest::of_file(path)
        .with_context(|| format!("--init-from {}: cannot be read", path.display()))?;
    if found != source.sha256 {
        bail!("{}: not the file this run was started from, its SHA-256 changed", path.display());
    }
    let header = Header::read(path)?;
    header.check(path, spec.family.name(), slice_shape)?;
    let tensors = Tensor::read_safetensors(path)
        .with_context(|| format!("{}: not a safetensors file", path.display()))?;
    let Parts { networks, averaged: (follows, averaged), .. } = trainer.parts();
    let mut problems = Vec::new();
    for (name, network) in &networks {
        let prefix = format!("{name}.");
        let part: BTreeMap<String, Tensor> = tensors
            .iter()
            .filter_map(|(name, t)| {
                Some((name.strip_prefix(&prefix)?.to_owned(), t.shallow_clone()))
            })
            .collect();
        let average = (*name == follows).then(|| averaged.params());
        for network in std::iter::once(*network).chain(average) {
            let targets = network.all();
            let part =
                adapt_channels(&part, &targets, slice_shape.channels as i64, header.channels);
            if let Err(error) = load_strictly(&targets, &part) {
                problems.push(format!("{prefix}*: {error}"));
                break;
            }
        }
    }
    let known = |tensor: &str| {
        networks
            .iter()
            .any(|(name, _)| tensor.strip_prefix(name).is_some_and(|rest| rest.starts_with('.')))
    };
    let foreign = tensors.iter().map(|(name, _)| name).filter(|name| !known(name));
    problems.extend(foreign.map(|name| format!("{name} is not part of these networks")));
    if !problems.is_empty() {
        bail!("{}: {}", path.display(), problems.join("; "));
    }
    Ok(())
}

/// What the file says of itself.
struct Header {
    family: String,
    size: [usize; 2],
    channels: i64,
}

impl Header {
    fn read(path: &Path) -> Result<Self> {
        let unreadable = || format!("--init-from {}: cannot be read", path.display());
        let mut file = vesalius_data::files::read::open(path).with_context(unreadable)?;
        let length = file.metadata().with_context(unreadable)?.len();
        let mut prefix = [0; 8];
        file.read_exact(&mut prefix).with_context(unreadable)?;
        let header = u64::from_le_bytes(prefix);
        if header > length.saturating_sub(8) {
            bail!("{}: not a safetensors file", path.display());
        }
        let mut bytes = Vec::new();
        file.take(header).read_to_end(&mut bytes).with_context(unreadable)?;
        let header: serde_json::Value = serde_json::from_slice(&bytes)
            .with_context(|| format!("{}: not a safetensors file", path.display()))?;
        let values = &header["__metadata__"];
        let expected = "expected a file written by scripts/convert_reference.py";
        let text = |key: &str| {
            values[key].as_str().with_context(|| {
                format!("{}: no `{key}` in its metadata, {expected}", path.display())
            })
        };
        let number = |key: &str| -> Result<usize> {
            let text = text(key)?;
            text.parse().with_context(|| {
                format!("{}: {key} {text:?} in its metadata, expected a number", path.display())
            })
        };
        let format = text("vesalius_init")?;
        if format != FORMAT {
            bail!("{}: format {format}, expected {FORMAT}", path.display());
        }
        Ok(Self {
            family: text("family")?.to_owned(),
            size: [number("height")?, number("width")?],
            channels: number("channels")? as i64,
        })
    }

    fn check(&self, path: &Path, family: &str, slice_shape: SliceShape) -> Result<()> {
        let path = path.display();
        if self.family != family {
            bail!("{path}: weights of {}, expected {family}, the preset's family", self.family);
        }
        let [height, width] = self.size;
        if (height, width) != (slice_shape.height, slice_shape.width) {
            bail!(
                "{path}: weights for {height}x{width} pixels, expected {}x{}, the pack's size",
                slice_shape.height,
                slice_shape.width
            );
        }
        Ok(())
    }
}

/// Tensors of a network of `file_channels` colour channels for one of joint samples, where only the channel count of
/// StyleGAN2's first and last layers differs; everything else is returned as it is, to be refused if it does not fit.
fn adapt_channels(
    values: &BTreeMap<String, Tensor>,
    targets: &[(String, Tensor)],
    image_channels: i64,
    file_channels: i64,
) -> BTreeMap<String, Tensor> {
    let mut adapted: BTreeMap<String, Tensor> =
        values.iter().map(|(name, value)| (name.clone(), value.shallow_clone())).collect();
    if file_channels != 3 || !(image_channels == 1 || image_channels == 3) {
        return adapted;
    }
    for (name, target) in targets {
        let Some(value) = values.get(name) else { continue };
        let target = target.detach();
        let (from, to) = (value.size(), target.size());
        if from == to {
            continue;
        }
        let first = name.ends_with("fromrgb.weight");
        let axis = i64::from(first);
        let last = name.ends_with("torgb.weight") || name.ends_with("torgb.bias");
        let fits = from.len() == to.len()
            && from.iter().zip(&to).enumerate().all(|(i, (a, b))| i as i64 == axis || a == b)
            && from.get(axis as usize) == Some(&file_channels);
        if !(first || last) || !fits {
            continue;
        }
        let mean = value.mean_dim(&[axis][..], true, Kind::Float);
        let image = match (first, image_channels) {
            (_, 3) => value.shallow_clone(),
            // A grey image is three equal channels: the first layer sees their sum, the last gives their mean.
            (true, _) => mean * file_channels as f64,
            (false, _) => mean,
        };
        let total = to[axis as usize];
        let rest = target.narrow(axis, image_channels, total - image_channels);
        let joined = if first {
            // The layer divides by √(inputs); masks are not seen until the layer learns to.
            let gain = (total as f64 / file_channels as f64).sqrt();
            Tensor::cat(&[image * gain, rest.zeros_like()], axis)
        } else {
            Tensor::cat(&[image, rest], axis)
        };
        adapted.insert(name.clone(), joined);
    }
    adapted
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Device;

    #[test]
    fn colour_layers_become_grey_ones_that_answer_alike() {
        let options = (Kind::Float, Device::Cpu);
        let colour = Tensor::arange(6, options).reshape([2, 3, 1, 1]) + 1.0;
        let values = BTreeMap::from([("b64.fromrgb.weight".to_owned(), colour.copy())]);
        let targets = [("b64.fromrgb.weight".to_owned(), Tensor::ones([2, 5, 1, 1], options))];
        let grey = adapt_channels(&values, &targets, 1, 3).remove("b64.fromrgb.weight").unwrap();
        assert_eq!(grey.size(), [2, 5, 1, 1]);
        // The same grey pixel through both, each divided by √(inputs).
        let before = colour.sum_dim_intlist(&[1_i64][..], false, Kind::Float) / 3.0_f64.sqrt();
        let after = grey.select(1, 0) / 5.0_f64.sqrt();
        assert!((before - after).abs().max().double_value(&[]) < 1e-6);
    }
}
