//! A map for `bench/umap_rounds.py`: `bench_map FEATURES.npy PLANE.npy SEED THREADS`.
//!
//! The steps of `vesalius map` for features that f32 has room for, without its trustworthiness and pages.
//! Prints the seconds of the neighbours and of all that follows them (graph, start, curve, layout).

use anyhow::{Result, bail};
use std::path::Path;
use std::time::Instant;
use tch::{Kind, Tensor};
use vesalius_statistics::umap::curve::Curve;
use vesalius_statistics::umap::neighbours::{Candidates, Neighbours};
use vesalius_statistics::umap::{Points, Settings, epochs, fuzzy, layout, start};
use vesalius_torch::features::file;
use vesalius_torch::metrics::numerics::bounds::candidates;

/// Candidates beyond the neighbours, as `vesalius map` takes.
const SPARE: usize = 16;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [features, plane, seed, threads] = &arguments[..] else {
        bail!("expected FEATURES.npy PLANE.npy SEED THREADS");
    };
    let threads = threads.parse()?;
    vesalius_torch::set_threads(threads);
    rayon::ThreadPoolBuilder::new().num_threads(threads).build_global()?;
    let features = file::read(Path::new(features))?.to_kind(Kind::Float);
    let settings = Settings { seed: seed.parse()?, ..Settings::default() };

    let begun = Instant::now();
    let count = settings.neighbours - 1 + SPARE;
    let near = candidates(&features, settings.neighbours as i64 - 1, count as i64).indices;
    let near: Vec<i64> = Vec::try_from(near.reshape(-1))?;
    let near = Candidates::new(near.into_iter().map(|i| i as u32).collect(), count)?;
    let values: Vec<f32> = Vec::try_from(features.contiguous().view(-1))?;
    let points = Points::new(&values, features.size()[1] as usize)?;
    let near = Neighbours::among(points, &near, settings.neighbours)?;
    let neighbours = begun.elapsed().as_secs_f64();

    let begun = Instant::now();
    let graph = fuzzy::graph(&near);
    let places = start::principal_components(points, settings.seed)?;
    let curve = Curve::fit(settings.min_dist, 1.0);
    let found = layout::optimise(&graph, places, curve, epochs(points.len()), settings.seed);
    let layout = begun.elapsed().as_secs_f64();

    let flat: Vec<f32> = found.into_iter().flatten().collect();
    Tensor::from_slice(&flat).view([-1, 2]).write_npy(plane)?;
    println!("{neighbours:.3} {layout:.3}");
    Ok(())
}
