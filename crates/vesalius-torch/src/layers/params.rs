//! The named tensors of one network. Names are a saved format: changing one needs a new checkpoint version.

use crate::precision::Arithmetic;
use anyhow::{Result, bail};
use std::collections::BTreeMap;
use tch::{Device, Tensor, no_grad};

/// Parameters (trained) and buffers (running statistics, singular vectors) of a network, in creation order.
#[derive(Debug)]
pub struct Params {
    device: Device,
    arithmetic: Arithmetic,
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    name: String,
    tensor: Tensor,
    trained: bool,
}

impl Params {
    /// No parameters yet; of a network that computes in f32.
    pub fn new(device: Device) -> Self {
        Self { device, arithmetic: Arithmetic::F32, entries: Vec::new() }
    }

    /// The same of a network that computes in `arithmetic`. The parameters are f32 in either.
    #[must_use]
    pub fn computing(self, arithmetic: Arithmetic) -> Self {
        Self { arithmetic, ..self }
    }

    /// What the network computes its activations in.
    pub fn arithmetic(&self) -> Arithmetic {
        self.arithmetic
    }

    /// Where the tensors live.
    pub fn device(&self) -> Device {
        self.device
    }

    /// Adds a trained parameter; the handle returned shares its memory.
    pub fn parameter(&mut self, name: String, value: &Tensor) -> Tensor {
        let tensor = value.to_device(self.device).set_requires_grad(true);
        self.push(name, tensor, true)
    }

    /// Adds a buffer: saved, averaged, but not trained.
    pub fn buffer(&mut self, name: String, value: &Tensor) -> Tensor {
        let tensor = value.to_device(self.device);
        self.push(name, tensor, false)
    }

    /// Adds a buffer whose value the program reads in every step: it stays on the CPU, so that no GPU is waited for.
    pub fn host_buffer(&mut self, name: String, value: &Tensor) -> Tensor {
        let tensor = value.to_device(Device::Cpu);
        self.push(name, tensor, false)
    }

    fn push(&mut self, name: String, tensor: Tensor, trained: bool) -> Tensor {
        debug_assert!(self.entries.iter().all(|entry| entry.name != name), "{name} twice");
        let handle = tensor.shallow_clone();
        self.entries.push(Entry { name, tensor, trained });
        handle
    }

    /// Trained parameters with their names.
    pub fn trained(&self) -> Vec<(String, Tensor)> {
        self.entries
            .iter()
            .filter(|entry| entry.trained)
            .map(|entry| (entry.name.clone(), entry.tensor.shallow_clone()))
            .collect()
    }

    /// Everything, with its name; the handles share memory with the network.
    pub fn all(&self) -> Vec<(String, Tensor)> {
        self.entries
            .iter()
            .map(|entry| (entry.name.clone(), entry.tensor.shallow_clone()))
            .collect()
    }

    /// Switches gradients of all trained parameters: a frozen discriminator saves the weight gradients that
    /// a generator step would throw away.
    pub fn set_trainable(&self, trainable: bool) {
        for entry in self.entries.iter().filter(|entry| entry.trained) {
            let _ = entry.tensor.set_requires_grad(trainable);
        }
    }

    /// Clamps every trained parameter to ±`limit` (Arjovsky et al. 2017, arXiv:1701.07875, algorithm 1:
    /// all of them, those of normalisation layers too).
    pub fn clip(&self, limit: f64) {
        no_grad(|| {
            for entry in self.entries.iter().filter(|entry| entry.trained) {
                let _ = entry.tensor.shallow_clone().clamp_(-limit, limit);
            }
        });
    }

    /// Copies all values of an equally built network.
    pub fn copy_from(&self, other: &Self) {
        self.zip(other, |mine, theirs, _| mine.copy_(theirs));
    }

    /// Moves all values a step towards an equally built network: `self ← self + (1 − decay)(other − self)`.
    /// Buffers move too: an averaged generator needs the statistics of averaged activations.
    pub fn average_from(&self, other: &Self, decay: f64) {
        self.zip(other, |mine, theirs, _| {
            let _ = mine.lerp_(theirs, 1.0 - decay);
        });
    }

    /// As [`Params::average_from`] for what is trained; buffers are copied: running means are averages already
    /// (NVlabs/stylegan2-ada-pytorch, `training_loop.py`).
    pub fn follow(&self, other: &Self, decay: f64) {
        self.zip(other, |mine, theirs, trained| {
            if trained {
                let _ = mine.lerp_(theirs, 1.0 - decay);
            } else {
                mine.copy_(theirs);
            }
        });
    }

    fn zip(&self, other: &Self, mut apply: impl FnMut(&mut Tensor, &Tensor, bool)) {
        assert_eq!(self.entries.len(), other.entries.len(), "networks of one family and spec");
        no_grad(|| {
            for (mine, theirs) in self.entries.iter().zip(&other.entries) {
                debug_assert_eq!(mine.name, theirs.name);
                apply(&mut mine.tensor.shallow_clone(), &theirs.tensor.detach(), mine.trained);
            }
        });
    }

    /// Loads values by name: every name and shape accounted for, or an error that lists what does not fit.
    ///
    /// # Errors
    /// Missing, extra and wrongly shaped tensors, all named.
    pub fn load(&self, values: &BTreeMap<String, Tensor>) -> Result<()> {
        let targets = self.all();
        load_strictly(&targets, values)
    }
}

/// Copies `values` into `targets` by name, strictly.
///
/// # Errors
/// Missing, extra and wrongly shaped tensors, all named.
pub fn load_strictly(
    targets: &[(String, Tensor)],
    values: &BTreeMap<String, Tensor>,
) -> Result<()> {
    let mut problems = Vec::new();
    for (name, target) in targets {
        match values.get(name) {
            None => problems.push(format!("{name} is missing")),
            Some(value) if value.size() != target.size() => {
                problems.push(format!(
                    "{name} is {:?}, expected {:?}",
                    value.size(),
                    target.size()
                ));
            }
            Some(value) if value.kind() != target.kind() => {
                problems.push(format!(
                    "{name} is {:?}, expected {:?}",
                    value.kind(),
                    target.kind()
                ));
            }
            Some(_) => {}
        }
    }
    for name in values.keys() {
        if targets.iter().all(|(target, _)| target != name) {
            problems.push(format!("{name} is not part of this network"));
        }
    }
    if !problems.is_empty() {
        bail!("{}", problems.join("; "));
    }
    no_grad(|| {
        for (name, target) in targets {
            target.shallow_clone().copy_(&values[name]);
        }
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Kind;

    /// A parameter and a buffer of one value.
    fn network(value: f64) -> Params {
        let mut params = Params::new(Device::Cpu);
        let full = || Tensor::full([2], value, (Kind::Float, Device::Cpu));
        let _ = params.parameter("weight".to_owned(), &full());
        let _ = params.buffer("statistics".to_owned(), &full());
        params
    }

    fn values(params: &Params) -> Vec<f32> {
        params.all().iter().flat_map(|(_, t)| Vec::<f32>::try_from(t.detach()).unwrap()).collect()
    }

    #[test]
    fn an_average_moves_by_what_does_not_stay() {
        let target = network(1.0);
        let average = network(0.0);
        average.average_from(&target, 0.75);
        assert_eq!(values(&average), [0.25; 4]);
        average.average_from(&target, 0.75);
        assert_eq!(values(&average), [0.4375; 4]);
        average.average_from(&target, 0.0);
        assert_eq!(values(&average), values(&target));
        assert_eq!(values(&target), [1.0; 4]);
    }

    #[test]
    fn a_follower_copies_what_is_not_trained() {
        let follower = network(0.0);
        follower.follow(&network(1.0), 0.75);
        assert_eq!(values(&follower), [0.25, 0.25, 1.0, 1.0]);
    }
}
