//! Timings for `bench/`: `bench_core frechet N D N2 D [threads]` or `bench_core pack PACK`.

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
        _ => anyhow::bail!("usage: bench_core frechet N N2 D THREADS | bench_core pack PACK"),
    }
    Ok(())
}
