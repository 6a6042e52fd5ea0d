//! Whole training steps of the five presets against the same networks in eager PyTorch: five steps from shared weights.

use super::pseudo::tensor;
use super::{assert_close, golden, numbers};
use tch::{Device, Tensor};
use vesalius_study::data::manifest::{Layout, PixelDepth};
use vesalius_torch::families::dcgan::{DcganTraining, Noise};
use vesalius_torch::layers::params::Params;
use vesalius_torch::spec::TrainSpec;

const STEPS: usize = 5;
const BATCH: i64 = 4;

/// Latents and mixing factors by name, so that PyTorch has the same.
struct Named {
    step: usize,
    batch: usize,
}

impl Noise for Named {
    fn latent(&mut self, n: i64, z: i64) -> Tensor {
        let name = format!("z.{}.{}", self.step, self.batch);
        self.batch += 1;
        tensor(&name, &[n, z], 1.7)
    }

    fn epsilon(&mut self, n: i64) -> Tensor {
        // Drawn after the latent of the same batch.
        let name = format!("epsilon.{}.{}", self.step, self.batch - 1);
        (tensor(&name, &[n, 1, 1, 1], 1.0) + 1.0) / 2.0
    }
}

fn seed(params: &Params, network: &str) {
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
                tensor(&key, &shape, if norm { 0.1 } else { 0.05 })
            };
            (name, value)
        })
        .collect();
    params.load(&seeded).unwrap();
}

fn losses(preset: &str, critic_steps: usize) -> Vec<f64> {
    let settings = [
        "networks.mask=label_map",
        "networks.generator.filters=8",
        "networks.discriminator.filters=8",
        "augment.diff_augment=[]",
    ];
    let settings: Vec<String> = settings.iter().map(|s| (*s).to_owned()).collect();
    let spec = TrainSpec::resolve(preset, &settings).unwrap();
    let layout = Layout { channels: 1, height: 64, width: 64, depth: PixelDepth::U8 };
    let mut gan = DcganTraining::new(spec, layout, 2, Device::Cpu).unwrap();
    seed(&gan.core.generator.params, "generator");
    seed(&gan.core.discriminator_params, "discriminator");
    let mut found = Vec::new();
    for step in 0..STEPS {
        let real: Vec<Tensor> = (0..critic_steps)
            .map(|k| tensor(&format!("real.{step}.{k}"), &[BATCH, 2, 64, 64], 1.0))
            .collect();
        let losses = gan.update(&real, &mut Named { step, batch: 0 }, 0.0);
        found.extend([losses.discriminator.double_value(&[]), losses.generator.double_value(&[])]);
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
        assert_close(preset, &losses(preset, critic_steps), &expected, absolute, 1e-4);
    }
}
