//! Images per second of training steps, for `bench/`: reads `run N` lines, answers with images per second.
//!
//! `bench_gan_step PRESET THREADS SIZE BATCH CHANNELS [PATH=VALUE…]`: SIZE is a side (64), or planes, rows and columns of
//! voxels of 10x2x2 mm (8x64x64); image channels, 4 classes. N counts generator steps. `DEVICE=cuda` in the environment: on the first GPU.

use anyhow::Context as _;
use std::io::BufRead as _;
use std::time::Instant;
use tch::{Device, Kind, Tensor};
use vesalius_data::pack::manifest::{PixelType, SliceShape};
use vesalius_torch::families::{Domain, StepContext};
use vesalius_torch::pairs::batch::Pair;
use vesalius_torch::precision::resolve;
use vesalius_torch::spec::TrainSpec;

fn main() -> anyhow::Result<()> {
    vesalius_torch::memory::keep_freed_memory();
    vesalius_torch::memory::ask_for_large_pages();
    let mut arguments = std::env::args().skip(1);
    let mut next = || arguments.next().context("expected PRESET THREADS SIZE BATCH CHANNELS");
    let preset = next()?;
    tch::set_num_threads(next()?.parse()?);
    let size = next()?;
    let sides: Vec<usize> = size.split('x').map(str::parse).collect::<Result<_, _>>()?;
    let [planes, height, width] = match sides[..] {
        [side] => [1, side, side],
        [planes, height, width] => [planes, height, width],
        _ => anyhow::bail!("{size}: expected SIDE or PLANESxROWSxCOLUMNS"),
    };
    let batch: i64 = next()?.parse()?;
    let channels: usize = next()?.parse()?;
    let mut settings = vec![format!("training.batch={batch}")];
    settings.extend(arguments);
    let spec = TrainSpec::resolve(&preset, &settings)?;
    let shape = SliceShape { channels, planes, height, width, pixel_type: PixelType::U8 };
    let device = if std::env::var("DEVICE").is_ok_and(|device| device == "cuda") {
        Device::Cuda(0)
    } else {
        Device::Cpu
    };
    let arithmetic = resolve(spec.training.precision, device);
    let domain = Domain::of_shape(shape, 4, device, arithmetic);
    let mut gan = spec.trainer(Domain { spacing_mm: [10.0, 2.0, 2.0], ..domain })?;
    // Of a step in between: WGAN takes more at the start.
    let sizes = gan.batches(1601);
    let sides = [planes, height, width].map(|side| side as i64);
    let space = if planes > 1 { &sides[..] } else { &sides[1..] };
    let real: Vec<Pair> = sizes
        .iter()
        .map(|&batch| Pair {
            image: Tensor::rand([&[batch, channels as i64], space].concat(), (Kind::Float, device))
                * 2.0
                - 1.0,
            labels: Tensor::randint(4, [&[batch], space].concat(), (Kind::Int64, device)),
        })
        .collect();
    let mut step = 0;
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let Some(steps) = line.strip_prefix("run ").and_then(|n| n.trim().parse::<u64>().ok())
        else {
            anyhow::bail!("{line:?}: expected `run N`");
        };
        let start = Instant::now();
        let mut last = None;
        for _ in 0..steps {
            last = Some(gan.step(&real, StepContext { step, images: 0, ema_decay: 0.999 }));
            step += 1;
        }
        // Once a round, as a training does it: a GPU would wait for the program after every step otherwise.
        let losses = last.context("run 0: expected at least one step")?;
        assert!(losses.0.iter().all(|(_, loss)| loss.double_value(&[]).is_finite()));
        let images = (steps as i64 * sizes.iter().sum::<i64>()) as f64;
        println!("{:.3}", images / start.elapsed().as_secs_f64());
    }
    Ok(())
}
