//! Images per second of one training step, for `bench/`: reads `run N` lines, answers with images per second.
//!
//! `bench_gan_step dcgan|wgan-gp [threads]`: 64x64, 64 filters, batch 32, image and one mask channel.

use std::io::BufRead as _;
use std::time::Instant;
use tch::{Device, Kind, Tensor};
use vesalius_study::data::manifest::{Layout, PixelDepth};
use vesalius_torch::gan::Gan;
use vesalius_torch::spec::TrainSpec;
use vesalius_torch::step::{Stepper, TorchNoise};

fn main() -> anyhow::Result<()> {
    vesalius_torch::memory::keep_freed_memory();
    let mut arguments = std::env::args().skip(1);
    let preset = arguments.next().unwrap_or_else(|| "dcgan".to_owned());
    let threads: i32 = arguments.next().map_or(Ok(2), |n| n.parse())?;
    tch::set_num_threads(threads);
    let mut settings =
        vec!["networks.mask=label_map".to_owned(), "augment.diff_augment=[]".to_owned()];
    settings.extend(arguments);
    let spec = TrainSpec::resolve(&preset, &settings)?;
    let layout = Layout { channels: 1, height: 64, width: 64, depth: PixelDepth::U8 };
    let gan = Gan::new(&spec, layout, 4, Device::Cpu)?;
    let critic_steps = spec.training.critic_steps as usize;
    let mut stepper = Stepper::new(spec, gan, Device::Cpu)?;
    let real = Tensor::rand([32, 2, 64, 64], (Kind::Float, Device::Cpu)) * 2.0 - 1.0;
    let batches: Vec<Tensor> = (0..critic_steps).map(|_| real.shallow_clone()).collect();
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let Some(steps) = line.strip_prefix("run ").and_then(|n| n.trim().parse::<usize>().ok())
        else {
            anyhow::bail!("{line:?}: expected `run N`");
        };
        let start = Instant::now();
        for _ in 0..steps {
            let losses = stepper.step(&batches, &mut TorchNoise(Device::Cpu), 0.999);
            assert!(losses.generator.double_value(&[]).is_finite());
        }
        let images = (steps * critic_steps * 32) as f64;
        println!("{:.3}", images / start.elapsed().as_secs_f64());
    }
    Ok(())
}
