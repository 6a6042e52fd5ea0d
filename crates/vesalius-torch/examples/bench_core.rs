//! Timings for `bench/`: `bench_core frechet N N2 D THREADS`, `bench_core pack PACK` or `bench_core peak THREADS`.

use std::path::Path;
use std::time::Instant;
use tch::{Device, Kind, Tensor};
use vesalius_data::pack::Pack;
use vesalius_torch::metrics::frechet::{Divisor, frechet_distance};

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["frechet", real, fake, dimensions, threads] => {
            tch::set_num_threads(threads.parse()?);
            tch::manual_seed(1);
            let draw = |n: &str| -> anyhow::Result<Tensor> {
                let shape = [n.parse::<i64>()?, dimensions.parse::<i64>()?];
                Ok(Tensor::randn(shape, (Kind::Float, Device::Cpu)))
            };
            let (real, fake) = (draw(real)?, draw(fake)? * 1.1);
            for _ in 0..3 {
                let start = Instant::now();
                let distance = frechet_distance(&real, &fake, Divisor::Unbiased)?;
                println!("{:.3} s (distance {distance:.3})", start.elapsed().as_secs_f64());
            }
        }
        ["pack", path] => {
            for pass in ["first read, checksums verified", "again"] {
                let pack = Pack::open(Path::new(path))?;
                let mut sum = 0_u64;
                let repeats = 20;
                let start = Instant::now();
                for _ in 0..repeats {
                    for i in 0..pack.len() {
                        let slice = pack.slice(i)?;
                        // Every byte is touched.
                        sum += slice.pixels.iter().map(|&p| u64::from(p)).sum::<u64>();
                        sum += slice.labels.iter().map(|&p| u64::from(p)).sum::<u64>();
                    }
                }
                let rate = (repeats * pack.len()) as f64 / start.elapsed().as_secs_f64();
                println!("{rate:.0} slices/s, {pass} (sum {sum})");
            }
        }
        // GFLOP/s of a convolution that fits the machine (3x3, 256 to 256 channels, 32x32, batch 16), forwards and with
        // both ways back: what the steps of `scale.py` are measured by.
        ["peak", threads] => {
            tch::set_num_threads(threads.parse()?);
            for (name, kind) in [("f32", Kind::Float), ("bf16", Kind::BFloat16)] {
                let [x, weight] = [[16, 256, 32, 32], [256, 256, 3, 3]].map(|shape| {
                    let values = Tensor::randn(shape, (kind, Device::Cpu));
                    let last = values.permute([0, 2, 3, 1]).contiguous().permute([0, 3, 1, 2]);
                    last.set_requires_grad(true)
                });
                let none = None::<&Tensor>;
                let mut least = f64::INFINITY;
                for _ in 0..20 {
                    let start = Instant::now();
                    let y = x.conv2d(&weight, none, [1, 1], [1, 1], [1, 1], 1);
                    let _ = Tensor::run_backward(&[y.sum(kind)], &[&x, &weight], false, false);
                    least = least.min(start.elapsed().as_secs_f64());
                }
                let operations = 3.0 * 2.0 * 16.0 * 32.0 * 32.0 * 256.0 * 256.0 * 9.0;
                println!("{name} {:.1}", operations / least / 1e9);
            }
        }
        _ => anyhow::bail!(
            "usage: bench_core frechet N N2 D THREADS | bench_core pack PACK | bench_core peak THREADS"
        ),
    }
    Ok(())
}
