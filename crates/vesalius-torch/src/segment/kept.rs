//! What an interrupted training of a segmenter leaves, to be gone on with.

use super::curve::Curve;
use super::network::Segmenter;
use super::spec::SegmentSpec;
use crate::optim::Optimiser;
use anyhow::{Context as _, Result};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};
use tch::{Device, Tensor, no_grad};
use vesalius_data::files::digest;
use vesalius_data::files::publish::write_with;
use vesalius_data::pack::Pack;
use vesalius_data::say;

/// From one writing to the next.
const EVERY: Duration = Duration::from_mins(1);

/// A file that holds weights, moments and the number of steps of one training.
#[derive(Debug)]
pub(super) struct Kept<'a> {
    path: &'a Path,
    /// Digest of everything that the training is a function of.
    key: Vec<u8>,
    written: Instant,
}

impl<'a> Kept<'a> {
    /// Of the training of `spec` on `packs`.
    pub(super) fn new(path: &'a Path, spec: &SegmentSpec, packs: &[&Pack]) -> Result<Self> {
        let mut text = format!("kept/2/{}", serde_json::to_string(spec)?);
        for pack in packs {
            text += "/";
            text += pack.digest();
        }
        let key = digest::of_bytes(text.as_bytes()).into_bytes();
        Ok(Self { path, key, written: Instant::now() })
    }

    /// Whether it is time to write again.
    pub(super) fn is_due(&self) -> bool {
        self.written.elapsed() > EVERY
    }

    /// Writes the state after `steps` steps.
    pub(super) fn write(
        &mut self,
        steps: u64,
        segmenter: &Segmenter,
        optimiser: &Optimiser,
        curve: &Curve,
    ) -> Result<()> {
        let dense = |tensor: &Tensor| tensor.detach().to_device(Device::Cpu).contiguous();
        let weights = segmenter.params.all().into_iter();
        let weights = weights.map(|(name, tensor)| (format!("weights.{name}"), dense(&tensor)));
        let moments = optimiser.state().into_iter();
        let moments = moments.map(|(name, tensor)| (format!("moments.{name}"), dense(&tensor)));
        let mut all: Vec<(String, Tensor)> = weights.chain(moments).collect();
        all.push(("steps".to_owned(), Tensor::from_slice(&[steps as i64])));
        all.push(("curve".to_owned(), Tensor::from_slice(&curve.state())));
        all.push(("key".to_owned(), Tensor::from_slice(&self.key)));
        write_with(self.path, |path| Ok(Tensor::write_safetensors(&all, path)?))?;
        self.written = Instant::now();
        Ok(())
    }

    /// The training is over.
    pub(super) fn remove(self) {
        // Nothing goes on from it: its steps are all done.
        let _ = std::fs::remove_file(self.path);
    }

    /// Puts what was kept in its place; the steps that were done, and their curve. 0 where nothing was, or by another training.
    pub(super) fn restore(
        &self,
        segmenter: &Segmenter,
        optimiser: &mut Optimiser,
    ) -> Result<(u64, Curve)> {
        let anew = || (0, Curve::default());
        if !self.path.exists() {
            return Ok(anew());
        }
        let failure = || format!("{}", self.path.display());
        let Ok(read) = Tensor::read_safetensors(self.path) else {
            say!("warning: {}: damaged; the training begins anew", self.path.display());
            return Ok(anew());
        };
        let mut all: BTreeMap<String, Tensor> = read.into_iter().collect();
        let key = all.remove("key").map(Vec::<u8>::try_from).transpose().with_context(failure)?;
        let steps = all.remove("steps");
        let curve =
            all.remove("curve").map(Vec::<f64>::try_from).transpose().with_context(failure)?;
        let (Some(key), Some(steps), Some(curve)) = (key, steps, curve) else { return Ok(anew()) };
        if key != self.key {
            return Ok(anew());
        }
        let mut part = |prefix: &str| -> BTreeMap<String, Tensor> {
            let names: Vec<String> =
                all.keys().filter(|name| name.starts_with(prefix)).cloned().collect();
            names
                .into_iter()
                .filter_map(|name| Some((name[prefix.len()..].to_owned(), all.remove(&name)?)))
                .collect()
        };
        segmenter.params.load(&part("weights.")).with_context(failure)?;
        let mut moments = part("moments.");
        for (name, place) in optimiser.state() {
            let value = moments
                .remove(&name)
                .with_context(|| format!("{}: no {name}", self.path.display()))?;
            if name == "steps" {
                optimiser.set_steps(value.int64_value(&[0]));
            } else {
                no_grad(|| place.shallow_clone().copy_(&value));
            }
        }
        Ok((steps.int64_value(&[0]) as u64, Curve::of_state(&curve)))
    }
}
