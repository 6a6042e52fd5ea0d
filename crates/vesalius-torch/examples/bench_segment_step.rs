//! Images per second of nnU-Net's training step, for `bench/`: reads `run N` lines, answers with images per second.
//!
//! `bench_segment_step THREADS SIZE BATCH f32|bf16`: one image channel, 4 classes, the network that nnU-Net plans for
//! slices of that size, its loss, clipping and optimiser. `DEVICE=cuda` in the environment: on the first GPU.

use anyhow::Context as _;
use std::io::BufRead as _;
use std::time::Instant;
use tch::{Device, Kind, Tensor};
use vesalius_torch::layers::params::Params;
use vesalius_torch::nets::nnunet::{FILTERS, NnUnet, Plan};
use vesalius_torch::optim::{Optimiser, OptimiserSpec};
use vesalius_torch::precision::resolve;
use vesalius_torch::segment::deep;

fn main() -> anyhow::Result<()> {
    vesalius_torch::memory::keep_freed_memory();
    vesalius_torch::memory::ask_for_large_pages();
    let mut arguments = std::env::args().skip(1);
    let mut next = || arguments.next().context("expected THREADS SIZE BATCH f32|bf16");
    tch::set_num_threads(next()?.parse()?);
    let (size, batch): (i64, i64) = (next()?.parse()?, next()?.parse()?);
    let precision = next()?.parse().map_err(anyhow::Error::msg)?;
    let device = if std::env::var("DEVICE").is_ok_and(|device| device == "cuda") {
        Device::Cuda(0)
    } else {
        Device::Cpu
    };
    let mut params = Params::new(device).computing(resolve(precision, device));
    let network = NnUnet::new(&mut params, &Plan::of([size, size], FILTERS), 1, 4);
    let spec = OptimiserSpec::Sgd { learning_rate: 1e-2, momentum: 0.99, weight_decay: 3e-5 };
    let mut optimiser = Optimiser::new(spec, params.trained());
    let image = Tensor::randn([batch, 1, size, size], (Kind::Float, device));
    let labels = Tensor::randint(4, [batch, size, size], (Kind::Int64, device));
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let steps: u64 = line.strip_prefix("run ").context("expected `run N`")?.trim().parse()?;
        let start = Instant::now();
        for _ in 0..steps {
            optimiser.zero_grad();
            let loss = deep::loss(&network.forward(&image), &labels);
            loss.backward();
            let norm = optimiser.step_clipped(12.0);
            assert!(loss.double_value(&[]).is_finite() && norm.double_value(&[]).is_finite());
        }
        println!("{:.3}", (steps as i64 * batch) as f64 / start.elapsed().as_secs_f64());
    }
    Ok(())
}
