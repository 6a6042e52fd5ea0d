//! Whole training steps of the five presets against the same networks in eager PyTorch: five steps from shared weights.

use super::pseudo::tensor;
use super::{assert_close, golden, numbers};
use tch::{Device, Kind, Tensor};
use vesalius_data::pack::manifest::{PixelType, SliceShape};
use vesalius_torch::families::Domain;
use vesalius_torch::families::dcgan::spec::DcganSpec;
use vesalius_torch::families::dcgan::{DcganTrainer, Noise};
use vesalius_torch::layers::params::Params;
use vesalius_torch::precision::Arithmetic;
use vesalius_torch::spec::TrainSpec;

const STEPS: usize = 5;

/// Of `generate.py`.
#[derive(Clone, Copy)]
struct Size {
    filters: usize,
    batch: i64,
    /// Of the convolutions' weights.
    scale: f64,
    kind: Kind,
    /// Planes, rows, columns; one plane: pictures.
    sides: [usize; 3],
}

const SMALL: Size =
    Size { filters: 8, batch: 4, scale: 0.05, kind: Kind::Float, sides: [1, 64, 64] };

/// Latents and mixing factors by name, so that PyTorch has the same.
struct Named {
    step: usize,
    batch: usize,
    kind: Kind,
}

impl Noise for Named {
    fn latent(&mut self, n: i64, z: i64) -> Tensor {
        let name = format!("z.{}.{}", self.step, self.batch);
        self.batch += 1;
        tensor(&name, &[n, z], 1.7).to_kind(self.kind)
    }

    fn epsilon(&mut self, n: i64) -> Tensor {
        // Drawn after the latent of the same batch.
        let name = format!("epsilon.{}.{}", self.step, self.batch - 1);
        (tensor(&name, &[n, 1, 1, 1], 1.0).to_kind(self.kind) + 1.0) / 2.0
    }
}

fn seed(params: &Params, network: &str, scale: f64) {
    let seeded = params
        .all()
        .into_iter()
        .map(|(name, parameter)| {
            let shape = parameter.size();
            let key = format!("{network}.{name}");
            let norm = name.contains(".norm.");
            let value = if name.ends_with("running_mean") {
                Tensor::zeros_like(&parameter)
            } else if name.ends_with("running_var") {
                Tensor::ones_like(&parameter)
            } else if shape.len() == 1 && name.contains(".conv.") && !name.ends_with("bias")
                || name.starts_with("head.") && shape.len() == 1 && !name.ends_with("bias")
            {
                // Singular vectors `….u` and `….v` of spectral normalisation.
                let (layer, vector) = key.rsplit_once('.').expect("a dotted name");
                let layer = layer.trim_end_matches(".weight");
                let vector = tensor(&format!("{layer}.{vector}"), &shape, 1.0);
                &vector / vector.norm()
            } else if norm && name.ends_with("weight") {
                tensor(&key, &shape, 0.1) + 1.0
            } else {
                tensor(&key, &shape, if norm { 0.1 } else { scale })
            };
            (name, value.to_kind(parameter.kind()))
        })
        .collect();
    params.load(&seeded).unwrap();
}

/// Turns networks and moments into this kind of numbers, in place: whoever holds one of the tensors holds the new one.
fn cast(gan: &DcganTrainer, kind: Kind) {
    let core = &gan.core;
    let averaged = core.averaged.params.all();
    let parameters = [core.generator.params.all(), core.discriminator_params.all(), averaged];
    let moments = [core.generator_optimiser.state(), core.discriminator_optimiser.state()];
    for (name, mut tensor) in parameters.into_iter().chain(moments).flatten() {
        if name != "steps" {
            let cast = tensor.detach().to_kind(kind);
            tensor.set_data(&cast);
        }
    }
}

fn losses(preset: &str, critic_steps: usize, size: Size) -> Vec<f64> {
    let Size { filters, batch, scale, kind, sides: [planes, height, width] } = size;
    let settings = [
        "networks.mask=label_map".to_owned(),
        format!("networks.generator.filters={filters}"),
        format!("networks.discriminator.filters={filters}"),
        "augment.diff_augment=[]".to_owned(),
    ];
    let spec = TrainSpec::resolve(preset, &settings).unwrap();
    let slice_shape = SliceShape { channels: 1, planes, height, width, pixel_type: PixelType::U8 };
    let own = spec.of::<DcganSpec>().unwrap().clone();
    let domain = Domain {
        spacing_mm: [3.0, 1.0, 1.0],
        shape: slice_shape,
        sequences: false,
        classes: 2,
        device: Device::Cpu,
        arithmetic: Arithmetic::F32,
    };
    let mut gan = DcganTrainer::new(own, &spec.training, domain).unwrap();
    cast(&gan, kind);
    seed(&gan.core.generator.params, "generator", scale);
    seed(&gan.core.discriminator_params, "discriminator", scale);
    let mut shape = vec![batch, 2];
    shape.extend([planes, height, width].iter().filter(|side| **side > 1).map(|side| *side as i64));
    let mut found = Vec::new();
    for step in 0..STEPS {
        let real: Vec<Tensor> = (0..critic_steps)
            .map(|k| tensor(&format!("real.{step}.{k}"), &shape, 1.0).to_kind(kind))
            .collect();
        let losses = gan.update(&real, &mut Named { step, batch: 0, kind }, 0.0);
        let loss = |name| losses.of(name).unwrap().double_value(&[]);
        found.extend(["discriminator", "generator"].map(loss));
    }
    found
}

#[test]
fn five_steps_of_every_preset_are_pytorchs() {
    for (preset, critic_steps) in
        [("dcgan", 1), ("lsgan", 1), ("wgan", 2), ("wgan-gp", 2), ("hinge", 1)]
    {
        let expected = numbers(&golden(&format!("steps-{preset}"))["losses"]);
        // A clipped critic says next to nothing: 1e-4 would be as large as its losses.
        let absolute = if preset == "wgan" { 1e-6 } else { 1e-4 };
        assert_close(preset, &losses(preset, critic_steps, SMALL), &expected, absolute, 1e-4);
    }
}

/// At the size of `bench/`, in f64: in f32 PyTorch on one thread and on two differ by 4e-3 of a loss at the fifth step.
#[test]
fn five_steps_at_full_size_are_pytorchs() {
    let scale = 0.02 * 3.0_f64.sqrt();
    let size = Size { filters: 64, batch: 32, scale, kind: Kind::Double, ..SMALL };
    for (preset, critic_steps) in [("dcgan", 1), ("wgan-gp", 5)] {
        let expected = numbers(&golden(&format!("steps-{preset}-large"))["losses"]);
        assert_close(preset, &losses(preset, critic_steps, size), &expected, 1e-8, 1e-8);
    }
}

#[test]
fn five_steps_on_volumes_are_pytorchs() {
    let size = Size { sides: [8, 32, 32], ..SMALL };
    for (preset, critic_steps) in [("dcgan", 1), ("wgan-gp", 2)] {
        let expected = numbers(&golden(&format!("steps-{preset}-volume"))["losses"]);
        assert_close(preset, &losses(preset, critic_steps, size), &expected, 1e-4, 1e-4);
    }
}
